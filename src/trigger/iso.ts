/** ISO: instants as text with the offset of a zone, and back.
 *  In: a date, or text as triggers have it, and the zone that it means. Out: `2026-01-31T09:00:00+01:00`, with a fraction only where
 *  there is one; a date. Holds: the text always means the very instant. */
import { readDate } from './date.ts'
import { type Zone, zoneOf } from './local-time.ts'
import { readZone } from './refuse.ts'

const MINUTE_MS = 60_000

/** An instant by the clock of a zone; one that is not known is read as UTC. */
export function isoText(date: Date, timezone: string): string {
  const zone = zoneOf(timezone) ?? (zoneOf('UTC') as Zone)
  // What zones had before 1973 in seconds has no place in an offset.
  const minutes = Math.round(zone.spanAt(date.getTime()).offset / MINUTE_MS)
  const reading = new Date(date.getTime() + minutes * MINUTE_MS).toISOString().replace(/(\.000)?Z$/, '')
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  const size = Math.abs(minutes)
  return `${reading}${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`
}

/** The instant of a date or a text; without an offset it is a reading of the zone's clock.
 *  Throws `invalid_trigger` with `path` for what is neither, and for a zone that nobody knows. */
export const dateIn = (value: unknown, timezone: string, path: string): Date =>
  new Date(readDate(value, readZone(undefined, timezone, path), path).instant)
