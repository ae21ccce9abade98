/** History: what people ask of past and present runs, through a node or a client.
 *  In: ids, filters, a date. Out: rows as they lie in the database. Cancelling is an edit of the job that its node serves. */
import type { Collection, Filter } from 'mongodb'
import { asked, databaseError } from '../database/connection.ts'
import { TidewheelError } from '../errors.ts'
import type { Execution } from '../history/rows.ts'
import type { Job } from '../job/job.ts'

export interface History {
  /** Newest first; `query` is a MongoDB filter. */
  list(query?: Filter<Execution>): AsyncIterable<Execution>
  /** Throws `not_found`. */
  get(runId: string): Promise<Execution>
  /** Asks the node on which the run goes on, whichever it is, to abort it. Throws `not_found` when it does not go on. */
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
  return {
    async *list(query = {}) {
      try {
        yield* executions().find(query).sort({ recorded: -1, _id: -1 })
      } catch (error) {
        throw databaseError(error)
      }
    },
    async get(runId) {
      const row = await asked(() => executions().findOne({ _id: runId }))
      if (row === null) throw notFound(runId, 'there is no row of this id')
      return row
    },
    async cancel(runId) {
      const row = await asked(() => executions().findOne({ _id: runId }, { projection: { job_id: 1 } }))
      // A young run has no row yet: then its job is looked for by the entry.
      const where = row === null ? {} : { _id: row.job_id }
      const filter = { ...where, 'state.running.run_id': runId } as Filter<Job>
      const { matchedCount } = await asked(() => jobs().updateOne(filter, { $set: { cancel: runId } }))
      if (matchedCount === 0) throw notFound(runId, 'it does not go on')
    },
    async purge(before) {
      return (await asked(() => executions().deleteMany({ recorded: { $lt: before } }))).deletedCount
    },
  }
}
