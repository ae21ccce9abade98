/** History: what people ask of past and present runs, through a node or a client.
 *  In: ids, filters, a date. Out: rows as they lie in the database. Cancelling is an edit of the job that its node serves. */
import type { Collection, Filter } from 'mongodb'
import { asked, databaseError } from '../database/connection.ts'
import { TidewheelError } from '../errors.ts'
import type { Execution } from '../history/rows.ts'
import { type Job, nameOf, type RunningEntry } from '../job/job.ts'
import type { Page } from './cursor.ts'
import { givenDate, givenFilter, givenId } from './given.ts'
import { type RecentRun, recentOf } from './recent.ts'
import { type RunsPageOptions, runsPageOf } from './runs-page.ts'

/** What became of runs: a row for each attempt, kept for `historyTtl` (7 days unless it was changed). Each method throws
 *  `unreachable`, `unauthorised` or `closed` where the database does not answer, refuses, or is closed. */
export interface History {
  /** Newest first; `query` is a MongoDB filter. */
  list(query?: Filter<Execution>): AsyncIterable<Execution>
  /** A part of them, newest first, for lists that people leaf through; of one job by when they were due, else by when their row was
   *  stored last. Throws `invalid_option`. */
  page(options?: RunsPageOptions): Promise<Page<Execution>>
  /** The last runs of each of these jobs (200 at most), newest first, 24 of each unless told otherwise, 100 at most. A job without
   *  runs has an empty list. */
  recent(jobIds: readonly string[], count?: number): Promise<Readonly<Record<string, readonly RecentRun[]>>>
  /** One run. A young one that has no row yet is told from its job: `started` is null then. Throws `not_found`. */
  get(runId: string): Promise<Execution>
  /** Asks the node on which the run goes on, whichever it is, to abort it. Throws `not_found` when it does not go on, `conflict` when
   *  its job was removed meanwhile: then nobody can be asked. */
  cancel(runId: string): Promise<void>
  /** Removes rows recorded before then; answers how many. */
  purge(before: Date): Promise<number>
}

export interface HistoryOptions {
  /** Throw `closed` where there are none (yet). */
  readonly executions: () => Collection<Execution>
  readonly jobs: () => Collection<Job>
}

export function historyOf({ executions, jobs }: HistoryOptions): History {
  const notFound = (runId: string, what: string) =>
    new TidewheelError('not_found', `run ${runId}: ${what}`, { run_id: runId })
  /** A young run has no row yet: its job knows it. */
  const entered = (runId: string) =>
    asked(() => jobs().findOne({ 'state.running.run_id': runId } as Filter<Job>, { projection: { touch: 0 } }))
  return {
    async *list(query = {}) {
      const wanted = givenFilter<Execution>(query, 'history.list')
      try {
        for await (const row of executions().find(wanted).sort({ recorded: -1, _id: -1 })) yield read(row)
      } catch (error) {
        throw databaseError(error)
      }
    },
    async page(options) {
      const { items, next } = await asked(() => runsPageOf(executions(), options))
      return { items: items.map(read), next }
    },
    recent: async (jobIds, count) => await asked(() => recentOf(executions(), jobIds, count)),
    async get(runId) {
      givenId(runId, 'history.get')
      const row = await asked(() => executions().findOne({ _id: runId }))
      if (row !== null) return read(row)
      const job = await entered(runId)
      const entry = job?.state?.running?.find(({ run_id }) => run_id === runId)
      if (job === null || entry === undefined) throw notFound(runId, 'there is no row of this id')
      return unrecorded(job, entry)
    },
    async cancel(runId) {
      givenId(runId, 'history.cancel')
      const row = await asked(() => executions().findOne({ _id: runId }, { projection: { job_id: 1, status: 1 } }))
      const where = row === null ? {} : { _id: row.job_id }
      const filter = { ...where, 'state.running.run_id': runId } as Filter<Job>
      const { matchedCount } = await asked(() => jobs().updateOne(filter, { $set: { cancel: runId } }))
      if (matchedCount > 0) return
      if (row === null) throw notFound(runId, 'there is none of this id')
      if (row.status !== 'started') throw notFound(runId, `it does not go on: it ended ${row.status}`)
      const message = `run ${runId}: its job ${row.job_id} was removed, and its node is asked through the job; it goes on to its end`
      const advice = 'A timeout would end it; nodes evict IP ends its node, with all that runs there.'
      throw new TidewheelError('conflict', message, { run_id: runId, job_id: row.job_id, advice })
    },
    async purge(before) {
      const recorded = { $lt: givenDate(before, 'history.purge', 'before') }
      return (await asked(() => executions().deleteMany({ recorded }))).deletedCount
    },
  }
}

/** A row as its type says: MongoDB's whole numbers of 64 bits come as objects. */
const read = (row: Execution): Execution =>
  row.fence === null || row.fence === undefined ? row : { ...row, fence: BigInt(String(row.fence)) }

/** What a run that has no row yet would have in it: it was claimed, and that is all that is known. */
const unrecorded = (job: Job, entry: RunningEntry): Execution => ({
  _id: entry.run_id,
  job_id: job._id,
  job_name: nameOf(job),
  func: job.func,
  run_time: entry.run_time,
  scheduled: entry.ordered !== true,
  status: 'started',
  attempt: entry.attempt,
  coalesced: entry.coalesced ?? 1,
  node: entry.node,
  ip: entry.node,
  fence: null,
  claimed: entry.claimed,
  started: null,
  finished: null,
  duration: null,
  late: null,
  result: null,
  exception: null,
  traceback: null,
  log: null,
  recorded: entry.claimed,
})
