/** Timeline: what ran on each node in a span of time, and what will.
 *  In: a span, and how much of each node. Out: a lane for each node of the registry: runs that began in the span or go on, and the run
 *  times that are to come. Each lane is read by the indexes {ip, started} and {next_run_time} and ends at its limit, so that a crowded
 *  node hides no other: of its runs the latest are shown, of its run times the next. */
import type { Filter } from 'mongodb'
import { breathe } from '../clock.ts'
import type { NodeInfo } from '../cluster/lease.ts'
import type { Collections } from '../database/database.ts'
import { TidewheelError } from '../errors.ts'
import type { Execution } from '../history/rows.ts'
import type { Job } from '../job/job.ts'
import { type ParsedTrigger, parseTrigger } from '../trigger/trigger.ts'
import { zoneOf } from './coming.ts'
import { givenLimit } from './cursor.ts'
import { givenDate, givenFields, givenIp, refuse } from './given.ts'

/** What `timeline` of a client takes: the span, and how much of each node. */
export interface TimelineOptions {
  readonly from: Date
  /** Later than `from`. */
  readonly to: Date
  /** Only this node. */
  readonly ip?: string
  /** How many runs, and how many run times, of each node: 1 to 1,000, default 200. */
  readonly limit?: number
}

/** A row without what is long. */
export type TimelineRun = Pick<
  Execution,
  '_id' | 'job_id' | 'job_name' | 'status' | 'run_time' | 'attempt' | 'started' | 'finished' | 'duration' | 'late'
>

/** One node in a timeline: what ran there, and what will. */
export interface Lane {
  readonly ip: string
  /** Those that began in the span, and those that go on and began before its end; in the order in which they began. */
  readonly runs: readonly TimelineRun[]
  /** From `next_run_time` as triggers go on, in order. */
  readonly coming: readonly { readonly job_id: string; readonly run_time: Date }[]
  /** Whether there is more of either than the limit. */
  readonly truncated: boolean
}

/** A lane for each node of the registry, or the one of `ip`. */
export interface Timeline {
  readonly lanes: readonly Lane[]
}

const NAMES = ['from', 'to', 'ip', 'limit'] as const
const MOST = 1_000
const FEW = 200
const SHOWN = {
  job_id: 1,
  job_name: 1,
  status: 1,
  run_time: 1,
  attempt: 1,
  started: 1,
  finished: 1,
  duration: 1,
  late: 1,
}
/** So many lanes are read at once. */
const AT_ONCE = 4

interface Look extends Pick<Collections, 'jobs' | 'executions'> {
  readonly from: Date
  readonly to: Date
  readonly limit: number
}

export async function timelineOf(collections: Collections, given: unknown): Promise<Timeline> {
  const where = 'timeline'
  const { ip, ...options } = givenFields(given, where, NAMES)
  const from = givenDate(options.from, where, 'from')
  const to = givenDate(options.to, where, 'to')
  if (from >= to) refuse(where, 'to', `expected a date after ${from.toISOString()}`, to)
  const limit = givenLimit(options.limit, where, { most: MOST, absent: FEW })
  const only = ip === undefined ? {} : { _id: givenIp(ip, where) }
  const projection = { timezone: 1 }
  const known = await collections.nodes
    .find({ _id: { $type: 'string' }, ...only }, { projection })
    .sort({ _id: 1 })
    .toArray()
  if (ip !== undefined && known.length === 0) {
    throw new TidewheelError('not_found', `node ${ip}: there is none of this ip in the registry`, { ip })
  }
  const lanes: Lane[] = []
  for (let first = 0; first < known.length; first += AT_ONCE) {
    const some = known.slice(first, first + AT_ONCE)
    lanes.push(...(await Promise.all(some.map(node => laneOf({ ...collections, from, to, limit }, node)))))
  }
  return { lanes }
}

async function laneOf(look: Look, node: Pick<NodeInfo, '_id' | 'timezone'>): Promise<Lane> {
  const { limit } = look
  const [runs, coming] = await Promise.all([runsOf(look, node._id), comingOf(look, node)])
  return {
    ip: node._id,
    runs: runs.slice(0, limit).sort((a, b) => Number(a.started) - Number(b.started)),
    coming: coming.slice(0, limit),
    truncated: runs.length > limit || coming.length > limit,
  }
}

/** The latest first, one more than the limit. */
async function runsOf({ executions, from, to, limit }: Look, ip: string): Promise<readonly TimelineRun[]> {
  const find = (filter: Filter<Execution>) =>
    executions
      .find<TimelineRun>(filter, { projection: SHOWN })
      .sort({ started: -1 })
      .limit(limit + 1)
      .toArray()
  const [began, goOn] = await Promise.all([
    find({ ip, started: { $gte: from, $lt: to } }),
    find({ node: ip, status: 'started', started: { $lt: from } }),
  ])
  return [...began, ...goOn].slice(0, limit + 1)
}

interface Coming {
  readonly job_id: string
  readonly time: number
  readonly trigger: ParsedTrigger
}

/** One more than the limit. Jobs that run later than so many others are not needed for the first of all run times. */
async function comingOf(look: Look, node: Pick<NodeInfo, '_id' | 'timezone'>) {
  const { from, to, limit } = look
  const filter = {
    ip: node._id,
    next_run_time: { $gte: from, $lt: to },
    'state.error': { $exists: false },
  } as Filter<Job>
  const jobs = await look.jobs
    .find<Pick<Job, '_id' | 'trigger' | 'next_run_time'>>(filter, { projection: { trigger: 1, next_run_time: 1 } })
    .sort({ next_run_time: 1 })
    .limit(limit + 1)
    .toArray()
  const waiting = jobs.flatMap(job => comingBy(job, node))
  const found: { job_id: string; run_time: Date }[] = []
  for (let first = waiting.shift(); first !== undefined && found.length <= limit; first = waiting.shift()) {
    found.push({ job_id: first.job_id, run_time: new Date(first.time) })
    const time = first.trigger.next(first.time, first.time)
    if (time !== null && time < to.getTime()) insert(waiting, { ...first, time })
    await breathe()
  }
  return found
}

/** A trigger that cannot be read runs never; its node says why. */
function comingBy(
  { _id, trigger, next_run_time }: Pick<Job, '_id' | 'trigger' | 'next_run_time'>,
  node: Pick<NodeInfo, 'timezone'>,
): readonly Coming[] {
  try {
    const parsed = parseTrigger(trigger, { timezone: zoneOf({ trigger }, node) })
    return [{ job_id: _id, time: (next_run_time as Date).getTime(), trigger: parsed }]
  } catch {
    return []
  }
}

/** Into a list by time. */
function insert(list: Coming[], one: Coming): void {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle] as Coming).time <= one.time) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, one)
}
