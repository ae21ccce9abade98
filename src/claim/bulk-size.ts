/** Bulk size: how many claims go out as one bulk.
 *  In: how long bulks took. Out: fewer where they were slow, more again where they were quick. A bulk on a busy server must not come near
 *  the time limit of a claim: what is given up there is looked up one by one, which makes the server busier still. Pure. */
const MOST = 100
const LEAST = 25
const STEP = 10
const SLOW_MS = 600

export class BulkSize {
  #value = MOST

  get value(): number {
    return this.#value
  }

  /** A bulk was answered, or given up, after so many ms. */
  took(ms: number): void {
    this.#value = ms > SLOW_MS ? Math.max(Math.floor(this.#value / 2), LEAST) : Math.min(this.#value + STEP, MOST)
  }
}
