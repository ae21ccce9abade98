/** Jobs: what people do with jobs, through a node or a client.
 *  In: inputs of every form the contract knows. Out: documents as they lie in the database afterwards. Each method is one edit
 *  that a person could make in mongosh: it never sets `touch`, never plans, and leaves the rest to the owner.
 *  Every failure is a TidewheelError: invalid_job, invalid_trigger, invalid_option, not_found, conflict, unreachable, unauthorised. */
import {
  type ClientSession,
  type Collection,
  type Filter,
  type MongoClient,
  MongoServerError,
  ObjectId,
  type UpdateFilter,
} from 'mongodb'
import { defer, type Observable } from 'rxjs'
import type { NodeInfo } from '../cluster/lease.ts'
import { databaseError } from '../database/connection.ts'
import { TidewheelError } from '../errors.ts'
import { type FlatJob, isObject, type Job, type JobChanges, type JobInput, jobSchema } from '../job/job.ts'
import {
  describe,
  isFlat,
  parseJobInput,
  replacesExisting,
  show,
  unflatten,
  unknownField,
  zoned,
} from '../job/parse.ts'
import { refusal } from '../job/schema.ts'
import { fireTimes, nextFireTime, type Trigger } from '../trigger/trigger.ts'
import { ownZoneOf } from './coming.ts'
import { givenDate, givenFilter, givenId, givenIp, givenSwitches, refuse } from './given.ts'

/** Reads and writes of jobs; the same for a node and for a client without one. Besides what each method says, all throw
 *  `unreachable`, `unauthorised`, and `invalid_option` for arguments of the wrong kind.
 *  Where a zone was given to the node or the client (`timezone`), it is written into triggers that name none. */
export interface Jobs {
  /** Stores a job; without an `_id` one is made. `replace`: an existing one is brought to this definition; its
   *  `next_run_time` stays unless the trigger changed or one is given, and so does its `ip` unless one is given.
   *  Throws `invalid_job`, or `conflict` when the id is taken. */
  add(job: JobInput | FlatJob, options?: { readonly replace?: boolean }): Promise<Job>
  /** Throws `not_found`. */
  get(id: string): Promise<Job>
  /** By id, read in pages; `query` is a MongoDB filter. */
  list(query?: Filter<Job>): AsyncIterable<Job>
  /** Changes the given fields; `undefined` (and `ip: null`) takes a field away. A job keeps its `_id`.
   *  Throws `not_found`, `invalid_job`. */
  update(id: string, changes: JobChanges): Promise<Job>
  /** A new trigger, from now on; a paused job stays paused unless `resume`. Throws `not_found`, and `invalid_trigger` for one that
   *  is wrong or can never fire. */
  reschedule(id: string, trigger: Trigger, options?: { readonly resume?: boolean }): Promise<Job>
  /** To another node; `null` has it placed anew. Throws `not_found`. */
  move(id: string, ip: string | null): Promise<Job>
  /** No run until it is resumed; `note` says why, or whom to ask. Throws `not_found`. */
  pause(id: string, note?: string): Promise<Job>
  /** From now on: what was missed in the pause is not made up, and the note goes. A job that is not paused stays as it is.
   *  Throws `not_found`. */
  resume(id: string): Promise<Job>
  /** Once more, now; the schedule stays. Throws `not_found`. */
  run(id: string): Promise<Job>
  /** Runs the fire times of a past span (both ends included) once more; answers how many. A trigger that names no zone means that
   *  of the job's node. Throws `not_found`, and `invalid_job` for more than 1,000. */
  backfill(id: string, span: { readonly from: Date; readonly to: Date }): Promise<number>
  /** Runs in progress finish. Throws `not_found`. */
  remove(id: string): Promise<void>
  /** Answers how many. `{}` removes all. */
  removeAll(query: Filter<Job>): Promise<number>
  /** First all that match, then each that changes, enters or leaves. Cold. Waits out a database that is away; errors with what will
   *  not mend, such as a wrong filter or a missing right; completes when the client or node closes. */
  changes$(query?: Filter<Job>): Observable<JobChange>
}

/** A job as it is now, or that it does not match (any more). */
export type JobChange = { readonly type: 'put'; readonly job: Job } | { readonly type: 'removed'; readonly id: string }

export interface JobsOptions {
  /** Throw `closed` where there are none (yet). */
  readonly collection: () => Collection<Job>
  readonly nodes: () => Collection<NodeInfo>
  /** The zone that a person gave, if one did: added triggers that name none mean it. */
  readonly timezone?: string | undefined
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
  const { collection, nodes, timezone } = options
  const edit = (id: string, update: Edit, only: Filter<Job> = {}) => edited(collection(), id, update, only)

  async function get(id: string): Promise<Job> {
    const job = await asked(id, () => collection().findOne({ _id: id }))
    if (job === null) throw notFound(id)
    return job
  }

  return {
    async add(input, how) {
      const { replace } = givenSwitches(how, 'jobs.add', 'replace')
      const replaces = replace || replacesExisting(input)
      const kept = options.keep?.(input, { replace: replaces })
      if (kept !== undefined) return kept
      const added = newJob(input, options)
      return await asked(added.job._id, () => store(collection(), added, replaces))
    },
    get: async id => await get(givenId(id, 'jobs.get')),
    async *list(query = {}) {
      const wanted = givenFilter<Job>(query, 'jobs.list')
      for (let after: string | undefined; ; ) {
        const filter = (after === undefined ? wanted : { $and: [wanted, { _id: { $gt: after } }] }) as Filter<Job>
        const page = await asked('', () => collection().find(filter).sort({ _id: 1 }).limit(PAGE).toArray())
        yield* page as Job[]
        if (page.length < PAGE) return
        after = page.at(-1)?._id
      }
    },
    async update(id, changes) {
      const before = await get(givenId(id, 'jobs.update'))
      const update = changeOf(before, changes, { timezone })
      return update === undefined ? before : await edit(id, update)
    },
    async reschedule(id, trigger, how) {
      givenId(id, 'jobs.reschedule')
      const { resume } = givenSwitches(how, 'jobs.reschedule', 'resume')
      const meant = zoned({ trigger }, timezone)
      if (nextFireTime(meant.trigger, null, new Date(0)) === null) throw neverFires()
      return await edit(id, { $set: meant, ...(resume && { $unset: { next_run_time: '' } }) })
    },
    async move(id, ip) {
      givenId(id, 'jobs.move')
      if (ip === null) return await edit(id, { $unset: { ip: '' } })
      if (!jobSchema.shape.ip.safeParse(givenIp(ip, 'jobs.move')).success) {
        throw invalid(id, { path: 'ip', message: `${describe('ip')}; found ${show(ip)}` })
      }
      return await edit(id, { $set: { ip } })
    },
    async pause(id, note) {
      if (note !== undefined && typeof note !== 'string') refuse('jobs.pause', 'note', 'expected text', note)
      return await edit(givenId(id, 'jobs.pause'), {
        $set: { next_run_time: null, ...(note !== undefined && { note }) },
      })
    },
    async resume(id) {
      givenId(id, 'jobs.resume')
      try {
        return await edit(id, { $unset: { next_run_time: '', note: '' } }, pausedOnly(id))
      } catch (error) {
        // One that is not paused, or that is gone, which this then says.
        if (error instanceof TidewheelError && error.code === 'not_found') return await get(id)
        throw error
      }
    },
    run: async id =>
      await edit(givenId(id, 'jobs.run'), [
        { $set: { run_at: { $concatArrays: [EXTRA_RUNS, [NOW_ONCE]] } } },
      ] as unknown as Edit),
    async backfill(id, span) {
      givenId(id, 'jobs.backfill')
      if (!isObject(span)) refuse('jobs.backfill', 'span', 'expected {from: date, to: date}', span)
      const from = givenDate(span.from, 'jobs.backfill', 'from')
      const to = givenDate(span.to, 'jobs.backfill', 'to')
      if (from > to) refuse('jobs.backfill', 'to', `expected a date from ${from.toISOString()} on`, to)
      const times = await timesOf(await get(id), from, to, nodes())
      if (times.length > 0) await edit(id, { $push: { run_at: { $each: [...times] } } })
      return times.length
    },
    async remove(id) {
      givenId(id, 'jobs.remove')
      const { deletedCount } = await asked(id, () => collection().deleteOne({ _id: id }))
      if (deletedCount === 0) throw notFound(id)
    },
    async removeAll(query) {
      const wanted = givenFilter(query, 'jobs.removeAll')
      return (await asked('', () => collection().deleteMany(wanted))).deletedCount
    },
    changes$: (query = {}) => defer(() => options.watch(givenFilter<Job>(query, 'jobs.changes$'))),
  }
}

/** Adds jobs all or none, in one transaction. What fails says in `data.index` which of them it was. */
export async function addTogether(
  client: MongoClient,
  options: Pick<JobsOptions, 'collection' | 'timezone'>,
  inputs: readonly (JobInput | FlatJob)[],
  replace: boolean,
): Promise<readonly Job[]> {
  let index = 0
  try {
    const added: NewJob[] = []
    for (const input of inputs) {
      added.push(newJob(input, options))
      index++
    }
    return await client.withSession(session =>
      session.withTransaction(async () => {
        const jobs: Job[] = []
        for (index = 0; index < added.length; index++) {
          const replaces = replace || replacesExisting(inputs[index])
          jobs.push(await store(options.collection(), added[index] as NewJob, replaces, session))
        }
        return jobs
      }),
    )
  } catch (error) {
    const id = (inputs[index] as { readonly _id?: unknown; readonly id?: unknown } | undefined) ?? {}
    const { code, message, data, cause } = refused(String(id._id ?? id.id ?? ''), error)
    throw new TidewheelError(code, message, index < inputs.length ? { ...data, index } : data, { cause })
  }
}

/** A job as it is to lie in the database, and whether the person named its node. */
function newJob(input: unknown, { defaults, timezone }: Pick<JobsOptions, 'defaults' | 'timezone'>): NewJob {
  const { _id = new ObjectId().toHexString(), ...fields } = parseJobInput(input, {
    zone: timezone,
    ...(defaults && { defaults: defaults() }),
  })
  return { job: { _id, ...fields } as Job, placed: (input as JobInput).ip !== undefined }
}

interface NewJob {
  readonly job: Job
  /** The person named its node, or none. */
  readonly placed: boolean
}

/** Throws what the driver throws: a transaction begins anew by what it reads off that. */
async function store(
  collection: Collection<Job>,
  { job, placed }: NewJob,
  replace: boolean,
  session?: ClientSession,
): Promise<Job> {
  const { _id } = job
  const how = session && { session }
  const bring = async () => (replace ? await updated(collection, { _id }, replacement(job, placed), session) : null)
  const present = await bring()
  if (present !== null) return present
  try {
    await collection.insertOne(job as never, how)
    return job
  } catch (error) {
    // Somebody else was quicker. A transaction has to begin anew, and does.
    if (!replace || session !== undefined || !isDuplicate(error)) throw error
    return (await bring()) ?? job
  }
}

type Edit = UpdateFilter<Job>

const updated = (collection: Collection<Job>, filter: Filter<Job>, update: Edit, session?: ClientSession) =>
  collection.findOneAndUpdate(filter, update, { returnDocument: 'after', ...(session && { session }) })

async function edited(collection: Collection<Job>, id: string, update: Edit, only: Filter<Job>): Promise<Job> {
  const job = await asked(id, () => updated(collection, { ...only, _id: id }, update))
  if (job === null) throw notFound(id)
  return job
}

/** What changes of a job are as an update; undefined: nothing changes. Throws `invalid_job`. */
function changeOf(before: Job, given: unknown, { timezone }: Pick<JobsOptions, 'timezone'>): Edit | undefined {
  const id = before._id
  if (!isObject(given)) return refuse('jobs.update', 'changes', 'expected an object of fields', given)
  const flat: Readonly<Record<string, unknown>> = isFlat(given) ? { ...unflatten(given, { partial: true }) } : given
  const { _id = id, ...named } = flat
  if (_id !== id) {
    const message = `_id: a job keeps its id; add it as ${show(_id)} and remove this one`
    throw invalid(id, { path: '_id', message })
  }
  const changes = zoned(named, timezone)
  const isGone = (field: string) => changes[field] === undefined || (field === 'ip' && changes[field] === null)
  const gone = Object.keys(changes).filter(isGone)
  const strange = gone.find(field => !Object.hasOwn(jobSchema.shape, field) && !field.startsWith('x_'))
  if (strange !== undefined) throw invalid(id, unknownField('', strange))
  const theirs = gone.find(field => field === 'state' || field === 'touch')
  if (theirs !== undefined) throw invalid(id, { path: theirs, message: `${theirs}: is written by nodes only` })
  const { state: _state, touch: _touch, ...rest } = before
  const merged = Object.entries({ ...rest, ...changes, _id: id }).filter(([field]) => !gone.includes(field))
  const checked = parseJobInput(Object.fromEntries(merged)) as Readonly<Record<string, unknown>>
  const set = Object.keys(changes).filter(field => Object.hasOwn(checked, field))
  if (set.length === 0 && gone.length === 0) return undefined
  return {
    ...(set.length > 0 && { $set: Object.fromEntries(set.map(field => [field, checked[field]])) }),
    ...(gone.length > 0 && { $unset: Object.fromEntries(gone.map(field => [field, ''])) }),
  } as Edit
}

const invalid = (id: string, problem: { readonly path: string; readonly message: string }) =>
  new TidewheelError('invalid_job', `job ${id}: ${problem.message}`, { id, problems: [problem] })

const neverFires = () =>
  new TidewheelError('invalid_trigger', 'trigger: can never fire: no time satisfies it', { path: 'trigger' })

/** Paused, and not merely over: a `state` copied from another job says nothing. */
const pausedOnly = (id: string) =>
  ({
    next_run_time: { $type: 'null' },
    $or: [{ 'state.over': { $ne: true } }, { 'state.job': { $exists: true, $ne: id } }],
  }) as Filter<Job>

/** The fire times of a span, in the zone of the job's node. Throws `invalid_job` for too many. */
async function timesOf(job: Job, from: Date, to: Date, nodes: Collection<NodeInfo>): Promise<readonly Date[]> {
  const id = job._id
  const timezone = await asked(id, () => ownZoneOf(job, nodes))
  const times = fireTimes(job.trigger, { after: from, count: MOST_EXTRA_RUNS + 1, timezone })
  const within = times.filter(time => time >= from && time <= to)
  if (within.length <= MOST_EXTRA_RUNS) return within
  const message = `job ${id}: a backfill runs at most ${MOST_EXTRA_RUNS} times, this span has more; take a shorter one`
  throw new TidewheelError('invalid_job', message, { id })
}

const notFound = (id: string) => new TidewheelError('not_found', `job ${id}: there is none of this id`, { id })

const isDuplicate = (error: unknown) => error instanceof MongoServerError && error.code === DUPLICATE_KEY

/** Brings an existing document to a definition, and leaves where it runs and when alone. */
function replacement(job: Job, withIp: boolean): Edit {
  const { _id, ip, ...set } = job
  const gone = Object.keys(jobSchema.shape).filter(field => !KEPT.has(field) && !(field in job))
  return {
    $set: { ...set, ...(withIp && ip !== undefined && { ip }) },
    ...(gone.length > 0 && { $unset: Object.fromEntries(gone.map(field => [field, ''])) }),
  } as Edit
}

/** Asks the database and turns its refusals into sentences; `id` is that of the job which is written or read, if it is one. */
async function asked<T>(id: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw refused(id, error)
  }
}

function refused(id: string, error: unknown): TidewheelError {
  const rule = refusal(error)
  const job = id === '' ? 'job' : `job ${id}`
  if (rule !== undefined) {
    const problems = [{ path: rule.split(':', 1)[0] ?? '', message: rule }]
    return new TidewheelError('invalid_job', `${job}: ${rule}`, { id, problems }, { cause: error })
  }
  if (isDuplicate(error)) {
    return new TidewheelError('conflict', `${job}: there is one of this id already`, { id }, { cause: error })
  }
  return databaseError(error, id === '' ? 'invalid_option' : 'invalid_job')
}
