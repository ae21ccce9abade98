/** Pages of jobs: a list a part at a time, each part a walk on an index from where the last one ended.
 *  In: which jobs, in which order, and a cursor. Out: jobs, where to go on, and how many there are, counted to 10,000.
 *  By time means: jobs that have a next run time first, soonest or latest; then those that have none, by id. A text is looked for
 *  in every job that the rest of the filter leaves, for a second at most. */
import { type Collection, type Document, type Filter, MongoServerError } from 'mongodb'
import type { Seen } from '../cluster/registry.ts'
import { TidewheelError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import { cursorOf, givenLimit, keysOf, type Page } from './cursor.ts'
import { givenFields, refuse } from './given.ts'
import { givenJobFilter, type JobFilter, queryOf } from './which.ts'

/** What `jobs.page` takes: which jobs, in which order, and how many. */
export interface JobsPageOptions {
  /** Default: all. */
  readonly filter?: JobFilter
  /** Default `_id`. */
  readonly sort?: JobsSort
  /** 1 to 500, default 100. */
  readonly limit?: number
  /** The `next` of the page before. */
  readonly after?: string
  /** Whether the jobs of the filter are counted. Default false. */
  readonly count?: boolean
}

/** `-`: latest first. Jobs without a next run time come last either way. */
export type JobsSort = '_id' | 'next_run_time' | '-next_run_time'

/** What `jobs.page` answers: jobs, and where to go on. */
export interface JobsPage extends Page<Job> {
  /** How many jobs the filter has, 10,000 at most. Only where it was asked for. */
  readonly count?: number
  /** Whether there are no more than that. */
  readonly count_exact?: boolean
}

const SORTS: readonly unknown[] = ['_id', 'next_run_time', '-next_run_time'] satisfies readonly JobsSort[]
const NAMES = ['filter', 'sort', 'limit', 'after', 'count'] as const
const MOST_COUNTED = 10_000
/** What is common is found at once on the way through an index. */
const WALK_MS = { some: 250, all: 25 }
/** What is rare is found sooner by reading the jobs as they lie. */
const SEARCH_MS = 1_000
const EXPIRED = 50

/** Asks for one page. `registry` is read only where the filter needs it. */
export async function pageOf(
  jobs: Collection<Job>,
  registry: () => Promise<readonly Seen[]>,
  given: unknown,
): Promise<JobsPage> {
  const where = 'jobs.page'
  const { sort = '_id', ...options } = givenFields(given, where, NAMES)
  if (!SORTS.includes(sort)) refuse(where, 'sort', `expected ${SORTS.join(', ')}`, sort)
  const filter = givenJobFilter(options.filter, where)
  const limit = givenLimit(options.limit, where)
  const { count = false } = options
  if (typeof count !== 'boolean') refuse(where, 'count', 'expected true or false', count)
  const list = `jobs ${sort}`
  const { after } = options
  const find =
    sort === '_id' ? byId(keysOf(after, list, where, isId)) : byTime(sort, keysOf(after, list, where, isTimeAndId))
  const query = queryOf(filter, filter.status === 'stranded' ? await registry() : [])
  const look = { jobs, query, search: searchOf(filter) }
  const [found, counted] = await Promise.all([find(look, limit + 1), count ? countOf(look) : undefined])
  const items = found.slice(0, limit)
  const last = found.length > limit ? items.at(-1) : undefined
  return { items, next: last === undefined ? null : cursorOf(list, keysFor(last, sort)), ...counted }
}

type Id = readonly [string]
/** Null: a job without a next run time. */
type TimeAndId = readonly [Date | null, string]

const isId = (keys: readonly unknown[]): keys is Id => keys.length === 1 && typeof keys[0] === 'string'
const isTimeAndId = (keys: readonly unknown[]): keys is TimeAndId =>
  keys.length === 2 && (keys[0] === null || keys[0] instanceof Date) && typeof keys[1] === 'string'

const keysFor = ({ _id, next_run_time }: Job, sort: unknown): Id | TimeAndId =>
  sort === '_id' ? [_id] : [next_run_time ?? null, _id]

interface Look {
  readonly jobs: Collection<Job>
  readonly query: Filter<Job>
  readonly search: Search
}

/** How a text is looked for: not at all, in the jobs that an index leaves, or in all. */
type Search = 'none' | 'some' | 'all'

const searchOf = ({ search, ip, tag, func }: JobFilter): Search =>
  search === undefined ? 'none' : [ip, tag, func].some(field => field !== undefined) ? 'some' : 'all'

type Find = (look: Look, limit: number) => Promise<readonly Job[]>

const byId =
  (after: Id | undefined): Find =>
  (look, limit) =>
    walk(look, after === undefined ? {} : { _id: { $gt: after[0] } }, { _id: 1 }, limit)

/** Those with a time, then those without. */
const byTime =
  (sort: unknown, after: TimeAndId | undefined): Find =>
  async (look, limit) => {
    const order = sort === 'next_run_time' ? 1 : -1
    const [time, id] = after ?? [undefined, '']
    const inOrder = { next_run_time: order, _id: order } as const
    const timed = time === null ? [] : await walk(look, beyond(order, time, id), inOrder, limit)
    if (timed.length === limit) return timed
    // A null and no field are one place in the index.
    const rest = { next_run_time: null, ...(time === null && { _id: { $gt: id } }) }
    return [...timed, ...(await walk(look, rest, { _id: 1 }, limit - timed.length))]
  }

function beyond(order: 1 | -1, time: Date | undefined, id: string): Document {
  if (time === undefined) return { next_run_time: { $type: 'date' } }
  const further = order === 1 ? '$gt' : '$lt'
  return {
    next_run_time: { $type: 'date', [`${further}e`]: time },
    $or: [{ next_run_time: { [further]: time } }, { _id: { [further]: id } }],
  }
}

async function walk(look: Look, place: Document, sort: Record<string, 1 | -1>, limit: number): Promise<readonly Job[]> {
  const query = (Object.keys(place).length === 0 ? look.query : { $and: [look.query, place] }) as Filter<Job>
  return await sought(look.search, ({ hint, maxTimeMS }) => {
    const found = look.jobs.find(query).sort(sort).limit(limit)
    if (hint !== undefined) found.hint(hint)
    return (maxTimeMS === undefined ? found : found.maxTimeMS(maxTimeMS)).toArray()
  })
}

async function countOf({ jobs, query, search }: Look): Promise<Pick<JobsPage, 'count' | 'count_exact'>> {
  const limit = MOST_COUNTED + 1
  // Without a filter the ids are counted, not the documents.
  const all = Object.keys(query).length === 0 && { hint: { _id: 1 } }
  const found = await sought(search, how => jobs.countDocuments(query, { limit, ...all, ...how }))
  return { count: Math.min(found, MOST_COUNTED), count_exact: found <= MOST_COUNTED }
}

interface How {
  readonly hint?: Document
  readonly maxTimeMS?: number
}

/** Asks by an index; where a text is looked for and that takes too long, once more by reading the jobs as they lie. */
async function sought<T>(search: Search, ask: (how: How) => Promise<T>): Promise<T> {
  if (search === 'none') return await ask({})
  try {
    return await ask({ maxTimeMS: WALK_MS[search] })
  } catch (error) {
    if (!isExpired(error)) throw error
    return await within(() => ask({ hint: { $natural: 1 }, maxTimeMS: SEARCH_MS }))
  }
}

const isExpired = (error: unknown) => error instanceof MongoServerError && error.code === EXPIRED

async function within<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    if (!isExpired(cause)) throw cause
    const message =
      'search: these are too many jobs to look for a text in within a second; narrow it by ip, tag or func'
    throw new TidewheelError('invalid_option', message, { path: 'search' }, { cause })
  }
}
