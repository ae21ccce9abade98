/** Jobs: what people do with jobs, through a node or a client.
 *  In: inputs of every form the contract knows. Out: documents as they lie in the database afterwards. Each method is one edit
 *  that a person could make in mongosh: it never sets `touch`, never plans, and leaves the rest to the owner.
 *  Every failure is a TidewheelError: invalid_job, invalid_trigger, invalid_option, not_found, conflict, unreachable, unauthorised. */
import type { Collection, Filter } from 'mongodb'
import { defer, type Observable } from 'rxjs'
import type { NodeInfo } from '../cluster/lease.ts'
import { readRegistry } from '../cluster/registry.ts'
import { TidewheelError } from '../errors.ts'
import { type FlatJob, isObject, type Job, type JobChanges, type JobInput } from '../job/job.ts'
import { replacesExisting, zoned } from '../job/parse.ts'
import { fireTimes, nextFireTime, type Trigger } from '../trigger/trigger.ts'
import { type BulkOptions, type BulkResult, bulkOf } from './bulk.ts'
import { comingRuns, fallbackOf, ownZoneOf } from './coming.ts'
import { givenLimit } from './cursor.ts'
import { changeOf, type Edit, edited, editedAsRead, read, replacementOf } from './edit.ts'
import { givenDate, givenFields, givenFilter, givenId, givenSwitches, refuse } from './given.ts'
import { type JobsPage, type JobsPageOptions, pageOf } from './jobs-page.ts'
import { cancelEdit, moveEdit, pausedOnly, pauseEdit, RESUME_EDIT, RUN_EDIT } from './orders.ts'
import { asked, notFound } from './refused.ts'
import { newJob, type StoreOptions, store } from './store.ts'
import { givenJobFilter, type JobFilter, queryOf } from './which.ts'

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
  /** A part of them in order, for lists that people leaf through. Throws `invalid_option`, also where a text is looked for in more
   *  jobs than can be read within a second. */
  page(options?: JobsPageOptions): Promise<JobsPage>
  /** A filter as a query for MongoDB, for `list`, `removeAll` and `changes$`. Who is stranded is as the registry says now. */
  query(filter: JobFilter): Promise<Filter<Job>>
  /** Changes the given fields; `undefined` (and `ip: null`) takes a field away. A job keeps its `_id`. `revision`: only the job as it
   *  was when it had this one (`revisionOf`). Throws `not_found`, `invalid_job`, and `conflict` for another revision. */
  update(id: string, changes: JobChanges, options?: RevisionOption): Promise<Job>
  /** Makes a job the given one: fields that are not given go. What nodes keep of it (`state`, `touch`) and its orders (`run_at`,
   *  `cancel`) stay, and so does `next_run_time`: leave it out, unless you order another. Throws as `update` does. */
  replace(id: string, job: JobInput | FlatJob, options?: RevisionOption): Promise<Job>
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
  /** Its coming run times, 10 unless told otherwise, 10,000 at most; those ordered beside the schedule are among them. A trigger that
   *  names no zone means that of the job's node. A paused job has none but those. Throws `not_found`. */
  next(id: string, count?: number): Promise<readonly Date[]>
  /** Aborts all its runs, on whichever node they go on. Throws `not_found`. */
  cancel(id: string): Promise<Job>
  /** Once more, now; the schedule stays. Throws `not_found`. */
  run(id: string): Promise<Job>
  /** Runs the fire times of a past span (both ends included) once more; answers how many. A trigger that names no zone means that
   *  of the job's node. Throws `not_found`, and `invalid_job` for more than 1,000. */
  backfill(id: string, span: { readonly from: Date; readonly to: Date }): Promise<number>
  /** Edits many jobs, by ids or by a filter. One that refuses keeps no other. */
  bulk(options: BulkOptions): Promise<BulkResult>
  /** Runs in progress finish. Throws `not_found`. */
  remove(id: string): Promise<void>
  /** Answers how many. `{}` removes all. */
  removeAll(query: Filter<Job>): Promise<number>
  /** First all that match, then each that changes, enters or leaves. Cold. Waits out a database that is away; errors with what will
   *  not mend, such as a wrong filter or a missing right; completes when the client or node closes. */
  changes$(query?: Filter<Job>): Observable<JobChange>
}

/** Has an edit refused with `conflict` where somebody edited the job since it was read. */
export interface RevisionOption {
  /** Of `revisionOf`; absent: whatever it is. */
  readonly revision?: string | undefined
}

/** A job as it is now, or that it does not match (any more). */
export type JobChange = { readonly type: 'put'; readonly job: Job } | { readonly type: 'removed'; readonly id: string }

export interface JobsOptions extends StoreOptions {
  /** Throws `closed` where there are none (yet). */
  readonly nodes: () => Collection<NodeInfo>
  readonly watch: (query: Filter<Job>) => Observable<JobChange>
  /** Set before the start: added jobs are kept until then. */
  readonly keep?: (job: JobInput | FlatJob, options: { readonly replace?: boolean }) => Job | undefined
}

const PAGE = 500
const MOST_EXTRA_RUNS = 1_000
const MOST_TIMES = 10_000

export function jobsOf(options: JobsOptions): Jobs {
  const { collection, nodes, timezone } = options
  const edit = (id: string, update: Edit, only: Filter<Job> = {}) => edited(collection(), id, update, only)

  const registry = () => asked('', () => readRegistry(nodes()))

  return {
    async add(input, how) {
      const { replace } = givenSwitches(how, 'jobs.add', 'replace')
      const replaces = replace || replacesExisting(input)
      const kept = options.keep?.(input, { replace: replaces })
      if (kept !== undefined) return kept
      const added = newJob(input, options)
      return await asked(added.job._id, () => store(collection(), added, replaces))
    },
    get: async id => await read(collection(), givenId(id, 'jobs.get')),
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
    page: async given => await asked('', () => pageOf(collection(), registry, given)),
    async query(given) {
      const filter = givenJobFilter(given, 'jobs.query')
      return queryOf(filter, filter.status === 'stranded' ? await registry() : [])
    },
    async update(id, changes, how) {
      const revision = givenRevision(how, 'jobs.update')
      givenId(id, 'jobs.update')
      return await editedAsRead(collection(), id, revision, before => changeOf(before, changes, timezone))
    },
    async replace(id, job, how) {
      const revision = givenRevision(how, 'jobs.replace')
      givenId(id, 'jobs.replace')
      return await editedAsRead(collection(), id, revision, before => replacementOf(before, job, timezone))
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
      return await edit(id, moveEdit(ip, 'jobs.move', id))
    },
    async pause(id, note) {
      givenId(id, 'jobs.pause')
      return await edit(id, pauseEdit(note, 'jobs.pause'))
    },
    async resume(id) {
      givenId(id, 'jobs.resume')
      try {
        return await edit(id, RESUME_EDIT, pausedOnly)
      } catch (error) {
        // One that is not paused, or that is gone, which this then says.
        if (error instanceof TidewheelError && error.code === 'not_found') return await read(collection(), id)
        throw error
      }
    },
    async next(id, count) {
      givenId(id, 'jobs.next')
      const most = givenLimit(count, 'jobs.next', { most: MOST_TIMES, absent: 10, name: 'count' })
      const job = await read(collection(), id)
      return comingRuns(job, most, await asked(id, () => ownZoneOf(job, nodes())))
    },
    cancel: async id => await edit(givenId(id, 'jobs.cancel'), cancelEdit),
    run: async id => await edit(givenId(id, 'jobs.run'), RUN_EDIT),
    async backfill(id, span) {
      givenId(id, 'jobs.backfill')
      if (!isObject(span)) refuse('jobs.backfill', 'span', 'expected {from: date, to: date}', span)
      const from = givenDate(span.from, 'jobs.backfill', 'from')
      const to = givenDate(span.to, 'jobs.backfill', 'to')
      if (from > to) refuse('jobs.backfill', 'to', `expected a date from ${from.toISOString()} on`, to)
      const times = await timesOf(await read(collection(), id), from, to, nodes())
      if (times.length > 0) await edit(id, { $push: { run_at: { $each: [...times] } } })
      return times.length
    },
    bulk: async given => await bulkOf(collection(), registry, given),
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

function givenRevision(how: unknown, where: string): string | undefined {
  const { revision } = givenFields(how, where, ['revision'])
  if (revision !== undefined && typeof revision !== 'string') refuse(where, 'revision', 'expected text', revision)
  return revision as string | undefined
}

const neverFires = () =>
  new TidewheelError('invalid_trigger', 'trigger: can never fire: no time satisfies it', { path: 'trigger' })

/** The fire times of a span, in the zone of the job's node. Throws `invalid_job` for too many. */
async function timesOf(job: Job, from: Date, to: Date, nodes: Collection<NodeInfo>): Promise<readonly Date[]> {
  const id = job._id
  const timezone = await asked(id, () => ownZoneOf(job, nodes))
  const times = fireTimes(job.trigger, {
    after: from,
    count: MOST_EXTRA_RUNS + 1,
    ...fallbackOf(job.trigger, timezone),
  })
  const within = times.filter(time => time >= from && time <= to)
  if (within.length <= MOST_EXTRA_RUNS) return within
  const message = `job ${id}: a backfill runs at most ${MOST_EXTRA_RUNS} times, this span has more; take a shorter one`
  throw new TidewheelError('invalid_job', message, { id })
}
