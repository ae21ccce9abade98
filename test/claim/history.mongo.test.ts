/** What an overdue document asks the history: whether it is an old copy. An order to run a time once more is none, and an answer
 *  counts only for the time that was asked about. */
import { Long, Timestamp } from 'mongodb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fingerprint } from '../../src/trigger/trigger.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

const HOURLY = { type: 'interval', hours: 1 } as const

let testDb: TestDb
let cluster: Nodes

beforeEach(async () => {
  testDb = await openTestDb()
  cluster = await startNodes({ uri: testDb.uri })
})
afterEach(async () => {
  await testDb?.client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
  await cluster?.close()
  await testDb?.close()
})

/** A document that stood still while no node lived, armed for `due`, and a row for that very time. */
async function overdue(due: Date, ordered: boolean, state: object, fence: Long): Promise<Loose> {
  const planned = { next_run_time: due, trigger: fingerprint(HOURLY, 'UTC'), ...(ordered && { ordered }) }
  const job = aJob({ ip: cluster.ips[0] as string, trigger: HOURLY, next_run_time: due }) as unknown as Loose
  job.state = { job: job._id, planned, ...state }
  job.touch = 'a.1'
  await cluster.executions.insertOne({
    _id: `row-${job._id}`,
    job_id: job._id,
    run_time: due,
    status: 'executed',
    fence,
  })
  await cluster.jobs.insertOne(job)
  return job
}
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
const fence = (t: number) => new Timestamp({ t, i: 1 })
const number = (t: number) => Long.fromBigInt(fence(t).toBigInt())

test('a person may order a time once more that was claimed long ago, though the order is found at a start', async () => {
  const [node] = cluster.nodes
  await node?.stop()
  const due = minutesAgo(20)
  const { _id } = await overdue(due, true, { claimed_to: minutesAgo(5), fence: fence(200), runs: 2 }, number(100))
  await node?.start()
  await until(() => expect(cluster.ranOf(_id).map(({ run_time }) => run_time)).toEqual([due]))
})

test.each([
  ['that the schedule planned', false, { fence: fence(50) }],
  ['that a person ordered, from before its first claim', true, { fence: fence(50) }],
  [
    'of an order to repeat a run, from before the claim of the repetition',
    true,
    { claimed_to: minutesAgo(5), fence: fence(50) },
  ],
])('an old copy of a time %s is not claimed again', async (_, ordered, state) => {
  const [node] = cluster.nodes
  await node?.stop()
  const due = minutesAgo(0.5)
  const { _id } = await overdue(due, ordered, state, number(100))
  await node?.start()
  await until(async () => {
    const job = await cluster.jobs.findOne({ _id })
    expect(job?.next_run_time.getTime()).toBeGreaterThan(Date.now())
  })
  expect(cluster.ranOf(_id)).toEqual([])
})

test('the latest of several claims that an old copy knows nothing of is not repeated either, and the schedule keeps its grid', async () => {
  const [node] = cluster.nodes
  await node?.stop()
  const due = minutesAgo(150)
  const { _id } = await overdue(due, false, { fence: fence(50) }, number(100))
  const off = new Date(due.getTime() + 3_700_000)
  const row = { job_id: _id, run_time: off, scheduled: true, status: 'executed', fence: number(200) }
  await cluster.executions.insertOne({ _id: `later-${_id}`, ...row })
  await node?.start()
  const hours = (count: number) => new Date(due.getTime() + count * 3_600_000)
  // Claimed up to an hour and a bit after it, by another trigger: of its own hours only the one after that is still due.
  const missed = { job_id: _id, status: 'missed' }
  await until(async () =>
    expect(await cluster.executions.find(missed).toArray()).toMatchObject([{ run_time: hours(2) }]),
  )
  expect(await cluster.jobs.findOne({ _id })).toMatchObject({ next_run_time: hours(3) })
  expect(cluster.ranOf(_id)).toEqual([])
})

test.each([
  ['a time of its schedule', 'planned'],
  ['an order', 'ordered'],
  ['an extra run', 'extra'],
])('an old copy, put back while the run that it does not know of goes on, does not ask for %s again', async (_, as) => {
  const due = new Date(Date.now() - 100)
  const job = aJob({ ip: cluster.ips[0] as string, func: 'hold', trigger: HOURLY, max_instances: 2 })
  const planned = {
    next_run_time: due,
    trigger: fingerprint(HOURLY, 'UTC'),
    ...(as === 'ordered' && { ordered: true }),
  }
  const old = {
    ...job,
    ...(as === 'extra' ? { next_run_time: minutesAgo(-60), run_at: [due] } : { next_run_time: due }),
    state: { job: job._id, fence: fence(50), ...(as !== 'extra' && { planned }) },
    touch: 'a.1',
  }
  const put = () => cluster.jobs.insertOne({ ...old } as Loose)
  await put()
  await until(() => expect(cluster.ranOf(job._id)).toHaveLength(1))
  await cluster.jobs.drop()
  await until(() => expect(cluster.nodes[0]?.status().jobs).toBe(0))
  await put()
  await until(async () => {
    const { next_run_time, run_at = [] } = (await cluster.jobs.findOne({ _id: job._id })) as Loose
    expect([next_run_time > new Date(), run_at]).toEqual([true, []])
  })
  cluster.release()
  await until(async () =>
    expect(await cluster.executions.find({ job_id: job._id, status: 'executed' }).toArray()).toHaveLength(1),
  )
  expect(cluster.ranOf(job._id)).toHaveLength(1)
})

test.each([
  ['a run that waited for a place', (run_time: Date) => ({ state: { waiting: { run_id: 'w', run_time } } })],
  ['an extra run', (run_time: Date) => ({ run_at: [run_time] })],
])('an old copy does not ask for %s again, and is rid of it; ordered anew it runs', async (_, asking) => {
  const [node] = cluster.nodes
  const [ip] = cluster.ips
  const run_time = minutesAgo(0.2)
  const { state, ...order } = { state: {}, ...asking(run_time) }
  const put = async (_id: string, known: Timestamp) => {
    const job = aJob({ _id, ip: ip as string, trigger: HOURLY, next_run_time: null, ...order }) as unknown as Loose
    job.next_run_time = new Date(Date.now() + 3_600_000)
    const planned = { next_run_time: job.next_run_time, trigger: fingerprint(HOURLY, 'UTC') }
    job.state = { job: _id, planned, fence: known, ...state }
    await cluster.executions.insertOne({
      _id: `row-${_id}`,
      job_id: _id,
      run_time,
      status: 'started',
      fence: number(100),
    })
    await cluster.jobs.insertOne(job)
  }
  await put('while it lives', fence(50))
  await node?.stop()
  await put('read', fence(50))
  await put('anew', fence(200))
  await node?.start()
  for (const _id of ['read', 'while it lives'])
    await until(async () => {
      const job = await cluster.jobs.findOne({ _id })
      expect([job?.run_at ?? [], job?.state.waiting]).toEqual([[], undefined])
    })
  await until(() => expect(cluster.ranOf('anew')).toMatchObject([{ run_time }]))
  expect([cluster.ranOf('read'), cluster.ranOf('while it lives')]).toEqual([[], []])
})

test('rows of an earlier job of the same id move nothing', async () => {
  const [node] = cluster.nodes
  const [ip] = cluster.ips
  await node?.stop()
  const due = minutesAgo(0.5)
  const planned = { next_run_time: due, trigger: fingerprint(HOURLY, 'UTC') }
  const job = aJob({ ip: ip as string, trigger: HOURLY, next_run_time: due }) as unknown as Loose
  job.state = { job: job._id, planned, fence: fence(200) }
  const ahead = new Date(due.getTime() + 10_000)
  const row = { job_id: job._id, run_time: ahead, scheduled: true, status: 'executed', fence: number(100) }
  await cluster.executions.insertOne({ _id: `earlier-${job._id}`, ...row })
  await cluster.jobs.insertOne(job)
  await node?.start()
  await until(() => expect(cluster.ranOf(job._id).map(({ run_time }) => run_time)).toEqual([due]))
  const next = (await cluster.jobs.findOne({ _id: job._id }))?.next_run_time
  expect(next).toEqual(new Date(due.getTime() + 3_600_000))
})

test('an edit while the history is asked is judged by itself: the time it plans is not taken for claimed', async () => {
  const [node] = cluster.nodes
  const [ip] = cluster.ips
  await node?.stop()
  const { _id } = await overdue(minutesAgo(0.5), false, { fence: fence(50) }, number(100))
  // The question to the history waits for a while.
  const namespace = cluster.executions.namespace
  const data = {
    failCommands: ['aggregate'],
    namespace,
    appName: `tidewheel:${ip}`,
    blockConnection: true,
    blockTimeMS: 1_500,
  }
  const admin = testDb.client.db('admin')
  const { count } = await admin.command({ configureFailPoint: 'failCommand', mode: 'alwaysOn', data })
  await node?.start()
  await admin.command({ waitForFailPoint: 'failCommand', timesEntered: Number(count) + 1, maxTimeMS: 10_000 })
  const edited = Date.now()
  await cluster.jobs.updateOne({ _id }, { $unset: { next_run_time: '' } })
  await until(async () => {
    const job = await cluster.jobs.findOne({ _id })
    expect(job?.state.planned.next_run_time).toEqual(job?.next_run_time)
    expect(job?.next_run_time.getTime()).toBeGreaterThan(edited)
  })
  await admin.command({ configureFailPoint: 'failCommand', mode: 'off' })
  // As much again, for the answer to come; then a reading shows what memory makes of it.
  await cluster.jobs.insertOne(
    aJob({ _id: 'after', ip: ip as string, next_run_time: new Date(edited + 2_500) }) as never,
  )
  await until(() => expect(cluster.ranOf('after')).toHaveLength(1))
  const job = await cluster.jobs.findOne({ _id })
  expect(job?.next_run_time.getTime() - edited).toBeLessThan(1.5 * 3_600_000)
  expect(job?.state.claimed_to ?? new Date(0)).not.toEqual(job?.next_run_time)
})
