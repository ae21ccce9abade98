/** Adoption: takes jobs that have no node.
 *  In: ids of jobs without an ip. Out: guarded writes of `ip`; whoever writes first has the job. The node that the living
 *  nodes' ranking names first writes at once, the others wait their turn, so that one dead node costs a moment, not the job. */
import type { Collection } from 'mongodb'
import type { Clock } from '../clock.ts'
import type { Job } from '../job/job.ts'
import { placing, placingAfresh } from './moves.ts'
import { rankOf } from './placement.ts'

export interface AdoptionContext {
  readonly jobs: Collection<Job>
  readonly ip: string
  readonly clock: Clock
  /** Living nodes that jobs may be given to. */
  readonly living: () => readonly string[]
  /** Whether this node takes jobs at all; absent: it does. */
  readonly mayAdopt?: () => boolean
  readonly freshTouch: () => string
  readonly pause: (attempt: number) => Promise<void>
}

const TURN_MS = 250
const BATCH = 500

export class Adoption {
  readonly #context: AdoptionContext
  readonly #queue = new Set<string>()
  #busy = false

  constructor(context: AdoptionContext) {
    this.#context = context
  }

  offer(id: string): void {
    const { clock, ip, living } = this.#context
    const rank = rankOf(id, living(), ip)
    if (rank === 0) this.#adopt(id)
    else clock.schedule(() => this.#adopt(id), rank * TURN_MS)
  }

  #adopt(id: string): void {
    if (this.#context.mayAdopt?.() === false) return
    this.#queue.add(id)
    if (!this.#busy) void this.#work()
  }

  async #work(): Promise<void> {
    this.#busy = true
    const { jobs, ip, freshTouch, pause } = this.#context
    for (let attempt = 0; this.#queue.size > 0; ) {
      await null
      const ids: string[] = []
      for (const id of this.#queue) if (ids.push(id) === BATCH) break
      const operations = ids.map(id => ({ updateOne: placing(id, { ip, touch: freshTouch() }) }))
      try {
        const { matchedCount } = await jobs.bulkWrite(operations as never, { ordered: false })
        if (matchedCount < ids.length) {
          // Others were quicker, or the state is another job's.
          const afresh = ids.map(id => ({ updateOne: placingAfresh(id, { ip, touch: freshTouch() }) }))
          await jobs.bulkWrite(afresh as never, { ordered: false })
        }
        attempt = 0
        for (const id of ids) this.#queue.delete(id)
      } catch {
        if (
          !(await pause(attempt++).then(
            () => true,
            () => false,
          ))
        )
          break
      }
    }
    this.#busy = false
  }
}
