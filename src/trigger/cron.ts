/** Cron triggers: fields or crontab text become readings of the wall clock, and readings become instants.
 *  A trigger with a fixed hour fires exactly once for each matching reading: a skipped one moves forward by the gap,
 *  a repeated one fires the first time. Others (hour * or *\/n) fire whenever the wall clock shows a match.
 *  Spans far from any match are leapt over, so that the work does not grow with the distance. */
import { monthStart, SECOND_MS } from './calendar.ts'
import { CRON_FIELDS, type CronField, type CronItem, cronItems, LIMITS } from './cron-field.ts'
import { type Bits60, FIRST_YEAR, LAST_YEAR, type ReadingSpec, Readings } from './cron-reading.ts'
import { TWO_DAYS_MS, type Zone } from './local-time.ts'
import type { Schedule } from './schedule.ts'

/** No zone's clock shows the year 10000 after this. */
const LAST_FIRE = monthStart(LAST_YEAR + 1, 0) * 86_400_000 + TWO_DAYS_MS

export interface CronRule {
  readonly readings: Readings
  /** Whether the hour is fixed, so that each reading fires exactly once. */
  readonly once: boolean
}

/** The rule of fields by name; null and undefined count as not given. */
export function cronRule(fields: Readonly<Partial<Record<CronField, unknown>>>, path: string): CronRule {
  const given = CRON_FIELDS.filter(field => fields[field] !== undefined && fields[field] !== null)
  const least = CRON_FIELDS.indexOf(given.at(-1) as CronField)
  const items = {} as Record<CronField, readonly CronItem[]>
  let hour = '*'
  for (const [rank, field] of CRON_FIELDS.entries()) {
    const value = given.includes(field)
      ? fields[field]
      : rank < least || isFree(field) || least < 0
        ? '*'
        : LIMITS[field][0]
    items[field] = cronItems(field, value, `${path}.${field}`)
    if (field === 'hour') hour = String(value).trim()
  }
  return { readings: new Readings(readingSpec(items)), once: isFixed(hour) }
}

/** Fields that are `*` even where less significant than the least significant one given. */
const isFree = (field: CronField): boolean => field === 'year' || field === 'week' || field === 'day_of_week'

export const isFixed = (hour: string): boolean => !/^[*?](\/\d+)?$/.test(hour)

function readingSpec(items: Readonly<Record<CronField, readonly CronItem[]>>): ReadingSpec {
  return {
    years: yearBits(items.year),
    months: bitsOf(items.month, 1)[0],
    days: dayBits(items.day),
    lastDay: items.day.some(item => item.kind === 'last'),
    dayPlaces: placesOf(items.day),
    weekdayPlaces: [],
    weekdays: bitsOf(items.day_of_week, 0)[0],
    either: false,
    weeks: isAll(items.week, 'week') ? null : bitsOf(items.week, 0),
    hours: bitsOf(items.hour, 0)[0],
    minutes: bitsOf(items.minute, 0),
    seconds: bitsOf(items.second, 0),
  }
}

const isAll = (items: readonly CronItem[], field: CronField): boolean =>
  items.some(i => i.kind === 'range' && i.first === LIMITS[field][0] && i.last === LIMITS[field][1] && i.step === 1)

function* valuesOf(items: readonly CronItem[]): Generator<number> {
  for (const item of items) {
    if (item.kind === 'range') for (let n = item.first; n <= item.last; n += item.step) yield n
  }
}

export function bitsOf(items: readonly CronItem[], base: number): Bits60 {
  const bits: [number, number] = [0, 0]
  for (const value of valuesOf(items)) {
    if (value - base < 30) bits[0] |= 1 << (value - base)
    else bits[1] |= 1 << (value - base - 30)
  }
  return bits
}

export function dayBits(items: readonly CronItem[]): number {
  let bits = 0
  for (const day of valuesOf(items)) bits |= 1 << (day - 1)
  return bits
}

export const placesOf = (items: readonly CronItem[]): readonly number[] =>
  items.flatMap(item => (item.kind === 'place' ? [item.nth * 8 + item.weekday] : []))

function yearBits(items: readonly CronItem[]): Uint32Array | null {
  if (isAll(items, 'year')) return null
  const bits = new Uint32Array(((LAST_YEAR - FIRST_YEAR) >>> 5) + 1)
  for (const year of valuesOf(items)) {
    const bit = year - FIRST_YEAR
    bits[bit >>> 5] = (bits[bit >>> 5] as number) | (1 << (bit & 31))
  }
  return bits
}

export class CronSchedule implements Schedule {
  readonly #readings: Readings
  readonly #once: boolean
  readonly #zone: Zone
  readonly #begin: number
  readonly #end: number

  constructor(rule: CronRule, zone: Zone, begin: number, end: number) {
    this.#readings = rule.readings
    this.#once = rule.once
    this.#zone = zone
    this.#begin = begin
    this.#end = Math.min(end, LAST_FIRE)
  }

  start(now: number): number | null {
    return this.at(now)
  }

  /** The chain does not look at start_date. */
  seek(_previous: number, t: number): number | null {
    return this.#fireFrom(t)
  }

  at(t: number): number | null {
    return this.#fireFrom(Math.max(t, this.#begin))
  }

  #fireFrom(start: number): number | null {
    let t = Math.ceil(start / SECOND_MS) * SECOND_MS
    const settled = t + TWO_DAYS_MS
    while (t <= this.#end) {
      const span = this.#zone.spanAt(t)
      const fire = this.#once ? this.#fireOnce(t) : this.#readings.from(t + span.offset) - span.offset
      if (fire < span.to) return fire <= this.#end ? fire : null
      // Until two days have passed a clock set back can show readings from before `start` again.
      if (this.#once || span.to > settled) t = Math.max(span.to, fire - TWO_DAYS_MS)
      else t = span.to
    }
    return null
  }

  /** First fire at or after `t` as if the span of `t` never ended. */
  #fireOnce(t: number): number {
    const { from, offset, before } = this.#zone.spanAt(t)
    if (before > offset) return this.#readings.from(Math.max(t + offset, from + before)) - offset
    const fire = this.#readings.from(t + offset) - offset
    if (t >= from + offset - before) return fire
    const skipped = this.#readings.from(t + before)
    return skipped < from + offset ? Math.min(fire, skipped - before) : fire
  }
}
