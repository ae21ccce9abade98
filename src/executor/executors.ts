/** Executors: from what a person configured to the executors of a node, by name.
 *  In: `{default: {concurrency: 100}, process: {workers: 3}, reports: {type: 'process', workers: 1}}`.
 *  Out: `default`, `process` and `script`, which are always there, and the named pools; or `invalid_option` with the path
 *  of what is wrong, what is allowed there and the nearest known name. Nothing is started. */
import path from 'node:path'
import { nearest, type Problem, TidewheelError } from '../errors.ts'
import { JOB_DEFAULTS, type Job } from '../job/job.ts'
import type { Executor } from './executor.ts'
import { inProcess } from './in-process.ts'
import { Pool } from './pool.ts'
import { Scripts } from './script.ts'
import type { Tasks } from './tasks.ts'
import { Workspace } from './workspace.ts'

export type ExecutorOptions =
  | {
      /** In the node's own process. */
      readonly type?: 'default'
      /** How many runs at once; default 100. */
      readonly concurrency?: number
    }
  | {
      /** In child processes that are used again. */
      readonly type?: 'process'
      /** How many child processes; default 3. */
      readonly workers?: number
      /** Most MB of a child's heap; default: Node's own limit. */
      readonly memory?: number
    }
  | {
      /** Executable files of the workspace. */
      readonly type?: 'script'
      /** How many runs at once; default 10. */
      readonly concurrency?: number
    }

type Kind = NonNullable<ExecutorOptions['type']>

/** The three by their names; any other name is a pool of its own and names its `type`. */
export interface ExecutorsOption {
  readonly default?: Extract<ExecutorOptions, { type?: 'default' }>
  readonly process?: Extract<ExecutorOptions, { type?: 'process' }>
  readonly script?: Extract<ExecutorOptions, { type?: 'script' }>
  readonly [name: string]: ExecutorOptions | undefined
}

export interface MakeExecutors {
  readonly tasks: Tasks
  readonly tasksDir?: string | undefined
  readonly workspace?: string | undefined
  readonly executors?: ExecutorsOption | undefined
}

/** A number that may be set: its default, its limits, and what it is. */
interface Range {
  readonly default?: number
  readonly min: number
  readonly max: number
}

/** No smaller heap lets Node itself start. */
const LEAST_MEMORY_MB = 32

const RANGES: Readonly<Record<Kind, Readonly<Record<string, Range>>>> = {
  default: { concurrency: { default: 100, min: 1, max: 100_000 } },
  process: { workers: { default: 3, min: 1, max: 1_000 }, memory: { min: LEAST_MEMORY_MB, max: 1_000_000 } },
  script: { concurrency: { default: 10, min: 1, max: 10_000 } },
}
const KINDS = Object.keys(RANGES) as readonly Kind[]

/** Throws `invalid_option`. */
export function makeExecutors(options: MakeExecutors): ReadonlyMap<string, Executor> {
  const { tasks, executors = {} } = options
  if (!isObject(executors)) throw refused('executors', 'an object such as {process: {workers: 3}}', executors)
  const tasksDir = options.tasksDir === undefined ? undefined : path.resolve(options.tasksDir)
  const workspace = options.workspace === undefined ? undefined : new Workspace(options.workspace)
  const make = (name: string, given: unknown): Executor => {
    const { kind, numbers } = read(name, given)
    switch (kind) {
      case 'default':
        return inProcess(tasks, numbers.concurrency as number)
      case 'process':
        return new Pool({ tasks, tasksDir, workers: numbers.workers as number, memory: numbers.memory })
      case 'script':
        return new Scripts({ workspace, concurrency: numbers.concurrency as number })
    }
  }
  const given = Object.entries(executors).filter(([, value]) => value !== undefined)
  const all = new Map<string, unknown>([...KINDS.map(kind => [kind, {}] as const), ...given])
  return new Map([...all].map(([name, value]) => [name, make(name, value)]))
}

/** What one entry says, with its defaults. */
function read(name: string, given: unknown): { kind: Kind; numbers: Record<string, number | undefined> } {
  const where = `executors.${name}`
  if (!isObject(given)) throw refused(where, `an object such as ${exampleOf(name)}`, given)
  const { type, ...rest } = given
  const kind = kindOf(name, type)
  const ranges = RANGES[kind]
  for (const key of Object.keys(rest)) {
    if (Object.hasOwn(ranges, key)) continue
    const known = Object.keys(ranges)
    const near = nearest(key, known)
    const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`
    throw invalid(`${where}.${key}`, `there is no such option of an executor of type ${kind}; ${hint}`)
  }
  const numbers: Record<string, number | undefined> = {}
  for (const [key, range] of Object.entries(ranges)) {
    const value = rest[key] ?? range.default
    numbers[key] = value as number | undefined
    if (value === undefined) continue
    if (Number.isInteger(value) && (value as number) >= range.min && (value as number) <= range.max) continue
    const unit = key === 'memory' ? 'whole MB' : 'an integer'
    const limits = `from ${range.min} to ${range.max.toLocaleString('en')}`
    throw refused(`${where}.${key}`, `${unit} ${limits}`, value)
  }
  return { kind, numbers }
}

function kindOf(name: string, type: unknown): Kind {
  const where = `executors.${name}.type`
  const own = KINDS.find(kind => kind === name)
  if (own !== undefined) {
    if (type === undefined || type === own) return own
    throw refused(where, `${own}, as its name says (another name may have any type)`, type)
  }
  const kind = KINDS.find(known => known === type)
  if (kind !== undefined) return kind
  const near = typeof type === 'string' ? nearest(type, KINDS) : nearest(name, KINDS)
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  throw refused(where, KINDS.join(', '), type, hint)
}

const exampleOf = (name: string) =>
  name === 'process'
    ? '{workers: 3}'
    : name === 'default' || name === 'script'
      ? '{concurrency: 10}'
      : "{type: 'process', workers: 1}"

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const refused = (path: string, expected: string, found: unknown, hint = '') =>
  invalid(path, `expected ${expected}, found ${found === undefined ? 'none' : JSON.stringify(found)}${hint}`)

const invalid = (path: string, message: string) => new TidewheelError('invalid_option', `${path}: ${message}`, { path })

/** Stands for an executor that this node does not have: each of its runs fails. */
export function unknownExecutor(name: string): Executor {
  const message = `executor: this node has none named "${name}"`
  return {
    places: 0,
    problem: () => message,
    perform: () => Promise.reject(new TidewheelError('invalid_job', message)),
    close: async () => {},
  }
}

/** What keeps a job from running on these executors. */
export function problemsOf(
  { executor: name = JOB_DEFAULTS.executor, func }: Job,
  executors: ReadonlyMap<string, Executor>,
): readonly Problem[] {
  const executor = executors.get(name)
  if (executor === undefined) {
    const known = [...executors.keys()].join(', ')
    return [{ path: 'executor', message: `executor: this node has none named "${name}"; known here: ${known}` }]
  }
  const message = executor.problem(func)
  return message === undefined ? [] : [{ path: 'func', message }]
}
