/** Whose zone counts: a trigger that names none is given the one that a person named, else it means its node's. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { comingRuns, ownZoneOf, zoneOf } from '../../src/client/coming.ts'
import { connect } from '../../src/client/connect.ts'
import type { Job } from '../../src/job/job.ts'
import { createNode } from '../../src/node/node.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb

beforeEach(async () => {
  db = await openTestDb()
})

afterEach(() => db?.close())

const daily = { type: 'cron', hour: 8 } as const
const stored = async (_id: string) =>
  (await db.db.collection<{ _id: string; trigger: object }>('jobs').findOne({ _id }))?.trigger
const day = { from: new Date('2026-01-31T00:00:00Z'), to: new Date('2026-01-31T23:59:59Z') }

test('a client with a zone writes it into triggers that name none, whatever adds them', async () => {
  await using client = await connect({ uri: db.uri, timezone: 'Asia/Tokyo' })
  const tokyo = { ...daily, timezone: 'Asia/Tokyo' }
  await client.jobs.add({ _id: 'a', func: 'f', trigger: daily })
  expect(await stored('a')).toEqual(tokyo)
  await client.jobs.add({ _id: 'b', func: 'f', trigger: { ...daily, timezone: 'UTC' } })
  expect(await stored('b')).toEqual({ ...daily, timezone: 'UTC' })
  await client.jobs.add({ id: 'c', func: 'f', trigger: 'cron', hour: 8 })
  expect(await stored('c')).toEqual(tokyo)
  await client.jobs.update('b', { trigger: { ...daily, hour: 9 } })
  expect(await stored('b')).toEqual({ ...tokyo, hour: 9 })
  await client.jobs.reschedule('b', { ...daily, hour: 10 })
  expect(await stored('b')).toEqual({ ...tokyo, hour: 10 })
})

test('a client without a zone writes none', async () => {
  await using client = await connect({ uri: db.uri })
  await client.jobs.add({ _id: 'a', func: 'f', trigger: daily })
  expect(await stored('a')).toEqual(daily)
})

test('a node writes the zone that it was given, also into jobs kept for its start; one that was given none does not', async () => {
  await using tokyo = createNode({ uri: db.uri, ip: 'tokyo', timezone: 'Asia/Tokyo', logger: false })
  await tokyo.jobs.add({ _id: 'kept', func: 'f', trigger: daily })
  await tokyo.start()
  expect(await stored('kept')).toEqual({ ...daily, timezone: 'Asia/Tokyo' })
  await using plain = createNode({ uri: db.uri, ip: 'plain', logger: false })
  await plain.start()
  await plain.jobs.add({ _id: 'b', func: 'f', trigger: daily })
  expect(await stored('b')).toEqual(daily)
})

test('a backfill reckons in the zone of the node that runs the job', async () => {
  await using tokyo = createNode({ uri: db.uri, ip: 'tokyo', timezone: 'Asia/Tokyo', logger: false })
  await tokyo.start()
  await using client = await connect({ uri: db.uri })
  await client.jobs.add({ _id: 'a', func: 'f', trigger: daily, ip: 'tokyo', next_run_time: null })
  const read = async () => (await client.jobs.get('a')).run_at
  // So that no node takes them before they are seen.
  await tokyo.stop()
  expect(await client.jobs.backfill('a', day)).toBe(1)
  expect(await read()).toEqual([new Date('2026-01-31T23:00:00Z')])
  await db.db.collection<{ _id: string }>('jobs').updateOne({ _id: 'a' }, { $unset: { run_at: '' } })
  await client.jobs.update('a', { trigger: { ...daily, timezone: 'UTC' } })
  await client.jobs.backfill('a', day)
  expect(await read()).toEqual([new Date('2026-01-31T08:00:00Z')])
})

test('the zone of a job: its own, its node’s, else UTC', async () => {
  const owner = { timezone: 'Asia/Tokyo' }
  expect(zoneOf({ trigger: { ...daily, timezone: 'Europe/Paris' } }, owner)).toBe('Europe/Paris')
  expect(zoneOf({ trigger: daily }, owner)).toBe('Asia/Tokyo')
  expect(zoneOf({ trigger: daily }, null)).toBe('UTC')
  const nodes = db.db.collection('nodes') as never
  await db.db.collection<{ _id: string }>('nodes').insertOne({ _id: 'n', ...owner } as never)
  expect(await ownZoneOf({ trigger: daily, ip: 'n' }, nodes)).toBe('Asia/Tokyo')
  expect(await ownZoneOf({ trigger: daily }, nodes)).toBe('UTC')
})

test('coming runs go on from the next one, and those ordered beside the schedule are among them', () => {
  const at = (text: string) => new Date(`2027-01-31T${text}Z`)
  const job = { _id: 'a', func: 'f', trigger: daily, next_run_time: at('08:00:00'), run_at: [at('09:00:00')] } as Job
  expect(comingRuns(job, 3, 'UTC')).toEqual([at('08:00:00'), at('09:00:00'), new Date('2027-02-01T08:00:00Z')])
  expect(comingRuns({ ...job, next_run_time: null }, 3, 'UTC')).toEqual([at('09:00:00')])
})
