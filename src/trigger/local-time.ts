/** Local time: instants (epoch ms) and the readings of a zone's wall clock (the same number as if it were UTC).
 *  A zone is cut into spans of one offset; they are found through luxon by sampling and bisecting, and kept,
 *  since an offset query through Intl costs thousands of times what a look at a span does.
 *  Always holds: spanAt(t) contains t, and its `before` is the offset in force just before the span began
 *  or, when nothing changed in the two days before t, the span's own. From 2500 on the rules' 400-year cycle serves. */
import { IANAZone } from 'luxon'
import { CYCLE_MS, DAY_MS, SECOND_MS } from './calendar.ts'

/** `from` <= t < `to` with a constant offset (ms to add to an instant to get its reading). */
export interface Span {
  readonly from: number
  readonly to: number
  readonly offset: number
  readonly before: number
}

/** No change of a clock moves it further than this, and two changes of one zone are never so near. */
export const TWO_DAYS_MS = 2 * DAY_MS

/** Length of a stretch searched at once: about 13 months. */
const STRETCH_MS = 2 ** 35
/** Finer than the shortest time any zone has kept an offset since 1970. */
const SAMPLE_MS = 4 * DAY_MS
/** Stretches kept for a zone before all are dropped and found anew. */
const MAX_STRETCHES = 600
const CYCLE_FROM = Date.UTC(2500, 0, 1)

export class Zone {
  readonly name: string
  readonly #luxon: IANAZone
  readonly #stretches = new Map<number, readonly Span[]>()
  #recent: Span = { from: 0, to: 0, offset: 0, before: 0 }
  /** From here on `#recent` may answer: its first two days can belong to the stretch before. */
  #since = 0

  constructor(name: string) {
    this.name = name
    this.#luxon = IANAZone.create(name)
    if (name !== 'UTC') return
    this.#recent = { from: -Infinity, to: Infinity, offset: 0, before: 0 }
    this.#since = -Infinity
  }

  spanAt(t: number): Span {
    const recent = this.#recent
    if (t >= this.#since && t < recent.to) return recent
    const shift = t < CYCLE_FROM ? 0 : CYCLE_MS * (1 + Math.floor((t - CYCLE_FROM) / CYCLE_MS))
    const found = this.#find(t - shift)
    const { from, to, offset, before } = found
    this.#since = Math.max(from + shift, Math.floor((t - shift) / STRETCH_MS) * STRETCH_MS + shift)
    this.#recent = shift === 0 ? found : { from: from + shift, to: to + shift, offset, before }
    return this.#recent
  }

  #find(t: number): Span {
    const index = Math.floor(t / STRETCH_MS)
    let spans = this.#stretches.get(index)
    if (!spans) {
      if (this.#stretches.size >= MAX_STRETCHES) this.#stretches.clear()
      spans = this.#discover(index * STRETCH_MS, (index + 1) * STRETCH_MS)
      this.#stretches.set(index, spans)
    }
    let i = spans.length - 1
    while (i > 0 && (spans[i] as Span).from > t) i -= 1
    return spans[i] as Span
  }

  /** The spans of [start, end), the first one beginning up to two days before `start`. */
  #discover(start: number, end: number): readonly Span[] {
    const spans: Span[] = []
    let from = start - TWO_DAYS_MS
    let offset = this.#offset(from)
    let before = offset
    let known = from
    while (known < end) {
      const sample = Math.min(known + SAMPLE_MS, end)
      if (this.#offset(sample) === offset) {
        known = sample
        continue
      }
      const change = this.#firstOther(known, sample, offset)
      if (change >= end) break
      if (change > start) spans.push({ from, to: change, offset, before })
      before = offset
      from = known = change
      offset = this.#offset(change)
    }
    spans.push({ from, to: end, offset, before })
    return spans
  }

  /** The first whole second in (low, high] whose offset is not `offset`, which it is at `low`. */
  #firstOther(low: number, high: number, offset: number): number {
    let same = Math.floor(low / SECOND_MS)
    let other = Math.ceil(high / SECOND_MS)
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2)
      if (this.#offset(middle * SECOND_MS) === offset) same = middle
      else other = middle
    }
    return other * SECOND_MS
  }

  #offset(t: number): number {
    return Math.round(this.#luxon.offset(t) * 60) * SECOND_MS
  }
}

const zones = new Map<string, Zone>()

/** The zone of an IANA name, in whatever case; undefined when there is none. */
export function zoneOf(name: string): Zone | undefined {
  const key = name.toLowerCase()
  let zone = zones.get(key)
  if (!zone && IANAZone.isValidZone(name)) {
    zone = new Zone(name)
    zones.set(key, zone)
  }
  return zone
}

/** The instant of a reading: a repeated one means the first, a skipped one moves forward by the gap. */
export function instantOf(reading: number, zone: Zone): number {
  let t = reading - TWO_DAYS_MS
  for (;;) {
    const span = zone.spanAt(t)
    if (reading - span.offset < span.from) return reading - span.before
    if (reading - span.offset < span.to) return reading - span.offset
    t = span.to
  }
}
