/** Options: what a person gives a node.
 *  In: an object of any shape. Out: the same, checked by the table of options, with the values that stand for absent ones.
 *  Always holds: nothing is read or opened; whether a folder is there and what is wrong with a job is found at the start. */
import { type Clock, systemClock } from '../clock.ts'
import type { ConnectionOptions } from '../database/connection.ts'
import type { Task } from '../executor/executor.ts'
import type { ExecutorsOption } from '../executor/executors.ts'
import type { FlatJob, JobInput } from '../job/job.ts'
import { type Logger, loggerOf } from '../log.ts'
import { optionsOf } from '../options/given.ts'
import { OPTIONS } from '../options/table.ts'

/** What `createNode` takes. Durations are milliseconds. */
export interface NodeOptions extends ConnectionOptions {
  /** The node's name: jobs with this `ip` run here. Text without whitespace, not `any`; a stable name is better where addresses
   *  change. Default: this machine's address as MongoDB sees it. */
  readonly ip?: string
  /** Functions by name: a job's `func` is such a name. Default: none. */
  readonly tasks?: Readonly<Record<string, Task>>
  /** A folder of modules; each exported function is the task `module:export`. Default: none. */
  readonly tasksDir?: string
  /** A folder of scripts, for jobs of the executor `script`. Default: none, and no script runs. */
  readonly workspace?: string
  /** How many runs at once, and pools of your own: `{process: {workers: 3}, reports: {type: 'process', workers: 1}}`.
   *  Default: 100 runs in the node's process, 3 child processes, 10 scripts. */
  readonly executors?: ExecutorsOption
  /** What jobs that are added through this node get for absent fields, such as `{max_instances: 3}`. Default: nothing. */
  readonly jobDefaults?: Partial<Omit<JobInput, '_id'>>
  /** Jobs that are stored at each start, each with an id; an unchanged one keeps its `next_run_time`. Default: none. */
  readonly jobs?: readonly (JobInput | FlatJob)[]
  /** The zone of triggers and dates that name none, such as `Europe/Berlin`; one that is given is written into the triggers of jobs
   *  that are added here. Default: `UTC`. */
  readonly timezone?: string
  /** Milliseconds (from 250) after which a silent node counts as dead, and others take its jobs over. Default: 15000. */
  readonly lease?: number
  /** Most milliseconds before it is due at which a run is claimed, where many are due at once; 0 turns it off. Default: 500. A run that
   *  is due alone is claimed 50 ms before at most. */
  readonly claimLead?: number
  /** Milliseconds (from 1000) for which history is kept; it holds for all nodes of the database, and the last word counts.
   *  Default: as it is in the database, 7 days in a new one. */
  readonly historyTtl?: number
  /** Where the node serves API and dashboard, from its first start to its close: `127.0.0.1:7788`. Other addresses than loopback ones
   *  need users (`tidewheel user add`). Default: not at all. */
  readonly http?: string
  /** What all addresses of that server begin with, such as `/tidewheel`, where a proxy stands before it. Default: nothing. */
  readonly basePath?: string
  /** Names that a request may ask that server by, beside its addresses: `['jobs.example.org']`. Default: none. */
  readonly allowedHosts?: readonly string[]
  /** That server only shows, and changes nothing, whatever the role. Default: false. */
  readonly readOnly?: boolean
  /** `/metrics` needs a user, too. Default: false. */
  readonly metricsAuth?: boolean
  /** A logger of pino; `false`: silence. Default: warnings and errors to stderr. */
  readonly logger?: Logger | false
  /** For tests: a clock that is moved by hand, such as FakeClock of `tidewheel/testing`. Default: the machine's. */
  readonly clock?: Clock
}

/** Options with what stands for absent ones. */
export type CheckedOptions = Omit<NodeOptions, 'logger' | 'historyTtl'> &
  Required<Pick<NodeOptions, 'timezone' | 'lease' | 'claimLead' | 'connectTimeout' | 'clock'>> & {
    readonly logger: Logger
    /** Null: as it is in the database. */
    readonly historyTtl: number | null
  }

/** Throws `invalid_option`: with the path of what is wrong, what is expected there, and the nearest known word. */
export function checkOptions(options: NodeOptions): CheckedOptions {
  const values = optionsOf<'node', NodeOptions>('node', options)
  const { timezone = OPTIONS.timezone.fallback, logger, clock = systemClock, historyTtl = null } = values
  return { ...values, timezone, logger: loggerOf(logger), clock, historyTtl }
}
