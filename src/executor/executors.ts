/** Executors: from what a person configured to the executors of a node, by name.
 *  In: `{default: {concurrency: 100}, process: {workers: 3}, reports: {type: 'process', workers: 1}}`.
 *  Out: `default`, `process` and `script`, which are always there, and the named pools. Nothing is started.
 *  What may be configured, and with what limits and defaults, says the table of options. */
import path from 'node:path'
import { type Problem, TidewheelError } from '../errors.ts'
import { JOB_DEFAULTS, type Job } from '../job/job.ts'
import { type ExecutorValues, executorsOf } from '../options/executors.ts'
import type { Executor } from './executor.ts'
import { inProcess } from './in-process.ts'
import { Interpreters, type InterpretersOption } from './interpreters.ts'
import { Pool } from './pool.ts'
import { Scripts } from './script.ts'
import type { Tasks } from './tasks.ts'
import { Workspace } from './workspace.ts'

/** One executor: of which kind it is, and how many runs it has at once. */
export type ExecutorOptions =
  | {
      /** In the node's own process. */
      readonly type?: 'default'
      /** Runs at once, 1 to 100,000. Default: 100. */
      readonly concurrency?: number
    }
  | {
      /** In child processes that are used again. */
      readonly type?: 'process'
      /** Child processes, 1 to 1,000, each with one run at a time. Default: 3. */
      readonly workers?: number
      /** Most MB of a child's heap, 32 or more. Default: Node's own limit. */
      readonly memory?: number
    }
  | {
      /** Files of the workspace. */
      readonly type?: 'script'
      /** Scripts at once, 1 to 10,000. Default: 10. */
      readonly concurrency?: number
      /** What runs a file without its execute bit, by the ending of its name: a program and what is given to it before the file, such
       *  as `{'.rb': ['ruby'], '.py': ['python3', '-u']}`; beside the standard ones, or in their place. Default: `.py` python3,
       *  `.sh` sh, `.js` and `.mjs` the node that runs us. */
      readonly interpreters?: Readonly<Record<string, readonly string[]>>
    }

/** Executors by name. Three are always there; any other name is a pool of its own and names its `type`. */
export interface ExecutorsOption {
  /** The node's own process. Default: 100 runs at once. */
  readonly default?: Extract<ExecutorOptions, { type?: 'default' }>
  /** Child processes. Default: 3 of them. */
  readonly process?: Extract<ExecutorOptions, { type?: 'process' }>
  /** Scripts of the workspace. Default: 10 at once. */
  readonly script?: Extract<ExecutorOptions, { type?: 'script' }>
  readonly [name: string]: ExecutorOptions | undefined
}

export interface MakeExecutors {
  readonly tasks: Tasks
  readonly tasksDir?: string | undefined
  readonly workspace?: string | undefined
  readonly executors?: ExecutorsOption | undefined
}

/** Throws `invalid_option`. */
export function makeExecutors(options: MakeExecutors): ReadonlyMap<string, Executor> {
  const { tasks } = options
  const tasksDir = options.tasksDir === undefined ? undefined : path.resolve(options.tasksDir)
  const workspaceOf = (name: string, given: InterpretersOption | undefined) => {
    const interpreters = new Interpreters(given, `executors.${name}.interpreters`)
    return options.workspace === undefined ? undefined : new Workspace(options.workspace, interpreters)
  }
  const make = (name: string, values: ExecutorValues): Executor => {
    switch (values.kind) {
      case 'default':
        return inProcess(tasks, values.concurrency)
      case 'process':
        return new Pool({ tasks, tasksDir, workers: values.workers, memory: values.memory })
      case 'script':
        return new Scripts({ workspace: workspaceOf(name, values.interpreters), concurrency: values.concurrency })
    }
  }
  return new Map([...executorsOf(options.executors)].map(([name, values]) => [name, make(name, values)]))
}

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

/** More names than that are not told. */
const MOST_NAMES = 1_000

/** What can be performed here, as the registry tells it to others: functions by name (null: too many), and kinds of executors. */
export function abilitiesOf(tasks: Tasks, executors: ReadonlyMap<string, Executor>) {
  const kinds = [...executors].flatMap(([name, { kind }]) => (kind === undefined ? [] : [[name, kind] as const]))
  return { tasks: tasks.size > MOST_NAMES ? null : tasks.names(), executors: Object.fromEntries(kinds) }
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
