/** Timeline canvas: lanes with their names on the left, the drawing on the right, and what is pointed at told beside it.
 *  In: lanes, a span. Out: a run or a job to go to. Pointed at or walked through by keys, a mark says the same. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { go, pathOf } from '../address.ts'
import { useCell } from '../cell.ts'
import { useNow } from '../clock.ts'
import { useKeys } from '../keys.ts'
import type { Lane } from '../shapes.ts'
import { useNodes } from '../store/nodes.ts'
import { listPath } from '../store/search.ts'
import {
  axisOf,
  type LaidLane,
  layOut,
  type Mark,
  type Span,
  type Tick,
  TOTALS_HIGH,
  under,
} from '../store/timeline-layout.ts'
import { nodeStatusOf, runStatusOf } from '../words/status.ts'
import { away, clockOf, dayOf, exactly, lengthWords, shortClock, signed } from '../words/time.ts'
import { colours } from './colours.ts'
import { Key, Link } from './controls.tsx'
import { Mark as StatusMark } from './mark.tsx'
import { draw } from './timeline-drawing.ts'

interface TimelineCanvasProps {
  readonly lanes: readonly Lane[]
  readonly span: Span
  /** Drags and wheels ask for another span. */
  readonly setSpan: (span: Span) => void
}

interface Pointed {
  readonly lane: LaidLane
  readonly mark?: Mark
  readonly tick?: Tick
  /** It stays until another is chosen. */
  readonly kept?: boolean
}

const DAY = 86_400_000
const SHOWN = 6

export function TimelineCanvas({ lanes, span, setSpan }: TimelineCanvasProps) {
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(900)
  const [pointed, setPointed] = useState<Pointed | undefined>(undefined)
  const now = useNow()
  const palette = useCell(colours)
  const nodes = useNodes() ?? []
  const layout = useMemo(() => layOut(lanes, span, width, now), [lanes, span, width, now])
  const dead = new Set(nodes.filter(node => !node.living).map(({ _id }) => _id))

  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    const measure = () => setWidth(Math.max(120, current.clientWidth))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  const shown = current(pointed, layout.lanes)
  // However often it changes, it is drawn once a frame.
  useLayoutEffect(() => {
    const drawn = { layout, span, now, width, colours: palette, mark: shown?.mark, tick: shown?.tick, dead }
    const frame = requestAnimationFrame(() => canvas.current !== null && draw(canvas.current, drawn))
    return () => cancelAnimationFrame(frame)
  })
  const open = (one: Pointed | undefined) => {
    if (one?.mark !== undefined) go(pathOf('runs', one.mark.run._id))
    else if (one?.tick !== undefined && one.tick.coming.length === 1)
      go(pathOf('jobs', one.tick.coming[0]?.job_id ?? ''))
    else if (one?.tick !== undefined) setPointed({ ...one, kept: true })
  }
  const walk = (by: number) => () => setPointed(neighbour(layout.lanes, shown, by))
  useKeys('Timeline', [
    { key: 'j', does: 'next mark', run: walk(1) },
    { key: 'k', does: 'mark before', run: walk(-1) },
    { key: 'Enter', does: 'open what is marked', run: () => open(shown) },
    { key: 'Escape', does: 'mark nothing', run: () => setPointed(undefined) },
  ])
  const drag = useDrag(span, width, setSpan)
  useWheel(box, span, width, setSpan)
  const look = (event: PointerEvent) => {
    if (drag.move(event) || pointed?.kept === true || canvas.current === null) return
    const at = canvas.current.getBoundingClientRect()
    const found = under(layout, event.clientX - at.left, event.clientY - at.top)
    const next = found?.mark === undefined && found?.tick === undefined ? undefined : found
    if (next?.mark !== shown?.mark || next?.tick !== shown?.tick) setPointed(next)
  }
  return (
    <div class="lanes">
      <div class="lane-axis-pad" />
      <Axis span={span} width={width} now={now} />
      <ul class="lane-names">
        {layout.lanes.map(lane => (
          <LaneName key={lane.ip} lane={lane} />
        ))}
        <li style={{ height: `${TOTALS_HIGH}px` }}>
          <span>All nodes</span>
          <span class="label">up executed, down failed</span>
        </li>
      </ul>
      <div ref={box} class="lane-box">
        <canvas
          ref={canvas}
          role="img"
          aria-label={`${layout.ran} runs and ${layout.toCome} to come on ${lanes.length} nodes. Keys j and k walk through them.`}
          style={{ width: `${width}px`, height: `${layout.height}px` }}
          onPointerDown={drag.begin}
          onPointerMove={look}
          onPointerLeave={() => pointed?.kept !== true && setPointed(undefined)}
          onClick={() => !drag.dragged() && open(shown)}
        />
        {shown !== undefined && <Told pointed={shown} width={width} now={now} />}
      </div>
    </div>
  )
}

/** The same mark in the layout of this moment. */
function current(pointed: Pointed | undefined, lanes: readonly LaidLane[]): Pointed | undefined {
  if (pointed === undefined) return undefined
  const lane = lanes.find(({ ip }) => ip === pointed.lane.ip)
  if (lane === undefined) return undefined
  const mark = pointed.mark && lane.marks.find(({ run }) => run._id === pointed.mark?.run._id)
  const tick = pointed.tick && lane.ticks.find(({ at }) => at === pointed.tick?.at)
  if (mark === undefined && tick === undefined) return undefined
  return { lane, ...(mark && { mark }), ...(tick && { tick }), ...(pointed.kept && { kept: true }) }
}

function neighbour(lanes: readonly LaidLane[], from: Pointed | undefined, by: number): Pointed | undefined {
  const all: readonly Pointed[] = lanes.flatMap(lane => [
    ...lane.marks.map(mark => ({ lane, mark })),
    ...lane.ticks.map(tick => ({ lane, tick })),
  ])
  const at = all.findIndex(one =>
    from?.mark !== undefined ? one.mark === from.mark : from?.tick !== undefined && one.tick === from.tick,
  )
  return all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))]
}

function LaneName({ lane }: { readonly lane: LaidLane }) {
  const node = (useNodes() ?? []).find(({ _id }) => _id === lane.ip)
  const status = node === undefined ? undefined : nodeStatusOf(node)
  return (
    <li style={{ height: `${lane.height}px` }}>
      <span class="lane-name">
        {status !== undefined && <StatusMark status={status} label={status.word} />}
        <Link to={listPath({ ip: lane.ip })} class="mono clip">
          {lane.ip}
        </Link>
      </span>
      {node !== undefined && status?.word !== 'active' && (
        <span class={`label ${status?.colour}`}>
          {status?.word}
          {!node.living && ` since ${clockOf(node.seen)}`}
        </span>
      )}
      {lane.truncated && <span class="label warn">not all: too many for this span</span>}
    </li>
  )
}

function Axis({ span, width, now }: { readonly span: Span; readonly width: number; readonly now: number }) {
  const { at, step } = axisOf(span, width)
  const x = (time: number) => ((time - span.from) / (span.to - span.from)) * width
  const text = (time: number) => (step >= DAY ? dayOf(time) : step < 60_000 ? clockOf(time) : shortClock(time))
  const here = x(now)
  return (
    <div class="lane-axis" aria-hidden="true">
      {at
        .filter(time => Math.abs(x(time) - here) > 56 && x(time) > 16 && x(time) < width - 16)
        .map(time => (
          <span key={time} style={{ left: `${x(time)}px` }}>
            {text(time)}
          </span>
        ))}
      {here >= 0 && here <= width && (
        <strong style={{ left: `${Math.max(30, Math.min(width - 30, here))}px` }}>{clockOf(now)}</strong>
      )}
    </div>
  )
}

function Told({ pointed, width, now }: { readonly pointed: Pointed; readonly width: number; readonly now: number }) {
  const { lane, mark, tick } = pointed
  const x = mark === undefined ? (tick?.x ?? 0) : Math.max(0, mark.x)
  const right = x > width / 2
  const place = {
    top: `${lane.top + (mark?.y ?? 10) + 20}px`,
    ...(right ? { right: `${Math.max(0, width - x - (mark?.wide ?? 0) / 2)}px` } : { left: `${x + 12}px` }),
  }
  return (
    <div class={pointed.kept ? 'told kept' : 'told'} style={place} role="status">
      {mark !== undefined && <ToldRun mark={mark} />}
      {tick !== undefined && <ToldTick tick={tick} ip={lane.ip} now={now} />}
    </div>
  )
}

function ToldRun({ mark: { run } }: { readonly mark: Mark }) {
  const status = runStatusOf(run.status)
  return (
    <>
      <p>
        <StatusMark status={status} /> <strong>{run.job_id}</strong> <span class={status.colour}>{status.word}</span>
      </p>
      <p class="support">
        {exactly(run.run_time)}
        {typeof run.late === 'number' && `, late ${signed(run.late)}`}
        {typeof run.duration === 'number' && `, took ${lengthWords(run.duration)}`}
      </p>
      {run.exception && <p class="bad mono">{run.exception}</p>}
      <p class="label">
        <Key>Enter</Key> open the run
      </p>
    </>
  )
}

function ToldTick({ tick, ip, now }: { readonly tick: Tick; readonly ip: string; readonly now: number }) {
  const jobs = new Map<string, number>()
  for (const { job_id } of tick.coming) jobs.set(job_id, (jobs.get(job_id) ?? 0) + 1)
  const all = [...jobs]
  return (
    <>
      <p>
        <strong>
          {clockOf(tick.at)}, {ip}
        </strong>{' '}
        <span class="support">{away(tick.at, now)}</span>
      </p>
      <p>{tick.coming.length === 1 ? '1 run due' : <strong>{tick.coming.length} runs due</strong>}</p>
      <ul>
        {all.slice(0, SHOWN).map(([id, n]) => (
          <li key={id}>
            <Link to={pathOf('jobs', id)}>{id}</Link> {n > 1 && <span class="support">{n} times</span>}
          </li>
        ))}
        {all.length > SHOWN && <li class="support">{all.length - SHOWN} other jobs</li>}
      </ul>
      <p class="label">
        <Key>Enter</Key> {all.length === 1 ? 'open the job' : 'keep this list'}
      </p>
    </>
  )
}

/** Dragging moves through time. */
function useDrag(span: Span, width: number, setSpan: (span: Span) => void) {
  const state = useRef<{ x: number; span: Span; far: boolean } | undefined>(undefined)
  const far = useRef(false)
  useEffect(() => {
    const end = () => {
      state.current = undefined
    }
    addEventListener('pointerup', end)
    return () => removeEventListener('pointerup', end)
  }, [])
  return {
    begin: (event: PointerEvent) => {
      far.current = false
      state.current = { x: event.clientX, span, far: false }
    },
    move: (event: PointerEvent): boolean => {
      const held = state.current
      if (held === undefined) return false
      const by = event.clientX - held.x
      if (Math.abs(by) < 4 && !far.current) return false
      far.current = true
      const ms = (by / width) * (held.span.to - held.span.from)
      setSpan({ from: held.span.from - ms, to: held.span.to - ms })
      return true
    },
    dragged: () => far.current,
  }
}

/** Wheel with Ctrl zooms where the pointer is; sideways it moves. Plain wheels scroll the page. */
function useWheel(
  box: { readonly current: HTMLElement | null },
  span: Span,
  width: number,
  setSpan: (span: Span) => void,
): void {
  const latest = useRef(span)
  latest.current = span
  useEffect(() => {
    const { current } = box
    const turn = (event: WheelEvent) => {
      const { from, to } = latest.current
      const left = current?.getBoundingClientRect().left ?? 0
      if (event.ctrlKey) {
        event.preventDefault()
        const at = from + ((event.clientX - left) / width) * (to - from)
        const by = event.deltaY > 0 ? 1.2 : 1 / 1.2
        setSpan({ from: at - (at - from) * by, to: at + (to - at) * by })
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault()
        const ms = (event.deltaX / width) * (to - from)
        setSpan({ from: from + ms, to: to + ms })
      }
    }
    current?.addEventListener('wheel', turn, { passive: false })
    return () => current?.removeEventListener('wheel', turn)
  }, [width])
}
