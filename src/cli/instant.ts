/** Times as people write them and as they are shown.
 *  In: ISO text, in a zone where it names none, or a span back from now. Out: an instant; and an instant as wall time of a zone with
 *  its offset, as the time from now, or for programs as ISO text; and how long something took. */
import { systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import { fireTimes } from '../trigger/trigger.ts'
import { isTerminal } from './output.ts'

/** Reads a date as triggers do. Throws `invalid_option`. */
export function instantOf(text: string, flag: string, timezone: string): Date {
  try {
    const [instant] = fireTimes({ type: 'date', run_date: text, timezone }, { after: new Date(0), count: 1 })
    if (instant !== undefined) return instant
  } catch (error) {
    if (!(error instanceof TidewheelError)) throw error
  }
  const message = `${flag}: expected a time such as 2026-01-31T08:00:00Z or 2026-01-31 08:00, found ${JSON.stringify(text)}`
  throw new TidewheelError('invalid_option', message, { path: flag })
}

const SPAN_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Reads a span back from now, such as `2h` or `1.5 d`, or a date. Throws `invalid_option`. */
export function sinceOf(text: string, flag: string, timezone: string, now: number): Date {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(text.trim()) ?? []
  const length = Object.hasOwn(SPAN_MS, unit) ? SPAN_MS[unit] : undefined
  const since = new Date(now - Number(count) * (length ?? Number.NaN))
  if (!Number.isNaN(since.getTime())) return since
  try {
    return instantOf(text, flag, timezone)
  } catch {
    const message = `${flag}: expected a time such as 2026-01-31T08:00:00Z or a span such as 90s, 30min, 2h, 1d, found ${JSON.stringify(text)}`
    throw new TidewheelError('invalid_option', message, { path: flag })
  }
}

/** Reads a whole number. Throws `invalid_option`. */
export function countOf(text: string, flag: string, most: number): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= most) return count
  const message = `${flag}: expected a whole number from 1 to ${most}, found ${JSON.stringify(text)}`
  throw new TidewheelError('invalid_option', message, { path: flag })
}

/** `Sat 2026-01-31 09:00:00 +01:00`. */
export function wallTime(instant: Date, timezone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  })
  const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]))
  const ms = instant.getUTCMilliseconds()
  const fraction = ms === 0 ? '' : `.${String(ms).padStart(3, '0')}`
  const offset = part.timeZoneName === 'GMT' ? '+00:00' : String(part.timeZoneName).replace('GMT', '')
  return `${part.weekday} ${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}${fraction} ${offset}`
}

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
]

/** `in 4 min`, `3 d ago`, `now`. */
export function fromNow(instant: Date, now: number): string {
  const ms = instant.getTime() - now
  const [name, length] = UNITS.find(([, least]) => Math.abs(ms) >= least) ?? []
  if (name === undefined || length === undefined) return 'now'
  const count = `${Math.floor(Math.abs(ms) / length)} ${name}`
  return ms > 0 ? `in ${count}` : `${count} ago`
}

/** A time in a row: in a zone, if one was chosen; else from now for people, as ISO text for programs. */
export function timeCell(instant: Date | null | undefined, timezone: string | undefined): string {
  if (!(instant instanceof Date) || Number.isNaN(instant.getTime())) return '-'
  if (timezone !== undefined) return wallTime(instant, timezone)
  return isTerminal() ? fromNow(instant, systemClock.now()) : instant.toISOString()
}

/** How long something took, for people: `12.3 ms`, `4.2 s`, `3 min 4 s`. */
export function spanOf(ms: number): string {
  if (ms < 1_000) return `${rounded(ms)} ms`
  if (ms < 60_000) return `${rounded(ms / 1_000)} s`
  const from = UNITS.findIndex(([, length]) => ms >= length)
  const [large, small] = UNITS.slice(from, from + 2)
  if (large === undefined || small === undefined) return `${rounded(ms / 1_000)} s`
  const rest = Math.floor((ms % large[1]) / small[1])
  return `${Math.floor(ms / large[1])} ${large[0]}${rest === 0 ? '' : ` ${rest} ${small[0]}`}`
}

/** A span in a row: for people in units, for programs in milliseconds. */
export function spanCell(ms: number | null | undefined): string {
  if (typeof ms !== 'number' || Number.isNaN(ms)) return '-'
  return isTerminal() ? spanOf(ms) : String(rounded(ms))
}

/** To a tenth. */
export const rounded = (number: number) => Math.round(number * 10) / 10
