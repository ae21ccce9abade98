/** Given: what callers hand to the functions of triggers beside a trigger: options, dates, counts.
 *  In: values of any kind. Out: the same, of the kind that is meant. Throws `invalid_option` with where it is, what is expected and what
 *  was found. Pure. */
import { meantOf, TidewheelError } from '../errors.ts'
import { zoneOf } from './local-time.ts'
import { shown } from './refuse.ts'

/** Options by name; `where` is the function. Throws for a name that is not among these. */
export function givenOptions<K extends string>(
  value: unknown,
  where: string,
  names: readonly K[],
): { readonly [N in K]?: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) {
    return refuseOption(`${where}: options`, 'an object such as {timezone: "Europe/Berlin"}', value)
  }
  for (const name of Object.keys(value)) {
    if ((names as readonly string[]).includes(name)) continue
    const message = `${where}: ${name}: there is no such option; ${meantOf(name, names)}`
    throw new TidewheelError('invalid_option', message, { path: name })
  }
  return value as { readonly [N in K]?: unknown }
}

/** A zone, as the one option of it; absent: none. */
export function givenZone(value: unknown, where: string): { readonly timezone?: string } {
  if (value === undefined || value === null) return {}
  if (typeof value === 'string' && zoneOf(value) !== undefined) return { timezone: value }
  return refuseOption(`${where}: timezone`, 'a time zone such as Europe/Berlin or UTC', value)
}

/** A whole number from 0; absent: 10. */
export function givenCount(value: unknown, where: string, most: number): number {
  if (value === undefined) return 10
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value
  return refuseOption(`${where}: count`, `a whole number from 0 to ${most}`, value)
}

/** The instant of a date. */
export function instant(value: unknown, path: string): number {
  const time = value instanceof Date ? value.getTime() : Number.NaN
  return Number.isNaN(time) ? refuseOption(path, 'a date, such as new Date("2026-01-31T08:00:00Z")', value) : time
}

function refuseOption(path: string, expected: string, found: unknown): never {
  const instead = found instanceof Date ? 'an invalid date' : shown(found)
  const name = path.slice(path.lastIndexOf(' ') + 1)
  throw new TidewheelError('invalid_option', `${path}: expected ${expected}; found ${instead}`, { path: name })
}
