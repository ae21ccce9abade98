/** BullMQ: the job schedulers of a queue as jobs.
 *  In: what `queue.getJobSchedulers()` answers. Out: a job for each: it keeps its next run, its grid, zone, dates and data. A limit
 *  becomes the date of the last run. As in BullMQ, a job that is late still runs, and one whose worker died runs again. Pure. */
import type { JobInput } from '../job/job.ts'
import { fireTimes, type Trigger } from '../trigger/trigger.ts'
import { dataOf } from './data.ts'
import { Finding, type Found } from './found.ts'
import { parsedCron } from './parsed-cron.ts'
import { Slugs, slugOf } from './slug.ts'

/** What is read of a scheduler of BullMQ 5 and 6; times are milliseconds since 1970. */
export interface BullmqScheduler {
  readonly key: string
  /** Of the jobs that it makes. */
  readonly name?: string
  readonly next?: number
  readonly pattern?: string
  readonly tz?: string
  /** Milliseconds; older ones have it as text. */
  readonly every?: number | string
  readonly offset?: number | null
  readonly startDate?: number
  readonly endDate?: number
  readonly limit?: number
  /** How many it has made, the one that waits for `next` included. */
  readonly iterationCount?: number
  readonly template?: {
    readonly data?: unknown
    readonly opts?: {
      readonly attempts?: number
      readonly backoff?: number | { readonly type?: string; readonly delay?: number }
    }
  }
}

export interface BullmqOptions {
  readonly queue: string
  /** What ids begin with. Default `bullmq-` and the queue. */
  readonly prefix?: string
  readonly ip?: string
  /** Of patterns that name no zone: BullMQ means that of its process. */
  readonly timezone?: string
  /** Our function for a name of theirs. Default: the same name. */
  readonly funcs?: Readonly<Record<string, string>>
}

/** A limit of more runs than that is not counted out. */
const MOST_LIMIT = 10_000

export function fromBullmq(schedulers: readonly BullmqScheduler[], options: BullmqOptions): Found {
  const { queue, prefix = `bullmq-${slugOf(queue) || 'queue'}`, ip, timezone, funcs = {} } = options
  const found = new Finding()
  const slugs = new Slugs()
  // In the order of their keys, so that equal slugs are numbered the same each time.
  for (const scheduler of [...schedulers].sort((a, b) => (a.key < b.key ? -1 : 1))) {
    const { key, name = key, next, template = {} } = scheduler
    const from = { text: key }
    if (next === undefined || !Number.isFinite(next)) {
      found.skip(from, 'it has no next run')
      continue
    }
    const trigger = triggerOf({ ...scheduler, next }, timezone)
    if (typeof trigger === 'string') {
      found.skip(from, trigger)
      continue
    }
    const retry = retryOf(template.opts ?? {})
    if (typeof retry === 'string') found.skip(from, retry)
    const job: JobInput = {
      _id: `${prefix}-${slugs.give(slugOf(key) || 'job')}`,
      name: key,
      func: Object.hasOwn(funcs, name) ? (funcs[name] as string) : name,
      ...dataOf(template.data),
      trigger,
      ...(typeof retry === 'object' && { retry }),
      misfire_grace_time: null,
      on_interrupt: 'rerun',
      ...(ip !== undefined && { ip }),
      next_run_time: new Date(next),
    }
    found.take(job, from)
  }
  return found
}

type Planned = BullmqScheduler & { readonly next: number }

/** Or why there is none. */
function triggerOf(scheduler: Planned, timezone: string | undefined): Trigger | string {
  const { pattern, every, endDate } = scheduler
  const ms = Number(every)
  if (!pattern && !(ms > 0)) return 'neither a pattern nor an interval: its repeat strategy is code of yours'
  const trigger = pattern ? cronOf(scheduler, pattern, timezone) : intervalOf(scheduler, ms)
  const last = lastOf(scheduler, trigger)
  if (typeof last === 'string') return last
  const ends = [endDate, last?.getTime()].filter(end => end !== undefined)
  return ends.length === 0 ? trigger : ({ ...trigger, end_date: new Date(Math.min(...ends)) } as Trigger)
}

function cronOf({ tz, startDate }: Planned, pattern: string, timezone: string | undefined): Trigger {
  const zone = tz || timezone
  return {
    type: 'cron',
    expression: parsedCron(pattern),
    ...(zone !== undefined && { timezone: zone }),
    ...(startDate !== undefined && { start_date: new Date(startDate) }),
  }
}

/** On a grid that is the same whenever it is read: it goes through the next run, from 1970 or the start on. */
function intervalOf({ next, startDate = 0 }: Planned, ms: number): Trigger {
  const phase = next % ms
  const start = phase + Math.max(0, Math.ceil((startDate - phase) / ms)) * ms
  return { type: 'interval', seconds: ms / 1000, start_date: new Date(start) }
}

/** The last run that a limit leaves; undefined: there is no limit. */
function lastOf({ limit, iterationCount = 1, next }: Planned, trigger: Trigger): Date | string | undefined {
  if (limit === undefined) return undefined
  const left = limit - iterationCount + 1
  if (left < 1) return `its limit of ${limit} runs is reached`
  if (left > MOST_LIMIT) return `limit ${limit}: a job has no limit; give it an end_date by hand`
  try {
    return fireTimes(trigger, { after: new Date(next), count: left }).at(-1)
  } catch {
    // What is wrong with the trigger is told where the job is checked.
    return undefined
  }
}

type Retry = NonNullable<JobInput['retry']>
type Template = NonNullable<NonNullable<BullmqScheduler['template']>['opts']>

/** Undefined: it is tried once. Text: what of it does not come along. */
function retryOf({ attempts = 1, backoff }: Template): Retry | string | undefined {
  if (attempts <= 1) return undefined
  const { type = 'fixed', delay = 0 } = typeof backoff === 'number' ? { delay: backoff } : (backoff ?? {})
  if (type !== 'fixed' && type !== 'exponential')
    return `backoff ${type}: is code of yours; give the job a retry by hand`
  return { max_attempts: attempts, delay: delay / 1000, factor: type === 'exponential' ? 2 : 1 }
}
