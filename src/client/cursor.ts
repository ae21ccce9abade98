/** Cursor: where a page of a list ended, as opaque text from which the next page goes on.
 *  In: the list's name and the keys of the last item. Out: letters, digits, `-` and `_`; and back. It holds keys, no place: what is
 *  edited, added or removed meanwhile moves nothing. Text of another list or order is refused with `invalid_option`. */
import { BSON } from 'mongodb'
import { TidewheelError } from '../errors.ts'
import { show } from '../job/parse.ts'

const { EJSON } = BSON

/** `list`: which one, and how it is sorted. */
export const cursorOf = (list: string, keys: readonly unknown[]): string =>
  btoa(encodeURIComponent(EJSON.stringify([list, ...keys], { relaxed: false })))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')

/** The keys; undefined: from the beginning. `are`: whether they are of the kind that the list has. */
export function keysOf<T extends readonly unknown[]>(
  cursor: unknown,
  list: string,
  where: string,
  are: (keys: readonly unknown[]) => keys is T,
): T | undefined {
  if (cursor === undefined) return undefined
  const [of, ...keys] = typeof cursor === 'string' ? read(cursor) : []
  if (of === list && are(keys)) return keys
  const message = `${where}: after: expected the \`next\` of a page of this list in this order, unchanged`
  throw new TidewheelError('invalid_option', message, { path: 'after' })
}

function read(cursor: string): readonly unknown[] {
  try {
    const text = decodeURIComponent(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')))
    const found: unknown = EJSON.parse(text, { relaxed: false })
    return Array.isArray(found) ? found : []
  } catch {
    return []
  }
}

/** A time and an id: what most lists are sorted by. */
export const areTimeAndId = (keys: readonly unknown[]): keys is readonly [Date, string] =>
  keys.length === 2 && keys[0] instanceof Date && !Number.isNaN(keys[0].getTime()) && typeof keys[1] === 'string'

const LIMIT = 100
const MOST = 500

/** How many items a page has, 1 to 500; absent: 100. */
export function givenLimit(
  value: unknown,
  where: string,
  { most = MOST, absent = LIMIT, name = 'limit' } = {},
): number {
  if (value === undefined) return absent
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
  const message = `${where}: ${name}: expected a whole number from 1 to ${most}; found ${show(value)}`
  throw new TidewheelError('invalid_option', message, { path: name })
}

/** A page of a list. */
export interface Page<T> {
  /** In their order. */
  readonly items: readonly T[]
  /** `after` of the next page; null: there is none. */
  readonly next: string | null
}
