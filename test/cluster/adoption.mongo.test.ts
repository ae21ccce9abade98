/** Who gets a job that has no node: by its adoption, or by the keeper that looks after those which nobody adopted. */
import { type Collection, MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Adoption, type AdoptionOptions } from '../../src/cluster/adoption.ts'
import { evacuate, place, rebalance } from '../../src/cluster/moves.ts'
import { homeOf, rankOf, type Taker } from '../../src/cluster/placement.ts'
import { ensureCollections } from '../../src/database/ensure.ts'
import type { Job } from '../../src/job/job.ts'
import { createNode } from '../../src/node/node.ts'
import { Patience } from '../../src/pace/patience.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { FakeClock } from '../support/clock.ts'
import { nextEvent } from '../support/events.ts'
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
const nodes = (...ips: readonly string[]): readonly Taker[] => ips.map(_id => ({ _id }))
const anAdoption = (fields: Partial<AdoptionOptions> = {}) =>
  new Adoption({
    writer: aWriter(),
    clock: new FakeClock(),
    membership: { takers: nodes('a') },
    mode: { mayAdopt: true },
    check: () => [],
    emit: () => {},
    patience: new Patience({ emit: () => {}, lastingMs: 0 }),
    ...fields,
  })
const insert = async (...documents: readonly object[]) => {
  await all.insertMany(documents as Loose[])
  return documents as readonly Job[]
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
    const inserted = await insert(withState(state), aJob(), withState(state))
    const adoption = anAdoption()
    for (const job of inserted) adoption.offer(job)
    await until(async () => expect(await all.countDocuments({ ip: 'a' })).toBe(3))
    for (const job of await all.find().toArray())
      expect(job.state).toEqual({ job: job._id, placed: true, assigned: 'a' })
  })

  test.each([
    ['adoption', (inserted: readonly Job[], adoption: Adoption) => inserted.map(job => adoption.offer(job))],
    ['the keeper', () => place(nodes('a'), { jobs, writer: aWriter() })],
  ])('that refuses to be written keeps no other from a node: %s', async (_, take) => {
    const inserted = await insert(refusing(), aJob(), withState(5), aJob())
    await refuse()
    await take(inserted, anAdoption())
    await until(async () => expect(await all.countDocuments({ ip: 'a' })).toBe(3))
    expect((await all.findOne({ func: 'never' }))?.ip).toBeUndefined()
  })

  test('that nobody can perform and that refuses to be told so is not tried for ever, and keeps no other from it', async () => {
    const inserted = await insert(refusing(), aJob(), aJob())
    await refuse()
    let writes = 0
    const told: string[] = []
    const check = () => [{ path: 'func', message: 'no' }]
    const membership = { takers: [{ _id: 'a', tasks: [], executors: { default: 'default' } }] }
    const emit = (news: { readonly job_id: string }) => void told.push(news.job_id)
    const adoption = anAdoption({ writer: aWriter('a', () => writes++), check, membership, emit })
    for (const job of inserted) adoption.offer(job)
    await until(() => expect(told).toHaveLength(2))
    expect(await all.countDocuments({ 'state.error': /no living node has a task "note"; asked: a$/ })).toBe(2)
    for (const job of await insert(aJob(), aJob())) adoption.offer(job)
    await until(() => expect(told).toHaveLength(4))
    expect(writes).toBe(5)
    expect(await all.countDocuments({ ip: null })).toBe(5)
    adoption.end()
  })

  test('that refuses to be written is not tried for ever', async () => {
    const [first, other] = (await insert(refusing(), aJob())) as [Job, Job]
    await refuse()
    let writes = 0
    const adoption = anAdoption({ writer: aWriter('a', () => writes++) })
    adoption.offer(first)
    await until(() => expect(writes).toBe(2))
    adoption.offer(other)
    await until(async () => expect((await all.findOne({ _id: other._id }))?.ip).toBe('a'))
    expect(writes).toBe(3)
  })

  test('because its ip is null is taken like any other', async () => {
    const inserted = await insert({ ...aJob(), ip: null }, { ...aJob(), ip: null, state: { job: 'another' } }, aJob())
    const adoption = anAdoption()
    for (const job of inserted.slice(0, 2)) adoption.offer(job)
    await until(async () => expect(await all.countDocuments({ ip: 'a' })).toBe(2))
    await all.updateMany({}, { $set: { ip: null } as never })
    await place(nodes('b'), { jobs, writer: aWriter() })
    expect(await all.countDocuments({ ip: 'b' })).toBe(3)
  })

  test('is found by the keeper behind a thousand that refuse to be written', async () => {
    await insert(...Array.from({ length: 1_000 }, () => refusing()))
    const [last] = (await insert(aJob())) as [Job]
    await refuse()
    await place(nodes('a', 'b'), { jobs, writer: aWriter() })
    expect((await all.findOne({ _id: last._id }))?.ip).toBe(homeOf(last._id, ['a', 'b']))
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
    const adoption = anAdoption({ writer: aWriter('z'), clock: counting, membership: { takers: nodes('a', 'b', 'c') } })
    const inserted = await insert(...Array.from({ length: 100 }, () => aJob()))
    for (const job of inserted) adoption.offer(job)
    expect(timers).toBe(1)
    expect(await all.countDocuments({ ip: 'z' })).toBe(0)
    clock.advance(TURNS_MS)
    await until(async () => expect(await all.countDocuments({ ip: 'z' })).toBe(100))
    expect(timers).toBeLessThan(10)
  })

  test('is forgotten when the node ends: no turn comes, and nothing is written', async () => {
    const clock = new FakeClock()
    let touched = 0
    const membership = { takers: nodes('z') }
    const adoption = anAdoption({ writer: aWriter('z', () => touched++), clock, membership })
    const [now, later, after] = (await insert(aJob(), aJob(), aJob())) as [Job, Job, Job]
    adoption.offer(now)
    membership.takers = nodes('a', 'b')
    adoption.offer(later)
    adoption.end()
    adoption.offer(after)
    membership.takers = nodes('z')
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
    expect(await evacuate('dead', nodes('a'), { jobs, writer: aWriter() })).toBe(3)
    expect(await all.countDocuments({ ip: 'a' })).toBe(3)
  })

  test('go on past a job that refuses to be written', async () => {
    const dead = { ip: 'dead', standby: 'any' } as const
    const stray = aJob({ ip: 'a' })
    await insert(refusing(dead), aJob(dead), { ...refusing({ ip: 'a' }), state: { home: 'b' } })
    await insert({ ...stray, state: { job: stray._id, home: 'b' } })
    await refuse()
    expect(await evacuate('dead', nodes('a'), { jobs, writer: aWriter() })).toBe(1)
    expect(await all.countDocuments({ ip: 'dead' })).toBe(1)
    expect(await rebalance(nodes('a', 'b'), { jobs, writer: aWriter() })).toBe(1)
    expect((await all.findOne({ _id: stray._id }))?.ip).toBe('b')
  })
})

describe('a node with a client of the user’s own', () => {
  const DAY_MS = 24 * 3_600_000
  const RIVALS = ['a', 'b', 'c']
  /** Jobs that others come before this node for. */
  const others = (ip: string): readonly Job[] => {
    const made = Array.from({ length: 40 }, () => aJob())
    return made.filter(({ _id }) => rankOf(_id, [...RIVALS, ip], ip) > 0)
  }

  test('that has stopped takes none of what it was offered before, though its client goes on', async () => {
    const ip = 'mine'
    const rivals = RIVALS.map(_id => ({ _id, incarnation: 'i', seen: new Date(), lease: DAY_MS, status: 'active' }))
    await db.db.collection<Loose>('nodes').insertMany(rivals)
    const client = await MongoClient.connect(db.uri, { monitorCommands: true })
    const clock = new FakeClock({ start: Date.now() })
    const tasks = { note: async () => {} }
    const node = createNode({ client, ip, clock, tasks, lease: DAY_MS, logger: false })
    await node.start()
    const offered = others(ip)
    await insert(...offered)
    const added = nextEvent(node, 'job.added')
    await insert(aJob({ ip }))
    await added
    await node.stop()
    const written: unknown[] = []
    client.on('commandStarted', ({ command }) => {
      if ('update' in command || 'findAndModify' in command) written.push(command)
    })
    await clock.advanceAsync(TURNS_MS)
    await client.db().command({ ping: 1 })
    expect(written).toEqual([])
    expect(await all.countDocuments({ _id: { $in: offered.map(({ _id }) => _id) }, ip: null })).toBe(offered.length)
    await node.close()
    await client.close()
  })

  test('takes them in its turn while it works', async () => {
    const ip = 'mine'
    const rivals = RIVALS.map(_id => ({ _id, incarnation: 'i', seen: new Date(), lease: DAY_MS, status: 'active' }))
    await db.db.collection<Loose>('nodes').insertMany(rivals)
    const clock = new FakeClock({ start: Date.now() })
    const tasks = { note: async () => {} }
    await using node = createNode({ uri: db.uri, ip, clock, tasks, lease: DAY_MS, logger: false })
    await node.start()
    const offered = others(ip)
    await insert(...offered)
    await until(async () => {
      await clock.advanceAsync(TURNS_MS)
      expect(await all.countDocuments({ ip })).toBe(offered.length)
    })
  })
})
