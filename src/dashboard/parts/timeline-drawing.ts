/** Timeline drawing: the layout, put on a canvas.
 *  In: a layout, what is pointed at, the colours. Out: pixels. It reads nothing and decides nothing. */
import type { Run } from '../shapes.ts'
import {
  axisOf,
  DIAMOND,
  type LaidLane,
  type Layout,
  type Mark,
  type Span,
  type Tick,
  TOTALS_HIGH,
} from '../store/timeline-layout.ts'
import { FAILED } from '../words/status.ts'
import type { Colours } from './colours.ts'

export interface Drawn {
  readonly layout: Layout
  readonly span: Span
  readonly now: number
  readonly width: number
  readonly colours: Colours
  readonly mark: Mark | undefined
  readonly tick: Tick | undefined
  /** Jobs on it are stranded: what is to come will not. */
  readonly dead: ReadonlySet<string>
}

const MOST_TICK = 0.7
/** So many due at once are a crowd, told by its number. */
const CROWD = 5
const CROWDS = 4
const CROWD_APART = 44
/** In bars less high than this a cross is a blot. */
const LEAST_CROSS = 6

export function draw(canvas: HTMLCanvasElement, drawn: Drawn): void {
  const context = canvas.getContext('2d')
  if (context === null) return
  const { layout, width } = drawn
  const ratio = devicePixelRatio || 1
  const [wide, high] = [Math.round(width * ratio), Math.round(layout.height * ratio)]
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide
    canvas.height = high
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  context.font = `600 11px ${getComputedStyle(canvas).fontFamily}`
  ground(context, drawn)
  for (const lane of layout.lanes) drawLane(context, lane, drawn)
  drawTotals(context, drawn)
  const x = nowX(drawn)
  context.fillStyle = drawn.colours.text
  context.fillRect(Math.round(x) - 0.75, 0, 1.5, layout.height)
}

const nowX = ({ now, span, width }: Drawn): number => ((now - span.from) / (span.to - span.from)) * width

function ground(context: CanvasRenderingContext2D, drawn: Drawn): void {
  const { layout, width, colours, span } = drawn
  const x = Math.max(0, nowX(drawn))
  context.fillStyle = colours.surface
  context.fillRect(0, 0, width, layout.height)
  context.fillStyle = colours.sunk
  context.fillRect(x, 0, Math.max(0, width - x), layout.height)
  context.fillStyle = colours.line
  for (const at of axisOf(span, width).at) {
    context.fillRect(Math.round(((at - span.from) / (span.to - span.from)) * width), 0, 1, layout.height)
  }
  for (const { top, height } of layout.lanes) context.fillRect(0, top + height - 1, width, 1)
}

function colourOf({ status }: Run, colours: Colours): string {
  if (status === 'executed') return colours.ok
  if (status === 'started') return colours.now
  return FAILED.includes(status) ? colours.bad : colours.rest
}

function drawLane(context: CanvasRenderingContext2D, lane: LaidLane, drawn: Drawn): void {
  const { colours, mark: pointed, tick: pointedTick, dead } = drawn
  let colour = ''
  let drawnTo = Number.NEGATIVE_INFINITY
  for (const mark of lane.marks) {
    const y = lane.top + mark.y
    if (mark.diamond) {
      // Of those that lie on one another one is drawn.
      if (mark.x < drawnTo) continue
      drawnTo = mark.x + DIAMOND * 0.75
      diamond(context, mark, y, colours.warn)
      continue
    }
    const own = colourOf(mark.run, colours)
    if (own !== colour) context.fillStyle = own
    colour = own
    if (mark.run.status === 'started') {
      context.fillStyle = colours['now-tint']
      context.fillRect(mark.x, y, mark.wide, mark.high)
      context.strokeStyle = colours.now
      context.lineWidth = 1.5
      context.strokeRect(mark.x + 0.75, y + 0.75, Math.max(1, mark.wide - 1.5), Math.max(0.5, mark.high - 1.5))
      colour = ''
    } else context.fillRect(mark.x, y, mark.wide, mark.high)
    if (own !== colours.bad) continue
    failure(context, mark, y, colours)
    colour = ''
  }
  const most = lane.height * MOST_TICK
  const top = Math.max(8, ...lane.ticks.map(({ coming }) => coming.length))
  context.fillStyle = dead.has(lane.ip) ? colours.warn : colours.text3
  for (const tick of lane.ticks) {
    const high = 7 + (most - 7) * Math.sqrt((tick.coming.length - 1) / top)
    const wide = tick.coming.length > 1 ? 2.5 : 1.5
    context.fillRect(tick.x - wide / 2, lane.top + lane.height - 1 - high, wide, high)
  }
  context.textAlign = 'center'
  for (const { x, coming } of crowdsOf(lane.ticks)) {
    const half = context.measureText(String(coming.length)).width / 2 + 2
    context.fillText(String(coming.length), Math.min(drawn.width - half, x), lane.top + 12)
  }
  context.strokeStyle = colours.hand
  context.lineWidth = 2
  if (pointed !== undefined && lane.marks.includes(pointed)) {
    context.strokeRect(pointed.x - 2, lane.top + pointed.y - 2, pointed.wide + 4, pointed.high + 4)
  }
  if (pointedTick !== undefined && lane.ticks.includes(pointedTick)) {
    context.strokeRect(pointedTick.x - 4, lane.top + 6, 8, lane.height - 8)
  }
}

/** The most crowded ticks, as far as their numbers do not touch. */
function crowdsOf(ticks: readonly Tick[]): readonly Tick[] {
  const found: Tick[] = []
  const crowds = ticks.filter(({ coming }) => coming.length >= CROWD).sort((a, b) => b.coming.length - a.coming.length)
  for (const tick of crowds) {
    if (found.every(({ x }) => Math.abs(x - tick.x) >= CROWD_APART)) found.push(tick)
    if (found.length === CROWDS) break
  }
  return found
}

/** A failure is seen without its colour: it has a square at its end, with what says which it is: hands, a slash, a cross. */
function failure(context: CanvasRenderingContext2D, mark: Mark, y: number, colours: Colours): void {
  const { wide, high, run } = mark
  const x = mark.x + wide
  context.fillStyle = colours.bad
  context.fillRect(x - 1, y - 1, high + 2, high + 2)
  if (high < LEAST_CROSS) return
  const [left, right, top, bottom] = [x + 2, x + high - 2, y + 2, y + high - 2]
  const [middle, centre] = [x + high / 2, y + high / 2]
  context.strokeStyle = colours.surface
  context.lineWidth = 1.4
  context.beginPath()
  if (run.status === 'timeout') {
    context.moveTo(middle, top - 1)
    context.lineTo(middle, centre)
    context.lineTo(right, centre + 1)
  } else {
    context.moveTo(right, top)
    context.lineTo(left, bottom)
    if (run.status !== 'interrupted') {
      context.moveTo(left, top)
      context.lineTo(right, bottom)
    }
  }
  context.stroke()
}

function diamond(context: CanvasRenderingContext2D, { x: left, run }: Mark, top: number, colour: string): void {
  const half = DIAMOND / 2
  const [x, y] = [left + half, top + half]
  context.strokeStyle = colour
  context.lineWidth = 1.5
  context.beginPath()
  context.moveTo(x, top + 0.75)
  context.lineTo(x + half - 0.75, y)
  context.lineTo(x, top + DIAMOND - 0.75)
  context.lineTo(left + 0.75, y)
  context.closePath()
  if (run.status === 'max_instances') {
    context.moveTo(x - 2.5, y)
    context.lineTo(x + 2.5, y)
  }
  context.stroke()
}

function drawTotals(context: CanvasRenderingContext2D, { layout, width, colours }: Drawn): void {
  const zero = layout.totalsTop + TOTALS_HIGH - 18
  const top = Math.max(1, ...layout.totals.map(({ executed, coming }) => Math.max(executed, coming)))
  const up = (n: number) => (n === 0 ? 0 : 2 + (TOTALS_HIGH - 32) * (n / top))
  for (const { x, wide, executed, failed, coming } of layout.totals) {
    context.fillStyle = colours.ok
    context.fillRect(x, zero - up(executed), wide, up(executed))
    context.fillStyle = colours.bad
    if (failed > 0) context.fillRect(x, zero + 1, wide, Math.min(14, 3 + failed))
    context.strokeStyle = colours.text3
    context.lineWidth = 1
    if (coming > 0) context.strokeRect(x + 0.5, zero - up(coming) + 0.5, wide - 1, up(coming) - 1)
  }
  context.fillStyle = colours.text3
  context.fillRect(0, zero, width, 1)
}
