/** The slow second reading: what no event told counts after it, and what memory has right is left alone.
 *  The stream here is deaf to jobs whose id begins with `quiet`: for them a change is lost, whoever made it. */
import type { Collection, Db, Document } from 'mongodb'
import { type CommandStartedEvent, MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ensureCollections } from '../../src/database/ensure.ts'
import type { Job } from '../../src/job/job.ts'
import { Followed } from '../support/followed.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, until } from '../support/node.ts'

const MINE = 'mine'
/** A round: its pages come every sixtieth of it. */
const ROUND_MS = 300
const MOVED = new Date('2031-01-01T00:00:00Z')

let testDb: TestDb
let client: MongoClient
let jobs: Collection<Loose>
let memory: Followed
let made = 0

beforeAll(async () => {
  testDb = await openTestDb()
  client = await MongoClient.connect(testDb.uri, { monitorCommands: true })
})

afterAll(async () => {
  await client?.close()
  await testDb?.close()
})

beforeEach(async () => {
  jobs = testDb.db.collection(`jobs_${++made}`)
  await ensureCollections(testDb.db, { collections: { jobs: jobs.collectionName } })
})

afterEach(() => memory.close())

/** The same database, whose change streams do not tell of some jobs. */
function deaf(db: Db): Db {
  const bound = (target: object, key: PropertyKey) => {
    const value = Reflect.get(target, key)
    return typeof value === 'function' ? value.bind(target) : value
  }
  const heard = { $match: { 'documentKey._id': { $not: /^quiet/ } } }
  const watch = (target: Collection) => (pipeline: Document[], options: Document) =>
    target.watch([heard, ...pipeline], options)
  const collection = (name: string) =>
    new Proxy(db.collection(name), { get: (target, key) => (key === 'watch' ? watch(target) : bound(target, key)) })
  return new Proxy(db, { get: (target, key) => (key === 'collection' ? collection : bound(target, key)) })
}

const follow = async (reviewMs = ROUND_MS) => {
  memory = new Followed({ db: deaf(client.db()), jobs, ip: MINE, reviewMs })
  await memory.opened()
}
const insert = (...all: readonly Job[]) => jobs.insertMany(all as unknown as Loose[])
const quiet = (fields: Partial<Job> = {}) => aJob({ _id: `quiet-${++made}`, ip: MINE, next_run_time: MOVED, ...fields })
/** A job that no node can schedule. */
function never(): Job {
  const { next_run_time: _, ...job } = quiet({ trigger: { type: 'cron', month: 2, day: 30 } as Job['trigger'] })
  return job as Job
}
const reports = () => memory.of('stream.resynced').map(({ jobs }) => jobs)
/** The follower's reads of whole pages. */
function pages(): { readonly at: number; readonly size: number }[] {
  const seen: { readonly at: number; readonly size: number }[] = []
  client.on('commandStarted', ({ command }: CommandStartedEvent) => {
    const first =
      command.find === jobs.collectionName && command.filter?.ip === MINE && command.projection !== undefined
    const next =
      command.getMore !== undefined && command.collection === jobs.collectionName && !('maxTimeMS' in command)
    if (first || (next && command.batchSize >= 1_000)) seen.push({ at: performance.now(), size: command.batchSize })
  })
  return seen
}
/** Several rounds go by. */
const rounds = async (seen: readonly unknown[], pagesToCome = 3) => {
  const before = seen.length
  await until(() => expect(seen.length).toBeGreaterThanOrEqual(before + pagesToCome))
}

describe('a change that the stream lost counts', () => {
  test.each<[string, Document]>([
    ['a new run time', { $set: { next_run_time: new Date('2030-05-05T00:00:00Z') } }],
    ['a pause', { $set: { next_run_time: null } }],
    ['a new trigger', { $set: { 'trigger.hours': 7 } }],
    ['another function', { $set: { func: 'hold' } }],
    ['an extra run', { $push: { run_at: new Date() } }],
    ['more room', { $set: { max_instances: 5 } }],
    ['another node', { $set: { ip: 'other' } }],
    ['no node', { $unset: { ip: '' } }],
  ])('%s', async (_, update) => {
    const [changed, other] = [quiet(), quiet()]
    await insert(changed, other)
    await follow()
    const armed = memory.roster.get(other._id)?.version
    await jobs.updateOne({ _id: changed._id }, update as never)
    await memory.agrees()
    await until(() => expect(reports()).toEqual([1]))
    expect(memory.roster.get(other._id)?.version).toBe(armed)
  })

  test('an insert, a deletion, and a job that comes from another node, with one report', async () => {
    const [deleted, coming, stays] = [quiet(), quiet({ ip: 'other' }), quiet()]
    await insert(deleted, coming, stays)
    await follow()
    await insert(quiet())
    await jobs.deleteOne({ _id: deleted._id })
    await jobs.updateOne({ _id: coming._id }, { $set: { ip: MINE } })
    await memory.agrees()
    expect(memory.roster.size).toBe(3)
    await until(() => expect(reports().reduce((sum, jobs) => sum + jobs, 0)).toBe(3))
  })

  test('a request to abort its runs', async () => {
    const job = quiet()
    await insert(job)
    await follow()
    await jobs.updateOne({ _id: job._id }, { $set: { cancel: '*' } })
    await until(() => expect(memory.of('put').some(({ job: { cancel } }) => cancel === '*')).toBe(true))
  })

  test('what mends a job that could not be scheduled', async () => {
    const job = never()
    await insert(job)
    await follow()
    expect(memory.roster.get(job._id)?.state).toBe('invalid')
    await jobs.updateOne({ _id: job._id }, { $set: { trigger: { type: 'interval', hours: 1 } } })
    await until(() => expect(memory.roster.get(job._id)?.state).toBe('armed'))
    await until(() => expect(reports()).toEqual([1]))
  })

  test('one of 4,000, beside a document of a shape that nobody foresaw', async () => {
    const many = Array.from({ length: 4_000 }, () => quiet())
    await insert(...many)
    await follow()
    const broken = { run_at: 7, trigger: 'soon', misfire_grace_time: 'long', next_run_time: 'never' }
    await jobs.updateOne({ _id: many[17]?._id as string }, { $set: broken }, { bypassDocumentValidation: true })
    await jobs.updateOne({ _id: many[3_999]?._id as string }, { $set: { func: 'other' } })
    await until(() => expect(memory.roster.get(many[3_999]?._id as string)?.func).toBe('other'))
    await until(() => expect(memory.roster.get(many[17]?._id as string)?.state).toBe('invalid'))
  })

  test('also when the cursor of the reading is lost half-way', async () => {
    const many = Array.from({ length: 3_000 }, () => quiet())
    await insert(...many)
    const seen = pages()
    await follow(3_000)
    await until(() => expect(seen).toHaveLength(1))
    await jobs.updateMany({ _id: { $in: many.slice(-10).map(({ _id }) => _id) } }, { $set: { func: 'other' } })
    const cursors = await testDb.client
      .db('admin')
      .aggregate([
        { $currentOp: { idleCursors: true } },
        { $match: { ns: jobs.namespace, 'cursor.originatingCommand.find': jobs.collectionName } },
      ])
      .toArray()
    await testDb.db.command({ killCursors: jobs.collectionName, cursors: cursors.map(({ cursor }) => cursor.cursorId) })
    await memory.agrees()
    expect(memory.ended).toBe(false)
  })
})

describe('where memory is right', () => {
  test('nothing is told, nothing is read by id, nothing is armed anew', async () => {
    await insert(...Array.from({ length: 50 }, () => quiet()), quiet({ ip: 'other' }))
    await follow()
    const told = memory.told.length
    const versions = [...memory.roster.entries()].map(entry => entry.version)
    await rounds(pages())
    expect(memory.told).toHaveLength(told)
    expect([...memory.roster.entries()].map(entry => entry.version)).toEqual(versions)
  })

  test('edits that are just being told are not taken for lost', async () => {
    const loud = Array.from({ length: 20 }, () => aJob({ ip: MINE }))
    await insert(...loud)
    // The stream has 100 ms to tell what a page showed already.
    await follow(6_000)
    const seen = pages()
    const before = seen.length
    for (let edit = 0; seen.length < before + 2; edit++) {
      const { _id } = loud[edit % loud.length] as Job
      if (edit % 5 === 0) await jobs.deleteOne({ _id })
      else await jobs.updateOne({ _id }, { $set: { ip: MINE, func: `note${edit}`, next_run_time: new Date() } })
      if (edit % 7 === 0) await insert(aJob({ ip: MINE }))
    }
    await memory.agrees()
    expect(reports()).toEqual([])
  })

  test('a job that stays unschedulable is looked at without a word', async () => {
    const job = never()
    await insert(job)
    await follow()
    await until(() => expect(memory.of('put').length).toBeGreaterThan(3))
    expect(reports()).toEqual([])
    expect(memory.roster.get(job._id)?.state).toBe('invalid')
  })
})

describe('its cost', () => {
  test('5,000 jobs are read in pages apart from each other, and a round later once more', async () => {
    await insert(...Array.from({ length: 5_000 }, () => quiet()))
    const seen = pages()
    const roundMs = 1_500
    await follow(roundMs)
    await until(() => expect(seen.length).toBeGreaterThan(8))
    for (const { size } of seen) expect(size).toBe(1_000)
    // A driver's timer may come a little early against another clock.
    for (let i = 1; i < 5; i++)
      expect((seen[i]?.at as number) - (seen[i - 1]?.at as number)).toBeGreaterThan(roundMs / 60 - 5)
    // 5,000 are six pages at most: the seventh is of the next round.
    expect((seen[6]?.at as number) - (seen[0]?.at as number)).toBeGreaterThan(roundMs * 0.9)
  })
})
