/** Adoption: takes jobs that have no node.
 *  In: ids of jobs without an ip. Out: guarded writes of `ip`; whoever writes first has the job. The node that the living
 *  nodes' ranking names first writes at once, the others wait their turn, so that one dead node costs a moment, not the job. */
import { type Collection, MongoBulkWriteError } from 'mongodb'
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
      const placings = ids.map(id => placing(id, { ip, touch: freshTouch() }))
      try {
        const { matched, refused } = await written(jobs, placings)
        if (matched < ids.length) {
          // Others were quicker, or the state is another job's.
          await written(
            jobs,
            ids.map(id => placingAfresh(id, { ip, touch: freshTouch() })),
          )
        }
        if (refused.length > 0) {
          // Their state is nothing that could be added to.
          const ruined = { 'state.job': { $exists: false } }
          const anew = refused.map(index => placingAfresh(ids[index] as string, { ip, touch: freshTouch() }))
          await written(
            jobs,
            anew.map(({ filter, update }) => ({ filter: { ...filter, ...ruined }, update })),
          )
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

/** Writes in bulk; a document that refuses its write keeps no other from being written. */
async function written(
  jobs: Collection<Job>,
  updates: readonly object[],
): Promise<{ readonly matched: number; readonly refused: readonly number[] }> {
  const operations = updates.map(updateOne => ({ updateOne }))
  try {
    return { matched: (await jobs.bulkWrite(operations as never, { ordered: false })).matchedCount, refused: [] }
  } catch (error) {
    const failed = error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []
    if (failed.length === 0) throw error
    return { matched: (error as MongoBulkWriteError).result.matchedCount, refused: failed.map(({ index }) => index) }
  }
}
