/** Edits with a condition: they count only where nobody edited the job since it was read; what nodes write is no edit. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import { changesOfPatch } from '../../src/client/edit.ts'
import { revisionOf } from '../../src/client/revision.ts'
import type { Job } from '../../src/job/job.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb
let client: Client

const jobs = () => db.db.collection<Job>('jobs')
const at = new Date('2027-01-31T08:00:00Z')
/** What a node writes beside what people do. */
const byNode = { next_run_time: at, touch: 't2', 'state.runs': 7 }

beforeEach(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
})

afterEach(async () => {
  await client?.close()
  await db?.close()
})

const conflict = { code: 'conflict', message: /edited since it was read/ }

describe('a revision', () => {
  const job = aJob({ _id: 'a', args: [1, { b: 2, a: 1 }], x_own: { since: at }, ip: 'n' })

  test('is the same whatever nodes write and people order, and in whatever order fields stand', () => {
    const state = { job: 'a', runs: 3, running: [anEntry()] }
    const orders = { next_run_time: null, run_at: [at], cancel: '*' }
    const turned = Object.fromEntries(
      Object.entries({ ...job, ...orders, state, touch: 't' }).reverse(),
    ) as unknown as Job
    expect(revisionOf(turned)).toBe(revisionOf(job))
  })

  test.each([
    ['a field', { name: 'A' }],
    ['a part of one', { args: [1, { b: 2, a: 2 }] }],
    ['where it runs', { ip: 'm' }],
    ['own data', { x_own: { since: new Date(at.getTime() + 1) } }],
    ['a type', { args: [1, { b: '2', a: 1 }] }],
  ])('changes with %s', (_, changes) => {
    expect(revisionOf({ ...job, ...changes } as Job)).not.toBe(revisionOf(job))
  })

  test('is that of the stored document', async () => {
    const added = await client.jobs.add({ ...job, tags: ['x'], retry: { max_attempts: 3, delay: 1.5 } } as never)
    expect(revisionOf(await client.jobs.get('a'))).toBe(revisionOf(added))
  })
})

describe.each(['update', 'replace'] as const)('%s with a revision', method => {
  const given = (changes: object) => (method === 'update' ? changes : { ...aJob({ _id: 'a' }), ...changes }) as never
  const edit = (revision: string) => client.jobs[method]('a', given({ name: 'mine' }), { revision })

  beforeEach(() => jobs().insertOne(aJob({ _id: 'a', ip: 'n', args: [1, 2.5, { x: null }], x_a: at })))

  test('is written where only nodes have written since', async () => {
    const revision = revisionOf(await client.jobs.get('a'))
    await jobs().updateOne({ _id: 'a' }, { $set: byNode } as never)
    const after = await edit(revision)
    expect(after).toMatchObject({ name: 'mine', next_run_time: at, touch: 't2', state: { runs: 7 } })
  })

  test.each([
    { $set: { args: [1, 2.5, { x: 1 }] } },
    { $unset: { ip: '' } },
    { $set: { x_b: 1 } },
    { $set: { name: 'theirs' } },
  ])('is a conflict after %j, and changes nothing', async theirs => {
    const revision = revisionOf(await client.jobs.get('a'))
    await jobs().updateOne({ _id: 'a' }, theirs as never)
    const before = await jobs().findOne({ _id: 'a' })
    await expect(edit(revision)).rejects.toMatchObject({ ...conflict, data: { revision: revisionOf(before as Job) } })
    expect(await jobs().findOne({ _id: 'a' })).toEqual(before)
  })

  test('of two edits at once that have read the same, one counts and the other is a conflict', async () => {
    const revision = revisionOf(await client.jobs.get('a'))
    const edits = Array.from({ length: 8 }, (_, i) =>
      client.jobs[method]('a', given({ name: `edit ${i}` }), { revision }),
    )
    const settled = await Promise.allSettled(edits)
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const one of settled) if (one.status === 'rejected') expect(one.reason).toMatchObject(conflict)
  })

  test('counts while a node writes all the time', async () => {
    let writing = true
    const node = async () => {
      for (let i = 0; writing; i++) {
        await jobs().updateOne({ _id: 'a' }, {
          $set: { next_run_time: new Date(i), touch: `t${i}`, 'state.runs': i },
        } as never)
      }
    }
    const busy = node()
    for (let i = 0; i < 20; i++) {
      const revision = revisionOf(await client.jobs.get('a'))
      await client.jobs[method]('a', given({ name: `edit ${i}` }), { revision })
    }
    writing = false
    await busy
    expect(await jobs().findOne({ _id: 'a' })).toMatchObject({ name: 'edit 19' })
  })

  test('of a job that is not there: not_found; of another kind than text: refused', async () => {
    await expect(client.jobs[method]('b', given({ _id: 'b' }), { revision: 'x' })).rejects.toMatchObject({
      code: 'not_found',
    })
    const refused = { code: 'invalid_option', data: { path: 'revision' } }
    await expect(client.jobs[method]('a', given({}), { revision: 5 as never })).rejects.toMatchObject(refused)
  })
})

describe('replace', () => {
  const kept = {
    state: { job: 'a', runs: 2, planned: { next_run_time: at, trigger: 'x' } },
    touch: 't',
    run_at: [at],
    cancel: '*',
  }

  test('takes away what is not given, and leaves orders and what nodes keep', async () => {
    await jobs().insertOne(aJob({ _id: 'a', ip: 'n', name: 'A', tags: ['x'], x_own: 1, next_run_time: at, ...kept }))
    await client.jobs.replace('a', { func: 'other', trigger: { type: 'interval', minutes: 5 }, ip: 'm', note: 'why' })
    const expected = { _id: 'a', func: 'other', trigger: { type: 'interval', minutes: 5 }, ip: 'm', note: 'why' }
    expect(await jobs().findOne({})).toEqual({ ...expected, next_run_time: at, ...kept })
  })

  test('a document that was read and is written back orders no run again', async () => {
    await jobs().insertOne(aJob({ _id: 'a', next_run_time: at, ...kept }))
    const read = await client.jobs.get('a')
    const later = new Date(at.getTime() + 60_000)
    const claimed = {
      $set: { next_run_time: later, 'state.planned.next_run_time': later },
      $unset: { run_at: '', cancel: '' },
    }
    await jobs().updateOne({ _id: 'a' }, claimed as never)
    await client.jobs.replace('a', { ...read, name: 'A' } as never, { revision: revisionOf(read) })
    const after = await client.jobs.get('a')
    expect(after).toMatchObject({ name: 'A', next_run_time: later })
    expect(after).not.toHaveProperty('run_at')
    expect(after).not.toHaveProperty('cancel')
  })

  test('a time that a person chose counts, and null pauses', async () => {
    await jobs().insertOne(aJob({ _id: 'a', next_run_time: at, ...kept }))
    const read = await client.jobs.get('a')
    const chosen = new Date(at.getTime() + 1_000)
    expect(await client.jobs.replace('a', { ...read, next_run_time: chosen } as never)).toMatchObject({
      next_run_time: chosen,
    })
    expect(await client.jobs.replace('a', { ...read, next_run_time: null } as never)).toMatchObject({
      next_run_time: null,
    })
  })

  test('of another id, or of what is no job, is invalid_job; of none it is not_found', async () => {
    await jobs().insertOne(aJob({ _id: 'a' }))
    for (const wrong of [{ ...aJob({ _id: 'b' }) }, { func: 'x' }, { ...aJob({ _id: 'a' }), nmae: 'x' }])
      await expect(client.jobs.replace('a', wrong as never)).rejects.toMatchObject({ code: 'invalid_job' })
    await expect(client.jobs.replace('new', aJob({ _id: 'new' }))).rejects.toMatchObject({ code: 'not_found' })
  })
})

test('in a patch null takes a field away, unless it is a value there', () => {
  const nullable = { next_run_time: null, misfire_grace_time: null, pause_after_failures: null, timeout: null }
  const others = { name: null, ip: null, retry: null, x_own: null }
  expect(changesOfPatch({ ...nullable, ...others, func: 'f' })).toEqual({
    ...nullable,
    name: undefined,
    ip: undefined,
    retry: undefined,
    x_own: undefined,
    func: 'f',
  })
})

test('next tells the coming times in the zone of the node, and cancel asks for all runs', async () => {
  await db.db
    .collection<{ _id: string }>('nodes')
    .insertOne({ _id: 'n', timezone: 'Asia/Tokyo', seen: at, lease: 1 } as never)
  const trigger = { type: 'cron', hour: 8 } as const
  await client.jobs.add({
    _id: 'a',
    func: 'f',
    trigger,
    ip: 'n',
    next_run_time: new Date('2027-01-30T23:00:00Z'),
    run_at: [at],
  })
  const days = ['2027-01-30T23:00:00Z', '2027-01-31T08:00:00Z', '2027-01-31T23:00:00Z'].map(text => new Date(text))
  expect(await client.jobs.next('a', 3)).toEqual(days)
  expect(await client.jobs.next('a')).toHaveLength(10)
  await expect(client.jobs.next('b')).rejects.toMatchObject({ code: 'not_found' })
  await expect(client.jobs.next('a', 0)).rejects.toMatchObject({ code: 'invalid_option', data: { path: 'count' } })
  expect(await client.jobs.cancel('a')).toMatchObject({ cancel: '*' })
  await expect(client.jobs.cancel('b')).rejects.toMatchObject({ code: 'not_found' })
})
