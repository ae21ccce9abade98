/** Drain: what a drain would do, as the page shows it.
 *  In: the answer of the dry run. Out: how many go where, the first of them, and which stay with the reason. */
interface Answer {
  /** The first of them. */
  readonly moves?: readonly { readonly _id: string; readonly to: string }[]
  readonly stays?: readonly { readonly _id: string; readonly why?: string }[]
  /** Of all. */
  readonly counts?: { readonly moves: number; readonly stays: number; readonly to: Readonly<Record<string, number>> }
}

export interface Drain {
  readonly goes: number
  readonly stay: number
  readonly to: readonly { readonly ip: string; readonly count: number }[]
  readonly first: readonly { readonly _id: string; readonly to: string }[]
  readonly staying: readonly { readonly _id: string; readonly why?: string }[]
}

export function drainOf(answer: unknown): Drain {
  const { moves = [], stays = [], counts } = (answer ?? {}) as Answer
  const to = Object.entries(counts?.to ?? {}).map(([ip, count]) => ({ ip, count }))
  return {
    goes: counts?.moves ?? moves.length,
    stay: counts?.stays ?? stays.length,
    to: to.sort((a, b) => b.count - a.count),
    first: moves,
    staying: stays,
  }
}
