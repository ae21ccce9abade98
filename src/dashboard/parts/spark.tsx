/** Spark: the last runs of a job in 116 px.
 *  In: rows, newest first. Out: executed grows up as high as it took, failed hangs down, running is hollow, what did not run is a
 *  diamond on the line. The newest is on the right; the whole is told in words to those who do not see it. */
import type { Recent } from '../shapes.ts'
import { FAILED } from '../words/status.ts'

const SLOTS = 24
const WIDE = 5
const MIDDLE = 13
const UP = 11
const DOWN = 7

export function Spark({ runs }: { readonly runs: readonly Recent[] | undefined }) {
  if (runs === undefined) return <span class="spark" />
  const longest = Math.max(1, ...runs.map(({ duration }) => duration ?? 0))
  const shown = runs.slice(0, SLOTS)
  return (
    <svg class="spark" viewBox={`0 0 ${SLOTS * WIDE} 20`} role="img" aria-label={wordsOf(shown)}>
      <path d={`M0 ${MIDDLE + 0.5}H${SLOTS * WIDE}`} class="line" />
      {shown.map((run, i) => (
        <Slot key={run._id} run={run} x={(SLOTS - 1 - i) * WIDE} longest={longest} />
      ))}
    </svg>
  )
}

function Slot({ run, x, longest }: { readonly run: Recent; readonly x: number; readonly longest: number }) {
  if (FAILED.includes(run.status)) return <rect x={x} y={MIDDLE} width="3" height={DOWN} class="bad fill" />
  switch (run.status) {
    case 'executed': {
      // The square root keeps short runs in sight beside a long one.
      const height = 2 + (UP - 2) * Math.sqrt((run.duration ?? 0) / longest)
      return <rect x={x} y={MIDDLE - height} width="3" height={height} class="ok fill" />
    }
    case 'started':
      return <rect x={x + 0.5} y={MIDDLE - UP + 0.5} width="2.5" height={UP - 1} class="now stroke" />
    case 'cancelled':
      return <path d={`M${x} ${MIDDLE - 1}l3 -5`} class="rest stroke" />
    default:
      return <path d={`M${x + 1.5} ${MIDDLE - 4}l2 3.5-2 3.5-2-3.5Z`} class="warn stroke" />
  }
}

function wordsOf(runs: readonly Recent[]): string {
  if (runs.length === 0) return 'no run yet'
  const executed = runs.filter(({ status }) => status === 'executed').length
  const failed = runs.filter(({ status }) => FAILED.includes(status)).length
  return `last ${runs.length} runs: ${executed} executed, ${failed} failed, ${runs.length - executed - failed} other`
}
