/** Adoption: takes jobs that have no node.
 *  In: ids of jobs without an ip. Out: guarded writes of `ip`; whoever writes first has the job. The node that the living
 *  nodes' ranking names first writes at once, the others wait their turn, so that one dead node costs a moment, not the job. */
import type { Collection } from 'mongodb'
import type { Clock } from '../clock.ts'
import type { Job } from '../job/job.ts'
import { placeAll } from './moves.ts'
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
  /** Whose turn comes when the one that is under way ends, and one turn later each. */
  readonly #turns: Set<string>[] = []
  #turn: { unsubscribe(): void } | undefined
  #busy = false
  #ended = false

  constructor(context: AdoptionContext) {
    this.#context = context
  }

  offer(id: string): void {
    if (this.#ended) return
    const { ip, living } = this.#context
    const rank = rankOf(id, living(), ip)
    if (rank === 0) return this.#adopt([id])
    // A part of a turn is none.
    const turn = this.#turn === undefined ? rank - 1 : rank
    while (this.#turns.length <= turn) this.#turns.push(new Set())
    this.#turns[turn]?.add(id)
    this.#turn ??= this.#nextTurn()
  }

  /** Forgets what it was offered, and writes nothing more. */
  end(): void {
    this.#ended = true
    this.#turn?.unsubscribe()
    this.#turns.length = 0
    this.#queue.clear()
  }

  /** One timer, however many jobs wait. */
  #nextTurn() {
    return this.#context.clock.schedule(() => {
      const ids = this.#turns.shift() ?? []
      this.#turn = this.#turns.length > 0 ? this.#nextTurn() : undefined
      this.#adopt(ids)
    }, TURN_MS)
  }

  #adopt(ids: Iterable<string>): void {
    for (const id of ids) this.#queue.add(id)
    if (!this.#busy) void this.#work()
  }

  /** What a document refuses is left to the keeper, which tries again now and then. */
  async #work(): Promise<void> {
    this.#busy = true
    const { jobs, ip, freshTouch, pause, mayAdopt } = this.#context
    const how = () => ({ ip, touch: freshTouch() })
    for (let attempt = 0; ; ) {
      await null
      if (mayAdopt?.() === false) this.#queue.clear()
      const ids: string[] = []
      for (const id of this.#queue) if (ids.push(id) === BATCH) break
      if (ids.length === 0) break
      try {
        await placeAll(ids, { jobs, how, goOn: () => !this.#ended })
        attempt = 0
        for (const id of ids) this.#queue.delete(id)
      } catch {
        await pause(attempt++).catch(() => this.end())
      }
    }
    this.#busy = false
  }
}
