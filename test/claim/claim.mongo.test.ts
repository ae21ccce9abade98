/** The write of a claim on a real database: what it is guarded by, what it notes, and how a lost answer is told from a lost claim. */
import { type Collection, ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Commands } from '../../src/claim/commands.ts'
import { orderOf } from '../../src/claim/order.ts'
import type { Job, JobState } from '../../src/job/job.ts'
import { type Order, planWrite } from '../../src/protocol/claim.ts'
import { Writer } from '../../src/protocol/writer.ts'
import type { PlanWrite } from '../../src/wheel/entry.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { aJob, NO_LEAD } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb
let jobs: Collection<Job>
beforeAll(async () => {
  db = await openTestDb()
  jobs = db.db.collection<Job>('jobs')
})
afterEach(() => db.db.dropDatabase().then(() => {}))
afterAll(() => db.close())

const IP = '10.0.0.1'
const NOW = Date.now()

const oneShot = (fields: Partial<Job> = {}) =>
  aJob({ ip: IP, trigger: { type: 'date', run_date: new Date(NOW) }, next_run_time: new Date(NOW), ...fields })

/** What memory claims after it planned the job and its plan was written. */
async function planned(job: Job): Promise<{ order: Order; roster: Roster }> {
  const roster = new Roster({ ip: IP, timezone: 'UTC', check: () => [], lead: NO_LEAD, now: NOW })
  await jobs.insertOne(job as never)
  roster.apply({ type: 'put', job, from: 'insert' }, NOW)
  const entry = roster.get(job._id)
  const order = entry && orderOf(entry, NOW)
  if (order === undefined) throw new Error('nothing is due')
  return { order, roster }
}

function commandsOn(collection: Collection<Job> = jobs) {
  const forgotten: string[] = []
  const commands = new Commands({
    writer: new Writer({ jobs: collection, by: { ip: IP, incarnation: 'i1' } }),
    book: { newId: () => new ObjectId().toHexString(), forget: id => forgotten.push(id) },
    lead: { add: () => {}, begin: () => {}, end: () => {} },
    patience: { pause: async () => {}, failed: () => {} },
    clock: { now: () => NOW } as never,
  })
  return { commands, forgotten }
}

/** A collection whose answers to writes are lost: the write is done, then this happens, then the connection breaks. */
function losing(meanwhile: () => Promise<unknown> = async () => {}): Collection<Job> {
  const lose = async (write: Promise<unknown>) => {
    await write
    await meanwhile()
    throw new Error('the connection broke')
  }
  return new Proxy(jobs, {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      const bound = value.bind(target)
      return key === 'findOneAndUpdate' || key === 'bulkWrite' ? (...args: never[]) => lose(bound(...args)) : bound
    },
  })
}

test.each([
  ['the last', oneShot({ _id: 'last' })],
  ['any other', aJob({ _id: 'other', ip: IP, next_run_time: new Date(NOW) })],
])('%s claim of a schedule is lost where a person gave the job another trigger before it', async (_, job) => {
  const { order } = await planned(job)
  const trigger = { type: 'interval', hours: 3 } as const
  await jobs.updateOne({ _id: job._id }, { $set: { trigger } })
  const { commands, forgotten } = commandsOn()
  expect((await commands.one(order)).type).toBe('lost')
  expect(forgotten).toHaveLength(1)
  expect(await jobs.findOne({ _id: job._id })).toMatchObject({ trigger, next_run_time: new Date(NOW) })
})

test('a due time that is skipped stands in the document from the write that skips it', async () => {
  const { order } = await planned(aJob({ _id: 'skip', ip: IP, next_run_time: new Date(NOW) }))
  const answer = await commandsOn().commands.one(order, 'skip')
  const job = await jobs.findOne({ _id: 'skip' })
  expect(answer).toMatchObject({ type: 'won', skips: [{ entry: { status: 'max_instances' } }] })
  expect(job?.state?.unrecorded).toMatchObject([
    { job: 'skip', run_time: new Date(NOW), status: 'max_instances', node: IP, incarnation: 'i1', ordered: true },
  ])
})

test('a plan that comes after the last claim of what it plans arms nothing', async () => {
  // Its trigger was replaced when it was over, so that neither the plan nor the claim found a next run time.
  const before = { planned: { next_run_time: null, trigger: '1:of another' }, claimed_to: new Date(NOW - 1_000) }
  const state = { job: 'late plan', over: true, runs: 1, ...before } as JobState
  const { order, roster } = await planned(oneShot({ _id: 'late plan', next_run_time: null, state }))
  const plan = roster.planOf('late plan') as PlanWrite
  expect(plan).toMatchObject({ due: NOW, stored: null })
  expect((await commandsOn().commands.one(order)).type).toBe('won')
  const { matched } = await new Writer({ jobs, by: { ip: IP, incarnation: 'i1' } }).send([planWrite(plan, IP)])
  expect([matched, (await jobs.findOne({ _id: 'late plan' }))?.next_run_time]).toEqual([0, null])
})

test('a run that is too late is noted as missed by the write that moves the schedule past it', async () => {
  const late = new Date(NOW - 7_200_000)
  const trigger = { type: 'interval', days: 1 } as const
  const { order } = await planned(aJob({ _id: 'late', ip: IP, trigger, misfire_grace_time: 1, next_run_time: late }))
  await commandsOn().commands.one(order)
  expect((await jobs.findOne({ _id: 'late' }))?.state?.unrecorded).toMatchObject([{ status: 'missed', run_time: late }])
})

test.each([
  ['skip', { skips: [{ entry: { status: 'max_instances' } }] }],
  ['queue', { skips: [] }],
] as const)('a %s whose answer is lost is known although an own end replaced its touch', async (how, told) => {
  const { order } = await planned(aJob({ _id: how, ip: IP, next_run_time: new Date(NOW) }))
  const broken = losing(() => jobs.updateOne({ _id: how }, { $set: { touch: 'of an end' } }))
  const { commands, forgotten } = commandsOn(broken)
  expect(await commands.one(order, how)).toMatchObject({ type: 'won', ...told })
  expect(forgotten).toEqual([])
})

test('a claim whose answer is lost is asked for again, also where the system itself says that the line broke', async () => {
  const { order } = await planned(aJob({ _id: 'line', ip: IP, next_run_time: new Date(NOW) }))
  let looks = 0
  const breaking = new Proxy(losing(), {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (key !== 'findOne' || looks++ > 0) return value
      return () => Promise.reject(Object.assign(new Error('write ECONNRESET'), { syscall: 'write' }))
    },
  })
  const { commands } = commandsOn(breaking)
  expect((await commands.one(order)).type).toBe('won')
})

test('who won a bulk is looked up where the look at the winners finds fewer than the bulk matched', async () => {
  const orders = await Promise.all(
    ['a', 'b', 'c'].map(async _id => (await planned(aJob({ _id, ip: IP, next_run_time: new Date(NOW) }))).order),
  )
  // A new primary does not have them yet.
  let looks = 0
  const behind = new Proxy(jobs, {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (key === 'find' && looks++ === 0) return () => target.find({ _id: 'a' })
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const { commands, forgotten } = commandsOn(behind)
  const { known, late } = await commands.many(orders)
  expect(known.map(({ order, type }) => [order.entry.id, type])).toEqual([['a', 'won']])
  const told = await Promise.all(late.map(({ answer }) => answer))
  expect(told.map(({ order, type }) => [order.entry.id, type])).toEqual([
    ['b', 'won'],
    ['c', 'won'],
  ])
  expect(forgotten).toEqual([])
})
