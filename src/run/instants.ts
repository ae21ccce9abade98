/** Instants: waits for a time by the clock.
 *  In: a time. Out: a promise of it. All that wait for one time, as a crowd does, wait by one timer.
 *  Holds: nothing is told early, also where the clock is set meanwhile. */
import type { Clock } from '../clock.ts'

/** A clock that is set, and a wait that is aborted, are noticed within so long. */
const WATCHFUL_MS = 100

export class Instants {
  readonly #clock: Clock
  readonly #waits = new Map<number, Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves at `at`, or once aborted. */
  async until(at: number, signal: AbortSignal): Promise<void> {
    while (this.#clock.now() < at && !signal.aborted) await this.#nearer(at)
  }

  #nearer(at: number): Promise<void> {
    const known = this.#waits.get(at)
    if (known !== undefined) return known
    const wait = new Promise<void>(resolve => {
      const done = () => {
        this.#waits.delete(at)
        resolve()
      }
      this.#clock.schedule(done, Math.min(at - this.#clock.now(), WATCHFUL_MS))
    })
    this.#waits.set(at, wait)
    return wait
  }
}
