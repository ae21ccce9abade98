/** Edits through the handles, beyond what a node's tests see of them: what stays, what goes, what is added together. */
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import { addTogether } from '../../src/client/store.ts'
import { createNode } from '../../src/node/node.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb
let client: Client

const jobs = () => db.db.collection<{ _id: string }>('jobs')
const aJob = { _id: 'a', func: 'note', trigger: { type: 'interval', minutes: 5 } } as const

beforeEach(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
})

afterEach(async () => {
  await client?.close()
  await db?.close()
})

test('a resume of what is not paused changes nothing: neither its time nor its note', async () => {
  const armed = { ...aJob, next_run_time: new Date('2027-01-31T08:00:00Z'), note: 'ask Ann' }
  await jobs().insertOne(armed)
  expect(await client.jobs.resume('a')).toEqual(armed)
  expect(await jobs().findOne({})).toEqual(armed)
  await expect(client.jobs.resume('nothing')).rejects.toMatchObject({ code: 'not_found' })
})

test('a resume of what is over changes nothing, unless that was said of another job', async () => {
  const over = { next_run_time: null, state: { over: true, job: 'a' } }
  await jobs().insertMany([
    { ...aJob, ...over },
    { ...aJob, ...over, _id: 'copy' },
  ] as never)
  expect(await client.jobs.resume('a')).toHaveProperty('next_run_time', null)
  expect(await client.jobs.resume('copy')).not.toHaveProperty('next_run_time')
})

test('an update takes fields away with undefined, and takes the flat form', async () => {
  await client.jobs.add({ ...aJob, name: 'A', ip: 'n', tags: ['x'] })
  await client.jobs.update('a', { name: undefined, ip: null, tags: ['y'] })
  expect(await jobs().findOne({})).toEqual({ ...aJob, tags: ['y'] })
  await client.jobs.update('a', { trigger: 'cron', hour: 8, next_run_time: '2027-01-31T08:00:00Z' } as never)
  const next_run_time = new Date('2027-01-31T08:00:00Z')
  expect(await jobs().findOne({})).toMatchObject({ trigger: { type: 'cron', hour: 8 }, next_run_time })
  expect(await client.jobs.update('a', { _id: 'a' } as never)).toMatchObject({ _id: 'a' })
})

test("the flat form's replace_existing replaces", async () => {
  const flat = { id: 'a', func: 'note', trigger: 'interval', minutes: 5 } as const
  await client.jobs.add(flat)
  await expect(client.jobs.add(flat)).rejects.toMatchObject({ code: 'conflict' })
  await client.jobs.add({ ...flat, max_instances: 2, replace_existing: true })
  expect(await jobs().findOne({})).toEqual({ ...aJob, max_instances: 2 })
})

test('methods work by themselves', async () => {
  const { add, update, backfill } = client.jobs
  await add(aJob)
  expect(await update('a', { name: 'A' })).toMatchObject({ name: 'A' })
  expect(await backfill('a', { from: new Date(0), to: new Date(0) })).toBe(0)
})

test('a backfill of a one-shot runs it where its time is in the span, else not', async () => {
  const run_date = new Date('2026-01-31T08:00:00Z')
  await client.jobs.add({ ...aJob, trigger: { type: 'date', run_date }, next_run_time: null })
  const later = { from: new Date('2026-02-01'), to: new Date('2026-02-02') }
  expect(await client.jobs.backfill('a', later)).toBe(0)
  expect(await client.jobs.backfill('a', { from: run_date, to: run_date })).toBe(1)
})

describe('together', () => {
  const where = () => ({ collection: () => db.db.collection('jobs') as never })

  test('all are added', async () => {
    const added = await addTogether(db.client, where(), [aJob, { id: 'b', func: 'note' }], false)
    expect(added.map(({ _id }) => _id)).toEqual(['a', 'b'])
    expect(await jobs().countDocuments()).toBe(2)
  })

  test.each([
    ['is invalid', { ...aJob, _id: 'c', max_instances: 0 }, 'invalid_job'],
    ['has an id that is taken', { ...aJob, _id: 'taken' }, 'conflict'],
    ['has the id of another one', { ...aJob }, 'conflict'],
  ])('none, where one %s', async (_, wrong, code) => {
    await jobs().insertOne({ ...aJob, _id: 'taken' } as never)
    const adding = addTogether(db.client, where(), [aJob, wrong], false)
    await expect(adding).rejects.toMatchObject({ code, data: { index: 1 } })
    expect(await jobs().distinct('_id')).toEqual(['taken'])
  })

  test('with replace those that are there are brought to the definition', async () => {
    const next_run_time = new Date('2027-01-31T08:00:00Z')
    await jobs().insertOne({ ...aJob, next_run_time } as never)
    await addTogether(
      db.client,
      where(),
      [
        { ...aJob, name: 'A' },
        { ...aJob, _id: 'b' },
      ],
      true,
    )
    expect(await jobs().findOne({ _id: 'a' })).toEqual({ ...aJob, name: 'A', next_run_time })
    expect(await jobs().countDocuments()).toBe(2)
  })

  test('a write that comes between makes it begin anew', async () => {
    await jobs().insertOne({ ...aJob } as never)
    await using other = await MongoClient.connect(db.uri)
    const session = other.startSession()
    session.startTransaction()
    await other
      .db()
      .collection<{ _id: string }>('jobs')
      .updateOne({ _id: 'a' }, { $set: { note: 'mine' } }, { session })
    const adding = addTogether(
      db.client,
      where(),
      [
        { ...aJob, name: 'A' },
        { ...aJob, _id: 'b' },
      ],
      true,
    )
    await session.commitTransaction()
    await session.endSession()
    expect(await adding).toHaveLength(2)
    expect(await jobs().findOne({ _id: 'a' })).toMatchObject({ name: 'A' })
  })
})

test('a task whose job is refused is not registered: another one may have its name', async () => {
  await using node = createNode({ uri: db.uri, ip: 'n', logger: false })
  const wrong = { trigger: { type: 'interval' } } as const
  await expect(node.task('mail', () => 1, wrong)).rejects.toMatchObject({ code: 'invalid_job' })
  await node.start()
  await expect(node.task('mail', () => 2, wrong)).rejects.toMatchObject({ code: 'invalid_job' })
  await node.task('mail', () => 3)
  await expect(node.task('mail', () => 4)).rejects.toMatchObject({ code: 'conflict' })
})
