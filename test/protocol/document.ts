/** Document: what a filter says of a document in memory, and what an update makes of it, as MongoDB would.
 *  Exactly the operators that the guards of this project use; any other one throws, so that a new one is not passed over.
 *  In: plain documents, filters and updates. Out: whether it matches, or a new document; what comes in is never changed.
 *  Known traps are kept: an equality with null matches an absent field, one with a value matches an array that holds it,
 *  embedded objects are equal only in the same order of their fields. */
export type Plain = Readonly<Record<string, unknown>>

/** What the server refuses, with its code. */
export class Refused extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** `by` is needed where the filter asks for the server's time. */
export function matches(document: unknown, filter: Plain, by?: Stamps): boolean {
  return Object.entries(filter).every(([path, asked]) => {
    if (path === '$or') return (asked as Plain[]).some(one => matches(document, one, by))
    if (path === '$nor') return !(asked as Plain[]).some(one => matches(document, one, by))
    if (path === '$and') return (asked as Plain[]).every(one => matches(document, one, by))
    if (path === '$expr') return computed(asked, document, by) === true
    if (path.startsWith('$')) throw new Error(`${path}: an operator that the evaluator does not know`)
    return holds(valuesAt(document, path.split('.')), asked)
  })
}

/** Every value at a path: into each member of an array, and into the one whose index the path names. */
function valuesAt(value: unknown, [key, ...rest]: readonly string[]): unknown[] {
  if (key === undefined) return [value]
  if (Array.isArray(value)) {
    const named = /^\d+$/.test(key) && Number(key) < value.length ? valuesAt(value[Number(key)], rest) : []
    return [...named, ...value.filter(isPlain).flatMap(member => valuesAt(member, [key, ...rest]))]
  }
  return isPlain(value) && key in value ? valuesAt(value[key], rest) : []
}

/** An aggregation expression, of numbers and dates. */
function computed(expression: unknown, document: unknown, by: Stamps | undefined): unknown {
  if (expression === '$$NOW') return Number(by?.now)
  if (typeof expression === 'string') return Number(valuesAt(document, expression.slice(1).split('.'))[0])
  if (!isPlain(expression)) return expression
  const [[operator, operands] = ['', []]] = Object.entries(expression)
  const values = (operands as unknown[]).map(one => Number(computed(one, document, by)))
  const [a, b, c] = values as [number, number, number]
  if (operator === '$add') return a + b
  if (operator === '$lt') return a < b
  if (operator === '$lte') return a <= b
  if (operator === '$gte') return a >= b
  if (operator === '$eq') return a === b
  if (operator === '$and') return values.every(Boolean)
  if (operator === '$cond') return a ? b : c
  throw new Error(`${operator}: an operator that the evaluator does not know`)
}

function holds(values: readonly unknown[], asked: unknown): boolean {
  if (!isOperators(asked)) return equals(values, asked)
  return Object.entries(asked).every(([operator, operand]) => {
    switch (operator) {
      case '$exists':
        return values.length > 0 === operand
      case '$type':
        return members(values).some(value => typeOf(value) === operand)
      case '$ne':
        return !equals(values, operand)
      case '$not':
        return !holds(values, operand)
      case '$nin':
        return !(operand as unknown[]).some(one => equals(values, one))
      case '$in':
        return (operand as unknown[]).some(one => equals(values, one))
      case '$gt':
        return members(values).some(v => typeOf(v) === typeOf(operand) && Number(v) > Number(operand as number))
      case '$gte':
        return members(values).some(
          value => typeOf(value) === typeOf(operand) && Number(value) >= Number(operand as number),
        )
      case '$elemMatch':
        return values.some(value => Array.isArray(value) && value.some(member => matches(member, operand as Plain)))
      default:
        throw new Error(`${operator}: an operator that the evaluator does not know`)
    }
  })
}

const members = (values: readonly unknown[]) =>
  values.flatMap(value => (Array.isArray(value) ? [value, ...value] : [value]))
const equals = (values: readonly unknown[], asked: unknown) =>
  asked === null ? values.length === 0 || members(values).includes(null) : members(values).some(v => same(v, asked))

export const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
const isOperators = (value: unknown): value is Plain =>
  isPlain(value) && Object.keys(value).length > 0 && Object.keys(value).every(key => key.startsWith('$'))

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (value instanceof Date) return 'date'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** Equal as stored: type, value, and the order of fields. */
export function same(a: unknown, b: unknown): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((member, i) => same(member, b[i]))
  if (!isPlain(a) || !isPlain(b)) return Object.is(a, b)
  const [left, right] = [Object.entries(a), Object.entries(b)]
  return left.length === right.length && left.every(([key, v], i) => key === right[i]?.[0] && same(v, right[i]?.[1]))
}

/** What the server itself puts in: its time, and a timestamp that rises. */
export interface Stamps {
  readonly now: Date
  readonly timestamp: unknown
}

/** The document after an update; `filter` names the member that `$` stands for. */
export function updated<T>(document: T, update: Plain, stamps: Stamps, filter: Plain = {}): T {
  const made = clone(document) as Record<string, unknown>
  const touched: string[] = []
  for (const [operator, fields] of Object.entries(update)) {
    for (const [spelt, operand] of Object.entries(fields as Plain)) {
      const path = spelt.includes('.$') ? spelt.replace('.$', `.${positionOf(document, spelt, filter)}`) : spelt
      const other = touched.find(one => `${one}.`.startsWith(`${path}.`) || `${path}.`.startsWith(`${one}.`))
      if (other !== undefined) throw new Refused(40, `updating '${path}' would create a conflict at '${other}'`)
      touched.push(path)
      apply(made, operator, path.split('.'), clone(operand), stamps)
    }
  }
  return made as T
}

/** `$each` may come with a `$slice` from the end. */
function pushed(array: readonly unknown[], operand: unknown): unknown[] {
  if (!isPlain(operand) || !Array.isArray(operand.$each)) return [...array, operand]
  const all = [...array, ...operand.$each]
  return typeof operand.$slice === 'number' && operand.$slice < 0 ? all.slice(operand.$slice) : all
}

function positionOf(document: unknown, path: string, filter: Plain): number {
  const array = path.slice(0, path.indexOf('.$'))
  const list = valuesAt(document, array.split('.')).find(Array.isArray) as unknown[] | undefined
  const wanted = Object.entries(filter).find(([key]) => key === array || key.startsWith(`${array}.`))
  if (list === undefined || wanted === undefined) throw new Refused(2, `no array in the query for '${path}'`)
  const [key, asked] = wanted
  const member = key === array ? (asked as Plain).$elemMatch : { [key.slice(array.length + 1)]: asked }
  return list.findIndex(one => matches(one, member as Plain))
}

function apply(root: Record<string, unknown>, operator: string, keys: readonly string[], operand: unknown, by: Stamps) {
  const last = keys.at(-1) as string
  const parent = parentOf(root, keys.slice(0, -1), operator !== '$unset' && operator !== '$pull')
  if (parent === undefined) return
  const now = parent[last]
  switch (operator) {
    case '$set':
      parent[last] = operand
      return
    case '$unset':
      delete parent[last]
      return
    case '$max':
      if (!(last in parent) || Number(operand) > Number(now)) parent[last] = operand
      return
    case '$inc':
      if (now !== undefined && typeof now !== 'number') throw new Refused(14, `cannot increment '${keys.join('.')}'`)
      parent[last] = ((now as number | undefined) ?? 0) + (operand as number)
      return
    case '$push':
      if (now !== undefined && !Array.isArray(now)) throw new Refused(2, `'${keys.join('.')}' must be an array`)
      parent[last] = pushed((now as unknown[] | undefined) ?? [], operand)
      return
    case '$pull':
      if (now === undefined) return
      if (!Array.isArray(now)) throw new Refused(2, `cannot apply $pull to '${keys.join('.')}'`)
      parent[last] = now.filter(one => !(isPlain(operand) ? matches(one, operand) : same(one, operand)))
      return
    case '$currentDate':
      parent[last] = operand === true ? by.now : by.timestamp
      return
    default:
      throw new Error(`${operator}: an operator that the evaluator does not know`)
  }
}

/** The object (or array) that holds the last key; made where it is absent, if `make`. */
function parentOf(root: Record<string, unknown>, keys: readonly string[], make: boolean) {
  let at = root
  for (const key of keys) {
    if (at[key] === undefined) {
      if (!make) return undefined
      at[key] = {}
    }
    const next = at[key]
    if (!isPlain(next) && !Array.isArray(next)) {
      if (!make) return undefined
      throw new Refused(28, `cannot create a field in '${key}'`)
    }
    at = next as Record<string, unknown>
  }
  return at
}

/** Dates and values with a class of their own are never changed, and shared. */
function clone<T>(value: T): T {
  if (Array.isArray(value)) return value.map(clone) as T
  if (!isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, clone(member)])) as T
}
