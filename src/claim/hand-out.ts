/** Hand-out: entries that are due, from when the roster hands them out until they wait for their next time again.
 *  In: the time; what the database says of an entry's job. Out: entries, each admitted by its executor; memory brought up to date.
 *  Holds: an entry that was handed out is let go exactly once. */
import { type Clock, wait } from '../clock.ts'
import type { Job } from '../job/job.ts'
import type { Book } from '../run/book.ts'
import type { Places } from '../run/places.ts'
import { type Entry, placeOf } from '../wheel/entry.ts'
import type { Memory } from '../wheel/memory.ts'
import type { Roster } from '../wheel/roster.ts'

export interface HandOutOptions {
  readonly roster: Pick<Roster, 'takeDue' | 'claimed'>
  readonly memory: Pick<Memory, 'apply' | 'settle'>
  readonly places: Pick<Places, 'open' | 'spare' | 'admit' | 'dismiss'>
  readonly book: Pick<Book, 'isKept'>
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

  /** Entries whose time has come and whose executor may take more on. */
  take(now: number): readonly Entry[] {
    const { book, places, roster } = this.#options
    // Next attempts and second starts come first: no more is claimed than has places until they have found theirs.
    const entries = roster.takeDue(now, executor =>
      book.isKept(executor) ? places.spare(executor) : places.open(executor),
    )
    for (const entry of entries) places.admit(placeOf(entry))
    return entries
  }

  /** Nothing of the entry is claimed; it waits for its next time again, and at least `afterMs`. */
  letGo(entry: Entry, afterMs = 0): void {
    const { clock, memory, places } = this.#options
    places.dismiss(placeOf(entry))
    if (afterMs === 0) memory.settle(entry)
    else if (afterMs > RETRY_MS) memory.settle(entry, clock.now() + afterMs)
    else void this.#settleAfter(entry, wait(afterMs))
  }

  /** Nothing of the entry is claimed; it waits until then. */
  letGoUntil(entry: Entry, then: Promise<void>): void {
    this.#options.places.dismiss(placeOf(entry))
    void this.#settleAfter(entry, then)
  }

  /** Nothing of the entry is claimed; it waits until that instant, or until a run of its job has ended. */
  putOff(entry: Entry, until: number): void {
    this.#options.places.dismiss(placeOf(entry))
    this.#options.memory.settle(entry, until)
  }

  /** The entry's run, which starts at `at`, is admitted in its stead; it waits for its next time, at least `afterMs` and until that start:
   *  one run of a job is claimed ahead at a time. */
  passOn(entry: Entry, at: number, afterMs = 0): void {
    const { clock, memory } = this.#options
    if (afterMs === 0) memory.settle(entry, at > clock.now() ? at : 0)
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
