/** Timeline layout: where on the canvas each run and each coming run lies.
 *  In: lanes of the API, the span in view, a width. Out: rectangles and ticks in pixels. Pure, and quick enough for 10,000 marks.
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
const PAD = 14
const LEAST_ROWS = 3
/** A lane grows to so many rows; more of them share its height, as long as they can be told apart. */
const MOST_ROWS = 9
const MOST_THIN_ROWS = 36
const LEAST_WIDE = 2
const TICK_STEP = 3
const TOTAL_STEP = 8
export const TOTALS_HIGH = 76

const startOf = (run: Run): number => Date.parse(run.started ?? run.run_time)
const endOf = (run: Run, start: number, now: number): number => {
  if (run.finished) return Date.parse(run.finished)
  return run.status === 'started' ? now : start + (run.duration ?? 0)
}
const isDiamond = ({ status }: Run): boolean => status === 'missed' || status === 'max_instances'

export function layOut(lanes: readonly Lane[], { from, to }: Span, width: number, now: number): Layout {
  const scale = width / (to - from)
  const x = (time: number) => (time - from) * scale
  const totals = totalsOf(lanes, x, width)
  let top = 0
  const laid = lanes.map(lane => {
    const { marks, rows } = marksOf(lane.runs, x, now, width)
    const height = Math.max(LEAST_ROWS, rows) * ROW + PAD * 2
    const found = {
      ip: lane.ip,
      top,
      height,
      marks,
      ticks: ticksOf(lane.coming, x, now, width),
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

function marksOf(runs: readonly Run[], x: (time: number) => number, now: number, width: number) {
  const ends: number[] = []
  const marks: Mark[] = []
  const bars: { readonly x: number; readonly wide: number; readonly row: number; readonly run: Run }[] = []
  const timed = runs.map(run => ({ run, start: startOf(run) })).sort((a, b) => a.start - b.start)
  for (const { run, start } of timed) {
    const left = x(start)
    if (isDiamond(run)) {
      if (left > -ROW && left < width + ROW) marks.push({ x: left - 5, wide: 10, y: 3, high: BAR, run, diamond: true })
      continue
    }
    const wide = Math.max(LEAST_WIDE, x(endOf(run, start, now)) - left)
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
    marks.push({ x: left, wide, y: PAD + row * step, high, run, diamond: false })
  }
  return { marks, rows }
}

const soonest = (ends: readonly number[]): number =>
  ends.reduce((best, end, i) => (end < (ends[best] ?? 0) ? i : best), 0)

function ticksOf(coming: readonly Coming[], x: (time: number) => number, now: number, width: number): readonly Tick[] {
  const ticks = new Map<number, { at: number; coming: Coming[] }>()
  for (const one of coming) {
    const at = Date.parse(one.run_time)
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

function totalsOf(lanes: readonly Lane[], x: (time: number) => number, width: number): readonly Total[] {
  const count = Math.max(1, Math.floor(width / TOTAL_STEP))
  const slots = Array.from({ length: count }, () => ({ executed: 0, failed: 0, coming: 0 }))
  const slotAt = (time: number) => slots[Math.floor(x(time) / TOTAL_STEP)]
  for (const { runs, coming } of lanes) {
    for (const run of runs) {
      const slot = slotAt(startOf(run))
      if (slot === undefined) continue
      if (run.status === 'executed') slot.executed++
      else if (FAILED.includes(run.status)) slot.failed++
    }
    for (const { run_time } of coming) {
      const slot = slotAt(Date.parse(run_time))
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
    one =>
      x >= one.x - 1.5 &&
      x <= one.x + one.wide + 1.5 &&
      inner >= one.y - 1.5 &&
      inner <= one.y + one.high + (one.diamond ? 3 : 1.5),
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
