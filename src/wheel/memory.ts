/** Memory: the roster of a node that runs, with its ticker and what follows from a change.
 *  In: changes, from the stream, from a reading or from a claim's answer. Out: effects, in the same turn, for the stages to carry out;
 *  and a ticker that knows when something may be due. Holds: `apply` is the only door; whoever changes when an entry is due goes
 *  through here, so that the ticker hears of it. */
import { type Observable, Subject } from 'rxjs'
import type { Change } from '../change/change.ts'
import type { Clock } from '../clock.ts'
import type { Effect, Entry } from './entry.ts'
import type { Roster } from './roster.ts'
import type { Ticker } from './ticker.ts'

export interface MemoryOptions {
  readonly roster: Roster
  readonly ticker: Pick<Ticker, 'poke'>
  /** Due times are judged by it. */
  readonly clock: Clock
}

export class Memory {
  readonly #roster: Roster
  readonly #ticker: MemoryOptions['ticker']
  readonly #clock: Clock
  readonly #effects = new Subject<Effect>()

  constructor({ roster, ticker, clock }: MemoryOptions) {
    this.#roster = roster
    this.#ticker = ticker
    this.#clock = clock
  }

  /** What follows from changes, each before `apply` returns. Hot. */
  get effects$(): Observable<Effect> {
    return this.#effects.asObservable()
  }

  apply(change: Change): void {
    for (const effect of this.#roster.apply(change, this.#clock.now())) this.#effects.next(effect)
    this.#ticker.poke()
  }

  /** An entry that was handed out waits for its next time again, not before `notBefore`. */
  settle(entry: Entry, notBefore?: number): void {
    this.#roster.settle(entry, notBefore)
    this.#ticker.poke()
  }

  /** A run of the job has ended: a queued one may have room now. */
  wake(id: string): void {
    this.#roster.wake(id)
    this.#ticker.poke()
  }
}
