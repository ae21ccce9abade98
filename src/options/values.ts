/** Kinds of values that options have, each with what is expected of it. Pure. */
import type { MongoClient } from 'mongodb'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Problem } from '../errors.ts'
import { type FlatJob, type JobInput, present } from '../job/job.ts'
import { validateJob } from '../job/parse.ts'
import type { Logger } from '../log.ts'
import { zoneOf } from '../trigger/local-time.ts'
import { type ExecutorsGiven, executorsProblem } from './executors.ts'
import { amount, expected, found, isRecord, problemOf, type Table, telling, told } from './option.ts'

export const milliseconds = (least: number, most: number) => amount('whole milliseconds', least, most)

export const whole = (least: number, most: number) => amount('a whole number', least, most)

export const truth = () => z.boolean().describe('true or false')

export const folder = () => z.string().min(1).describe('the path of a folder')

export const file = () => z.string().min(1).describe('the path of a file')

export const connectionString = () =>
  z
    .string()
    .regex(/^mongodb(\+srv)?:\/\/[^/]/)
    .describe('a connection string such as mongodb://127.0.0.1:27017/tidewheel')

export const nodeName = () =>
  z
    .string()
    .regex(/^(?!any$)\S+$/)
    .describe('a name without whitespace (not "any"), such as 10.0.0.7')

/** Where an HTTP server listens. */
export const address = () =>
  z
    .string()
    .regex(/^(\[[\da-f:.]+\]|[\w.-]+):\d{1,5}$/i)
    .refine(text => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535)
    .describe('host and port, such as 127.0.0.1:7788')

export const basePath = () =>
  z
    .string()
    .regex(/^(\/[\w.~-]+)+$/)
    .describe('a path such as /tidewheel')

const hostName = /^[\w.:[\]-]+$/

export const hostNames = () =>
  z
    .custom<readonly string[]>(
      names => Array.isArray(names) && names.every(name => typeof name === 'string' && hostName.test(name)),
    )
    .describe('a list of names such as ["jobs.example.org"]')

export const zone = () =>
  z
    .string()
    .refine(name => zoneOf(name) !== undefined)
    .describe('a time zone such as Europe/Berlin or UTC')

const NOT_OURS: ReadonlySet<unknown> = new Set(['admin', 'local', 'config'])
const LONGEST_DB = 63
/** A namespace has 255 bytes, of which the database takes its part. */
const LONGEST_COLLECTION = 190
const encoder = new TextEncoder()
const isNoLongerThan = (most: number) => (name: string) => encoder.encode(name).length <= most

const databaseName = z
  .string()
  .regex(/^[^/\\. "$\0]+$/)
  .refine(isNoLongerThan(LONGEST_DB))
  .describe(`a name of at most ${LONGEST_DB} bytes without / \\ . " $ and blanks, such as tidewheel`)

/** What is wrong with the name of a database, which stands at `path`; undefined: nothing. */
export function databaseProblem(path: string, name: unknown): Problem | undefined {
  if (NOT_OURS.has(name)) {
    return { path, message: `${path}: ${name} is MongoDB's own database; name another, such as tidewheel` }
  }
  return databaseName.safeParse(name).success ? undefined : expected(path, databaseName.description ?? '', found(name))
}

export const database = () =>
  z
    .string()
    .superRefine(telling(name => databaseProblem('db', name)))
    .describe(databaseName.description ?? '')

const collectionName = () =>
  z
    .string()
    .regex(/^(?!system\.|\.)(?!.*\.\.)(?!.*\.$)[^$\0]+$/)
    .refine(isNoLongerThan(LONGEST_COLLECTION))
    .describe('the name of a collection, such as scheduler_jobs')

/** The collections of a database, and their names where nobody says others. */
export const COLLECTIONS = {
  jobs: { schema: collectionName(), default: 'jobs', help: 'the jobs' },
  executions: { schema: collectionName(), default: 'executions', help: 'the history' },
  nodes: { schema: collectionName(), default: 'nodes', help: 'the registry' },
  users: { schema: collectionName(), default: 'users', help: 'who may come in over HTTP' },
} as const satisfies Table

export const collections = () =>
  told<{ readonly [N in keyof typeof COLLECTIONS]?: string }>(given => {
    const path = 'collections'
    if (!isRecord(given)) return expected(path, "an object such as {jobs: 'scheduler_jobs'}", found(given))
    const problem = problemOf(COLLECTIONS, given, { path, what: 'collection' })
    if (problem !== undefined) return problem
    const names = Object.entries(COLLECTIONS).map(([which, { default: own }]) => [which, given[which] ?? own] as const)
    for (const [i, [which, name]] of names.entries()) {
      const twin = names.slice(0, i).find(([, other]) => other === name)
      if (twin !== undefined) return expected(path, 'different names', `${found(name)} for ${twin[0]} and ${which}`)
    }
    return undefined
  })

const has = (value: unknown, methods: readonly string[]): boolean =>
  (typeof value === 'object' || typeof value === 'function') &&
  value !== null &&
  methods.every(name => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function')

/** Known by what it does: it is the application's own copy of the driver. */
export const client = () =>
  z
    .custom<MongoClient>(value => has(value, ['connect', 'db', 'close']))
    .describe('a MongoClient of the package mongodb')

export const logger = () =>
  z
    .custom<Logger | false>(
      value => value === false || has(value, ['child', 'isLevelEnabled', 'debug', 'info', 'warn', 'error']),
    )
    .describe('a logger of pino, or false for silence')

export const clock = () =>
  z.custom<Clock>(value => has(value, ['now', 'schedule'])).describe('an RxJS scheduler: now() and schedule()')

export const tasks = () =>
  told<Readonly<Record<string, (...args: never[]) => unknown>>>(given => {
    const folderHint = typeof given === 'string' ? '; a folder of them is tasksDir' : ''
    if (!isRecord(given)) {
      return expected('tasks', "functions by name, such as {'mail:digest': fn}", `${found(given)}${folderHint}`)
    }
    if (Object.hasOwn(given, '')) return expected('tasks', 'a name for each', 'an empty one')
    const wrong = Object.entries(given).find(([, task]) => typeof task !== 'function')
    return wrong && expected(`tasks.${wrong[0]}`, 'a function', found(wrong[1]))
  })

export const executors = () => told<ExecutorsGiven>(executorsProblem)

/** Whole but for what every job says itself. */
const ANY_JOB = { _id: 'any', func: 'any', trigger: { type: 'date' } }

export const jobDefaults = () =>
  told<Partial<Omit<JobInput, '_id'>>>(given => {
    const path = 'jobDefaults'
    if (!isRecord(given)) return expected(path, 'an object of job fields such as {max_instances: 3}', found(given))
    const own = ['_id', 'id', 'state', 'touch'].find(name => given[name] !== undefined)
    if (own !== undefined)
      return { path: `${path}.${own}`, message: `${path}.${own}: each job has its own; leave it out` }
    const { ip, ...rest } = given
    const [problem] = validateJob({ ...ANY_JOB, ...present(rest), ...(ip !== null && present({ ip })) })
    return problem && { path: `${path}.${problem.path}`, message: `${path}.${problem.message}` }
  })

/** Only that each is a job with an id of its own: without one it would be another job at each start. */
export const jobs = () =>
  told<readonly (JobInput | FlatJob)[]>(given => {
    if (!Array.isArray(given)) return expected('jobs', 'a list of jobs', found(given))
    const seen = new Map<unknown, number>()
    for (const [i, job] of given.entries()) {
      if (!isRecord(job)) return expected(`jobs.${i}`, 'a job, such as {_id, func, trigger}', found(job))
      const id = job._id ?? job.id
      if (id === undefined || id === null) return expected(`jobs.${i}._id`, 'an id, such as nightly-report', 'none')
      const before = seen.get(id)
      if (before !== undefined) return expected(`jobs.${i}._id`, `another id than that of jobs.${before}`, found(id))
      seen.set(id, i)
    }
    return undefined
  })
