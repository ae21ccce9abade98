/** The table of options: all that a person can set, once each. What is given to `createNode` and `connect`, the flags of the
 *  command line with their variables, the keys of the configuration file, and the table in the README are made from it.
 *  The interfaces that people see in their editor (NodeOptions, ConnectOptions) are held against it by the compiler.
 *  `cli` is there where the command line takes it too: `connectTimeout` is `--connect-timeout`, `TIDEWHEEL_CONNECT_TIMEOUT` and
 *  `connectTimeout` in the file. */
import type { Option } from './option.ts'
import * as value from './values.ts'

/** Whose option it is: of `createNode`, of `connect`. */
export type Holder = 'node' | 'client'

export interface TableOption extends Option {
  readonly of: readonly Holder[]
  /** Where nothing else is said, not even by the database. */
  readonly fallback?: string | number
  readonly cli?: {
    /** Which commands have the flag: all, those that name it, or none (it stands in the file or in a variable). */
    readonly flag: 'common' | 'start' | 'dev' | 'none'
    /** Its name there, where it is another one. */
    readonly name?: string
    /** What stands for the value in the help: `--uri <string>`; default: the unit. */
    readonly value?: string
    /** Other variables that say the same, after its own. */
    readonly alsoVariables?: readonly string[]
    /** It names the file itself, so it cannot stand in it. */
    readonly notInFile?: true
  }
}

const SECOND_MS = 1_000
const HOUR_MS = 3_600 * SECOND_MS
const DAY_MS = 24 * HOUR_MS
const HISTORY_DAYS = 7
/** The longest span that MongoDB takes for an expiry, in seconds. */
const LONGEST_EXPIRY_S = 2 ** 31 - 1
const EITHER = ['node', 'client'] as const

export const OPTIONS = {
  uri: {
    schema: value.connectionString(),
    help: 'connection string of MongoDB (a replica set)',
    secret: true,
    of: EITHER,
    cli: { flag: 'common', value: 'string', alsoVariables: ['MONGODB_URI'] },
  },
  client: { schema: value.client(), help: 'a MongoClient of yours instead of `uri`; it stays open', of: EITHER },
  db: {
    schema: value.database(),
    help: 'database',
    fallback: 'tidewheel',
    absent: "the connection string's, else tidewheel",
    of: EITHER,
    cli: { flag: 'common', value: 'name' },
  },
  config: {
    schema: value.file(),
    help: 'configuration file',
    absent: 'tidewheel.config.json, .mjs or .ts in the working folder, if there is one',
    of: [],
    cli: { flag: 'common', value: 'file', notInFile: true },
  },
  json: {
    schema: value.truth(),
    help: 'one JSON value on stdout, or one JSON object a line for streams',
    of: [],
    cli: { flag: 'common' },
  },
  quiet: { schema: value.truth(), help: 'results and errors only', of: [], cli: { flag: 'common' } },
  verbose: {
    schema: value.truth(),
    help: 'more about what is going on, and the cause of errors',
    of: [],
    cli: { flag: 'common' },
  },
  connectTimeout: {
    schema: value.milliseconds(1, HOUR_MS),
    help: 'how long to look for a server',
    default: 5 * SECOND_MS,
    unit: 'ms',
    of: EITHER,
    cli: { flag: 'common' },
  },
  ip: {
    schema: value.nodeName(),
    help: "the node's name: jobs with this ip run here",
    absent: "this machine's address as MongoDB sees it",
    of: ['node'],
    cli: { flag: 'start', value: 'ip' },
  },
  tasks: { schema: value.tasks(), help: 'functions by name', of: ['node'] },
  tasksDir: {
    schema: value.folder(),
    help: 'folder of modules; each exported function is the task module:export',
    of: ['node'],
    cli: { flag: 'start', name: 'tasks', value: 'folder' },
  },
  workspace: {
    schema: value.folder(),
    help: 'folder of scripts, for the executor script',
    of: ['node'],
    cli: { flag: 'start', value: 'folder' },
  },
  lease: {
    schema: value.milliseconds(250, DAY_MS),
    help: 'after so long a silent node counts as dead',
    default: 15 * SECOND_MS,
    unit: 'ms',
    of: ['node'],
    cli: { flag: 'start' },
  },
  timezone: {
    schema: value.zone(),
    help: 'zone of triggers and dates that name none, and in which times are shown',
    fallback: 'UTC',
    absent: 'UTC; for jobs that are added, the zone of their node',
    of: EITHER,
    cli: { flag: 'start', value: 'zone' },
  },
  stopTimeout: {
    schema: value.milliseconds(0, DAY_MS),
    help: 'how long runs may go on when the command is asked to end; then they are aborted',
    default: 30 * SECOND_MS,
    unit: 'ms',
    of: [],
    cli: { flag: 'start' },
  },
  http: {
    schema: value.address(),
    help: 'where API and dashboard are served',
    absent: 'not at all; `dev` and `serve`: 127.0.0.1:7788',
    of: ['node'],
    cli: { flag: 'start', value: 'host:port' },
  },
  basePath: {
    schema: value.basePath(),
    help: 'what all addresses of the server begin with, behind a proxy',
    absent: 'nothing',
    of: ['node'],
    cli: { flag: 'start', value: 'path' },
  },
  allowedHosts: {
    schema: value.hostNames(),
    help: 'names by which the server may be asked, beside its addresses',
    absent: 'none',
    of: ['node'],
    cli: { flag: 'none' },
  },
  readOnly: {
    schema: value.truth(),
    help: 'API and dashboard only show, and change nothing',
    of: ['node'],
    cli: { flag: 'start' },
  },
  metricsAuth: {
    schema: value.truth(),
    help: '`/metrics` needs a user, too',
    of: ['node'],
    cli: { flag: 'none' },
  },
  nodes: {
    schema: value.whole(0, 50),
    help: 'how many nodes, named 127.0.0.1, 127.0.0.2 and so on; 0: its MongoDB and the dashboard alone',
    default: 2,
    of: [],
    cli: { flag: 'dev', value: 'n' },
  },
  port: {
    schema: value.whole(1, 65_535),
    help: 'port of its MongoDB',
    absent: 'that of the last start, at first a free one',
    of: [],
    cli: { flag: 'dev', value: 'n' },
  },
  data: {
    schema: value.folder(),
    help: 'where its MongoDB keeps the data',
    default: '.tidewheel',
    of: [],
    cli: { flag: 'dev', value: 'folder' },
  },
  claimLead: {
    schema: value.milliseconds(0, 10 * SECOND_MS),
    help: 'most time before it is due at which a run is claimed, where many are due at once; 0 turns it off',
    default: 500,
    unit: 'ms',
    of: ['node'],
    cli: { flag: 'none' },
  },
  historyTtl: {
    schema: value.milliseconds(SECOND_MS, LONGEST_EXPIRY_S * SECOND_MS),
    help: 'how long history is kept, for all nodes of the database',
    fallback: HISTORY_DAYS * DAY_MS,
    absent: `as it is in the database, ${HISTORY_DAYS} days in a new one`,
    unit: 'ms',
    of: ['node'],
    cli: { flag: 'none' },
  },
  jobs: {
    schema: value.jobs(),
    help: 'jobs that a node stores when it starts; an unchanged one keeps its `next_run_time`',
    of: ['node'],
    cli: { flag: 'none' },
  },
  jobDefaults: {
    schema: value.jobDefaults(),
    help: 'what jobs that are added through the node get for absent fields',
    of: ['node'],
    cli: { flag: 'none' },
  },
  executors: {
    schema: value.executors(),
    help: 'how many runs at once: `{"default": {"concurrency": 100}}`',
    of: ['node'],
    cli: { flag: 'none' },
  },
  collections: {
    schema: value.collections(),
    help: 'other names of jobs, executions, nodes and users',
    of: EITHER,
    cli: { flag: 'none' },
  },
  logger: {
    schema: value.logger(),
    help: 'a logger of pino; `false`: silence',
    absent: 'warnings and errors to stderr',
    of: ['node'],
  },
  clock: {
    schema: value.clock(),
    help: 'for tests, a clock that is moved by hand',
    absent: "the machine's",
    of: ['node'],
  },
} as const satisfies Readonly<Record<string, TableOption>>

type All = typeof OPTIONS
/** The part of the table that `createNode` or `connect` takes. */
export type TableOf<H extends Holder> = {
  readonly [N in keyof All as H extends All[N]['of'][number] ? N : never]: All[N]
}
