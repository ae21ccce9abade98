/** History plot: the last runs of a job side by side, as long as each took up, as late as each was down.
 *  In: rows, newest first. Out: a drawing whose bars can be pointed at and walked through with arrows; Enter opens the run.
 *  Bars stand in the order of their times and at equal steps, so that runs near to one another are not one. */
import { useState } from 'preact/hooks'
import { go, pathOf } from '../address.ts'
import { useNow } from '../clock.ts'
import type { Run } from '../shapes.ts'
import { useNarrow } from '../store/narrow.ts'
import { durationsOf, latenessOf, percentile, roundUp } from '../words/numbers.ts'
import { FAILED, runStatusOf } from '../words/status.ts'
import { exactly, lengthWords, shortClock, signed, whenOf } from '../words/time.ts'

const MOST = 96
const NARROW_MOST = 36
const WIDE = 720
const LEFT = 52
const TOP = 14
const ZERO = 96
const LATE_ZERO = 114
const BOTTOM = 154
const HIGH = 176

export function HistoryPlot({ runs: all }: { readonly runs: readonly Run[] }) {
  const narrow = useNarrow()
  const now = useNow()
  const most = narrow ? NARROW_MOST : MOST
  const runs = all.slice(0, most).reverse()
  const [at, setAt] = useState<number | undefined>(undefined)
  if (runs.length === 0)
    return <p class="plot-none support">No run yet. Each will stand here: up how long it took, down how late it was.</p>
  const wide = narrow ? 340 : WIDE
  const step = (wide - LEFT) / Math.max(runs.length, 12)
  const took = (run: Run) =>
    run.duration ?? (run.status === 'started' && run.started ? now - Date.parse(run.started) : 0)
  const p95 = percentile(durationsOf(runs), 0.95)
  const top = roundUp(Math.max(1, ...runs.map(took)))
  const late = roundUp(Math.max(1, ...latenessOf(runs)))
  const y = (ms: number) => ZERO - ((ZERO - TOP) * Math.min(ms, top)) / top
  const key = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const run = at === undefined ? undefined : runs[at]
    if (by !== 0) setAt(Math.min(runs.length - 1, Math.max(0, (at ?? runs.length) + by)))
    else if (event.key === 'Enter' && run !== undefined) go(pathOf('runs', run._id))
    else return
    event.preventDefault()
  }
  const shown = at === undefined ? undefined : runs[at]
  const point = (event: PointerEvent & { readonly currentTarget: SVGSVGElement }) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const i = Math.floor((((event.clientX - left) / width) * wide - LEFT) / step)
    setAt(i >= 0 && i < runs.length ? i : undefined)
  }
  const labels = [
    ...new Set([0, ...(narrow ? [] : [0.25, 0.5, 0.75]).map(part => Math.floor(runs.length * part)), runs.length - 1]),
  ]
  return (
    <div class="history-plot">
      <svg
        viewBox={`0 0 ${wide} ${HIGH}`}
        role="application"
        aria-label={`History of the last ${runs.length} runs. Arrows walk through them, Enter opens one.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a drawing that is walked through with arrows.
        tabIndex={0}
        onKeyDown={key}
        onBlur={() => setAt(undefined)}
        onPointerMove={point}
        onClick={() => shown !== undefined && go(pathOf('runs', shown._id))}
        onPointerLeave={() => setAt(undefined)}
      >
        {[1, 0.5, 0].map(part => (
          <g key={part}>
            <path class="line" d={`M${LEFT} ${y(top * part)}H${wide}`} />
            <text class="axis" x={LEFT - 6} y={y(top * part) + 4}>
              {part === 0 ? '0' : lengthWords(top * part)}
            </text>
          </g>
        ))}
        <path class="line" d={`M${LEFT} ${LATE_ZERO}H${wide}`} />
        <text class="axis" x={LEFT - 6} y={LATE_ZERO + 4}>
          0
        </text>
        <text class="axis" x={LEFT - 6} y={BOTTOM + 2}>
          {lengthWords(late)}
        </text>
        {p95 !== undefined && runs.length > 4 && <path class="dotted" d={`M${LEFT} ${y(p95)}H${wide}`} />}
        {runs.map((run, i) => (
          <Bar
            key={run._id}
            run={run}
            x={LEFT + i * step}
            wide={Math.max(1.5, Math.min(10, step - 1.5))}
            y={y(took(run))}
            down={((run.late ?? 0) / late) * (BOTTOM - LATE_ZERO)}
            on={i === at}
            step={step}
          />
        ))}
        {p95 !== undefined && runs.length > 4 && (
          <text class="axis over" x={wide} y={Math.max(TOP, y(p95) - 4)}>
            p95 {lengthWords(p95)}
          </text>
        )}
        {labels.map(i => {
          const run = runs[i]
          const end = i === runs.length - 1 && i > 0
          return (
            run !== undefined && (
              <text key={i} class={end ? 'axis' : 'axis begin'} x={LEFT + (end ? i + 1 : i) * step} y={HIGH - 4}>
                {shortClock(run.run_time)}
              </text>
            )
          )
        })}
      </svg>
      <p class="plot-words" aria-live="polite">
        {shown === undefined ? (
          <span class="label">
            took (up), late (down){p95 !== undefined && `; 95 of 100 took ${lengthWords(p95)} or less`}
          </span>
        ) : (
          <span title={exactly(shown.run_time)}>
            <strong>{runStatusOf(shown.status).word}</strong> {whenOf(shown.run_time, now)}
            {typeof shown.late === 'number' && `, late ${signed(shown.late)}`}, took {lengthWords(took(shown))}
          </span>
        )}
      </p>
    </div>
  )
}

interface BarProps {
  readonly run: Run
  readonly x: number
  readonly y: number
  readonly wide: number
  readonly step: number
  readonly down: number
  readonly on: boolean
}

function Bar({ run, x, y, wide, step, down, on }: BarProps) {
  const colour = runStatusOf(run.status).colour
  const failed = FAILED.includes(run.status)
  const ran = failed || run.status === 'executed' || run.status === 'cancelled'
  const top = Math.min(y, ZERO - 2)
  return (
    <>
      {on && <rect class="reach" x={x} y={TOP - 12} width={step} height={BOTTOM - TOP + 12} />}
      {ran && <rect class={`${colour} fill`} x={x} y={top} width={wide} height={ZERO - top} />}
      {failed && <path class={`${colour} fill`} d={`M${x + wide / 2 - 3.5} ${top - 8}h7v7h-7Z`} />}
      {run.status === 'started' && (
        <rect class="now stroke" x={x + 0.5} y={top} width={Math.max(1, wide - 1)} height={ZERO - top} />
      )}
      {!ran && run.status !== 'started' && <path class="warn stroke" d={`M${x + wide / 2} ${ZERO - 9}l3 4-3 4-3-4Z`} />}
      {down > 0 && <rect class="late fill" x={x} y={LATE_ZERO} width={wide} height={Math.max(1, down)} />}
    </>
  )
}
