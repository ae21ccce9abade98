/** Options: what a person gives a node.
 *  In: an object of any shape. Out: the same, checked, with the values that stand for absent ones.
 *  Throws `invalid_option`: with the nearest known name for an unknown one, with what is expected and what was found else.
 *  Always holds: nothing is read or opened; connection, executors and jobs are checked by those who use them. */
import type { MongoClient } from 'mongodb'
import { type Clock, systemClock } from '../clock.ts'
import type { CollectionNames } from '../database/ensure.ts'
import { nearest, TidewheelError } from '../errors.ts'
import type { Task } from '../executor/executor.ts'
import type { ExecutorsOption } from '../executor/executors.ts'
import type { FlatJob, JobInput } from '../job/job.ts'
import { type Logger, silent } from '../log.ts'

export interface NodeOptions {
  /** Connection string; or give `client`. */
  readonly uri?: string
  /** A MongoClient of yours; it stays open. */
  readonly client?: MongoClient
  /** Database; default: the connection string's, else `tidewheel`. */
  readonly db?: string
  /** The node's name: jobs with this `ip` run here. Default: this machine's address as MongoDB sees it. */
  readonly ip?: string
  /** Functions by name. */
  readonly tasks?: Readonly<Record<string, Task>>
  /** A folder of modules; each exported function is the task `module:export`. */
  readonly tasksDir?: string
  /** A folder of executable files, for jobs of the executor `script`. */
  readonly workspace?: string
  /** How many runs at once, and pools of your own: `{process: {workers: 3}, reports: {type: 'process', workers: 1}}`. */
  readonly executors?: ExecutorsOption
  /** What jobs added through this node get for absent fields. */
  readonly jobDefaults?: Partial<JobInput>
  /** Added at the start; an unchanged one keeps its `next_run_time`. */
  readonly jobs?: readonly (JobInput | FlatJob)[]
  /** For triggers and dates that name no zone; default UTC. */
  readonly timezone?: string
  /** Milliseconds after which a silent node counts as dead; default 15,000. */
  readonly lease?: number
  /** Most milliseconds before its due time at which a run is claimed; default 50, 0 turns it off. */
  readonly claimLead?: number
  /** Milliseconds for which history is kept; default 7 days. */
  readonly historyTtl?: number
  readonly collections?: CollectionNames
  /** pino; default: silent. */
  readonly logger?: Logger
  /** For tests: a clock that is moved by hand. */
  readonly clock?: Clock
  /** How long to look for a server, in ms; default 5,000. `start` gives up when the database is silent for three times as long. */
  readonly connectTimeout?: number
}

const LEASE_MS = 15_000
const CLAIM_LEAD_MS = 50

/** All there are; the compiler asks for each. `http` is let through: nothing here looks at it. */
const KNOWN = Object.keys({
  uri: true,
  client: true,
  db: true,
  ip: true,
  tasks: true,
  tasksDir: true,
  workspace: true,
  executors: true,
  jobDefaults: true,
  jobs: true,
  timezone: true,
  lease: true,
  claimLead: true,
  historyTtl: true,
  collections: true,
  logger: true,
  clock: true,
  connectTimeout: true,
  http: true,
} satisfies Record<keyof NodeOptions | 'http', true>)

/** Options with what stands for absent ones. */
export type CheckedOptions = NodeOptions &
  Required<Pick<NodeOptions, 'timezone' | 'lease' | 'claimLead' | 'logger' | 'clock'>>

export function checkOptions(options: NodeOptions): CheckedOptions {
  for (const name of Object.keys(options)) {
    if (KNOWN.includes(name)) continue
    const near = nearest(name, KNOWN)
    throw invalid(name, `there is no such option${near === undefined ? '' : `; did you mean ${near}?`}`)
  }
  const { ip } = options
  if (ip !== undefined && (!/^\S+$/.test(ip) || ip === 'any'))
    throw invalid('ip', `expected a name without whitespace (not "any"), found ${JSON.stringify(ip)}`)
  for (const [i, job] of (options.jobs ?? []).entries()) {
    if (('_id' in job && job._id !== undefined) || ('id' in job && job.id !== undefined)) continue
    // It would be another job at each start.
    const message = `jobs[${i}]._id: expected an id, such as nightly-report; found none`
    throw new TidewheelError('invalid_option', message, { path: `jobs.${i}._id` })
  }
  return {
    ...options,
    timezone: options.timezone ?? 'UTC',
    lease: options.lease ?? LEASE_MS,
    claimLead: options.claimLead ?? CLAIM_LEAD_MS,
    logger: options.logger ?? silent(),
    clock: options.clock ?? systemClock,
  }
}

const invalid = (path: string, message: string) => new TidewheelError('invalid_option', `${path}: ${message}`, { path })
