/** Timeline: what ran and what will, a lane for each node.
 *  In: the address (`?span=` in seconds, `?at=` the middle; without: it follows now). Out: past on the left as wide as it took, future on
 *  the right, taller for more. Read again as things happen, twice in three seconds at most. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { address, go } from '../address.ts'
import { get, pathWith, wordsOf } from '../api.ts'
import { useCell } from '../cell.ts'
import { every, later, throttled, useNow } from '../clock.ts'
import { useKeys } from '../keys.ts'
import { Button, Key } from '../parts/controls.tsx'
import { FlowState } from '../parts/flow-state.tsx'
import { Mark } from '../parts/mark.tsx'
import { TimelineCanvas } from '../parts/timeline-canvas.tsx'
import type { Page, Run, Timeline } from '../shapes.ts'
import { heed, heedReset, together } from '../store/live.ts'
import type { Span } from '../store/timeline-layout.ts'
import { RUN_STATUSES, type Status } from '../words/status.ts'
import { dayOf, grouped, placeOf, READERS_ZONE } from '../words/time.ts'

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000
const ZOOMS = [
  { words: '1 min', ms: MINUTE },
  { words: '10 min', ms: 10 * MINUTE },
  { words: '2 h', ms: 2 * HOUR },
  { words: '1 day', ms: DAY },
  { words: '1 week', ms: 7 * DAY },
] as const
const DEFAULT_MS = 2 * HOUR
const LEAST_MS = 20 * SECOND
const MOST_MS = 14 * DAY
/** Of a lane, and of the due times that did not run. */
const LIMIT = 1_000
const NOT_RUN = 500
const READ_MS = 1_500
/** Without an event, what is to come changes as time goes. */
const EVERY_MS = 20_000
const PAUSE_MS = 120
const HELD_MS = 250

export function TimelineView() {
  const { query } = useCell(address)
  const now = useNow()
  const long = clamp(Number(query.get('span')) * SECOND || DEFAULT_MS)
  const at = query.get('at')
  const middle = at === null ? now : Date.parse(at) || now
  const [dragged, setDragged] = useState<Span | undefined>(undefined)
  const span = dragged ?? { from: middle - long / 2, to: middle + long / 2 }
  const { timeline, error } = useTimeline(span, long, at)
  const show = (ms: number, centre: number | undefined) =>
    go(
      pathWith('/timeline', {
        span: ms === DEFAULT_MS ? undefined : Math.round(ms / SECOND),
        at: centre === undefined ? undefined : new Date(centre).toISOString(),
      }),
      { replace: true },
    )
  const following = at === null && dragged === undefined
  const zoom = (by: number) => () => show(clamp(long * by), following ? undefined : middle)
  const move = (by: number) => () => show(long, middle + by * long)
  useKeys('Timeline', [
    { key: '+', does: 'zoom in', run: zoom(0.5) },
    { key: '=', does: 'zoom in', run: zoom(0.5) },
    { key: '-', does: 'zoom out', run: zoom(2) },
    { key: 'ArrowLeft', does: 'earlier', run: move(-0.25) },
    { key: 'ArrowRight', does: 'later', run: move(0.25) },
    { key: '0', does: 'follow now', run: () => show(long, undefined) },
  ])
  const settle = useRef(() => {})
  const setSpan = (next: Span) => {
    const ms = clamp(next.to - next.from)
    setDragged({ from: next.from, to: next.from + ms })
    settle.current()
    settle.current = later(HELD_MS, () => {
      setDragged(undefined)
      show(ms, next.from + ms / 2)
    })
  }
  const ran = timeline?.lanes.reduce((sum, { runs }) => sum + runs.length, 0) ?? 0
  const toCome = timeline?.lanes.reduce((sum, { coming }) => sum + coming.length, 0) ?? 0
  return (
    <main class="timeline-view">
      <header class="top">
        <h1>Timeline</h1>
        <span class="narrow-only">
          <FlowState short />
        </span>
        <fieldset class="segments">
          <legend class="unseen">Span</legend>
          {ZOOMS.map(({ words, ms }) => (
            <Button key={words} does={() => show(ms, following ? undefined : middle)} pressed={long === ms}>
              {words}
            </Button>
          ))}
        </fieldset>
        <span class="hints" aria-hidden="true">
          <Key>+ −</Key> zoom <Key>← →</Key> move <Key>0</Key> now <Key>j k</Key> mark
        </span>
        <span class="grow" />
        <span class="support">
          {placeOf(READERS_ZONE)} time, {dayOf(span.from)}
          {dayOf(span.from) === dayOf(span.to) ? '' : `–${dayOf(span.to)}`}
        </span>
        <Button does={() => show(long, undefined)} pressed={following} shortcut="0">
          {following ? 'Following now' : 'Follow now'}
        </Button>
      </header>
      <Legend ran={ran} toCome={toCome} />
      {error !== undefined && (
        <p class="banner bad" role="alert">
          {error}
        </p>
      )}
      {timeline !== undefined && timeline.lanes.length === 0 ? (
        <section class="empty">
          <h2>No node has come yet.</h2>
          <p class="support">
            A lane stands here for each: <code>tidewheel start --tasks FOLDER</code>
          </p>
        </section>
      ) : (
        <TimelineCanvas lanes={timeline?.lanes ?? []} span={span} setSpan={setSpan} />
      )}
      <p class="support timeline-foot">
        Left of the line: what ran, as wide as it took. Right: what is due. Drag to move, Ctrl and wheel to zoom.
      </p>
    </main>
  )
}

const clamp = (ms: number): number => Math.min(MOST_MS, Math.max(LEAST_MS, ms))

function useTimeline(span: Span, long: number, at: string | null) {
  const [timeline, setTimeline] = useState<Timeline | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  const latest = useRef(span)
  latest.current = span
  useEffect(() => {
    let current = true
    const read = () => {
      if (document.hidden) return
      const { from, to } = latest.current
      // A little more than is seen, so that following needs no reading each second.
      const more = (to - from) / 10
      const query = { from: new Date(from).toISOString(), to: new Date(to + more).toISOString(), limit: LIMIT }
      Promise.all([get<Timeline>('timeline', query), readNotRun(from, to)]).then(
        ([found, notRun]) => {
          if (!current) return
          setTimeline(withNotRun(found, notRun))
          setError(undefined)
        },
        failure => current && setError(wordsOf(failure)),
      )
    }
    const often = throttled(Math.max(READ_MS, long / 4_000), read)
    const stop = together(
      later(PAUSE_MS, often),
      heed(({ type }) => {
        if (type.startsWith('run.') || type.startsWith('job.')) often()
      }),
      heedReset(often),
      every(EVERY_MS, often),
    )
    return () => {
      current = false
      stop()
    }
  }, [long, at])
  return { timeline, error }
}

/** What was due and did not run never started, and so is in no lane of the API: it is asked for beside them. */
async function readNotRun(from: number, to: number): Promise<readonly Run[]> {
  const span = { since: new Date(from).toISOString(), until: new Date(to).toISOString(), limit: NOT_RUN }
  const pages = await Promise.all(
    (['missed', 'max_instances'] as const).map(status => get<Page<Run>>('runs', { ...span, status })),
  )
  return pages.flatMap(({ items }) => items)
}

function withNotRun({ lanes }: Timeline, rows: readonly Run[]): Timeline {
  return {
    lanes: lanes.map(lane => {
      const known = new Set(lane.runs.map(({ _id }) => _id))
      return { ...lane, runs: [...lane.runs, ...rows.filter(row => row.ip === lane.ip && !known.has(row._id))] }
    }),
  }
}

const SHOWN: readonly Status[] = [
  RUN_STATUSES.started,
  RUN_STATUSES.executed,
  RUN_STATUSES.error,
  RUN_STATUSES.timeout,
  RUN_STATUSES.interrupted,
  RUN_STATUSES.missed,
  { ...RUN_STATUSES.max_instances, word: 'refused: too many at once' },
]

const Legend = ({ ran, toCome }: { readonly ran: number; readonly toCome: number }) => (
  <div class="strip">
    {SHOWN.map(status => (
      <span key={status.word} class="word">
        <Mark status={status} /> {status.word}
      </span>
    ))}
    <span class="word">
      <i class="tick-sign" /> coming, taller for more
    </span>
    <span class="grow" />
    <span class="support">
      {grouped(ran)} ran, {grouped(toCome)} to come
    </span>
  </div>
)
