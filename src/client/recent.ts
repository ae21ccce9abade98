/** Recent: the last runs of each of many jobs, for lists that show how each job has fared.
 *  In: ids of jobs, and how many runs of each. Out: rows without what is long, newest first, by job. One question to the server: for each
 *  job it reads so many entries of the index {job_id, run_time} and no more, however long its history is. */
import type { Collection, Document } from 'mongodb'
import type { Execution } from '../history/rows.ts'
import { givenLimit } from './cursor.ts'
import { refuse } from './given.ts'

/** A row without what is long, as `history.recent` gives it; `duration` and `late` are milliseconds. */
export type RecentRun = Pick<Execution, '_id' | 'status' | 'run_time' | 'duration' | 'late'>

const MOST_JOBS = 200
const MOST_RUNS = 100
const RUNS = 24
const SHOWN = { job_id: 1, status: 1, run_time: 1, duration: 1, late: 1 }

export async function recentOf(
  executions: Collection<Execution>,
  jobIds: unknown,
  count: unknown,
): Promise<Readonly<Record<string, readonly RecentRun[]>>> {
  const where = 'history.recent'
  const most = givenLimit(count, where, { most: MOST_RUNS, absent: RUNS, name: 'count' })
  if (!Array.isArray(jobIds) || jobIds.some(id => typeof id !== 'string') || jobIds.length > MOST_JOBS) {
    return refuse(where, 'jobIds', `expected an array of at most ${MOST_JOBS} ids of jobs`, jobIds)
  }
  const ids: readonly string[] = [...new Set(jobIds as readonly string[])]
  const runs = new Map<string, RecentRun[]>(ids.map(id => [id, []]))
  const [first, ...others] = ids.map(id => ofJob(id, most))
  if (first === undefined) return {}
  const unions = others.map(pipeline => ({ $unionWith: { coll: executions.collectionName, pipeline } }))
  const rows = executions.aggregate<RecentRun & { readonly job_id: string }>([...first, ...unions])
  for await (const { job_id, ...run } of rows) runs.get(job_id)?.push(run)
  // Attempts of one run have its time.
  for (const all of runs.values())
    all.sort((a, b) => Number(b.run_time) - Number(a.run_time) || (a._id < b._id ? 1 : -1))
  return Object.fromEntries(runs)
}

const ofJob = (job_id: string, limit: number): Document[] => [
  { $match: { job_id } },
  { $sort: { run_time: -1 } },
  { $limit: limit },
  { $project: SHOWN },
]
