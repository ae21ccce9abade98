/** Timeline layout: where on the canvas each run and each coming run lies.
 *  In: lanes of the API, the span in view, a width. Out: rectangles and ticks in pixels. Pure, and quick enough for 10,000 marks: times
 *  are read from their text once a lane, not once a frame, and what lies out of sight is passed over.
 *  Past: a bar as wide as the run took, stacked where runs overlap. Future: one tick a pixel, taller for more. */
import type { Coming, Lane, Run } from '../shapes.ts'
import { FAILED } from '../words/status.ts'

export interface Span {
  readonly from: number
  readonly to: number
}

export interface Mark {
  readonly x: number
  readonly wide: number
  /** Below the lane's top. */
  readonly y: number
  readonly high: number
  readonly run: Run
  /** It did not run: a diamond. */
  readonly diamond: boolean
}

export interface Tick {
  readonly x: number
  /** Of the first of them. */
  readonly at: number
  readonly coming: readonly Coming[]
}

export interface LaidLane {
  readonly ip: string
  readonly top: number
  readonly height: number
  readonly marks: readonly Mark[]
  readonly ticks: readonly Tick[]
  readonly truncated: boolean
}

export interface Total {
  readonly x: number
  readonly wide: number
  readonly executed: number
  readonly failed: number
  readonly coming: number
}

export interface Layout {
  readonly lanes: readonly LaidLane[]
  readonly totals: readonly Total[]
  /** Where the totals begin. */
  readonly totalsTop: number
  readonly height: number
  readonly ran: number
  readonly toCome: number
}

const BAR = 9
const ROW = 12
/** Above the bars: room for the diamonds of what did not run. */
const ABOVE = 22
const BELOW = 14
/** Of a diamond, from side to side. */
export const DIAMOND = 12
const LEAST_ROWS = 3
/** A lane grows to so many rows; more of them share its height, as long as they can be told apart. */
const MOST_ROWS = 9
const MOST_THIN_ROWS = 36
const LEAST_WIDE = 2
const TICK_STEP = 3
const TOTAL_STEP = 8
export const TOTALS_HIGH = 76

/** A lane with its times as numbers, each list in their order. */
interface TimedLane {
  readonly runs: readonly { readonly run: Run; readonly start: number; readonly end: number }[]
  readonly coming: readonly { readonly one: Coming; readonly at: number }[]
}

const timedLanes = new WeakMap<Lane, TimedLane>()

function timedOf(lane: Lane): TimedLane {
  const known = timedLanes.get(lane)
  if (known !== undefined) return known
  const timed: TimedLane = {
    runs: lane.runs
      .map(run => {
        const start = Date.parse(run.started ?? run.run_time)
        return { run, start, end: endOf(run, start) }
      })
      .sort((a, b) => a.start - b.start),
    coming: lane.coming.map(one => ({ one, at: Date.parse(one.run_time) })).sort((a, b) => a.at - b.at),
  }
  timedLanes.set(lane, timed)
  return timed
}

/** The end of a run that goes on. */
const STILL = Number.POSITIVE_INFINITY

const endOf = (run: Run, start: number): number => {
  if (run.finished) return Date.parse(run.finished)
  return run.status === 'started' ? STILL : start + (run.duration ?? 0)
}
const isDiamond = ({ status }: Run): boolean => status === 'missed' || status === 'max_instances'

export function layOut(lanes: readonly Lane[], { from, to }: Span, width: number, now: number): Layout {
  const scale = width / (to - from)
  const x = (time: number) => (time - from) * scale
  const timed = lanes.map(timedOf)
  const totals = totalsOf(timed, x, width)
  let top = 0
  const laid = lanes.map((lane, i) => {
    const { runs, coming } = timed[i] as TimedLane
    const { marks, rows } = marksOf(runs, x, now, width)
    const height = Math.max(LEAST_ROWS, rows) * ROW + ABOVE + BELOW
    const found = {
      ip: lane.ip,
      top,
      height,
      marks,
      ticks: ticksOf(coming, x, now, width),
      truncated: lane.truncated === true,
    }
    top += height
    return found
  })
  return {
    lanes: laid,
    totals,
    totalsTop: top,
    height: top + TOTALS_HIGH,
    ran: lanes.reduce((sum, { runs }) => sum + runs.length, 0),
    toCome: lanes.reduce((sum, { coming }) => sum + coming.length, 0),
  }
}

function marksOf(runs: TimedLane['runs'], x: (time: number) => number, now: number, width: number) {
  const ends: number[] = []
  const marks: Mark[] = []
  const bars: { readonly x: number; readonly wide: number; readonly row: number; readonly run: Run }[] = []
  for (const { run, start, end } of runs) {
    const left = x(start)
    if (left > width + ROW) break
    if (isDiamond(run)) {
      if (left > -ROW && left < width + ROW)
        marks.push({ x: left - DIAMOND / 2, wide: DIAMOND, y: 5, high: DIAMOND, run, diamond: true })
      continue
    }
    const wide = Math.max(LEAST_WIDE, x(end === STILL ? Math.max(now, start) : end) - left)
    if (left + wide < 0 || left > width) continue
    let row = ends.findIndex(end => end <= left)
    if (row < 0) row = ends.length < MOST_THIN_ROWS ? ends.length : soonest(ends)
    ends[row] = left + wide + 1
    bars.push({ x: left, wide, row, run })
  }
  const rows = Math.min(MOST_ROWS, ends.length)
  const step = ends.length <= MOST_ROWS ? ROW : (MOST_ROWS * ROW) / ends.length
  const high = Math.max(2, Math.min(BAR, step - (step < 5 ? 1 : 2)))
  for (const { x: left, wide, row, run } of bars) {
    marks.push({ x: left, wide, y: ABOVE + row * step, high, run, diamond: false })
  }
  return { marks, rows }
}

const soonest = (ends: readonly number[]): number =>
  ends.reduce((best, end, i) => (end < (ends[best] ?? 0) ? i : best), 0)

function ticksOf(
  coming: TimedLane['coming'],
  x: (time: number) => number,
  now: number,
  width: number,
): readonly Tick[] {
  const ticks = new Map<number, { at: number; coming: Coming[] }>()
  for (const { one, at } of coming) {
    const left = x(Math.max(at, now))
    if (left < 0 || left > width) continue
    const place = Math.floor(left / TICK_STEP)
    const tick = ticks.get(place)
    if (tick === undefined) ticks.set(place, { at, coming: [one] })
    else tick.coming.push(one)
  }
  return [...ticks.values()]
    .map(({ at, coming: all }) => ({ x: x(Math.max(at, now)), at, coming: all }))
    .sort((a, b) => a.x - b.x)
}

function totalsOf(lanes: readonly TimedLane[], x: (time: number) => number, width: number): readonly Total[] {
  const count = Math.max(1, Math.floor(width / TOTAL_STEP))
  const slots = Array.from({ length: count }, () => ({ executed: 0, failed: 0, coming: 0 }))
  const slotAt = (time: number) => slots[Math.floor(x(time) / TOTAL_STEP)]
  for (const { runs, coming } of lanes) {
    for (const { run, start } of runs) {
      const slot = slotAt(start)
      if (slot === undefined) continue
      if (run.status === 'executed') slot.executed++
      else if (FAILED.includes(run.status)) slot.failed++
    }
    for (const { at } of coming) {
      const slot = slotAt(at)
      if (slot !== undefined) slot.coming++
    }
  }
  return slots.map((slot, i) => ({ ...slot, x: i * TOTAL_STEP, wide: TOTAL_STEP - 2 }))
}

/** What lies under a point. */
export function under(
  layout: Layout,
  x: number,
  y: number,
): { readonly lane: LaidLane; readonly mark?: Mark; readonly tick?: Tick } | undefined {
  const lane = layout.lanes.find(({ top, height }) => y >= top && y < top + height)
  if (lane === undefined) return undefined
  const inner = y - lane.top
  const mark = lane.marks.findLast(
    one => x >= one.x - 1.5 && x <= one.x + one.wide + 1.5 && inner >= one.y - 1.5 && inner <= one.y + one.high + 1.5,
  )
  if (mark !== undefined) return { lane, mark }
  const [tick] = lane.ticks.filter(one => Math.abs(one.x - x) < 5).sort((a, b) => Math.abs(a.x - x) - Math.abs(b.x - x))
  return tick === undefined ? { lane } : { lane, tick }
}

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000
const STEPS = [1_000, 2_000, 5_000, 10_000, 15_000, 30_000]
  .concat([1, 2, 5, 10, 15, 30].map(n => n * MINUTE))
  .concat([1, 2, 3, 6, 12].map(n => n * HOUR))
  .concat([DAY, 2 * DAY, 7 * DAY])
const LABEL_PX = 90

/** Round instants for the axis, in the reader's zone. */
export function axisOf({ from, to }: Span, width: number): { readonly at: readonly number[]; readonly step: number } {
  const step = STEPS.find(one => (one / (to - from)) * width >= LABEL_PX) ?? 7 * DAY
  const shift = new Date(from).getTimezoneOffset() * MINUTE
  const first = Math.ceil((from - shift) / step) * step + shift
  const at: number[] = []
  for (let time = first; time <= to; time += step) at.push(time)
  return { at, step }
}
