/** Jobs: what people do with jobs, through a node or a client.
 *  In: inputs of every form the contract knows. Out: documents as they lie in the database afterwards. Each method is one edit
 *  that a person could make in mongosh: it never sets `touch`, never plans, and leaves the rest to the owner.
 *  Every failure is a TidewheelError: invalid_job, not_found, conflict, unreachable, unauthorised. */
import { type Collection, type Filter, MongoServerError, ObjectId } from 'mongodb'
import type { Observable } from 'rxjs'
import { databaseError } from '../database/connection.ts'
import { TidewheelError } from '../errors.ts'
import { type FlatJob, type Job, type JobInput, jobSchema } from '../job/job.ts'
import { parseJobInput } from '../job/parse.ts'
import { refusal } from '../job/schema.ts'
import { fireTimes, parseTrigger, type Trigger } from '../trigger/trigger.ts'

/** Reads and writes of jobs; the same for a node and for a client without one. */
export interface Jobs {
  /** Stores a job; without an `_id` one is made. `replace`: an existing one is brought to this definition; its
   *  `next_run_time` stays unless the trigger changed or one is given, and so does its `ip` unless one is given.
   *  Throws `invalid_job`, or `conflict` when the id is taken. */
  add(job: JobInput | FlatJob, options?: { readonly replace?: boolean }): Promise<Job>
  /** Throws `not_found`. */
  get(id: string): Promise<Job>
  /** By id, read in pages; `query` is a MongoDB filter. */
  list(query?: Filter<Job>): AsyncIterable<Job>
  /** Changes the given fields; `undefined` (and `ip: null`) takes a field away. Throws `not_found`, `invalid_job`. */
  update(id: string, changes: Partial<JobInput>): Promise<Job>
  /** A new trigger, from now on; a paused job stays paused unless `resume`. */
  reschedule(id: string, trigger: Trigger, options?: { readonly resume?: boolean }): Promise<Job>
  /** To another node; `null` has it placed anew. */
  move(id: string, ip: string | null): Promise<Job>
  pause(id: string, note?: string): Promise<Job>
  /** From now on: what was missed in the pause is not made up. */
  resume(id: string): Promise<Job>
  /** Once more, now; the schedule stays. */
  run(id: string): Promise<Job>
  /** Runs the fire times of a past span once more; answers how many. Throws `invalid_job` for more than 1,000. */
  backfill(id: string, span: { readonly from: Date; readonly to: Date }): Promise<number>
  remove(id: string): Promise<void>
  /** Answers how many. `{}` removes all. */
  removeAll(query: Filter<Job>): Promise<number>
  /** First all that match, then each that changes, enters or leaves. Cold; ends when unsubscribed. */
  changes$(query?: Filter<Job>): Observable<JobChange>
}

/** A job as it is now, or that it does not match (any more). */
export type JobChange = { readonly type: 'put'; readonly job: Job } | { readonly type: 'removed'; readonly id: string }

export interface JobsOptions {
  /** Throws `closed` where there is none (yet). */
  readonly collection: () => Collection<Job>
  readonly timezone: string
  readonly watch: (query: Filter<Job>) => Observable<JobChange>
  /** What an absent field of an added job gets. */
  readonly defaults?: () => Partial<JobInput>
  /** Set before the start: added jobs are kept until then. */
  readonly keep?: (job: JobInput | FlatJob, options: { readonly replace?: boolean }) => Job | undefined
}

const PAGE = 500
const MOST_EXTRA_RUNS = 1_000
const DUPLICATE_KEY = 11000
const EXTRA_RUNS = { $ifNull: ['$run_at', []] }
/** The server's time, or right after other orders of the same moment: two equal ones are one. */
const MOMENT_MS = 1_000
const SAME_MOMENT = {
  $filter: {
    input: EXTRA_RUNS,
    cond: { $and: [{ $gte: ['$$this', '$$NOW'] }, { $lt: ['$$this', { $add: ['$$NOW', MOMENT_MS] }] }] },
  },
}
const NOW_ONCE = { $max: ['$$NOW', { $add: [{ $max: SAME_MOMENT }, 1] }] }
/** What a replacement leaves as it is, unless it is given. */
const KEPT: ReadonlySet<string> = new Set(['_id', 'ip', 'next_run_time', 'run_at', 'cancel', 'state', 'touch'])

export function jobsOf(options: JobsOptions): Jobs {
  const { collection, timezone } = options

  async function edit(id: string, update: Record<string, unknown> | Record<string, unknown>[]): Promise<Job> {
    const job = await asked(id, () =>
      collection().findOneAndUpdate({ _id: id }, update as never, { returnDocument: 'after' }),
    )
    if (job === null) throw notFound(id)
    return job
  }

  return {
    async add(input, { replace = false } = {}) {
      const kept = options.keep?.(input, { replace })
      if (kept !== undefined) return kept
      const { _id = new ObjectId().toHexString(), ...fields } = parseJobInput(input, inputOptions(options))
      const job = { _id, ...fields } as Job
      const inserted = await asked(_id, async () => {
        try {
          await collection().insertOne(job as never)
          return true
        } catch (error) {
          if (replace && error instanceof MongoServerError && error.code === DUPLICATE_KEY) return false
          throw error
        }
      })
      const given = input as JobInput & { readonly id?: unknown }
      return inserted ? job : await edit(_id, replacement(job, given.ip !== undefined))
    },
    async get(id) {
      const job = await asked(id, () => collection().findOne({ _id: id }))
      if (job === null) throw notFound(id)
      return job
    },
    async *list(query = {}) {
      for (let after: string | undefined; ; ) {
        const filter = (after === undefined ? query : { $and: [query, { _id: { $gt: after } }] }) as Filter<Job>
        const page = await asked('', () => collection().find(filter).sort({ _id: 1 }).limit(PAGE).toArray())
        yield* page as Job[]
        if (page.length < PAGE) return
        after = page.at(-1)?._id
      }
    },
    async update(id, changes) {
      const before = await this.get(id)
      const { state: _state, touch: _touch, ...rest } = before
      const gone = Object.entries(changes).filter(
        ([key, value]) => value === undefined || (key === 'ip' && value === null),
      )
      const merged = { ...rest, ...changes, _id: id }
      const checked = parseJobInput(
        Object.fromEntries(Object.entries(merged).filter(([key]) => !gone.some(([name]) => name === key))),
        { timezone },
      )
      const set = Object.keys(changes).filter(key => key !== '_id' && Object.hasOwn(checked, key))
      if (set.length === 0 && gone.length === 0) return before
      return await edit(id, {
        ...(set.length > 0 && {
          $set: Object.fromEntries(set.map(key => [key, (checked as Record<string, unknown>)[key]])),
        }),
        ...(gone.length > 0 && { $unset: Object.fromEntries(gone.map(([key]) => [key, ''])) }),
      })
    },
    async reschedule(id, trigger, { resume = false } = {}) {
      parseTrigger(trigger, { timezone })
      return await edit(id, { $set: { trigger }, ...(resume && { $unset: { next_run_time: '' } }) })
    },
    move: (id, ip) => edit(id, ip === null ? { $unset: { ip: '' } } : { $set: { ip } }),
    pause: (id, note) => edit(id, { $set: { next_run_time: null, ...(note !== undefined && { note }) } }),
    resume: id => edit(id, { $unset: { next_run_time: '', note: '' } }),
    run: id => edit(id, [{ $set: { run_at: { $concatArrays: [EXTRA_RUNS, [NOW_ONCE]] } } }]),
    async backfill(id, { from, to }) {
      const job = await this.get(id)
      const after = new Date(from.getTime() - 1)
      const times = fireTimes(job.trigger, { after, count: MOST_EXTRA_RUNS + 1, timezone }).filter(time => time <= to)
      if (times.length > MOST_EXTRA_RUNS) {
        throw new TidewheelError(
          'invalid_job',
          `job ${id}: a backfill runs at most ${MOST_EXTRA_RUNS} times, this span has more; take a shorter one`,
          { id },
        )
      }
      if (times.length > 0) await edit(id, { $push: { run_at: { $each: times } } })
      return times.length
    },
    async remove(id) {
      const { deletedCount } = await asked(id, () => collection().deleteOne({ _id: id }))
      if (deletedCount === 0) throw notFound(id)
    },
    async removeAll(query) {
      if (query === undefined)
        throw new TidewheelError('invalid_option', 'removeAll: expected a filter, found none; {} removes all jobs')
      return (await asked('', () => collection().deleteMany(query))).deletedCount
    },
    changes$: (query = {}) => options.watch(query),
  }
}

const inputOptions = ({ defaults, timezone }: JobsOptions) => ({
  timezone,
  ...(defaults && { defaults: defaults() }),
})

const notFound = (id: string) => new TidewheelError('not_found', `job ${id}: there is none of this id`, { id })

/** Brings an existing document to a definition, and leaves where it runs and when alone. */
function replacement(job: Job, withIp: boolean): Record<string, unknown> {
  const { _id, ip, ...set } = job
  const gone = Object.keys(jobSchema.shape).filter(field => !KEPT.has(field) && !(field in job))
  return {
    $set: { ...set, ...(withIp && ip !== undefined && { ip }) },
    ...(gone.length > 0 && { $unset: Object.fromEntries(gone.map(field => [field, ''])) }),
  }
}

/** Asks the database and turns its refusals into sentences. */
async function asked<T>(id: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    const refused = refusal(error)
    const job = id === '' ? 'job' : `job ${id}`
    if (refused !== undefined) {
      const problems = [{ path: refused.split(':', 1)[0] ?? '', message: refused }]
      throw new TidewheelError('invalid_job', `${job}: ${refused}`, { id, problems }, { cause: error })
    }
    if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) {
      throw new TidewheelError('conflict', `${job}: there is one of this id already`, { id }, { cause: error })
    }
    throw databaseError(error)
  }
}
