/** Pages of jobs: in order, whole, and by an index, whatever is asked for; a cursor goes on where it ended, whatever was edited. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import type { JobsPageOptions, JobsSort } from '../../src/client/jobs-page.ts'
import type { JobFilter } from '../../src/client/which.ts'
import type { Job } from '../../src/job/job.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Plan, plansOf } from '../support/plans.ts'

/** Enough for the planner to prefer what is better with many. */
const MANY = 2_000

let db: TestDb
let client: Client

const at = (ms: number) => new Date(Date.UTC(2027, 0, 1) + ms)
const jobs = () => db.db.collection<Job>('jobs')

/** One in so many is of its kind. */
const documentOf = (i: number): Job => {
  const _id = `job-${String((i * 7919) % MANY).padStart(6, '0')}`
  return aJob({
    _id,
    name: `Report number ${i}`,
    func: i % 3 === 0 ? 'mail:digest' : 'report:nightly',
    tags: i % 4 === 0 ? ['billing', 'x'] : ['ops'],
    ...(i % 100 === 50 ? {} : { ip: i % 200 === 7 ? 'gone' : `node-${i % 2}` }),
    ...(i % 40 === 1 ? { next_run_time: null } : i % 500 === 2 ? {} : { next_run_time: at((i * 31) % 1_000) }),
    state: {
      job: _id,
      ...(i % 1_000 === 3 && { error: 'func: there is no such task' }),
      ...(i % 80 === 41 && { over: true }),
      ...(i % 400 === 4 && { running: [anEntry({ run_id: `run-${i}` }), anEntry({ run_id: `again-${i}` })] }),
    },
  })
}

beforeAll(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
  await jobs().insertMany(Array.from({ length: MANY }, (_, i) => documentOf(i)))
  const living = { seen: new Date(), lease: 3_600_000, incarnation: 'i', status: 'active' }
  const nodes = ['node-0', 'node-1'].map(_id => ({ ...living, _id }))
  await db.db.collection<{ _id: string }>('nodes').insertMany(nodes)
})

afterAll(async () => {
  await client?.close()
  await db?.close()
})

async function leaf(options: JobsPageOptions): Promise<Job[]> {
  const all: Job[] = []
  for (let after: string | null | undefined; after !== null; ) {
    const page = await client.jobs.page({ ...options, ...(after !== undefined && { after }) })
    all.push(...page.items)
    after = page.next
  }
  return all
}

const STATUSES: Readonly<Record<string, (job: Job) => boolean>> = {
  invalid: ({ state }) => state?.error !== undefined,
  paused: ({ next_run_time, state }) => next_run_time === null && state?.over !== true && state?.error === undefined,
  over: ({ next_run_time, state }) => next_run_time === null && state?.over === true && state?.error === undefined,
  armed: ({ next_run_time, state }) => next_run_time instanceof Date && state?.error === undefined,
  new: ({ next_run_time, state }) => next_run_time === undefined && state?.error === undefined,
  running: ({ state }) => (state?.running?.length ?? 0) > 0,
  stranded: ({ ip }) => ip === 'gone',
}

const FILTERS: readonly (readonly [filter: JobFilter, is: (job: Job) => boolean])[] = [
  [{}, () => true],
  [{ ip: 'node-1' }, ({ ip }) => ip === 'node-1'],
  [{ ip: '' }, ({ ip }) => ip === undefined],
  [{ tag: 'billing' }, ({ tags }) => tags?.includes('billing') === true],
  [{ func: 'mail:digest' }, ({ func }) => func === 'mail:digest'],
  [{ tag: 'nothing' }, () => false],
  [{ search: 'RePort:', ip: 'node-0' }, ({ func, ip }) => func === 'report:nightly' && ip === 'node-0'],
  [{ search: 'number 39' }, ({ name }) => name?.includes('number 39') === true],
  [{ search: '.*' }, () => false],
  ...Object.entries(STATUSES).map(([status, is]) => [{ status } as JobFilter, is] as const),
]

const SORTS: readonly JobsSort[] = ['_id', 'next_run_time', '-next_run_time']
const timeOf = ({ next_run_time }: Job) => next_run_time?.getTime()

function compare(sort: JobsSort): (a: Job, b: Job) => number {
  const byId = (a: Job, b: Job) => (a._id < b._id ? -1 : 1)
  if (sort === '_id') return byId
  const way = sort === 'next_run_time' ? 1 : -1
  return (a, b) => {
    const [x, y] = [timeOf(a), timeOf(b)]
    if (x === undefined || y === undefined) return x === y ? byId(a, b) : x === undefined ? 1 : -1
    return way * (x - y || byId(a, b))
  }
}

describe.each(FILTERS)('the filter %o', (filter, is) => {
  test.each(SORTS)('gives all of its jobs once, in order: %s', async sort => {
    const expected = Array.from({ length: MANY }, (_, i) => documentOf(i))
      .filter(is)
      .sort(compare(sort))
    const found = await leaf({ filter, sort, limit: expected.length > 500 ? 500 : 7 })
    expect(found.map(({ _id }) => _id)).toEqual(expected.map(({ _id }) => _id))
  })

  test('is counted', async () => {
    const expected = Array.from({ length: MANY }, (_, i) => documentOf(i)).filter(is).length
    const page = await client.jobs.page({ filter, limit: 1, count: true })
    expect(page).toMatchObject({ count: expected, count_exact: true })
  })

  test('is the query that the database and the document agree on', async () => {
    const query = await client.jobs.query(filter)
    expect(await jobs().countDocuments(query)).toBe((await jobs().find({}).toArray()).filter(is).length)
  })
})

describe('the server', () => {
  const page = async (options: JobsPageOptions): Promise<readonly Plan[]> =>
    plansOf(db.db, 'jobs', () => client.jobs.page(options))
  const unsearched = FILTERS.filter(([{ search }]) => search === undefined).map(([filter]) => filter)

  test.each(unsearched.flatMap(filter => SORTS.map(sort => [filter, sort] as const)))(
    'walks an index for %o by %s, and sorts few jobs if any',
    async (filter, sort) => {
      const plans = await page({ filter, sort, limit: 10, count: true })
      expect(plans.length).toBeGreaterThan(0)
      for (const { summary } of plans) expect(summary).not.toMatch(/COLLSCAN/)
      // What is asked for is in the index: a page reads little more than it shows.
      const finds = plans.filter(({ command }) => command.find !== undefined)
      const isRare = filter.status !== undefined && filter.status !== 'armed'
      for (const { docs, sorted } of finds) {
        expect(docs).toBeLessThanOrEqual(isRare && sort !== '_id' ? MANY / 10 : 120)
        if (sorted) expect(docs).toBeLessThanOrEqual(60)
      }
    },
  )

  test('reads all jobs only for a text that the filter does not narrow', async () => {
    const narrowed = await page({ filter: { search: 'nothing at all', ip: 'gone' } })
    expect(narrowed.map(({ summary }) => summary)).toEqual(['IXSCAN { ip: 1, _id: 1 }'])
  })
})

test('a cursor goes on where it ended, whatever was removed, added or edited there', async () => {
  const first = await client.jobs.page({ limit: 3 })
  const last = first.items.at(-1) as Job
  await jobs().deleteOne({ _id: last._id })
  await jobs().insertOne(aJob({ _id: 'a-before' }))
  await jobs().insertOne(aJob({ _id: `${last._id}-after` }))
  const second = await client.jobs.page({ limit: 1, after: first.next as string })
  expect(second.items.map(({ _id }) => _id)).toEqual([`${last._id}-after`])
  await jobs().deleteMany({ _id: { $in: ['a-before', `${last._id}-after`] } })
  await jobs().insertOne(last)
})

describe('refused, with what is expected:', () => {
  test('a cursor of another order or list, or one that was cut', async () => {
    const { next } = await client.jobs.page({ limit: 1 })
    const timed = await client.jobs.page({ limit: 1, sort: 'next_run_time' })
    const expected = { code: 'invalid_option', data: { path: 'after' } }
    for (const sort of ['next_run_time', '-next_run_time'] as const)
      await expect(client.jobs.page({ sort, after: next as string })).rejects.toMatchObject(expected)
    await expect(client.jobs.page({ after: timed.next as string })).rejects.toMatchObject(expected)
    for (const after of ['', 'x', 'ä', (next as string).slice(1), 5 as never])
      await expect(client.jobs.page({ after })).rejects.toMatchObject(expected)
    const operator = btoa(JSON.stringify(['jobs _id', { $ne: null }])).replace(/=+$/, '')
    await expect(client.jobs.page({ after: operator })).rejects.toMatchObject(expected)
  })

  test.each([
    [{ limit: 0 }, 'limit', /from 1 to 500; found 0/],
    [{ limit: 501 }, 'limit', /from 1 to 500/],
    [{ limit: 1.5 }, 'limit', /whole number/],
    [{ sort: 'name' }, 'sort', /expected _id, next_run_time, -next_run_time/],
    [{ filter: { status: 'pasued' } }, 'status', /did you mean paused\?/],
    [{ filter: { tags: 'x' } }, 'tags', /did you mean tag\?/],
    [{ filter: { ip: { $ne: null } } }, 'ip', /expected text; found an object/],
    [{ filter: 'x' }, 'filter', /expected an object/],
    [{ cursor: 'x' }, 'cursor', /no such option; known: filter, sort, limit, after, count/],
    [{ count: 'yes' }, 'count', /true or false/],
  ])('%o', async (options, path, message) => {
    const refused = client.jobs.page(options as never)
    await expect(refused).rejects.toMatchObject({ code: 'invalid_option', data: { path }, message })
  })
})
