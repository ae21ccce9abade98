/** Which: the jobs that people mean by node, status, tag, function and text.
 *  In: a JobFilter. Out: a query for MongoDB, or which statuses a document has. What is shown and what is asked for come from one
 *  table. A job can have several statuses: `invalid` (its document says why it cannot be scheduled), `paused`, `over` (its last run
 *  still goes on), `armed`, or `new` (no node has planned it yet); `running` beside any of them; and `stranded`, which its document
 *  alone does not tell: that needs the registry. Pure. */
import type { Filter } from 'mongodb'
import type { Seen } from '../cluster/registry.ts'
import { strandedQuery } from '../cluster/stranded.ts'
import { meantOf, nearest, TidewheelError } from '../errors.ts'
import { isObject, type Job, present } from '../job/job.ts'
import { show } from '../job/parse.ts'
import { givenJob, refuse } from './given.ts'

/** Which jobs: all that is given has to be so. */
export interface JobFilter {
  /** Those of this node; `''`: those without one. */
  readonly ip?: string
  /** Those that stand like this. */
  readonly status?: JobStatus
  /** Those with this tag. */
  readonly tag?: string
  /** Those that call this function. */
  readonly func?: string
  /** Those with this text in id, name, description, function or note, in upper or lower case. It reads every job that the rest of the
   *  filter leaves. */
  readonly search?: string
}

/** How a job stands; it can have several of them.
 *  `armed` has a next run time, `paused` waits until it is resumed, `running` has runs that go on, `invalid` cannot be scheduled
 *  (`state.error` says why), `new` was not planned by a node yet, `over` is in its last run, `stranded` has a node that nobody is. */
export type JobStatus = 'invalid' | 'paused' | 'over' | 'armed' | 'new' | 'running' | 'stranded'

interface Status {
  readonly query: (nodes: readonly Seen[]) => object
  readonly is: (job: Job) => boolean
}

const VALID = { 'state.error': { $exists: false } }
const isValid = (job: Job) => job.state?.error === undefined

const STATUSES: Readonly<Record<JobStatus, Status>> = {
  invalid: { query: () => ({ 'state.error': { $exists: true } }), is: job => !isValid(job) },
  paused: {
    query: () => ({ ...VALID, next_run_time: { $type: 'null' }, 'state.over': { $ne: true } }),
    is: job => isValid(job) && job.next_run_time === null && job.state?.over !== true,
  },
  over: {
    query: () => ({ ...VALID, next_run_time: { $type: 'null' }, 'state.over': true }),
    is: job => isValid(job) && job.next_run_time === null && job.state?.over === true,
  },
  armed: {
    query: () => ({ ...VALID, next_run_time: { $type: 'date' } }),
    is: job => isValid(job) && job.next_run_time instanceof Date,
  },
  new: {
    query: () => ({ ...VALID, next_run_time: { $exists: false } }),
    is: job => isValid(job) && job.next_run_time === undefined,
  },
  running: {
    query: () => ({ 'state.running.run_id': { $exists: true } }),
    is: job => (job.state?.running?.length ?? 0) > 0,
  },
  stranded: { query: strandedQuery, is: () => false },
}

export const JOB_STATUSES = Object.keys(STATUSES) as readonly JobStatus[]

/** The statuses that the document itself tells, in the order of the table; `stranded` is never among them.
 *  Throws `invalid_option` for what is no job. */
export function statusesOf(job: Job): readonly JobStatus[] {
  givenJob(job, 'statusesOf')
  return JOB_STATUSES.filter(name => STATUSES[name].is(job))
}

const FIELDS = ['ip', 'status', 'tag', 'func', 'search'] as const
const SEARCHED = ['_id', 'name', 'description', 'func', 'note']

/** A filter from outside, checked. Throws `invalid_option`. */
export function givenJobFilter(value: unknown, where: string): JobFilter {
  if (value === undefined) return {}
  if (!isObject(value)) return refuse(where, 'filter', 'expected an object, such as {status: "paused"}', value)
  for (const [name, found] of Object.entries(value)) {
    if (!(FIELDS as readonly string[]).includes(name)) {
      const message = `${where}: filter: ${name}: there is no such field; ${meantOf(name, FIELDS)}`
      throw new TidewheelError('invalid_option', message, { path: name })
    }
    if (found !== undefined && typeof found !== 'string') refuse(where, name, 'expected text', found)
  }
  const { status } = value
  if (status !== undefined) givenStatus(status, `${where}: status`)
  return present(value) as JobFilter
}

/** `called`: how the message calls the value. Throws `invalid_option`. */
export function givenStatus(value: unknown, called: string): JobStatus {
  if ((JOB_STATUSES as readonly unknown[]).includes(value)) return value as JobStatus
  const near = typeof value === 'string' ? nearest(value, JOB_STATUSES) : undefined
  const advice = near === undefined ? '' : `; did you mean ${near}?`
  const message = `${called}: expected ${JOB_STATUSES.join(', ')}; found ${show(value)}${advice}`
  throw new TidewheelError('invalid_option', message, { path: 'status' })
}

/** The query for MongoDB. `nodes`: the registry, which only `stranded` asks. */
export function queryOf({ ip, status, tag, func, search }: JobFilter, nodes: readonly Seen[]): Filter<Job> {
  const all: object[] = []
  if (ip !== undefined) all.push({ ip: ip === '' ? null : ip })
  if (tag !== undefined) all.push({ tags: tag })
  if (func !== undefined) all.push({ func })
  if (status !== undefined) all.push(STATUSES[status].query(nodes))
  if (search !== undefined) all.push(searchQuery(search))
  const [first = {}, ...more] = all
  return (more.length === 0 ? first : { $and: all }) as Filter<Job>
}

function searchQuery(search: string): object {
  const text = { $regex: search.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), $options: 'i' }
  return { $or: SEARCHED.map(field => ({ [field]: text })) }
}
