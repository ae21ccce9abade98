/** Numbers: what many runs say together. Pure. */
import type { Run, RunStatus } from '../shapes.ts'

/** The value below which `share` of them lie; undefined without any. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

export function countByStatus(runs: readonly Run[]): ReadonlyMap<RunStatus, number> {
  const counts = new Map<RunStatus, number>()
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1)
  return counts
}

export const durationsOf = (runs: readonly Run[]): readonly number[] =>
  runs.flatMap(({ duration, status }) => (typeof duration === 'number' && status !== 'started' ? [duration] : []))

export const latenessOf = (runs: readonly Run[]): readonly number[] =>
  runs.flatMap(({ late }) => (typeof late === 'number' ? [late] : []))

/** A round number at or above, for the top of an axis: 1, 2 or 5 of its size. */
export function roundUp(value: number): number {
  if (value <= 0) return 1
  const size = 10 ** Math.floor(Math.log10(value))
  return (value / size <= 1 ? 1 : value / size <= 2 ? 2 : value / size <= 5 ? 5 : 10) * size
}
