/** Option: one thing that a person can set, and the one reader of all tables of them.
 *  In: a table of options and what was given, of any shape. Out: the values, with the defaults of absent ones.
 *  Throws `invalid_option` for the first that is wrong: where it is, what is expected, what was found, the nearest known word.
 *  Pure. Values are checked, never changed; `undefined` counts as absent everywhere. */
import { z } from 'zod'
import { nearest, type Problem, TidewheelError } from '../errors.ts'
import { show } from '../job/parse.ts'

export interface Option {
  /** Its type and check; the description says what is expected, to go on "expected …, found …". */
  readonly schema: z.ZodType
  /** What it does, in a sentence for people. */
  readonly help: string
  /** What stands for it where it is absent. */
  readonly default?: unknown
  /** What its absence means, where no single value stands for it. */
  readonly absent?: string
  readonly unit?: 'ms' | 'MB'
  /** Its text is never shown. */
  readonly secret?: true
}

export type Table = Readonly<Record<string, Option>>

/** What a table's reader gives: of options without a default, only those that were given. */
export type Values<T extends Table> = {
  readonly [N in keyof T as T[N] extends { readonly default: unknown } ? N : never]: z.output<T[N]['schema']>
} & {
  readonly [N in keyof T as T[N] extends { readonly default: unknown } ? never : N]?: z.output<T[N]['schema']>
}

/** Where a table's values were found, and how its unknown words are spoken of. */
export interface Where {
  /** Goes before each name: `executors.process`. */
  readonly path?: string
  /** Such as `option of connect`; default: `option`. */
  readonly what?: string
  /** A better answer than the nearest word, where there is one. */
  readonly hint?: (name: string) => string | undefined
}

/** Whether it has names with values: no list, no Map. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !(Symbol.iterator in value)

/** All values of a table. Throws `invalid_option`. */
export function readTable<T extends Table>(
  table: T,
  given: Readonly<Record<string, unknown>>,
  where?: Where,
): Values<T> {
  const problem = problemOf(table, given, where)
  if (problem !== undefined) throw refused(problem)
  const values = Object.entries(table).map(([name, option]) => {
    const value = given[name]
    return [name, value === undefined ? option.default : value]
  })
  return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Values<T>
}

/** The first thing that is wrong; undefined: nothing. */
export function problemOf(
  table: Table,
  given: Readonly<Record<string, unknown>>,
  where: Where = {},
): Problem | undefined {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const path = where.path === undefined ? name : `${where.path}.${name}`
    const option = Object.hasOwn(table, name) ? table[name] : undefined
    const problem =
      option === undefined ? unknown(path, name, Object.keys(table), where) : valueProblem(path, option, value)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** What is wrong with the value of an option that is there. */
export function valueProblem(path: string, { schema, secret }: Option, value: unknown): Problem | undefined {
  const issue = schema.safeParse(value).error?.issues[0]
  if (issue === undefined) return undefined
  const told = issue.code === 'custom' ? (issue.params?.problem as Problem | undefined) : undefined
  // It knows its own name, not where its table stands.
  const before = path.slice(0, path.lastIndexOf('.') + 1)
  return (
    (told && { path: before + told.path, message: before + told.message }) ??
    expected(path, schema.description ?? '', secret && typeof value === 'string' ? 'something else' : found(value))
  )
}

export const expected = (path: string, what: string, instead: string): Problem => ({
  path,
  message: `${path}: expected ${what}, found ${instead}`,
})

export const found = (value: unknown): string =>
  value === undefined ? 'none' : typeof value === 'function' ? 'a function' : show(value)

export const refused = ({ path, message }: Problem) => new TidewheelError('invalid_option', message, { path })

/** A name that is none of these. */
export function unknown(
  path: string,
  name: string,
  known: readonly string[],
  { what = 'option', hint }: Where,
): Problem {
  const near = nearest(name, known)
  const advice = hint?.(name) ?? (near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`)
  return { path, message: `${path}: there is no such ${what}; ${advice}` }
}

/** A whole number of something, within limits. */
export const amount = (what: string, least: number, most: number) =>
  z
    .int()
    .min(least)
    .max(most)
    .describe(`${what} from ${least.toLocaleString('en')} to ${most.toLocaleString('en')}`)

/** A check that finds what is wrong in a sentence of its own, for `superRefine`. */
export const telling =
  (look: (value: unknown) => Problem | undefined) =>
  (value: unknown, context: z.RefinementCtx): void => {
    const problem = look(value)
    if (problem !== undefined) context.addIssue({ code: 'custom', params: { problem } })
  }

/** A value of which `look` finds all that is wrong. */
export const told = <T>(look: (value: unknown) => Problem | undefined) => z.custom<T>().superRefine(telling(look))
