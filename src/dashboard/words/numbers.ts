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

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 3_600_000
const ROUND = [1, 2, 5, 10, 20, 50, 100, 200, 500]
  .concat([1, 2, 4, 10, 20, 30].map(n => n * SECOND))
  .concat([1, 2, 4, 10, 20, 30].map(n => n * MINUTE))
  .concat([1, 2, 4, 6, 12, 24, 48].map(n => n * HOUR))

/** A round length of time at or above, for the top of an axis. */
export const roundUp = (ms: number): number => ROUND.find(one => one >= ms) ?? Math.ceil(ms / (24 * HOUR)) * 24 * HOUR
