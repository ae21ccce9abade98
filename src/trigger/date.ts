/** Dates: text or Date to instant, and the trigger that fires once.
 *  Text without an offset is a reading of the zone's clock: a skipped one moves forward, a repeated one is the first.
 *  Fractions of a second are decimal and cut to milliseconds. */
import { DAY_MS, monthLength, monthStart, SECOND_MS } from './calendar.ts'
import { instantOf, type Zone } from './local-time.ts'
import { refuse, shown } from './refuse.ts'
import type { Schedule } from './schedule.ts'

const TEXT =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?(?:(Z)|([+-])(\d\d):(\d\d))?)?$/

const ALLOWED = 'such as 2026-01-31, 2026-01-31 09:00:00 or 2026-01-31T09:00:00Z'

/** An instant read from a document; `whole` is true for a date without a time of day. */
export interface ReadDate {
  readonly instant: number
  readonly whole: boolean
}

export function readDate(value: unknown, zone: Zone, path: string): ReadDate {
  if (value instanceof Date) {
    const instant = value.getTime()
    return Number.isNaN(instant) ? refuse(path, 'the date is invalid', value) : { instant, whole: false }
  }
  if (typeof value !== 'string')
    refuse(path, `${shown(value)} is not a date; allowed is a date or text ${ALLOWED}`, value)
  const parts = TEXT.exec(value)
  if (!parts) refuse(path, `${shown(value)} is not a date; allowed is text ${ALLOWED}`, value)
  return fromParts(parts, zone, path, value)
}

/** The instant of a field that may be absent. */
export function readBound(value: unknown, absent: number, zone: Zone, path: string): number {
  return value === undefined || value === null ? absent : readDate(value, zone, path).instant
}

function fromParts(parts: RegExpExecArray, zone: Zone, path: string, found: string): ReadDate {
  const number = (group: number, low: number, high: number, name: string): number => {
    const n = Number(parts[group] ?? 0)
    if (n < low || n > high) refuse(path, `${shown(found)}: ${name} ${n} is not within ${low}-${high}`, found)
    return n
  }
  const year = number(1, 1, 9999, 'year')
  const month = number(2, 1, 12, 'month') - 1
  const day = number(3, 1, monthLength(year, month), 'day')
  const seconds = number(4, 0, 23, 'hour') * 3600 + number(5, 0, 59, 'minute') * 60 + number(6, 0, 59, 'second')
  const fraction = Number((parts[7] ?? '').padEnd(3, '0').slice(0, 3))
  const reading = (monthStart(year, month) + day - 1) * DAY_MS + seconds * SECOND_MS + fraction
  const whole = parts[4] === undefined
  if (parts[8]) return { instant: reading, whole }
  if (!parts[9]) return { instant: instantOf(reading, zone), whole }
  const offset = (number(10, 0, 23, 'offset hour') * 60 + number(11, 0, 59, 'offset minute')) * 60 * SECOND_MS
  return { instant: reading - (parts[9] === '-' ? -offset : offset), whole }
}

/** Fires once, at `runDate`; without one, at the moment of its start. A past date is still due. */
export class DateSchedule implements Schedule {
  readonly #runDate: number | null

  constructor(runDate: number | null) {
    this.#runDate = runDate
  }

  start(now: number): number | null {
    return this.#runDate ?? now
  }

  seek(): null {
    return null
  }

  at(t: number): number | null {
    return this.#runDate !== null && this.#runDate >= t ? this.#runDate : null
  }
}
