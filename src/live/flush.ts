/** Flush: what is written to many listeners goes out together.
 *  In: listeners that have something to send. Out: each sends all that it has, at once after a quiet time, else a moment later with what
 *  comes meanwhile: two hundred listeners and as many events a second would else be forty thousand small writes.
 *  Holds: many take their turns over the time of a round, a few at each step, so that runs that are due start in between. */
import { monotonicNow, systemClock } from '../clock.ts'

/** Rounds do not begin closer together. */
const EVERY_MS = 50
/** A write costs the machine some 0.1 ms: so a tenth of a core at most goes into them. */
const EACH_MS = 1
/** However many listen. */
const ROUND_MS = 500
const STEP_MS = 10

interface Flushed {
  flush(join: Join): void
}

/** One piece of many. */
export type Join = (pieces: readonly Uint8Array[]) => Uint8Array

export class Flush {
  readonly #waiting = new Set<Flushed>()
  #going = false
  #last = Number.NEGATIVE_INFINITY

  add(listener: Flushed): void {
    this.#waiting.add(listener)
    if (this.#going) return
    this.#going = true
    systemClock.schedule(() => this.#round(), Math.max(0, this.#last + EVERY_MS - now()))
  }

  #round(): void {
    const listeners = [...this.#waiting]
    this.#waiting.clear()
    const began = now()
    this.#last = began
    const length = Math.min(ROUND_MS, listeners.length * EACH_MS)
    const join = joiner()
    let sent = 0
    const step = () => {
      // By the time that went by, so that steps that come late make no round longer.
      const due = (listeners.length * (now() - began + STEP_MS)) / length
      while (sent < Math.min(due, listeners.length)) listeners[sent++]?.flush(join)
      if (sent < listeners.length) systemClock.schedule(step, STEP_MS)
      else this.#rest()
    }
    step()
  }

  #rest(): void {
    this.#going = false
    const [any] = this.#waiting
    if (any !== undefined) this.add(any)
  }
}

const now = () => monotonicNow(systemClock)

/** Most have the same to send: it is joined once for those who come one after the other. */
export function joiner(): Join {
  let last: readonly Uint8Array[] = []
  let joined: Uint8Array = new Uint8Array()
  return pieces => {
    if (pieces.length === last.length && pieces.every((piece, i) => piece === last[i])) return joined
    last = pieces
    joined = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
    return joined
  }
}
