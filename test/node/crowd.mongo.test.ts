/** Edits of jobs that wait in a crowd for their claim, on a real database. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Nodes, startNodes, until } from '../support/node.ts'

let db: TestDb
let nodes: Nodes | undefined
beforeAll(async () => {
  db = await openTestDb()
})
afterEach(async () => {
  await nodes?.close()
  nodes = undefined
  await db.db.dropDatabase()
})
afterAll(() => db.close())

const DAY_MS = 86_400_000
/** Each meets another moment around the claims. */
const ROUNDS = 6
const ids = (count: number) => Array.from({ length: count }, (_, i) => `job-${i}`)

test('a job moved to tomorrow while it waits in a crowd is not claimed before tomorrow', async () => {
  nodes = await startNodes({ uri: db.uri })
  const { jobs, ran } = nodes
  const ip = nodes.ips[0] as string
  const due = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000)
  const tomorrow = new Date(due.getTime() + DAY_MS)
  const trigger = { type: 'interval', days: 2, start_date: due } as const
  await jobs.insertMany(ids(1_500).map(_id => aJob({ _id, ip, trigger, next_run_time: due }) as never))
  await until(() => expect(ran.length).toBeGreaterThan(20))
  await jobs.updateMany({ next_run_time: due }, { $set: { next_run_time: tomorrow } })
  const moved = { next_run_time: tomorrow }
  const acknowledged = { ...moved, 'state.planned.next_run_time': tomorrow }
  await until(async () => expect(await jobs.countDocuments(acknowledged)).toBe(await jobs.countDocuments(moved)))
  expect(await jobs.countDocuments(moved)).toBeGreaterThan(100)
  expect(await jobs.countDocuments({ 'state.claimed_to': { $gt: due } })).toBe(0)
  expect(await jobs.countDocuments({ ...moved, 'state.running.0': { $exists: true } })).toBe(0)
  await nodes.nodes[0]?.stop({ timeout: 5_000 })
})

test('an executor that is edited while the claim is under way performs the run, and no place is lost', async () => {
  nodes = await startNodes({
    uri: db.uri,
    executors: { default: { concurrency: 1 }, other: { type: 'default', concurrency: 1 } },
  })
  const { jobs, ran } = nodes
  const [ip, node] = [nodes.ips[0] as string, nodes.nodes[0] as (typeof nodes.nodes)[0]]
  const id = { _id: 'moved' }
  await jobs.insertOne(aJob({ ...id, ip, run_at: [new Date(Date.now() + 1_000)] }) as never)
  // The claim waits for the person's transaction, and meets the document as that leaves it.
  await nodes.client.withSession(async session => {
    session.startTransaction()
    await jobs.updateOne(id, { $set: { executor: 'other' } }, { session })
    await until(async () => expect(await underWay()).toBe(1))
    await session.commitTransaction()
  })
  await until(() => expect(ran).toHaveLength(1))
  expect(ran[0]?.job).toMatchObject({ executor: 'other' })
  for (const executor of ['default', 'other'])
    await jobs.insertOne(aJob({ _id: executor, ip, executor, run_at: [new Date()] }) as never)
  await until(() => expect(ran).toHaveLength(3))
  await node.stop()
})

test('a new trigger that is acknowledged moments before a crowd of one-shots is due keeps each of them', async () => {
  nodes = await startNodes({ uri: db.uri })
  const { jobs } = nodes
  const ip = nodes.ips[0] as string
  const trigger = { type: 'interval', hours: 1 }
  for (let round = 0; round < ROUNDS; round++) {
    const due = new Date(Date.now() + 400)
    const once = { type: 'date', run_date: due } as const
    const all = ids(150).map(id => aJob({ _id: `${round}-${id}`, ip, trigger: once, next_run_time: due }))
    await jobs.insertMany(all as never)
    await until(() => expect(Date.now()).toBeGreaterThanOrEqual(due.getTime() - 4 + (round % 4)), 2_000)
    const { matchedCount } = await jobs.updateMany({ _id: { $regex: `^${round}-` } }, { $set: { trigger } })
    await until(async () => expect(await jobs.countDocuments({ 'trigger.type': 'date' })).toBe(0))
    await until(async () => expect(await jobs.countDocuments({ 'state.running.0': { $exists: true } })).toBe(0))
    const armed = { _id: { $regex: `^${round}-` }, next_run_time: { $gt: due } }
    await until(async () => expect(await jobs.countDocuments(armed)).toBe(matchedCount))
  }
})

/** Claims that wait on the server. */
async function underWay(): Promise<number> {
  const stages = [
    { $currentOp: {} },
    { $match: { 'command.findAndModify': 'jobs', 'command.$db': db.db.databaseName } },
  ]
  return (await db.client.db('admin').aggregate(stages).toArray()).length
}
