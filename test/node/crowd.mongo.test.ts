/** Edits of jobs that wait in a crowd for their claim, or are claimed and wait for their start, on a real database. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { collect } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

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

const JOBS = 1_000
/** Of each letter so many, `k` the others. */
const EACH = 50
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
  await jobs.insertOne(aJob({ ...id, ip, run_at: [new Date(Date.now() + 2_000)] }) as never)
  // The node's plan would be in the way of the transaction.
  await until(async () => expect(await jobs.countDocuments({ ...id, 'state.planned': { $exists: true } })).toBe(1))
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

const nameOf = (i: number, name: string) => `${i < 4 * EACH ? 'abcd'[i % 4] : 'k'}-${name}-${i}`

/** Jobs of one instant, three seconds from now. */
async function aCrowd({ ips, jobs }: Nodes, name: string): Promise<Date> {
  const due = new Date(Date.now() + 3_000)
  const ip = ips[0] as string
  const trigger = { type: 'interval', days: 2, start_date: due } as const
  const all = Array.from({ length: JOBS }, (_, i) => aJob({ _id: nameOf(i, name), ip, trigger }))
  await jobs.insertMany(all as never)
  return due
}
const some = (letter: string, name: string) => ({ _id: { $regex: `^${letter}-${name}-` } })
const reached = (time: number) => until(() => expect(Date.now()).toBeGreaterThanOrEqual(time))

interface TakenBack {
  /** When the last of these edits was, in epoch ms. */
  readonly acknowledged: number
  /** Of their runs that were claimed. */
  readonly rows: readonly Loose[]
}

/** Takes some jobs of a crowd back. */
async function takenBack({ executions, jobs }: Nodes, name: string, due: Date): Promise<TakenBack> {
  const later = new Date(due.getTime() + DAY_MS)
  await Promise.all([
    jobs.updateMany(some('a', name), { $set: { next_run_time: later } }),
    jobs.updateMany(some('b', name), { $set: { next_run_time: null } }),
    jobs.updateMany(some('c', name), { $set: { trigger: { type: 'interval', days: 2, start_date: later } } }),
    jobs.deleteMany(some('d', name)),
  ])
  const acknowledged = Date.now()
  await reached(due.getTime())
  await until(async () => expect(await jobs.countDocuments({ 'state.running.0': { $exists: true } })).toBe(0))
  const kept = { job_id: some('k', name)._id, status: 'executed' }
  await until(async () => expect(await executions.countDocuments(kept)).toBe(JOBS - 4 * EACH))
  return { acknowledged, rows: await executions.find({ job_id: { $regex: `^[abcd]-${name}-` } }).toArray() }
}

test('what is put off, paused, deleted or given another trigger after its claim does not start once that is heard', async () => {
  nodes = await startNodes({ uri: db.uri })
  const { events, of } = collect(nodes.nodes)
  // How soon after an edit claims are made and starts come is the machine's affair.
  const cancelled: Loose[] = []
  for (let round = 0; cancelled.length === 0 && round < ROUNDS; round++) {
    const name = String(round)
    const due = await aCrowd(nodes, name)
    await reached(due.getTime() - 350)
    const { rows } = await takenBack(nodes, name, due)
    cancelled.push(...rows.filter(({ status }) => status === 'cancelled'))
    for (const { _id, job_id, status } of rows) {
      const about = events.filter(event => 'job_id' in event && event.job_id === job_id).map(({ type }) => type)
      const heard = about.findIndex(type => ['job.modified', 'job.paused', 'job.removed'].includes(type))
      const started = about.indexOf('run.started')
      expect([_id, status, started < heard || started === -1]).toEqual([_id, expect.any(String), true])
    }
    const claimed = of('run.claimed').filter(({ job_id }) => new RegExp(`^[abcd]-${name}-`).test(job_id))
    expect(rows.map(({ _id }) => _id)).toEqual(expect.arrayContaining(claimed.map(({ run_id }) => run_id)))
  }
  expect(cancelled.length).toBeGreaterThan(0)
  for (const row of cancelled) expect(row.exception).toMatch(/^Aborted: its job (was|got) .*before its start/)
})

test('what is taken back and acknowledged 50 ms before its time does not start, however late the stream tells of it', async () => {
  nodes = await startNodes({ uri: db.uri })
  const { jobs } = nodes
  const admin = db.client.db('admin')
  const deaf = {
    failCommands: ['getMore'],
    blockConnection: true,
    blockTimeMS: 2_000,
    namespace: `${db.db.databaseName}.jobs`,
  }
  // How soon after an edit claims are made is the machine's affair, and whether it is acknowledged in time.
  const cancelled: Loose[] = []
  for (let round = 0; cancelled.length === 0 && round < 2 * ROUNDS; round++) {
    const name = String(round)
    const due = await aCrowd(nodes, name)
    await reached(due.getTime() - 1_000)
    await admin.command({ configureFailPoint: 'failCommand', mode: 'alwaysOn', data: deaf })
    try {
      // Its answer was waited for before: the next one comes late.
      await jobs.updateOne(some('k', name), { $set: { note: 'heard' } })
      await reached(due.getTime() - 350 - 10 * round)
      const { acknowledged, rows } = await takenBack(nodes, name, due)
      if (acknowledged > due.getTime() - 50) continue
      const claimed = rows.filter(row => row.claimed !== null)
      expect(claimed.filter(({ status }) => status !== 'cancelled')).toEqual([])
      cancelled.push(...claimed)
    } finally {
      await admin.command({ configureFailPoint: 'failCommand', mode: 'off' })
    }
  }
  expect(cancelled.length).toBeGreaterThan(0)
})

test('what is given to another node after its claim runs once, here or there', async () => {
  nodes = await startNodes({ uri: db.uri, count: 2 })
  const { executions, ips, jobs, ran } = nodes
  const due = await aCrowd(nodes, 'x')
  await reached(due.getTime() - 250)
  await jobs.updateMany(some('b', 'x'), { $set: { ip: ips[1] } })
  await until(async () => expect(await executions.countDocuments({ status: 'executed' })).toBe(JOBS))
  expect(new Set(ran.map(({ job }) => job._id)).size).toBe(JOBS)
  expect(ran).toHaveLength(JOBS)
})

/** Claims that wait on the server. */
async function underWay(): Promise<number> {
  const stages = [
    { $currentOp: {} },
    { $match: { 'command.findAndModify': 'jobs', 'command.$db': db.db.databaseName } },
  ]
  return (await db.client.db('admin').aggregate(stages).toArray()).length
}
