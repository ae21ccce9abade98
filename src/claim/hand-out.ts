/** Hand-out: entries that are due, from when the roster hands them out until they wait for their next time again.
 *  In: the time; what the database says of an entry's job. Out: entries, each with a place of its executor; memory brought up to date.
 *  Holds: an entry that was handed out is let go exactly once. */
import { type Clock, wait } from '../clock.ts'
import type { Job } from '../job/job.ts'
import type { Book } from '../run/book.ts'
import { type Entry, placeOf } from '../wheel/entry.ts'
import type { Memory } from '../wheel/memory.ts'
import type { Roster } from '../wheel/roster.ts'

export interface HandOutOptions {
  readonly roster: Pick<Roster, 'takeDue' | 'claimed'>
  readonly memory: Pick<Memory, 'apply' | 'settle'>
  readonly book: Pick<Book, 'free' | 'take' | 'release'>
  readonly follower: { read(id: string): void }
  readonly clock: Clock
}

/** An entry is tried again so soon where room is about to come. */
export const SOON_MS = 20
/** Longer waits end with an edit; shorter ones are for the database, and go by the machine's clock. */
export const RETRY_MS = 100

export class HandOut {
  readonly #options: HandOutOptions

  constructor(options: HandOutOptions) {
    this.#options = options
  }

  /** Entries whose time has come and for which there is a place, which is taken. */
  take(now: number): readonly Entry[] {
    const { book, roster } = this.#options
    const entries = roster.takeDue(now, executor => book.free(executor))
    for (const entry of entries) book.take(placeOf(entry))
    return entries
  }

  /** Gives the entry's place back; it waits for its next time again, and at least `afterMs`. */
  letGo(entry: Entry, afterMs = 0): void {
    const { book, clock, memory } = this.#options
    book.release(placeOf(entry))
    if (afterMs === 0) memory.settle(entry)
    else if (afterMs > RETRY_MS) memory.settle(entry, clock.now() + afterMs)
    else void this.#settleAfter(entry, wait(afterMs))
  }

  /** Gives the entry's place back; it waits until then. */
  letGoUntil(entry: Entry, then: Promise<void>): void {
    this.#options.book.release(placeOf(entry))
    void this.#settleAfter(entry, then)
  }

  /** The entry's run has the place now; it waits for its next time, and at least `afterMs`. */
  passOn(entry: Entry, afterMs = 0): void {
    if (afterMs === 0) this.#options.memory.settle(entry)
    else void this.#settleAfter(entry, wait(afterMs))
  }

  /** Memory takes over what the database answered to a question asked at `version` of the entry, unless an event came in between: then
   *  the document is read again. */
  show(entry: Entry, job: Job | null, version: number): void {
    const { follower, memory, roster } = this.#options
    if (entry.version !== version) {
      roster.claimed(entry, job?.state?.claimed_to)
      follower.read(entry.id)
    } else if (job === null) memory.apply({ type: 'gone', id: entry.id, reason: 'deleted' })
    else memory.apply({ type: 'put', job, from: 'claim' })
  }

  async #settleAfter(entry: Entry, then: Promise<void>): Promise<void> {
    await then
    this.#options.memory.settle(entry)
  }
}
