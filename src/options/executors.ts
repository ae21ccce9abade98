/** What may be said of executors: the kinds there are and the options of each.
 *  In: `{default: {concurrency: 100}, process: {workers: 3}, reports: {type: 'process', workers: 1}}`.
 *  Out: by name, the kind and its options with their defaults; `default`, `process` and `script` are always among them.
 *  Pure: what an executor does with them, the executors know. */
import { nearest, type Problem } from '../errors.ts'
import {
  amount,
  expected,
  found,
  isRecord,
  problemOf,
  readTable,
  refused,
  type Table,
  told,
  type Values,
} from './option.ts'

/** No smaller heap lets Node itself start. */
const LEAST_MEMORY_MB = 32

const A_COMMAND = "a program and what is given to it before the file, such as ['ruby', '-w']"

/** Commands by the ending of a file's name. */
const interpreters = () =>
  told<Readonly<Record<string, readonly string[]>>>(given => {
    const path = 'interpreters'
    if (!isRecord(given)) return expected(path, "commands by ending, such as {'.rb': ['ruby']}", found(given))
    for (const [ending, command] of Object.entries(given)) {
      if (!/^\.[^./\\\s]+$/.test(ending)) return expected(path, 'endings such as .rb', found(ending))
      const problem = commandProblem(`${path}.${ending}`, command)
      if (problem !== undefined) return problem
    }
    return undefined
  })

function commandProblem(path: string, command: unknown): Problem | undefined {
  if (!Array.isArray(command)) return expected(path, A_COMMAND, found(command))
  const wrong = command.find(word => typeof word !== 'string' || word.includes('\0'))
  if (wrong !== undefined) return expected(path, A_COMMAND, `${found(wrong)} in it`)
  return (command[0] ?? '').trim() === '' ? expected(path, A_COMMAND, 'an empty one') : undefined
}

export const EXECUTORS = {
  default: {
    concurrency: {
      schema: amount('an integer', 1, 100_000),
      default: 100,
      help: "runs at once in the node's own process",
    },
  },
  process: {
    workers: {
      schema: amount('an integer', 1, 1_000),
      default: 3,
      help: 'child processes, each with one run at a time',
    },
    memory: {
      schema: amount('whole MB', LEAST_MEMORY_MB, 1_000_000),
      unit: 'MB',
      absent: "Node's own limit",
      help: "most of a child's heap",
    },
  },
  script: {
    concurrency: { schema: amount('an integer', 1, 10_000), default: 10, help: 'scripts of the workspace at once' },
    interpreters: {
      schema: interpreters(),
      absent: '`.py` python3, `.sh` sh, `.js` and `.mjs` node',
      help: "what runs a file without its execute bit, by its ending: `{'.rb': ['ruby']}`",
    },
  },
} as const satisfies Readonly<Record<string, Table>>

type Kinds = typeof EXECUTORS
export type ExecutorKind = keyof Kinds
/** What one executor is to be. */
export type ExecutorValues = { readonly [K in ExecutorKind]: { readonly kind: K } & Values<Kinds[K]> }[ExecutorKind]
/** What is said of one of a kind. */
type ExecutorGiven<K extends ExecutorKind> = { readonly type?: K } & Partial<Values<Kinds[K]>>
/** What is said of all of them. */
export type ExecutorsGiven = { readonly [K in ExecutorKind]?: ExecutorGiven<K> } & {
  readonly [name: string]: { [K in ExecutorKind]: ExecutorGiven<K> }[ExecutorKind] | undefined
}

const KINDS = Object.keys(EXECUTORS) as readonly ExecutorKind[]

/** What APScheduler calls them. */
const ABROAD: readonly { readonly type: RegExp; readonly kind: ExecutorKind }[] = [
  { type: /process/i, kind: 'process' },
  { type: /thread|gevent|asyncio|tornado|twisted|debug/i, kind: 'default' },
]
/** The option of a kind that says what `max_workers` says there. */
const PLACES: Readonly<Record<ExecutorKind, string>> = {
  default: 'concurrency',
  process: 'workers',
  script: 'concurrency',
}

/** By name. Throws `invalid_option`. */
export function executorsOf(given: unknown = {}): ReadonlyMap<string, ExecutorValues> {
  const problem = executorsProblem(given)
  if (problem !== undefined) throw refused(problem)
  const named = Object.entries(given as Readonly<Record<string, unknown>>).filter(([, one]) => one !== undefined)
  const all = new Map<string, unknown>([...KINDS.map(kind => [kind, {}] as const), ...named])
  return new Map([...all].map(([name, one]) => [name, valuesOf(name, one as Given)]))
}

type Given = Readonly<Record<string, unknown>>

function valuesOf(name: string, { type, ...options }: Given): ExecutorValues {
  const kind = isKind(name) ? name : (type as ExecutorKind)
  return { kind, ...readTable(EXECUTORS[kind], options) } as ExecutorValues
}

/** The first thing that is wrong with the whole option; undefined: nothing. */
export function executorsProblem(given: unknown): Problem | undefined {
  if (!isRecord(given)) return expected('executors', 'an object such as {process: {workers: 3}}', found(given))
  for (const [name, one] of Object.entries(given)) {
    const problem = one === undefined ? undefined : oneProblem(name, one)
    if (problem !== undefined) return problem
  }
  return undefined
}

function oneProblem(name: string, one: unknown): Problem | undefined {
  const path = `executors.${name}`
  if (name === '') return expected('executors', 'a name for each', 'an empty one')
  if (!isRecord(one)) return expected(path, `an object such as ${exampleOf(name)}`, found(one))
  const { type, ...options } = one
  const kind = kindOf(name, type)
  if (typeof kind !== 'string') return kind
  const hint = (key: string) => (key === 'max_workers' ? `it is ${PLACES[kind]} here` : undefined)
  return problemOf(EXECUTORS[kind], options, { path, what: `option of an executor of type ${kind}`, hint })
}

function kindOf(name: string, type: unknown): ExecutorKind | Problem {
  const path = `executors.${name}.type`
  if (isKind(name)) {
    if (type === undefined || type === name) return name
    return expected(path, `${name}, as its name says (another name may have any type)`, `${found(type)}${abroad(type)}`)
  }
  if (isKind(type)) return type
  const near = nearest(typeof type === 'string' ? type : name, KINDS)
  const hint = abroad(type) || (near === undefined ? '' : `; did you mean ${near}?`)
  return expected(path, KINDS.join(', '), `${found(type)}${hint}`)
}

const isKind = (value: unknown): value is ExecutorKind => KINDS.some(kind => kind === value)

/** Its word here, where it is one of APScheduler's. */
function abroad(type: unknown): string {
  const kind = typeof type === 'string' && !isKind(type) ? ABROAD.find(one => one.type.test(type))?.kind : undefined
  return kind === undefined ? '' : `; that is ${kind} here, with ${PLACES[kind]} for max_workers`
}

const exampleOf = (name: string) => (isKind(name) ? `{${PLACES[name]}: 3}` : "{type: 'process', workers: 1}")
