/** Places: how many runs each executor has room for, and how many are taken.
 *  A place is taken before the claim and given back when the run ends or the claim came to nothing,
 *  so that a run for which there is no room is not claimed and may still be taken over by another node. Pure. */
export class Places {
  readonly #limits: ReadonlyMap<string, number>
  readonly #taken = new Map<string, number>()

  constructor(limits: ReadonlyMap<string, number>) {
    this.#limits = limits
  }

  free(executor: string): number {
    return (this.#limits.get(executor) ?? 0) - (this.#taken.get(executor) ?? 0)
  }

  take(executor: string): void {
    this.#taken.set(executor, (this.#taken.get(executor) ?? 0) + 1)
  }

  release(executor: string): void {
    this.#taken.set(executor, Math.max(0, (this.#taken.get(executor) ?? 0) - 1))
  }

  get taken(): number {
    let sum = 0
    for (const count of this.#taken.values()) sum += count
    return sum
  }
}
