/** Readings: the local dates and times that a cron trigger matches, in order, as if every zone were UTC.
 *  Fields are bit sets; a month's days are worked out at once, as one set, and the last month is remembered.
 *  A year without a match marks its shape (weekdays, leap day), so that what can never match is found in some
 *  twenty years' work, not by walking to the year 9999. Knows no zone and no clock change. */
import {
  DAY_MS,
  monthLength,
  monthOf,
  monthStart,
  SECOND_MS,
  weekdayOf,
  weekOfThursday,
  yearOf,
  yearShape,
} from './calendar.ts'

/** The fields as sets; sets of 60 values are two numbers of 30 bits. */
export interface ReadingSpec {
  /** One bit for each year from 1970; null: any. */
  readonly years: Uint32Array | null
  readonly months: number
  /** Bit 0 is the first of the month. */
  readonly days: number
  readonly lastDay: boolean
  /** Places in the month, nth·8 + weekday (nth 6 is the last), on the side of the days or of the weekdays. */
  readonly dayPlaces: readonly number[]
  readonly weekdayPlaces: readonly number[]
  readonly weekdays: number
  /** A day matches by its day or by its weekday (crontab); otherwise by both. */
  readonly either: boolean
  /** ISO weeks; null: any. */
  readonly weeks: Bits60 | null
  readonly hours: number
  readonly minutes: Bits60
  readonly seconds: Bits60
}

export type Bits60 = readonly [low: number, high: number]

export const FIRST_YEAR = 1970
export const LAST_YEAR = 9999
const CYCLE_YEARS = 400
const FIRST_MS = 0
const LAST_MS = monthStart(LAST_YEAR + 1, 0) * DAY_MS - 1

export class Readings {
  readonly #spec: ReadingSpec
  readonly #firstTime: number
  /** Shapes of years known to have no matching day. */
  #hopeless = 0
  /** From this year on nothing matches. */
  #barren = LAST_YEAR + 1
  /** The month worked out last: the day number of its first, its matching days. */
  #first = 1
  #end = 0
  #mask = 0

  constructor(spec: ReadingSpec) {
    this.#spec = spec
    const { hours, minutes, seconds } = spec
    this.#firstTime = lowest(hours) * 3600 + nextOf(minutes, 0) * 60 + nextOf(seconds, 0)
  }

  /** The first matching reading (whole seconds, in ms) at or after `reading`; Infinity when there is none. */
  from(reading: number): number {
    const start = Math.max(reading, FIRST_MS)
    if (start > LAST_MS) return Infinity
    const today = Math.floor(start / DAY_MS)
    let day = this.#dayFrom(today)
    if (day === today) {
      const time = this.#timeFrom((start - today * DAY_MS) / SECOND_MS)
      if (time >= 0) return today * DAY_MS + time * SECOND_MS
      day = this.#dayFrom(today + 1)
    }
    return day * DAY_MS + this.#firstTime * SECOND_MS
  }

  /** Second of the day at or after `time`; -1 when the day has no more. */
  #timeFrom(time: number): number {
    const { hours, minutes, seconds } = this.#spec
    const hour = Math.floor(time / 3600)
    if ((hours >>> hour) & 1) {
      const rest = time - hour * 3600
      const minute = Math.floor(rest / 60)
      const found = nextOf(minutes, minute)
      if (found === minute) {
        const second = nextOf(seconds, rest - minute * 60)
        if (second >= 0) return hour * 3600 + minute * 60 + second
      }
      const later = found > minute ? found : nextOf(minutes, minute + 1)
      if (later >= 0) return hour * 3600 + later * 60 + nextOf(seconds, 0)
    }
    const later = hours >>> (hour + 1)
    return later === 0 ? -1 : (hour + 1 + lowest(later)) * 3600 + (this.#firstTime % 3600)
  }

  #dayFrom(day: number): number {
    if (day < this.#first || day >= this.#end) {
      const year = yearOf(day)
      if (year > LAST_YEAR) return Infinity
      if (!this.#yearMatches(year)) return this.#search(year + 1, 0)
      this.#load(year, monthOf(day, year))
    }
    const rest = this.#mask >>> (day - this.#first)
    if (rest !== 0) return day + lowest(rest)
    const year = yearOf(this.#first)
    return this.#search(year, monthOf(this.#first, year) + 1)
  }

  /** The first matching day in the months from this one on. */
  #search(year: number, month: number): number {
    if (year >= this.#barren) return Infinity
    const day = this.#searchYear(year, month)
    if (day !== Infinity) return day
    // Without a choice of years one cycle of the calendar has shown all there is.
    const last = this.#spec.years === null ? Math.min(LAST_YEAR, year + CYCLE_YEARS) : LAST_YEAR
    for (let next = year + 1; next <= last; next++) {
      const shape = 1 << yearShape(next)
      if ((this.#hopeless & shape) !== 0 || !this.#yearMatches(next)) continue
      const found = this.#searchYear(next, 0)
      if (found !== Infinity) return found
      this.#hopeless |= shape
    }
    this.#barren = year + 1
    return Infinity
  }

  #searchYear(year: number, from: number): number {
    if (year > LAST_YEAR || !this.#yearMatches(year)) return Infinity
    for (let month = from; month < 12; month++) {
      if (((this.#spec.months >>> month) & 1) === 0) continue
      this.#load(year, month)
      if (this.#mask !== 0) return this.#first + lowest(this.#mask)
    }
    return Infinity
  }

  #yearMatches(year: number): boolean {
    const { years } = this.#spec
    if (years === null) return true
    const bit = year - FIRST_YEAR
    return (((years[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1
  }

  #load(year: number, month: number): void {
    const { months, days, lastDay, dayPlaces, weekdayPlaces, weekdays, either, weeks } = this.#spec
    const length = monthLength(year, month)
    const first = monthStart(year, month)
    const weekday = weekdayOf(first)
    let byDay = lastDay ? days | (1 << (length - 1)) : days
    for (const place of dayPlaces) byDay |= placeBit(place, weekday, length)
    let byWeekday = everyWeek(weekdays, weekday)
    for (const place of weekdayPlaces) byWeekday |= placeBit(place, weekday, length)
    let mask = ((months >>> month) & 1) === 0 ? 0 : either ? byDay | byWeekday : byDay & byWeekday
    if (weeks !== null && mask !== 0) mask &= daysOfWeeks(weeks, first, weekday)
    this.#mask = mask & (0x7fffffff >>> (31 - length))
    this.#first = first
    this.#end = first + length
  }
}

/** Seven bits (0 = Monday) laid over a month that begins on `weekday`. */
function everyWeek(weekdays: number, weekday: number): number {
  const week = ((weekdays >>> weekday) | (weekdays << (7 - weekday))) & 127
  return week | (week << 7) | (week << 14) | (week << 21) | (week << 28)
}

function placeBit(place: number, weekday: number, length: number): number {
  const nth = place >>> 3
  const first = ((place & 7) - weekday + 7) % 7
  const index = nth === 6 ? first + 7 * Math.floor((length - 1 - first) / 7) : first + 7 * (nth - 1)
  return index < length ? 1 << index : 0
}

function daysOfWeeks(weeks: Bits60, first: number, weekday: number): number {
  let mask = 0
  for (let index = -weekday; index < 31; index += 7) {
    if (nextOf(weeks, weekOfThursday(first + index + 3)) !== weekOfThursday(first + index + 3)) continue
    mask |= index < 0 ? 127 >>> -index : 127 << index
  }
  return mask
}

/** Index of the lowest bit set. */
const lowest = (bits: number): number => 31 - Math.clz32(bits & -bits)

/** The lowest member >= `from`; -1 when there is none. */
function nextOf(set: Bits60, from: number): number {
  if (from < 30) {
    const low = set[0] >>> from
    if (low !== 0) return from + lowest(low)
    return set[1] === 0 ? -1 : 30 + lowest(set[1])
  }
  const high = from < 60 ? set[1] >>> (from - 30) : 0
  return high === 0 ? -1 : from + lowest(high)
}
