/** Refusals: the one way in which reading a trigger fails, and the readers of single values that several kinds share.
 *  A message names the field by its path, what was found there and what is allowed. */
import { TidewheelError } from '../errors.ts'
import { type Zone, zoneOf } from './local-time.ts'

export function refuse(path: string, message: string, found?: unknown): never {
  throw new TidewheelError('invalid_trigger', `${path}: ${message}`, { path, found })
}

/** A value as a person wrote it, short enough for a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Date) return 'a date'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : String(value)
}

export function readZone(value: unknown, fallback: string, path: string): Zone {
  const name = value ?? fallback
  if (typeof name !== 'string') refuse(path, `${shown(name)} is no time zone: a name such as Europe/Berlin`, name)
  const zone = zoneOf(name)
  return zone ?? refuse(path, `${shown(name)} is no known time zone: a name such as Europe/Berlin or UTC`, name)
}

/** A number >= 0, `absent` when not given. */
export function readAmount(value: unknown, absent: number, path: string): number {
  if (value === undefined || value === null) return absent
  if (typeof value !== 'number') refuse(path, `${shown(value)} is not a number; a number >= 0 is allowed`, value)
  if (!Number.isFinite(value)) refuse(path, `${value} is not finite; a number >= 0 is allowed`, value)
  return value >= 0 ? value : refuse(path, `${value} is below 0`, value)
}
