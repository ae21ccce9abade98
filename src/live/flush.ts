/** Flush: what is written to many listeners goes out together.
 *  In: listeners that have something to send. Out: each sends all that it has, at once after a quiet time, else a moment later with what
 *  comes meanwhile: two hundred listeners and as many events a second would else be forty thousand small writes. */
import { monotonicNow, systemClock } from '../clock.ts'

const EVERY_MS = 50

export class Flush {
  readonly #waiting = new Set<{ flush(): void }>()
  #timer: { unsubscribe(): void } | undefined
  #last = Number.NEGATIVE_INFINITY

  add(listener: { flush(): void }): void {
    this.#waiting.add(listener)
    if (this.#timer !== undefined) return
    const wait = Math.max(0, this.#last + EVERY_MS - monotonicNow(systemClock))
    this.#timer = systemClock.schedule(() => {
      this.#timer = undefined
      this.#last = monotonicNow(systemClock)
      const listeners = [...this.#waiting]
      this.#waiting.clear()
      for (const one of listeners) one.flush()
    }, wait)
  }
}
