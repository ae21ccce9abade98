/** Stats: the scheduler in numbers: jobs by status and by node, and how runs went since a while.
 *  In: since when. Out: counts, percentiles, a bucket for each minute in which runs ended.
 *  Jobs are counted in indexes. Of runs the latest 50,000 rows are read, without what is long; `complete` says whether these were all,
 *  and `from` how far back they go: percentiles and buckets are exact for that span. */
import type { Collection, Filter } from 'mongodb'
import { breathe, type Clock } from '../clock.ts'
import { readRegistry, type Seen } from '../cluster/registry.ts'
import type { Collections } from '../database/database.ts'
import type { Execution } from '../history/rows.ts'
import type { Job } from '../job/job.ts'
import { givenDate, givenFields } from './given.ts'
import { JOB_STATUSES, type JobStatus, queryOf } from './which.ts'

/** What `stats` of a client takes. */
export interface StatsOptions {
  /** Rows stored since then. Default: an hour ago. */
  readonly since?: Date
}

/** How a run ended, or `started` while it goes on. */
export type RunStatus = Execution['status']

/** Milliseconds; null: there is nothing to tell it of. */
export interface Percentiles {
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** Jobs and runs in numbers, as `stats` of a client gives them; times are milliseconds. */
export interface Stats {
  readonly jobs: {
    readonly total: number
    /** A job can have several. */
    readonly by_status: Readonly<Record<JobStatus, number>>
    /** Null: those without a node. The most jobs first. */
    readonly by_node: readonly { readonly ip: string | null; readonly jobs: number }[]
  }
  readonly runs: {
    readonly since: Date
    /** From here on all rows are counted; later than `since` where there are too many. */
    readonly from: Date
    readonly complete: boolean
    readonly total: number
    readonly by_status: Readonly<Partial<Record<RunStatus, number>>>
    /** How late runs started. */
    readonly late: Percentiles
    readonly duration: Percentiles
    /** Minutes in which rows were stored, in order; those without are left out. */
    readonly minutes: readonly {
      readonly minute: Date
      readonly by_status: Readonly<Partial<Record<RunStatus, number>>>
    }[]
  }
}

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const MOST_ROWS = 50_000
const BATCH = 2_000

export async function statsOf(collections: Collections, given: unknown, clock: Clock): Promise<Stats> {
  const where = 'stats'
  const { since } = givenFields(given, where, ['since'])
  const from = since === undefined ? new Date(clock.now() - HOUR_MS) : givenDate(since, where, 'since')
  const [jobs, runs] = await Promise.all([jobStats(collections), runStats(collections.executions, from)])
  return { jobs, runs }
}

async function jobStats({ jobs, nodes }: Collections): Promise<Stats['jobs']> {
  const known = await readRegistry(nodes)
  const [total, counts, byNode] = await Promise.all([
    jobs.estimatedDocumentCount(),
    Promise.all(JOB_STATUSES.map(async status => [status, await countOf(jobs, status, known)] as const)),
    jobsByNode(jobs),
  ])
  return { total, by_status: Object.fromEntries(counts) as Record<JobStatus, number>, by_node: byNode }
}

/** Armed ones are most: their index is counted, and the few that are invalid taken off. */
async function countOf(jobs: Collection<Job>, status: JobStatus, nodes: readonly Seen[]): Promise<number> {
  if (status !== 'armed') return await jobs.countDocuments(queryOf({ status }, nodes))
  const timed = { next_run_time: { $type: 'date' } } as Filter<Job>
  const invalid = { ...timed, 'state.error': { $exists: true } } as Filter<Job>
  const far = { next_run_time: { $gte: new Date(-8.64e15) } } as Filter<Job>
  const [all, wrong] = await Promise.all([jobs.countDocuments(far), jobs.countDocuments(invalid)])
  return all - wrong
}

async function jobsByNode(jobs: Collection<Job>): Promise<Stats['jobs']['by_node']> {
  const stages = [{ $sort: { ip: 1 } }, { $group: { _id: '$ip', jobs: { $sum: 1 } } }, { $sort: { jobs: -1, _id: 1 } }]
  const groups = await jobs.aggregate<{ _id: string | null; jobs: number }>(stages).toArray()
  return groups.map(({ _id, jobs }) => ({ ip: _id, jobs }))
}

type Row = Pick<Execution, 'status' | 'late' | 'duration' | 'recorded'>
type Counts = Partial<Record<RunStatus, number>>

async function runStats(executions: Collection<Execution>, since: Date): Promise<Stats['runs']> {
  const projection = { _id: 0, status: 1, late: 1, duration: 1, recorded: 1 }
  const rows = executions
    .find<Row>({ recorded: { $gte: since } }, { projection, batchSize: BATCH })
    .sort({ recorded: -1 })
    .limit(MOST_ROWS + 1)
  const minutes = new Map<number, Counts>()
  const byStatus: Counts = {}
  const late: number[] = []
  const durations: number[] = []
  let total = 0
  let from = since
  let complete = true
  for await (const row of rows) {
    if (total === MOST_ROWS) {
      complete = false
      break
    }
    total++
    from = row.recorded
    const minute = Math.floor(row.recorded.getTime() / MINUTE_MS) * MINUTE_MS
    const counts = minutes.get(minute) ?? {}
    minutes.set(minute, counts)
    for (const each of [counts, byStatus]) each[row.status] = (each[row.status] ?? 0) + 1
    if (typeof row.late === 'number') late.push(row.late)
    if (typeof row.duration === 'number') durations.push(row.duration)
    await breathe()
  }
  return {
    since,
    from: complete ? since : from,
    complete,
    total,
    by_status: byStatus,
    late: percentilesOf(late),
    duration: percentilesOf(durations),
    minutes: [...minutes]
      .sort(([a], [b]) => a - b)
      .map(([minute, by_status]) => ({ minute: new Date(minute), by_status })),
  }
}

/** The least value that so many of a hundred do not exceed. */
function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
