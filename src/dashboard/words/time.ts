/** Time in words: how long, how far away, and what the clock shows, in the reader's zone or another.
 *  In: epoch milliseconds or ISO text. Out: short text of a fixed style. Pure: now is an argument.
 *  Hours run to 24 everywhere, as schedules are written. */

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000
/** Overdue by no more is not told: the answer is on its way. */
const MOMENT = 2_000

export const READERS_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone

const msOf = (time: string | number): number => (typeof time === 'number' ? time : Date.parse(time))

/** `220 ms`, `1.4 s`, `24 m 10 s`, `3 h 5 m`, `4 d 2 h`. */
export function lengthWords(ms: number): string {
  if (ms < 0) return `−${lengthWords(-ms)}`
  if (ms < SECOND) return `${Math.round(ms)} ms`
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`
  if (ms < HOUR) return two(ms, MINUTE, 'm', SECOND, 's')
  if (ms < DAY) return two(ms, HOUR, 'h', MINUTE, 'm')
  return two(ms, DAY, 'd', HOUR, 'h')
}

function two(ms: number, big: number, bigName: string, small: number, smallName: string): string {
  const units = Math.round(ms / small)
  const bigs = Math.floor((units * small) / big)
  const rest = units - (bigs * big) / small
  return rest === 0 ? `${bigs} ${bigName}` : `${bigs} ${bigName} ${rest} ${smallName}`
}

/** Exact while it is near, rough when it is far: `3 s`, `2 m 23 s`, `37 min`, `12 h`, `5 days`. */
export function roughly(ms: number): string {
  const by = Math.abs(ms)
  if (by < MINUTE) return `${Math.max(0, Math.floor(by / SECOND))} s`
  if (by < 15 * MINUTE) return `${Math.floor(by / MINUTE)} m ${Math.floor((by % MINUTE) / SECOND)} s`
  if (by < 2 * HOUR) return `${Math.floor(by / MINUTE)} min`
  if (by < 2 * DAY) return `${Math.floor(by / HOUR)} h`
  return `${Math.floor(by / DAY)} days`
}

/** `in 3 s`, `17 s ago`, `now`. */
export function away(time: string | number, now: number): string {
  const ms = msOf(time) - now
  if (Math.abs(ms) < SECOND) return 'now'
  return ms > 0 ? `in ${roughly(ms)}` : `${agoRoughly(-ms)} ago`
}

/** Of what is to come: `in 3 s`, `now`; overdue by more than a moment: `due 4 min ago`. */
export function dueWords(time: string | number, now: number): string {
  const by = msOf(time) - now
  if (by > -MOMENT) return by < SECOND ? 'now' : away(time, now)
  return `due ${away(time, now)}`
}

/** What is past needs no seconds after the first minute. */
function agoRoughly(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`
  return `${Math.floor(ms / DAY)} days`
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options)
  let made = formats.get(key)
  if (made === undefined) {
    made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone, hourCycle: 'h23' })
    formats.set(key, made)
  }
  return made
}

/** Whether the browser knows the zone. */
export function isZone(zone: string): boolean {
  try {
    format(zone, { hour: '2-digit' })
    return true
  } catch {
    return false
  }
}

const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const
const SHORT_CLOCK = { hour: '2-digit', minute: '2-digit' } as const
const DAY_FORM = { day: 'numeric', month: 'short' } as const

/** `14:05:00`. */
export const clockOf = (time: string | number, zone = READERS_ZONE): string => format(zone, CLOCK).format(msOf(time))

/** `14:05`. */
export const shortClock = (time: string | number, zone = READERS_ZONE): string =>
  format(zone, SHORT_CLOCK).format(msOf(time))

/** `25 Nov`. */
export const dayOf = (time: string | number, zone = READERS_ZONE): string => format(zone, DAY_FORM).format(msOf(time))

const dateOf = (time: string | number, zone: string): string =>
  format(zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).format(msOf(time))

/** `14:05:00` today, `tomorrow 02:00`, `Sun 04:00` this week, else `30 Nov 23:30`, with the year where it is another. */
export function whenOf(time: string | number, now: number, zone = READERS_ZONE): string {
  const ms = msOf(time)
  const day = dateOf(ms, zone)
  if (day === dateOf(now, zone)) return clockOf(ms, zone)
  if (day === dateOf(now + DAY, zone)) return `tomorrow ${shortClock(ms, zone)}`
  if (day === dateOf(now - DAY, zone)) return `yesterday ${shortClock(ms, zone)}`
  if (ms > now && ms - now < 6 * DAY) return format(zone, { weekday: 'short', ...SHORT_CLOCK }).format(ms)
  const year = day.slice(-4) === dateOf(now, zone).slice(-4) ? '' : ` ${day.slice(-4)}`
  return `${dayOf(ms, zone)}${year} ${shortClock(ms, zone)}`
}

/** `Wed 25 Nov 14:05:00`, for titles and copies: never short of anything. */
export const exactly = (time: string | number, zone = READERS_ZONE): string =>
  `${format(zone, { weekday: 'short', ...DAY_FORM, year: 'numeric' }).format(msOf(time))}, ${clockOf(time, zone)} ${zone}`

/** `Wed 14:05`, with seconds where there are any. */
export function weekdayClock(time: string | number, zone: string): string {
  const ms = msOf(time)
  const clock = ms % MINUTE === 0 ? SHORT_CLOCK : CLOCK
  return format(zone, { weekday: 'short', ...clock })
    .format(ms)
    .replace(',', '')
}

/** `Europe/Berlin` → `Berlin`. */
export const placeOf = (zone: string): string => zone.replace(/^.*\//, '').replaceAll('_', ' ')

/** `+12 ms`, `−3 ms`. */
export const signed = (ms: number): string =>
  ms === 0 ? '0 ms' : ms < 0 ? `−${lengthWords(-ms)}` : `+${lengthWords(ms)}`

export const grouped = (count: number): string => count.toLocaleString('en-GB')

/** `1 job`, `41 jobs`. */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
