/** The table of wrong options in code, with the sentence that each gets from `createNode` and from `connect`; that what people
 *  read in their editor is what the table says; and that interface and table cannot part. Nothing is connected to. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type ConnectOptions, connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/clock.ts'
import { TidewheelError } from '../../src/errors.ts'
import { jsonLogger } from '../../src/log.ts'
import { createNode } from '../../src/node/node.ts'
import type { NodeOptions } from '../../src/node/options.ts'
import { EXECUTORS } from '../../src/options/executors.ts'
import type { Agreeing } from '../../src/options/given.ts'
import { type Holder, OPTIONS, type TableOption } from '../../src/options/table.ts'

const uri = 'mongodb://127.0.0.1:1/tidewheel'
/** As much of a driver's client as is asked for before it is used. */
const client = { connect() {}, db() {}, close() {} }
const LEASE = 'lease: expected whole milliseconds from 250 to 86,400,000, found'
const TTL = 'historyTtl: expected whole milliseconds from 1,000 to 2,147,483,647,000, found'
const LEAD = 'claimLead: expected whole milliseconds from 0 to 10,000, found'
const TIMEOUT = 'connectTimeout: expected whole milliseconds from 1 to 3,600,000, found'
const URI = 'uri: expected a connection string such as mongodb://127.0.0.1:27017/tidewheel, found'
const DB = 'db: expected a name of at most 63 bytes without / \\ . " $ and blanks, such as tidewheel, found'
const ZONE = 'timezone: expected a time zone such as Europe/Berlin or UTC, found'
const COLLECTION = 'collections.jobs: expected the name of a collection, such as scheduler_jobs, found'
const IP = 'ip: expected a name without whitespace (not "any"), such as 10.0.0.7, found'
const TASKS = "tasks: expected functions by name, such as {'mail:digest': fn}, found"
const LOGGER = 'logger: expected a logger of pino, or false for silence, found'
const CLOCK = 'clock: expected an RxJS scheduler: now() and schedule(), found'
const TYPES = 'expected default, process, script, found'
const KNOWN_BY_BOTH = 'uri, client, db, connectTimeout'

type Row = readonly [wrong: unknown, sentence: string]

/** What both refuse in the same words. */
const EITHER: readonly Row[] = [
  [undefined, 'options: expected an object such as {uri: process.env.MONGODB_URI}, found none'],
  [null, 'options: expected an object such as {uri: process.env.MONGODB_URI}, found null'],
  ['mongodb://ann:geheim@h', 'options: expected an object such as {uri: process.env.MONGODB_URI}, found text'],
  [[], 'options: expected an object such as {uri: process.env.MONGODB_URI}, found an empty array'],
  [{}, 'uri: expected a connection string (or a client), found neither'],
  [{ uri: undefined }, 'uri: expected a connection string (or a client), found neither'],
  [{ uri, client }, 'client: expected either uri or client, found both'],
  [{ uri: 5 }, `${URI} 5`],
  [{ uri: 'ann:geheim@h' }, `${URI} something else`],
  [{ client: {} }, 'client: expected a MongoClient of the package mongodb, found an object'],
  [{ client: 'mongodb://h' }, 'client: expected a MongoClient of the package mongodb, found "mongodb://h"'],
  [{ uri, db: 'admin' }, "db: admin is MongoDB's own database; name another, such as tidewheel"],
  [{ uri, db: '' }, `${DB} ""`],
  [{ uri, db: 'a.b' }, `${DB} "a.b"`],
  [{ uri, db: 5 }, `${DB} 5`],
  [{ uri, connectTimeout: 0 }, `${TIMEOUT} 0`],
  [{ uri, connectTimeout: '5s' }, `${TIMEOUT} "5s"`],
  [{ uri, connectTimeout: Number.POSITIVE_INFINITY }, `${TIMEOUT} Infinity`],
  [{ uri, timezone: 'Mars/Base' }, `${ZONE} "Mars/Base"`],
  [{ uri, timezone: '' }, `${ZONE} ""`],
  [{ uri, timezone: 1 }, `${ZONE} 1`],
  [{ uri, collections: 'x' }, 'collections: expected an object such as {jobs: \'scheduler_jobs\'}, found "x"'],
  [{ uri, collections: { job: 'x' } }, 'collections.job: there is no such collection; did you mean jobs?'],
  [
    { uri, collections: { jobs: 'j', nodes: 'j' } },
    'collections: expected different names, found "j" for jobs and nodes',
  ],
  [{ uri, collections: { jobs: 'nodes' } }, 'collections: expected different names, found "nodes" for jobs and nodes'],
  [{ uri, collections: { jobs: '' } }, `${COLLECTION} ""`],
  [{ uri, collections: { jobs: 'a$b' } }, `${COLLECTION} "a$b"`],
  [{ uri, collections: { jobs: 'system.jobs' } }, `${COLLECTION} "system.jobs"`],
  [{ uri, collections: { jobs: null } }, `${COLLECTION} null`],
]

const OF_NODE: readonly Row[] = [
  [{ task: {} }, 'task: there is no such option of createNode; did you mean tasks?'],
  [{ job_defaults: {} }, 'job_defaults: there is no such option of createNode; did you mean jobDefaults?'],
  [{ json: true }, 'json: there is no such option of createNode; it is one of the command line'],
  [{ dashboard: true }, `dashboard: there is no such option of createNode; known are ${KNOWN_BY_BOTH}, ip, tasks,`],
  [{ http: '7788' }, 'http: expected host and port, such as 127.0.0.1:7788, found "7788"'],
  [{ http: 7788 }, 'http: expected host and port, such as 127.0.0.1:7788, found 7788'],
  [{ basePath: 'jobs' }, 'basePath: expected a path such as /tidewheel, found "jobs"'],
  [{ allowedHosts: 'a' }, 'allowedHosts: expected a list of names such as ["jobs.example.org"], found "a"'],
  [{ readOnly: 1 }, 'readOnly: expected true or false, found 1'],
  [{ metricsAuth: 'yes' }, 'metricsAuth: expected true or false, found "yes"'],
  [{ lease: 0 }, `${LEASE} 0`],
  [{ lease: 1 }, `${LEASE} 1`],
  [{ lease: 1_000.5 }, `${LEASE} 1000.5`],
  [{ lease: Number.POSITIVE_INFINITY }, `${LEASE} Infinity`],
  [{ lease: Number.NaN }, `${LEASE} NaN`],
  [{ lease: '15000' }, `${LEASE} "15000"`],
  [{ lease: null }, `${LEASE} null`],
  [{ claimLead: -1 }, `${LEAD} -1`],
  [{ claimLead: 60_000 }, `${LEAD} 60000`],
  [{ historyTtl: Number.NaN }, `${TTL} NaN`],
  [{ historyTtl: '7d' }, `${TTL} "7d"`],
  [{ historyTtl: 0 }, `${TTL} 0`],
  [{ historyTtl: -1 }, `${TTL} -1`],
  [{ historyTtl: 1e18 }, `${TTL} 1000000000000000000`],
  [{ ip: 5 }, `${IP} 5`],
  [{ ip: '' }, `${IP} ""`],
  [{ ip: 'any' }, `${IP} "any"`],
  [{ ip: 'two words' }, `${IP} "two words"`],
  [{ ip: 'line\n' }, `${IP} "line\\n"`],
  [{ tasks: null }, `${TASKS} null`],
  [{ tasks: [] }, `${TASKS} an empty array`],
  [{ tasks: new Map() }, `${TASKS} an object`],
  [{ tasks: './tasks' }, `${TASKS} "./tasks"; a folder of them is tasksDir`],
  [{ tasks: { 'mail:digest': 'mail.js' } }, 'tasks.mail:digest: expected a function, found "mail.js"'],
  [{ tasksDir: '' }, 'tasksDir: expected the path of a folder, found ""'],
  [{ workspace: 5 }, 'workspace: expected the path of a folder, found 5'],
  [{ workspace: 'test/no-such-folder' }, 'workspace: expected a folder, found none at test/no-such-folder'],
  [{ jobs: {} }, 'jobs: expected a list of jobs, found an object'],
  [{ jobs: ['digest'] }, 'jobs.0: expected a job, such as {_id, func, trigger}, found "digest"'],
  [{ jobs: [{ func: 'a' }] }, 'jobs.0._id: expected an id, such as nightly-report, found none'],
  [{ jobs: [{ _id: 'a' }, { id: 'a' }] }, 'jobs.1._id: expected another id than that of jobs.0, found "a"'],
  [{ jobDefaults: 5 }, 'jobDefaults: expected an object of job fields such as {max_instances: 3}, found 5'],
  [{ jobDefaults: { max_instances: 0 } }, 'jobDefaults.max_instances: an integer from 1 to 1000, such as 1; found 0'],
  [{ jobDefaults: { max_instance: 1 } }, 'jobDefaults.max_instance: not a field of a job; did you mean max_instances?'],
  [{ jobDefaults: { timeout: '3' } }, 'jobDefaults.timeout: seconds above 0, such as 300, or null for none; found "3"'],
  [{ jobDefaults: { trigger: { type: 'interval' } } }, 'jobDefaults.trigger: an interval needs a length'],
  [{ jobDefaults: { _id: 'a' } }, 'jobDefaults._id: each job has its own; leave it out'],
  [{ logger: console }, `${LOGGER} an object`],
  [{ logger: true }, `${LOGGER} true`],
  [{ clock: 5 }, `${CLOCK} 5`],
  [{ clock: Date }, `${CLOCK} a function`],
  [{ executors: 3 }, 'executors: expected an object such as {process: {workers: 3}}, found 3'],
  [
    { executors: { default: { concurrency: 0 } } },
    'executors.default.concurrency: expected an integer from 1 to 100,000, found 0',
  ],
  [
    { executors: { default: { concurrency: 1.5 } } },
    'executors.default.concurrency: expected an integer from 1 to 100,000, found 1.5',
  ],
  [
    { executors: { process: { workers: '3' } } },
    'executors.process.workers: expected an integer from 1 to 1,000, found "3"',
  ],
  [{ executors: { reports: { workers: 1 } } }, `executors.reports.type: ${TYPES} none`],
  [
    { executors: { default: { type: 'threadpool', max_workers: 20 } } },
    'executors.default.type: expected default, as its name says (another name may have any type), found "threadpool"; that is default here, with concurrency for max_workers',
  ],
  [
    { executors: { default: { max_workers: 20 } } },
    'executors.default.max_workers: there is no such option of an executor of type default; it is concurrency here',
  ],
  [
    { executors: { pool: { type: 'processpool', max_workers: 3 } } },
    `executors.pool.type: ${TYPES} "processpool"; that is process here, with workers for max_workers`,
  ],
]

const OF_CLIENT: readonly Row[] = [
  [{ uir: 'x' }, 'uir: there is no such option of connect; did you mean uri?'],
  [{ lease: 15_000 }, 'lease: there is no such option of connect; it is one of createNode'],
  [{ quiet: true }, 'quiet: there is no such option of connect; it is one of the command line'],
  [{ colour: 'blue' }, `colour: there is no such option of connect; known are ${KNOWN_BY_BOTH}, timezone, collections`],
]

function refusalOf(error: unknown): string {
  expect(error).toBeInstanceOf(TidewheelError)
  const { code, data, message } = error as TidewheelError
  expect(code).toBe('invalid_option')
  expect(message.startsWith(`${data.path}: `)).toBe(true)
  return message
}

function createNodeRefuses(options: unknown): string {
  try {
    createNode(options as NodeOptions)
  } catch (error) {
    return refusalOf(error)
  }
  return 'accepted'
}

const connectRefuses = (options: unknown): Promise<string> =>
  connect(options as ConnectOptions).then(() => 'accepted', refusalOf)

describe('createNode refuses', () => {
  test.each([...EITHER, ...OF_NODE.map(([wrong, sentence]) => [{ uri, ...(wrong as object) }, sentence] as const)])(
    '%o',
    (options, sentence) => {
      const message = createNodeRefuses(options)
      expect(message.slice(0, sentence.length)).toBe(sentence)
      expect(message).not.toContain('geheim')
    },
  )
})

describe('connect refuses', () => {
  test.each([...EITHER, ...OF_CLIENT.map(([wrong, sentence]) => [{ uri, ...(wrong as object) }, sentence] as const)])(
    '%o',
    async (options, sentence) => {
      const message = await connectRefuses(options)
      expect(message.slice(0, sentence.length)).toBe(sentence)
      expect(message).not.toContain('geheim')
    },
  )
})

test('every option of the table has a wrong value in these tables', () => {
  const tried = new Set([...EITHER, ...OF_NODE].flatMap(([wrong]) => Object.keys((wrong as object) ?? {})))
  const untried = Object.entries<TableOption>(OPTIONS).filter(([name, { of }]) => of.length > 0 && !tried.has(name))
  expect(untried).toEqual([])
})

test('what is right is taken, at its limits too, and undefined is as good as absent', async () => {
  const all: NodeOptions = {
    uri,
    db: 'x'.repeat(63),
    connectTimeout: 1,
    ip: 'fe80::1%eth0',
    tasks: { 'mail:digest': () => {} },
    tasksDir: 'test',
    workspace: 'test',
    executors: { default: { concurrency: 1 }, mail: { type: 'default' } },
    jobDefaults: { max_instances: 1_000, ip: null, x_own: 1 },
    jobs: [
      { _id: 'a', func: 'mail:digest', trigger: { type: 'date' } },
      { id: 'b', func: 'mail:digest' },
    ],
    timezone: 'europe/berlin',
    lease: 250,
    claimLead: 0,
    historyTtl: 1_000,
    collections: { jobs: 'nodes', nodes: 'jobs' },
    http: '[::1]:0',
    basePath: '/a/b',
    allowedHosts: ['jobs.example.org'],
    readOnly: true,
    metricsAuth: false,
    logger: jsonLogger({ level: 'silent' }),
    clock: systemClock,
  }
  const absent = Object.fromEntries(Object.keys(all).map(name => [name, name === 'uri' ? uri : undefined]))
  for (const options of [all, { ...absent, colour: undefined }, { uri, logger: false }, { client }]) {
    expect(createNode(options as NodeOptions).status().state).toBe('stopped')
  }
})

/** The compiler's part: `tsc` checks it with the rest. */
test('an interface that is not the table does not compile', () => {
  const right: Agreeing<NodeOptions, 'node'> & Agreeing<ConnectOptions, 'client'> = { uri }
  // @ts-expect-error an option that the table does not have
  const more: Agreeing<NodeOptions & { readonly colour?: string }, 'node'> = { uri }
  // @ts-expect-error an option of the table that the interface does not have
  const less: Agreeing<Omit<NodeOptions, 'lease'>, 'node'> = { uri }
  // @ts-expect-error a type that the table does not take
  const other: Agreeing<Omit<NodeOptions, 'lease'> & { readonly lease?: number | string }, 'node'> = { uri }
  // @ts-expect-error a type of the table that the interface does not have
  const narrower: Agreeing<Omit<NodeOptions, 'lease'> & { readonly lease?: 15_000 }, 'node'> = { uri }
  expect([right, more, less, other, narrower]).toHaveLength(5)
})

describe('the comment of each option, which an editor shows, says what the table says', () => {
  const read = (path: string) => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8')
  /** The comments of an interface's members, by name. */
  const commentsIn = (path: string) =>
    [...read(path).matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s+readonly (\w+)\?:/gs)].map(
      ([, text = '', name = '']) => [name, text.replace(/\s*\n\s*\*?\s*/g, ' ').trim()] as const,
    )
  const says = (comment: string, { default: standard, unit }: Pick<TableOption, 'default' | 'unit'>) => {
    expect(comment).toMatch(/Default: .+\.$/)
    if (standard !== undefined) expect(comment).toMatch(new RegExp(`Default: \`?${standard}\\b`))
    if (unit !== undefined) expect(comment).toMatch(unit === 'ms' ? /milliseconds/i : /MB/)
  }

  test.each<[Holder, string]>([
    ['node', 'node/options.ts'],
    ['client', 'client/connect.ts'],
  ])('of a %s', (holder, path) => {
    const comments = new Map([...commentsIn('database/connection.ts'), ...commentsIn(path)])
    for (const [name, option] of Object.entries<TableOption>(OPTIONS)) {
      if (option.of.includes(holder)) says(comments.get(name) ?? `${name} has none`, option)
    }
  })

  test('of an executor', () => {
    const comments = commentsIn('executor/executors.ts').map(([name, text]) => `${name} ${text}`)
    for (const table of Object.values(EXECUTORS)) {
      for (const [name, option] of Object.entries(table)) {
        const own = comments.filter(comment => comment.startsWith(`${name} `))
        const standard = 'default' in option ? option.default : undefined
        says(own.find(comment => standard === undefined || comment.includes(`Default: ${standard}.`)) ?? name, option)
      }
    }
  })
})
