/** Runs that are claimed and have not started, and an edit that comes between: on a real database, whose answers to claims are kept
 *  back until the edit's event has come. */
import { MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createNode, type TidewheelNode } from '../../src/node/node.ts'
import { type Collected, collect } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const IP = '10.0.0.1'
const DAY_MS = 86_400_000

let db: TestDb
let client: MongoClient
let node: TidewheelNode
let seen: Collected
let ran = 0
/** Answers to claims wait for it. */
let gate: Promise<void> = Promise.resolve()
let open = () => {}

beforeAll(async () => {
  db = await openTestDb()
})
afterEach(async () => {
  open()
  await node.close()
  await client.close()
  await db.db.dropDatabase()
})
afterAll(() => db.close())

/** The same object, but some of its methods are others. */
const but = <T extends object>(target: T, methods: Readonly<Record<string, (...args: never[]) => unknown>>): T =>
  new Proxy(target, {
    get(of, key) {
      const value = typeof key === 'string' && Object.hasOwn(methods, key) ? methods[key] : Reflect.get(of, key)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })

/** A node that has its jobs on this database; while the gate is shut no claim is answered. */
async function started(): Promise<void> {
  client = await MongoClient.connect(db.uri)
  const late = async <T>(answer: Promise<T>) => {
    const answered = await answer
    await gate
    return answered
  }
  const { collection } = client.db(db.db.databaseName)
  const jobs = but(client.db(db.db.databaseName).collection('jobs'), {
    findOneAndUpdate: (...args: never[]) =>
      late(db.db.collection('jobs').findOneAndUpdate(...(args as [never, never]))),
  })
  const slow = but(client, {
    db: (...args: never[]) =>
      but(client.db(...(args as [])), {
        collection: (name: never) => (name === 'jobs' ? jobs : collection.call(client.db(db.db.databaseName), name)),
      }),
  })
  ran = 0
  node = createNode({ client: slow, db: db.db.databaseName, ip: IP, tasks: { note: async () => ran++ } })
  seen = collect(node)
  await node.start()
  gate = new Promise(resolve => {
    open = resolve
  })
}

/** Its node plans it for a moment from now. */
const soon = () => ({ type: 'interval', hours: 1, start_date: new Date(Date.now() + 300) }) as const
const isClaimed = () => db.db.collection('jobs').countDocuments({ 'state.running.0': { $exists: true } })
const rows = () => db.db.collection('executions').find().toArray()

test.each([
  ['paused', { $set: { next_run_time: null } }, 'job.paused', /paused before its start/],
  ['put off', { $set: { next_run_time: new Date(Date.now() + DAY_MS) } }, 'job.modified', /put off before its start/],
  [
    'given a trigger that does not fire then',
    { $set: { trigger: { type: 'cron', year: 2099 } } },
    'job.modified',
    /fire then/,
  ],
  ['deleted', undefined, 'job.removed', /deleted before its start/],
] as const)(
  'a run whose job is %s before it starts is taken back, and its row says why',
  async (_, edit, news, why) => {
    await started()
    const jobs = db.db.collection('jobs')
    await jobs.insertOne(aJob({ _id: 'job', ip: IP, trigger: soon() }) as never)
    await until(async () => expect(await isClaimed()).toBe(1))
    const { _id } = (await jobs.findOne()) as { _id: never }
    await (edit === undefined ? jobs.deleteOne({ _id }) : jobs.updateOne({ _id }, edit))
    await until(() => expect(seen.of(news)).toHaveLength(1))
    open()
    await until(async () => expect(await rows()).toHaveLength(1))
    expect(await rows()).toMatchObject([{ status: 'cancelled', exception: expect.stringMatching(why), started: null }])
    await until(async () => expect(await isClaimed()).toBe(0))
    expect(ran).toBe(0)
  },
)

test.each([
  ['moved to another node', { $set: { ip: '10.0.0.2' } }, 'job.moved'],
  ['given other arguments', { $set: { args: [1], max_instances: 2 } }, 'job.modified'],
] as const)('a run whose job is %s before it starts stands', async (_, edit, news) => {
  await started()
  const jobs = db.db.collection('jobs')
  await jobs.insertOne(aJob({ _id: 'job', ip: IP, trigger: soon() }) as never)
  await until(async () => expect(await isClaimed()).toBe(1))
  await jobs.updateOne({}, edit)
  await until(() => expect(seen.of(news)).toHaveLength(1))
  open()
  await until(async () => expect(await rows()).toMatchObject([{ status: 'executed' }]))
  expect(ran).toBe(1)
})
