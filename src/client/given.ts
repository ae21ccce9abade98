/** Given: what people hand to a handle beside a job: ids, filters, switches, times.
 *  In: values of any kind. Out: the same, of the kind that is meant. Throws `invalid_option` with what is expected and what was
 *  found: an operator of MongoDB in the place of an id would mean other documents than the one that was named. */
import type { Filter } from 'mongodb'
import { meantOf, TidewheelError } from '../errors.ts'
import { isObject } from '../job/job.ts'
import { show } from '../job/parse.ts'

/** An id of a job or a run. `where` is the method, such as `jobs.get`. */
export function givenId(value: unknown, where: string): string {
  return typeof value === 'string' ? value : refuse(where, 'id', 'expected text, such as digest', value)
}

/** The ip of a node. */
export function givenIp(value: unknown, where: string): string {
  return typeof value === 'string' ? value : refuse(where, 'ip', 'expected text, such as 10.0.0.7', value)
}

/** A filter of MongoDB; what is in it the server judges. */
export function givenFilter<T>(value: Filter<T> | undefined, where: string): Filter<T> {
  if (isObject(value)) return value as Filter<T>
  return refuse(where, 'query', 'expected a filter of MongoDB, such as {tags: "mail"}, or {} for all', value)
}

export function givenDate(value: unknown, where: string, name: string): Date {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value
  return refuse(where, name, 'expected a date, such as new Date("2026-01-31T08:00:00Z")', value)
}

/** Options by name; absent: none. Throws for a name that is not among these. */
export function givenFields<K extends string>(
  value: unknown,
  where: string,
  names: readonly K[],
  example = '',
): { readonly [Name in K]?: unknown } {
  if (value === undefined) return {}
  if (!isObject(value)) return refuse(where, 'options', `expected an object${example}`, value)
  for (const name of Object.keys(value)) {
    if ((names as readonly string[]).includes(name)) continue
    const message = `${where}: ${name}: there is no such option; ${meantOf(name, names)}`
    throw new TidewheelError('invalid_option', message, { path: name })
  }
  return value as { readonly [Name in K]?: unknown }
}

/** Options that are each true or false; absent: false. */
export function givenSwitches<K extends string>(
  value: unknown,
  where: string,
  ...names: readonly K[]
): Record<K, boolean> {
  const given = givenFields(value, where, names, `, such as {${names[0]}: true}`)
  const switches = names.map(name => {
    return [name, given[name] !== undefined && givenSwitch(given[name], where, name)] as const
  })
  return Object.fromEntries(switches) as Record<K, boolean>
}

/** A function; absent: undefined. */
export function givenFunction(value: unknown, where: string, name: string): void {
  if (value !== undefined && typeof value !== 'function') refuse(where, name, 'expected a function', value)
}

/** True or false. */
export function givenSwitch(value: unknown, where: string, name: string): boolean {
  return typeof value === 'boolean' ? value : refuse(where, name, 'expected true or false', value)
}

/** A job as it lies in the database: an object, at least. */
export function givenJob<T>(value: T, where: string): T {
  return isObject(value) ? value : refuse(where, 'job', 'expected a job', value)
}

/** A span in ms; absent: undefined. */
export function givenSpan(value: unknown, where: string, name: string): number | undefined {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return value
  return refuse(where, name, 'expected milliseconds from 0, such as 30000', value)
}

export function refuse(where: string, path: string, expected: string, found: unknown): never {
  throw new TidewheelError('invalid_option', `${where}: ${path}: ${expected}; found ${show(found)}`, { path })
}
