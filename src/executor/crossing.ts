/** Crossing: values on their way into another process.
 *  In: what a document holds. Out: the same as values that every process understands: MongoDB's own types become what
 *  they stand for (ids and decimals their text, long integers and timestamps a bigint, binary data a Uint8Array).
 *  Throws `DataCloneError`, with the path, for what cannot be handed over. Pure. */
import { errorOf } from './failure.ts'

export function crossing<T>(value: T, path: string): T
export function crossing(value: unknown, path: string): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw cannotCross(path, `a ${typeof value}`)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item, index) => crossing(item, `${path}[${index}]`))
  if ('_bsontype' in value) return plain(value as BsonValue)
  if (Object.prototype.toString.call(value) !== '[object Object]') return value
  const inner = (key: string) => (path === '' ? key : `${path}.${key}`)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, crossing(item, inner(key))]))
}

/** As text of a command line or a variable: text as it is, all else as JSON, big integers as their digits. */
export function textOf(value: unknown, path: string): string {
  const known = crossing(value, path)
  if (typeof known === 'string') return known
  if (known instanceof Date && !Number.isNaN(known.getTime())) return known.toISOString()
  try {
    const json = JSON.stringify(known, (_, item) =>
      typeof item === 'bigint'
        ? String(item)
        : item instanceof Uint8Array
          ? Buffer.from(item).toString('base64')
          : item,
    )
    return json ?? 'null'
  } catch (error) {
    throw cannotCross(path, `a value without JSON (${String(error)})`)
  }
}

const cannotCross = (path: string, what: string) =>
  errorOf({ name: 'DataCloneError', message: `${path}: ${what} cannot be handed to another process` })

interface BsonValue {
  readonly _bsontype: string
  readonly buffer?: Uint8Array
  readonly position?: number
  toHexString?(): string
  toBigInt?(): bigint
}

function plain(value: BsonValue): unknown {
  switch (value._bsontype) {
    case 'Binary':
      return value.toHexString?.() ?? Uint8Array.from(value.buffer?.subarray(0, value.position) ?? [])
    case 'Long':
    case 'Timestamp':
      return value.toBigInt?.()
    case 'Int32':
    case 'Double':
      return value.valueOf()
    case 'Decimal128':
      return String(value)
    default:
      return value.toHexString?.() ?? { ...value }
  }
}
