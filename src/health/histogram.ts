/** Histogram: how many values lie below each bound. Pure; kept in numbers of our own, so that counting begins before anybody asks. */

export class Histogram {
  readonly bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0
  #count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.#counts = bounds.map(() => 0)
  }

  add(value: number): void {
    this.#sum += value
    this.#count++
    const at = this.bounds.findIndex(bound => value <= bound)
    if (at >= 0) this.#counts[at] = (this.#counts[at] as number) + 1
  }

  get sum(): number {
    return this.#sum
  }

  get count(): number {
    return this.#count
  }

  /** How many values are at most each bound. */
  get below(): readonly number[] {
    let sum = 0
    return this.#counts.map(count => {
      sum += count
      return sum
    })
  }
}
