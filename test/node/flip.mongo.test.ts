/** A job that is moved to and fro while it runs: no run on the wrong node, none twice, none lost.
 *  The claim's document says whose run it was; each time of its grid is a run, or has a row that says why not. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

const EVERY_MS = 50
const FLIPS = 300

let db: TestDb
let nodes: Nodes

beforeAll(async () => {
  db = await openTestDb()
  nodes = await startNodes({ uri: db.uri, count: 2 })
})

afterAll(async () => {
  await nodes?.close()
  await db?.close()
})

let seed = 1
/** From 0 to below 1, the same in each run of this test. */
function chance(): number {
  seed = Math.imul(seed, 1_664_525) + 1_013_904_223
  return (seed >>> 0) / 2 ** 32
}

/** At once, after some answers of the database, or after a claim: moves meet claims at every point. */
async function moment(): Promise<void> {
  if (chance() < 0.5) await nextEvent(nodes.nodes, 'run.claimed')
  for (let asks = Math.floor(chance() * 9); asks > 0; asks--) await nodes.jobs.findOne({ _id: 'none' })
}

test.each([
  ['each time of its own', { coalesce: false }],
  ['late times become one run', { coalesce: true }],
] as const)(`a job that runs every ${EVERY_MS} ms is moved ${FLIPS / 2} times: %s`, async (_, how) => {
  const [a, b] = nodes.ips as [string, string]
  const trigger = { type: 'interval', seconds: EVERY_MS / 1_000 } as const
  const job = aJob({ ip: a, trigger, misfire_grace_time: null, ...how })
  const first = nextEvent(nodes.nodes, 'run.executed', { job_id: job._id })
  await nodes.jobs.insertOne(job as unknown as Loose)
  await first
  for (let flip = 0; flip < FLIPS / 2; flip++) {
    await moment()
    await nodes.jobs.updateOne({ _id: job._id }, { $set: { ip: flip % 2 === 0 ? b : a } })
  }
  const moved = nodes.ranOf(job._id).length
  await until(() => expect(nodes.ranOf(job._id).length).toBeGreaterThan(moved + 3))
  await nodes.jobs.updateOne({ _id: job._id }, { $set: { next_run_time: null } })
  await until(async () => {
    const { state } = (await nodes.jobs.findOne({ _id: job._id })) as Loose
    expect(state.running).toEqual([])
    expect(await nodes.executions.countDocuments({ job_id: job._id, status: 'executed' })).toBe(
      nodes.ranOf(job._id).length,
    )
  })

  const ran = nodes.ranOf(job._id)
  expect(ran.filter(run => run.job.ip !== run.ip)).toEqual([])
  expect(new Set(ran.map(run => run.ip)).size).toBe(2)
  const times = ran.map(run => run.run_time.getTime())
  expect(new Set(times).size).toBe(times.length)

  const rows = await nodes.executions.find({ job_id: job._id }).sort({ run_time: 1 }).toArray()
  expect(rows.filter(row => !row.scheduled)).toEqual([])
  const start = Math.min(...times)
  // A row stands for so many times up to its own.
  const told = rows.flatMap(row =>
    Array.from({ length: row.coalesced }, (_, i) => row.run_time.getTime() - i * EVERY_MS),
  )
  const grid = Array.from({ length: (Math.max(...times) - start) / EVERY_MS + 1 }, (_, i) => start + i * EVERY_MS)
  expect(grid.filter(time => !told.includes(time))).toEqual([])
  expect(told.filter((time, i) => told.indexOf(time) !== i)).toEqual([])
  expect(rows.filter(({ status }) => status !== 'executed' && status !== 'max_instances')).toEqual([])
})
