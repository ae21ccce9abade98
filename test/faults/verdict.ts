/** Verdict: what the judge (judge.py) hands back. */

export interface Violation {
  /** F1 to F13, as the failures are called. */
  readonly class: string
  readonly job?: string
  /** What was seen, in one sentence. */
  readonly what: string
  /** True time in epoch ms. */
  readonly at: number
}

export interface Lateness {
  readonly n: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Recovery {
  readonly id: number
  readonly kind: string
  readonly nodes: readonly string[]
  readonly from: number
  readonly to: number
  /** Ms from the heal until runs of the nodes it hit were on time again; null: they were not late. */
  readonly recoveredMs: number | null
  /** Ms from the death of a node until its jobs ran elsewhere; null: they did not have to. */
  readonly takeoverMs: number | null
  readonly late: number
  readonly skipped: string | null
}

export interface Verdict {
  readonly totals: {
    readonly targets: number
    readonly owed: number
    readonly run: number
    readonly onTime: number
    readonly coalesced: number
    readonly missedWithRow: number
    /** Jobs of storms that were due once, and how many of them ran. */
    readonly bursts: number
    readonly burstsRun: number
    readonly excused: number
    readonly orders: number
    readonly ordersRun: number
    readonly doubled: number
    readonly lost: number
    readonly wrongPlace: number
    readonly lostEdits: number
    readonly edits: number
    readonly starts: number
    readonly rows: Readonly<Record<string, number>>
  }
  readonly lateness: { readonly quiet: Lateness; readonly faults: Lateness; readonly bursts: Lateness }
  readonly classes: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
  readonly notes: readonly string[]
  readonly faults: readonly Recovery[]
  readonly begin: number
  readonly end: number
  /** Lateness over time, for the picture: [second, runs, worst ms]. */
  readonly series: readonly (readonly [number, number, number])[]
}
