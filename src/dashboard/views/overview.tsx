/** Overview: what is wrong now, then how things go, then who is worst, each with a way there.
 *  In: `?since=` hours. Out: lines that go when their cause goes; four plots; three lists. */
import { useEffect, useMemo } from 'preact/hooks'
import { address, go, pathOf } from '../address.ts'
import { useCell } from '../cell.ts'
import { now } from '../clock.ts'
import { useKeys } from '../keys.ts'
import { Button, Key, Link } from '../parts/controls.tsx'
import { FlowState } from '../parts/flow-state.tsx'
import { Mark } from '../parts/mark.tsx'
import { Plot } from '../parts/plot.tsx'
import type { Run, Stats, StatusCounts } from '../shapes.ts'
import { perform } from '../store/acts.ts'
import { useRights } from '../store/me.ts'
import { useNodes } from '../store/nodes.ts'
import { listPath } from '../store/search.ts'
import { StatsOf, type StatsState } from '../store/stats.ts'
import { type Trouble, trouble } from '../store/trouble.ts'
import { durationsOf, latenessOf, percentile } from '../words/numbers.ts'
import { FAILED, nodeStatusOf, runStatusOf } from '../words/status.ts'
import { counted, grouped, lengthWords } from '../words/time.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const SPANS = [
  { hours: 1, words: 'last hour' },
  { hours: 6, words: '6 h' },
  { hours: 24, words: '24 h' },
] as const

export function OverviewView() {
  const { query } = useCell(address)
  const hours = SPANS.find(span => String(span.hours) === query.get('since'))?.hours ?? 1
  const stats = useMemo(() => new StatsOf(hours * HOUR_MS), [hours])
  useEffect(() => stats.follow(), [stats])
  const state = useCell(stats.state)
  const nodes = useNodes() ?? []
  const words = hours === 1 ? 'last hour' : `last ${hours} h`
  const jobs = state.stats?.jobs.total
  return (
    <main class="overview-view">
      <header class="top">
        <h1>Overview</h1>
        <span class="support clip">
          {jobs !== undefined &&
            `${counted(jobs, 'job')} on ${counted(nodes.filter(({ living }) => living).length, 'node')}, `}
          {grouped(nodes.reduce((sum, { running = 0 }) => sum + running, 0))} running
        </span>
        <span class="grow" />
        <span class="narrow-only">
          <FlowState short />
        </span>
        <span class="hints" aria-hidden="true">
          <Key>1–9</Key> open what is wrong
        </span>
        <fieldset class="segments">
          <legend class="unseen">Span</legend>
          {SPANS.map(span => (
            <Button
              key={span.hours}
              does={() => go(span.hours === 1 ? '/stats' : `/stats?since=${span.hours}`, { replace: true })}
              pressed={span.hours === hours}
            >
              {span.words}
            </Button>
          ))}
        </fieldset>
      </header>
      {state.error !== undefined && (
        <p class="banner bad" role="alert">
          {state.error}
        </p>
      )}
      <WrongNow />
      {state.stats !== undefined && <Plots state={state} stats={state.stats} words={words} />}
      <Lists state={state} words={words} />
    </main>
  )
}

const MOST_LINES = 9

function WrongNow() {
  const all = useCell(trouble)
  const { operate } = useRights()
  const lines = all?.slice(0, MOST_LINES) ?? []
  useKeys(
    'Overview',
    Array.from({ length: MOST_LINES }, (_, i) => ({
      key: String(i + 1),
      does: 'open what is wrong',
      run: () => {
        const line = lines[i]
        if (line !== undefined) go(line.to)
      },
    })),
  )
  return (
    <section class="panel wrong-now" aria-labelledby="wrong-head">
      <header class="panel-head">
        <h2 id="wrong-head">Wrong now</h2>
        <span class="support">{all?.length ?? ''}</span>
        <span class="grow" />
        <span class="label">worst first; a line goes when its cause goes</span>
      </header>
      <ul aria-live="polite">
        {lines.map((line, i) => (
          <li key={line.id}>
            <Mark status={line.status} label={line.status.word} />
            <span class="wrong-words">
              <strong>{line.title}</strong> <span class="support">{line.about}</span>
            </span>
            {operate && <ActOf line={line} />}
            <Link to={line.to} class="see">
              {line.see}
            </Link>
            <Key>{i + 1}</Key>
          </li>
        ))}
      </ul>
      {all !== undefined && all.length === 0 && (
        <p class="panel-foot support">
          <Mark status={{ word: '', colour: 'ok', shape: 'tick' }} /> Nothing. No job is stranded, invalid or failing
          again and again; no clock is off.
        </p>
      )}
      {all !== undefined && all.length > MOST_LINES && (
        <p class="panel-foot support">{all.length - MOST_LINES} more of the same kind</p>
      )}
    </section>
  )
}

function ActOf({ line: { act, to } }: { readonly line: Trouble }) {
  if (act === undefined) return null
  if (act.action === 'move') return <Button does={() => go(to)}>Move…</Button>
  return (
    <Button does={() => void perform({ jobs: [act.job] }, { action: act.action })}>
      {act.action === 'resume' ? 'Resume' : 'Pause'}
    </Button>
  )
}

const failedOf = (counts: StatusCounts): number => FAILED.reduce((sum, status) => sum + (counts[status] ?? 0), 0)

interface PlotsProps {
  readonly state: StatsState
  readonly stats: Stats
  readonly words: string
}

function Plots({ state, stats: { runs }, words }: PlotsProps) {
  const { executed, failed, x, share } = useMemo(() => countsByMinute(runs), [runs])
  const times = useMemo(() => timesByMinute(state.rows), [state.rows])
  const broken = failedOf(runs.by_status)
  const all = (runs.by_status.executed ?? 0) + broken
  const ms = (value: number | null) => (value === null ? '–' : lengthWords(value))
  const percent = all === 0 ? 0 : (broken / all) * 100
  return (
    <div class="plots">
      <Figure
        title="Runs a minute"
        words={words}
        figure={(all / Math.max(1, x.length)).toFixed(1)}
        about={`${grouped(all)} in all`}
      >
        <Plot
          label={`Runs a minute, ${words}: ${all} in all`}
          x={x}
          series={[
            { name: 'executed', kind: 'bars', colour: 'ok', values: executed },
            { name: 'failed', kind: 'bars', colour: 'bad', values: failed.map(n => (n === 0 ? null : -n)) },
          ]}
          format={grouped}
          below="up executed, down failed"
        />
      </Figure>
      <Figure
        title="Failed"
        words={words}
        figure={`${percent.toFixed(1)} %`}
        about={counted(broken, 'run')}
        bad={broken > 0}
      >
        <Plot
          label={`Share of failed runs, ${words}: ${broken} runs in all`}
          x={x}
          series={[{ name: 'failed', kind: 'bars', colour: 'bad', values: share }]}
          format={value => `${value.toFixed(0)} %`}
          below="share of each minute"
        />
      </Figure>
      <Figure title="Late" words={words} figure={ms(runs.late.p50)} about={`p50; p99 ${ms(runs.late.p99)}`}>
        <Percentile
          label={`Lateness, ${words}: p50 ${ms(runs.late.p50)}, p99 ${ms(runs.late.p99)}`}
          x={times.x}
          of={times.late}
        />
      </Figure>
      <Figure title="Took" words={words} figure={ms(runs.duration.p50)} about={`p50; p99 ${ms(runs.duration.p99)}`}>
        <Percentile
          label={`Duration, ${words}: p50 ${ms(runs.duration.p50)}, p99 ${ms(runs.duration.p99)}`}
          x={times.x}
          of={times.took}
        />
      </Figure>
    </div>
  )
}

interface Halves {
  readonly p50: readonly (number | null)[]
  readonly p99: readonly (number | null)[]
}

const Percentile = ({
  label,
  x,
  of,
}: {
  readonly label: string
  readonly x: readonly number[]
  readonly of: Halves
}) => (
  <Plot
    label={label}
    x={x}
    series={[
      { name: 'p50', kind: 'line', colour: 'text', values: of.p50 },
      { name: 'p99', kind: 'dashed', colour: 'text2', values: of.p99 },
    ]}
    format={lengthWords}
    below="latest runs: p50, p99 dashed"
  />
)

/** Every minute of the span, also those in which nothing ended. */
function countsByMinute({ from, minutes }: Stats['runs']) {
  const known = new Map(minutes.map(({ minute, by_status }) => [Date.parse(minute), by_status]))
  const first = Math.ceil(Date.parse(from) / MINUTE_MS) * MINUTE_MS
  const last = Math.max(first, Math.floor(now() / MINUTE_MS) * MINUTE_MS)
  const x = Array.from({ length: (last - first) / MINUTE_MS + 1 }, (_, i) => first + i * MINUTE_MS)
  const executed = x.map(at => known.get(at)?.executed ?? 0)
  const failed = x.map(at => failedOf(known.get(at) ?? {}))
  const share = failed.map((n, i) => (n === 0 ? 0 : (n / (n + (executed[i] ?? 0))) * 100))
  return { x: x.map(at => at / 1_000), executed, failed, share }
}

/** Of the rows that were read, which are the latest. */
function timesByMinute(rows: readonly Run[]) {
  const minutes = new Map<number, Run[]>()
  for (const row of rows) {
    const minute = Math.floor(Date.parse(row.run_time) / MINUTE_MS) * MINUTE_MS
    minutes.set(minute, [...(minutes.get(minute) ?? []), row])
  }
  const sorted = [...minutes].sort(([a], [b]) => a - b)
  const halves = (of: (runs: readonly Run[]) => readonly number[]): Halves => ({
    p50: sorted.map(([, runs]) => percentile(of(runs), 0.5) ?? null),
    p99: sorted.map(([, runs]) => percentile(of(runs), 0.99) ?? null),
  })
  return { x: sorted.map(([at]) => at / 1_000), late: halves(latenessOf), took: halves(durationsOf) }
}

interface FigureProps {
  readonly title: string
  readonly words: string
  readonly figure: string
  readonly about: string
  readonly bad?: boolean
  readonly children: preact.ComponentChildren
}

const Figure = ({ title, words, figure, about, bad = false, children }: FigureProps) => (
  <section class="panel plot-panel" aria-label={title}>
    <header>
      <h2>{title}</h2>
      <span class="label">{words}</span>
    </header>
    <p>
      <strong class={bad ? 'figure bad' : 'figure'}>{figure}</strong> <span class="support">{about}</span>
    </p>
    {children}
  </section>
)

function Lists({ state, words }: { readonly state: StatsState; readonly words: string }) {
  const nodes = useNodes() ?? []
  const mostFailed = Math.max(1, ...state.failing.map(({ failed }) => failed))
  const longest = Math.max(1, ...state.slowest.map(({ duration }) => duration ?? 0))
  const mostJobs = Math.max(1, ...nodes.map(({ jobs = 0 }) => jobs))
  const among = `${words}, among the latest ${grouped(state.among)} runs`
  return (
    <div class="lists">
      <section class="panel" aria-label="Most failing">
        <header class="panel-head">
          <h2>Most failing</h2>
          <span class="grow" />
          <span class="label">{words}</span>
        </header>
        <ul class="bars">
          {state.failing.map(({ id, failed, last }) => (
            <li key={id}>
              <Mark status={runStatusOf(last.status)} label={runStatusOf(last.status).word} />
              <Link to={pathOf('jobs', id)} class="clip" title={last.exception ?? id}>
                {id}
              </Link>
              <Bar share={failed / mostFailed} colour="bad" />
              <span class="number">{grouped(failed)} failed</span>
            </li>
          ))}
        </ul>
        {state.stats !== undefined && state.failing.length === 0 && <p class="panel-foot support">No run failed.</p>}
      </section>
      <section class="panel" aria-label="Slowest">
        <header class="panel-head">
          <h2>Slowest</h2>
          <span class="grow" />
          <span class="label clip" title={among}>
            {among}
          </span>
        </header>
        <ul class="bars">
          {state.slowest.map(run => (
            <li key={run._id}>
              <Mark status={runStatusOf(run.status)} label={runStatusOf(run.status).word} />
              <Link to={pathOf('runs', run._id)} class="clip">
                {run.job_id}
              </Link>
              <Bar share={(run.duration ?? 0) / longest} colour="late" />
              <span class="number">{lengthWords(run.duration ?? 0)}</span>
            </li>
          ))}
        </ul>
        {state.stats !== undefined && state.slowest.length === 0 && <p class="panel-foot support">No run has ended.</p>}
      </section>
      <section class="panel" aria-label="Nodes">
        <header class="panel-head">
          <h2>Nodes</h2>
          <span class="grow" />
          <span class="label">jobs held now</span>
        </header>
        <ul class="bars">
          {nodes.slice(0, 8).map(node => (
            <li key={node._id}>
              <Mark status={nodeStatusOf(node)} label={nodeStatusOf(node).word} />
              <Link to={listPath({ ip: node._id })} class="mono clip">
                {node._id}
              </Link>
              <Bar share={(node.jobs ?? 0) / mostJobs} colour="late" />
              <span class="number">{counted(node.jobs ?? 0, 'job')}</span>
            </li>
          ))}
        </ul>
        {nodes.length === 0 && (
          <p class="panel-foot support">
            None has come: <code>tidewheel start --tasks FOLDER</code>
          </p>
        )}
      </section>
    </div>
  )
}

const Bar = ({ share, colour }: { readonly share: number; readonly colour: string }) => (
  <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="bar-ground" width="100" height="8" />
    <rect class={`${colour} fill`} width={share * 100} height="8" />
  </svg>
)
