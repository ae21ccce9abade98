/** Lead: how much before its due time a run is claimed, so that it starts on time.
 *  In: how long claims took, alone and many together. Out: for a few as long as the slowest of the recent ones took; for a crowd as long
 *  as all of it will take. Within a limit, and until something is known by a guess that suits a fresh process. Nothing starts before
 *  its due time: a lead only moves the claim. Pure. */
const REMEMBERED = 64
const ENOUGH = 8
/** A few are claimed so long before they are due at most: more is no slow claim but a sick database. */
const MOST_SINGLE_MS = 50
const FIRST_SINGLE_MS = 25

/** What each run of a crowd takes, as long as no crowd was claimed, and how many crowds are remembered. */
const FIRST_EACH_MS = 1
const CROWDS = 4
/** Fewer tell how long a round trip takes, not how many fit into it. */
const CROWD = 50

export class Lead {
  /** The limit, in ms; 0: nothing is claimed before its time. */
  readonly most: number
  readonly #recent: number[] = []
  #at = 0
  #single: number
  #each = [FIRST_EACH_MS]
  /** Bulks under way, since when there is one without a break, and how many claims they have answered. */
  #bulks = 0
  #since = 0
  #claimed = 0

  constructor(most: number) {
    this.most = most
    this.#single = Math.min(FIRST_SINGLE_MS, most)
  }

  /** For a run that is due alone. */
  get single(): number {
    return this.#single
  }

  /** For each of so many runs that are due within the limit. */
  of(due: number): number {
    return Math.min(Math.ceil(this.#single + due * Math.max(...this.#each)), this.most)
  }

  /** A claim was answered after so many ms. */
  add(claimMs: number): void {
    this.#recent[this.#at] = claimMs
    this.#at = (this.#at + 1) % REMEMBERED
    if (this.#recent.length < ENOUGH || this.#at % ENOUGH !== 0) return
    this.#single = Math.min(Math.ceil(Math.max(...this.#recent)) + 1, MOST_SINGLE_MS, this.most)
  }

  /** A bulk of claims goes out; `now` by a clock that never steps. */
  begin(now: number): void {
    if (this.#bulks++ > 0) return
    this.#since = now
    this.#claimed = 0
  }

  /** A bulk was answered, or given up. When it was the last of those under way, what all took together is known. */
  end(claims: number, now: number): void {
    this.#claimed += claims
    if (--this.#bulks > 0 || this.#claimed < CROWD) return
    this.#each = [...this.#each, (now - this.#since) / this.#claimed].slice(-CROWDS)
  }
}
