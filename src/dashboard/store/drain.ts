/** Drain: what a drain would do, as the page shows it.
 *  In: the answer of the dry run. Out: how many go where, the first of them, and which stay with the reason. */
interface Answer {
  readonly moves?: readonly { readonly id: string; readonly ip: string }[]
  readonly stays?: readonly { readonly id: string; readonly reason?: string }[]
}

export interface Drain {
  readonly goes: number
  readonly stay: number
  readonly to: readonly { readonly ip: string; readonly count: number }[]
  readonly first: readonly { readonly id: string; readonly ip: string }[]
  readonly staying: readonly { readonly id: string; readonly reason?: string }[]
}

export function drainOf(answer: unknown): Drain {
  const { moves = [], stays = [] } = (answer ?? {}) as Answer
  const counts = new Map<string, number>()
  for (const { ip } of moves) counts.set(ip, (counts.get(ip) ?? 0) + 1)
  return {
    goes: moves.length,
    stay: stays.length,
    to: [...counts].map(([ip, count]) => ({ ip, count })).sort((a, b) => b.count - a.count),
    first: moves,
    staying: stays,
  }
}
