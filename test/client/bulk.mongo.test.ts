/** Bulk: many jobs by one call: each as its own method would, counted, and none kept from its edit by another one. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BulkOptions } from '../../src/client/bulk.ts'
import { type Client, connect } from '../../src/client/connect.ts'
import type { Job } from '../../src/job/job.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb
let client: Client

const jobs = () => db.db.collection<Job>('jobs')
const at = new Date('2027-01-31T08:00:00Z')
const one = (_id: string, fields: Partial<Job> = {}) => aJob({ _id, ...fields })

beforeEach(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
})

afterEach(async () => {
  await client?.close()
  await db?.close()
})

/** An armed one, two paused ones (one by hand), one that is over, one that runs; each on a node of its own. */
const insert = () =>
  jobs().insertMany([
    one('armed', { next_run_time: at, ip: 'a', note: 'keep' }),
    one('paused', { next_run_time: null, ip: 'b', note: 'ask Ann' }),
    one('over', { next_run_time: null, ip: 'c', state: { job: 'over', over: true } }),
    one('copy', { next_run_time: null, state: { job: 'another', over: true } }),
    one('running', { next_run_time: at, ip: 'b', state: { job: 'running', running: [anEntry()] } }),
  ])

const IDS = ['armed', 'paused', 'over', 'copy', 'running']

describe('each action changes what its own method would, and nothing else', () => {
  const cases: readonly (readonly [BulkOptions, number, (id: string) => Promise<unknown>])[] = [
    [{ action: 'pause', note: 'why', filter: {} }, 2, id => client.jobs.pause(id, 'why')],
    [{ action: 'resume', filter: {} }, 2, id => client.jobs.resume(id)],
    [{ action: 'move', ip: 'b', filter: {} }, 3, id => client.jobs.move(id, 'b')],
    [{ action: 'move', ip: null, filter: {} }, 4, id => client.jobs.move(id, null)],
    [{ action: 'remove', filter: {} }, 5, id => client.jobs.remove(id)],
    [{ action: 'cancel', filter: {} }, 1, id => client.jobs.cancel(id)],
  ]

  test.each(cases)('%o: %i', async (options, changed, single) => {
    await insert()
    const before = await jobs().find().sort({ _id: 1 }).toArray()
    expect(await client.jobs.bulk({ ...options, dryRun: true })).toMatchObject({ matched: 5, changed, failed: [] })
    expect(await jobs().find().sort({ _id: 1 }).toArray()).toEqual(before)
    const { sample, ...counts } = await client.jobs.bulk(options)
    expect(counts).toEqual({ matched: 5, changed, failed: [] })
    expect([...sample].sort()).toEqual([...IDS].sort())
    const after = await jobs().find().sort({ _id: 1 }).toArray()
    // What the method makes of the documents that were changed.
    await jobs().deleteMany({})
    await jobs().insertMany(before)
    const isSame = (job: Job) => JSON.stringify(after.find(({ _id }) => _id === job._id)) === JSON.stringify(job)
    for (const job of before) if (!isSame(job)) await single(job._id)
    expect(await jobs().find().sort({ _id: 1 }).toArray()).toEqual(after)
  })

  test('run: each once more', async () => {
    await insert()
    expect(await client.jobs.bulk({ action: 'run', ids: IDS })).toMatchObject({ matched: 5, changed: 5 })
    expect((await jobs().find().toArray()).map(({ run_at }) => run_at?.length)).toEqual([1, 1, 1, 1, 1])
  })
})

test('more than a part at once, by a filter whose jobs leave it as they are edited', async () => {
  await jobs().insertMany(Array.from({ length: 1_234 }, (_, i) => one(`job-${i}`, { next_run_time: at, tags: ['x'] })))
  await jobs().insertOne(one('other', { next_run_time: at }))
  const done = await client.jobs.bulk({ action: 'pause', filter: { status: 'armed', tag: 'x' } })
  expect(done).toMatchObject({ matched: 1_234, changed: 1_234, failed: [] })
  expect(done.sample).toHaveLength(20)
  expect(await jobs().countDocuments({ next_run_time: null })).toBe(1_234)
})

test('by ids: twice is once, and what is not there has failed', async () => {
  await insert()
  const done = await client.jobs.bulk({ action: 'pause', ids: ['armed', 'nothing', 'armed', 'paused'] })
  const failed = [{ id: 'nothing', message: 'job nothing: there is none of this id' }]
  expect(done).toEqual({ matched: 2, changed: 1, failed, sample: ['armed', 'paused'] })
  expect(await client.jobs.bulk({ action: 'remove', ids: [] })).toEqual({
    matched: 0,
    changed: 0,
    failed: [],
    sample: [],
  })
})

test('one whose document refuses the edit is named with why, and the others are edited', async () => {
  const full = Array.from({ length: 1_000 }, (_, i) => new Date(i))
  await jobs().insertMany([one('a'), one('full', { run_at: full }), one('b')])
  const done = await client.jobs.bulk({ action: 'run', filter: {} })
  expect(done).toMatchObject({ matched: 3, changed: 2 })
  expect(done.failed).toEqual([
    { id: 'full', message: expect.stringMatching(/^job full: run_at: an array of at most 1000/) },
  ])
})

test.each([
  [{ action: 'stop', ids: [] }, 'action', /expected pause, resume, run, move, remove, cancel; found "stop"/],
  [{ action: 'pause' }, 'ids', /ids or filter, one of the two/],
  [{ action: 'pause', ids: [], filter: {} }, 'ids', /one of the two/],
  [{ action: 'pause', ids: 'a' }, 'ids', /array of texts/],
  [{ action: 'pause', ids: [{ $ne: '' }] }, 'ids', /array of texts/],
  [{ action: 'pause', filter: { status: 'x' } }, 'status', /expected invalid, paused/],
  [{ action: 'pause', ids: [], ip: 'a' }, 'ip', /for move only/],
  [{ action: 'run', ids: [], note: 'a' }, 'note', /for pause only/],
  [{ action: 'move', ids: [] }, 'ip', /expected text/],
  [{ action: 'run', ids: [], dryrun: true }, 'dryrun', /did you mean dryRun\?/],
])('refuses %o', async (options, path, message) => {
  await expect(client.jobs.bulk(options as never)).rejects.toMatchObject({
    code: 'invalid_option',
    data: { path },
    message,
  })
})

test('refuses a node that no node can be called', async () => {
  const moved = client.jobs.bulk({ action: 'move', ids: [], ip: 'any' })
  await expect(moved).rejects.toMatchObject({ code: 'invalid_job', message: /ip: a node name/ })
})
