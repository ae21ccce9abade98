/** Gate: so many pieces of work at a time, the others in the order in which they came.
 *  In: work. Out: what it gives, or throws, in its time. A crowd of questions to the database needs no crowd of connections. */
export class Gate {
  readonly #most: number
  readonly #waiting: (() => void)[] = []
  #open = 0

  constructor(most: number) {
    this.#most = most
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.#open === this.#most) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#open++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#open--
      else next()
    }
  }
}
