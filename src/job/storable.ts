/** Storable: what in a person's values would not come back from MongoDB as it went in?
 *  In: the value of a field. Out: the first part that MongoDB drops or turns into something else, with its path: functions,
 *  symbols, undefined, instances of classes, dates that are none, and what contains itself. Pure. */
import type { Problem } from '../errors.ts'

const ALLOWED = 'expected what MongoDB stores: texts, numbers, dates, arrays, plain objects'

export function unstorable(value: unknown, path: string): Problem | undefined {
  return look(value, path, new Set())
}

function look(value: unknown, path: string, within: Set<unknown>): Problem | undefined {
  const found = within.has(value) ? 'a value that contains itself' : strange(value)
  if (found !== undefined) return { path, message: `${path}: ${ALLOWED}; found ${found}` }
  if (!isArrayOrPlain(value) || saysItself(value as object)) return undefined
  within.add(value)
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value as object)) {
    const problem = look((value as Readonly<Record<PropertyKey, unknown>>)[key], `${path}.${key}`, within)
    if (problem !== undefined) return problem
  }
  within.delete(value)
  return undefined
}

/** What it is, where it is not for MongoDB. */
function strange(value: unknown): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (value === undefined) return 'undefined'
  if (typeof value !== 'object' || value === null) return undefined
  if (KNOWN.has(kindOf(value)) || '_bsontype' in value) return undefined
  if (kindOf(value) === 'Date') return Number.isNaN(Number(value)) ? 'an invalid date' : undefined
  return isArrayOrPlain(value) || saysItself(value)
    ? undefined
    : `an instance of ${value.constructor?.name || 'a class'}`
}

/** How it is stored. */
const saysItself = (value: object) => 'toBSON' in value && typeof value.toBSON === 'function'

const kindOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)
const KNOWN: ReadonlySet<string> = new Set(['RegExp', 'Uint8Array', 'ArrayBuffer'])

/** Also of another realm, whose Object is another one. */
function isArrayOrPlain(value: unknown): boolean {
  if (Array.isArray(value)) return true
  if (typeof value !== 'object' || value === null || '_bsontype' in value || kindOf(value) !== 'Object') return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
