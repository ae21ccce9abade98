/** The books of a job that runs ever so often: whether each due time is accounted for, once, and runs are on time.
 *  A row stands for `coalesced` due times, the last of which is its `run_time`. */
import { expect } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import type { TidewheelNode } from '../../src/node/node.ts'
import { collect } from './events.ts'
import { aJob } from './jobs.ts'
import { type Loose, type Nodes, until } from './node.ts'

const EVERY_MS = 200
/** Later than that is not on time, on a busy machine either. */
const LATE_MS = 150
const RUNS = 5

/** A job that has begun to run every 200 ms on the first node. */
export async function steady(cluster: Nodes, fields: Partial<Job> = {}): Promise<Job> {
  const trigger = { type: 'interval', seconds: EVERY_MS / 1_000 } as const
  const job = aJob({ ip: cluster.ips[0] as string, trigger, misfire_grace_time: null, ...fields })
  await cluster.jobs.insertOne(job as unknown as Loose)
  await until(() => expect(cluster.ranOf(job._id).length).toBeGreaterThan(3))
  return job
}

/** Some runs in a row, of times that are still to come, start when they are due; asks the node alone, not the database. */
export async function onTimeAgain(node: TidewheelNode, job: Job, timeout: number): Promise<void> {
  const from = Date.now()
  const seen = collect(node, job._id)
  await until(() => {
    const starts = seen.of('run.started').filter(({ run_time }) => run_time.getTime() > from)
    expect(starts.slice(-RUNS).map(({ late }) => late <= LATE_MS)).toEqual(Array(RUNS).fill(true))
  }, timeout).finally(() => seen.stop())
}

/** Every due time from the first row to the last has one row that stands for it; each run started once. */
export async function accountedFor(cluster: Nodes, job: Job): Promise<void> {
  await cluster.jobs.updateOne({ _id: job._id }, { $set: { next_run_time: null } })
  await until(async () => {
    expect((await cluster.jobs.findOne({ _id: job._id }))?.state?.running ?? []).toEqual([])
    const rows = await rowsOf(cluster, job)
    const starts = cluster.ranOf(job._id).map(({ run_time }) => run_time.getTime())
    expect(new Set(starts).size).toBe(starts.length)
    expect(rows.length).toBeGreaterThanOrEqual(starts.length)
  })
  const rows = await rowsOf(cluster, job)
  const wrong = rows.filter((row, i) => {
    const before = rows[i - 1]
    return before !== undefined && row.run_time - before.run_time !== EVERY_MS * row.coalesced
  })
  expect(wrong).toEqual([])
}

async function rowsOf(cluster: Nodes, { _id }: Job) {
  const rows = await cluster.executions.find({ job_id: _id }).sort({ run_time: 1 }).toArray()
  return rows.map(({ run_time, status, coalesced = 1 }) => ({ run_time: Number(run_time), status, coalesced }))
}
