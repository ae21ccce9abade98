/** Lead: how much before its due time a run is claimed, so that it starts on time.
 *  In: how long claims took. Out: near the slowest of the recent ones, within a limit. Nothing starts before its due time;
 *  a lead only moves the claim. Pure. */
const REMEMBERED = 64
const ENOUGH = 8

export class Lead {
  readonly #limitMs: number
  readonly #recent: number[] = []
  #at = 0
  #value = 0

  /** `limitMs` 0 turns it off. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  get value(): number {
    return this.#value
  }

  add(claimMs: number): void {
    this.#recent[this.#at] = claimMs
    this.#at = (this.#at + 1) % REMEMBERED
    if (this.#recent.length < ENOUGH || this.#at % ENOUGH !== 0) return
    const sorted = [...this.#recent].sort((a, b) => a - b)
    const slow = sorted[Math.floor(sorted.length * 0.98)] ?? 0
    this.#value = Math.min(Math.ceil(slow) + 1, this.#limitMs)
  }
}
