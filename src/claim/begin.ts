/** Begin: runs that were claimed before and waited for their start (a next attempt, a second start after an interruption).
 *  In: such claims whose time has come. Out: which of them may start.
 *  Holds: what starts has an entry without `retry_at`, so that the death of its node interrupts it; an entry that waits is run
 *  by the next owner instead. Where the entry is gone, or another process has taken it over, nothing starts. */
import { type Collection, MongoBulkWriteError } from 'mongodb'
import type { Job } from '../job/job.ts'
import type { Claim } from './claimed.ts'

export interface BeginContext {
  readonly jobs: Collection<Job>
  readonly incarnation: string
  readonly freshTouch: () => string
}

/** Run ids of those that may start; rejects where the database does not tell. */
export async function begin(context: BeginContext, claims: readonly Claim[]): Promise<ReadonlySet<string>> {
  const { jobs, incarnation, freshTouch } = context
  const operations = claims.map(({ job, run_id }) => ({
    updateOne: {
      filter: { _id: job._id, 'state.running': { $elemMatch: { run_id, incarnation } } },
      update: { $unset: { 'state.running.$.retry_at': '' }, $set: { touch: freshTouch() } },
    },
  }))
  const runs = claims.map(claim => claim.run_id)
  try {
    const { matchedCount } = await jobs.bulkWrite(operations as never, { ordered: false })
    if (matchedCount === claims.length) return new Set(runs)
  } catch (error) {
    // A document that takes no write keeps no other from starting.
    if (!(error instanceof MongoBulkWriteError) || [error.writeErrors ?? []].flat().length === 0) throw error
  }
  const filter = { _id: { $in: claims.map(claim => claim.job._id) }, 'state.running.run_id': { $in: runs } }
  const found = await jobs.find(filter as never, { readConcern: { level: 'majority' } }).toArray()
  const entries = found.flatMap(job => job.state?.running ?? [])
  return new Set(entries.filter(entry => entry.incarnation === incarnation).map(entry => entry.run_id))
}
