/** Who gets a job that has no node: by its adoption, or by the keeper that looks after those which nobody adopted. */
import type { Collection } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Adoption, type AdoptionOptions } from '../../src/cluster/adoption.ts'
import { evacuate, place, rebalance } from '../../src/cluster/moves.ts'
import { homeOf } from '../../src/cluster/placement.ts'
import { ensureCollections } from '../../src/database/ensure.ts'
import type { Job } from '../../src/job/job.ts'
import { Patience } from '../../src/pace/patience.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { FakeClock } from '../support/clock.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, until } from '../support/node.ts'

/** Longer than any turn. */
const TURNS_MS = 10_000

let db: TestDb
let jobs: Collection<Job>
let all: Collection<Loose>

beforeAll(async () => {
  db = await openTestDb()
  jobs = db.db.collection('jobs')
  all = db.db.collection('jobs')
})

afterAll(() => db?.close())

beforeEach(async () => {
  await ensureCollections(db.db)
  await db.db.command({ collMod: 'jobs', validationLevel: 'off' })
})

afterEach(() => db.db.dropDatabase())

/** `writes` hears of each write before it goes out. */
const aWriter = (ip = 'a', writes = () => {}) => new Writer({ jobs, by: { ip, incarnation: 'i' }, stamped: { writes } })
const anAdoption = (fields: Partial<AdoptionOptions> = {}) =>
  new Adoption({
    writer: aWriter(),
    clock: new FakeClock(),
    membership: { takers: ['a'] },
    mode: { mayAdopt: true },
    patience: new Patience({ emit: () => {}, lastingMs: 0 }),
    ...fields,
  })
const insert = async (...documents: readonly object[]) => {
  await all.insertMany(documents as Loose[])
  return documents.map(document => (document as Loose)._id)
}
const withState = (state: unknown) => ({ ...aJob(), state })
/** A document that MongoDB lets nobody write into: it breaks a rule that came later. */
const refusing = (fields: Partial<Job> = {}) => aJob({ ...fields, func: 'never' })
const refuse = () => {
  const $jsonSchema = { properties: { func: { not: { enum: ['never'] } } } }
  return db.db.command({ collMod: 'jobs', validator: { $jsonSchema }, validationLevel: 'strict' })
}

describe('a job without a node', () => {
  test.each([
    ['null', null],
    ['a text', 'mine'],
    ['an array', [{ job: 1 }]],
    ['another job’s', { job: 'another', runs: 7 }],
  ])('whose state is %s is adopted with those beside it, and its state is made afresh', async (_, state) => {
    const ids = await insert(withState(state), aJob(), withState(state))
    const adoption = anAdoption()
    for (const id of ids) adoption.offer(id)
    await until(async () => expect(await all.countDocuments({ ip: 'a' })).toBe(3))
    for (const job of await all.find().toArray())
      expect(job.state).toEqual({ job: job._id, placed: true, assigned: 'a' })
  })

  test.each([
    ['adoption', (ids: readonly string[], adoption: Adoption) => ids.map(id => adoption.offer(id))],
    ['the keeper', () => place(['a'], { jobs, writer: aWriter() })],
  ])('that refuses to be written keeps no other from a node: %s', async (_, take) => {
    const ids = await insert(refusing(), aJob(), withState(5), aJob())
    await refuse()
    await take(ids, anAdoption())
    await until(async () => expect(await all.countDocuments({ ip: 'a' })).toBe(3))
    expect((await all.findOne({ func: 'never' }))?.ip).toBeUndefined()
  })

  test('that refuses to be written is not tried for ever', async () => {
    const [id, other] = (await insert(refusing(), aJob())) as [string, string]
    await refuse()
    let writes = 0
    const adoption = anAdoption({ writer: aWriter('a', () => writes++) })
    adoption.offer(id)
    await until(() => expect(writes).toBe(2))
    adoption.offer(other)
    await until(async () => expect((await all.findOne({ _id: other }))?.ip).toBe('a'))
    expect(writes).toBe(3)
  })

  test('because its ip is null is taken like any other', async () => {
    const ids = await insert({ ...aJob(), ip: null }, { ...aJob(), ip: null, state: { job: 'another' } }, aJob())
    const adoption = anAdoption()
    for (const id of ids.slice(0, 2)) adoption.offer(id)
    await until(async () => expect(await all.countDocuments({ ip: 'a' })).toBe(2))
    await all.updateMany({}, { $set: { ip: null } as never })
    await place(['b'], { jobs, writer: aWriter() })
    expect(await all.countDocuments({ ip: 'b' })).toBe(3)
  })

  test('is found by the keeper behind a thousand that refuse to be written', async () => {
    await insert(...Array.from({ length: 1_000 }, () => refusing()))
    const [last] = (await insert(aJob())) as [string]
    await refuse()
    await place(['a', 'b'], { jobs, writer: aWriter() })
    expect((await all.findOne({ _id: last }))?.ip).toBe(homeOf(last, ['a', 'b']))
  })
})

describe('an offer', () => {
  test('waits its turn by one timer, however many there are', async () => {
    let timers = 0
    const clock = new FakeClock()
    const counting = {
      now: () => clock.now(),
      schedule: ((...args: Parameters<typeof clock.schedule>) => {
        timers++
        return clock.schedule(...args)
      }) as typeof clock.schedule,
    }
    const adoption = anAdoption({ writer: aWriter('z'), clock: counting, membership: { takers: ['a', 'b', 'c'] } })
    const ids = await insert(...Array.from({ length: 100 }, () => aJob()))
    for (const id of ids) adoption.offer(id)
    expect(timers).toBe(1)
    expect(await all.countDocuments({ ip: 'z' })).toBe(0)
    clock.advance(TURNS_MS)
    await until(async () => expect(await all.countDocuments({ ip: 'z' })).toBe(100))
    expect(timers).toBeLessThan(10)
  })

  test('is forgotten when the node ends: no turn comes, and nothing is written', async () => {
    const clock = new FakeClock()
    let touched = 0
    const membership = { takers: ['z'] as readonly string[] }
    const adoption = anAdoption({ writer: aWriter('z', () => touched++), clock, membership })
    const [now, later, after] = (await insert(aJob(), aJob(), aJob())) as [string, string, string]
    adoption.offer(now)
    membership.takers = ['a', 'b']
    adoption.offer(later)
    adoption.end()
    adoption.offer(after)
    membership.takers = ['z']
    adoption.offer(after)
    clock.advance(TURNS_MS)
    await new Promise(resolve => setImmediate(resolve))
    expect(touched).toBe(0)
    expect(await all.countDocuments({ ip: 'z' })).toBe(0)
  })
})

describe('moves', () => {
  test.each([
    ['a text', 'none'],
    ['null', null],
    ['an array', [1]],
  ])('go on past a job whose state is %s, and it moves too', async (_, state) => {
    const away = { ip: 'dead', standby: 'any' as const }
    await insert({ ...aJob(away), state }, aJob(away), { ...aJob(away), state })
    expect(await evacuate('dead', ['a'], { jobs, writer: aWriter() })).toBe(3)
    expect(await all.countDocuments({ ip: 'a' })).toBe(3)
  })

  test('go on past a job that refuses to be written', async () => {
    const dead = { ip: 'dead', standby: 'any' } as const
    const stray = aJob({ ip: 'a' })
    await insert(refusing(dead), aJob(dead), { ...refusing({ ip: 'a' }), state: { home: 'b' } })
    await insert({ ...stray, state: { job: stray._id, home: 'b' } })
    await refuse()
    expect(await evacuate('dead', ['a'], { jobs, writer: aWriter() })).toBe(1)
    expect(await all.countDocuments({ ip: 'dead' })).toBe(1)
    expect(await rebalance(['a', 'b'], { jobs, writer: aWriter() })).toBe(1)
    expect((await all.findOne({ _id: stray._id }))?.ip).toBe('b')
  })
})
