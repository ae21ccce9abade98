/** Pages of runs: whole, newest first, by an index, also where very many rows have one and the same time. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import type { RunsPageOptions } from '../../src/client/runs-page.ts'
import type { Execution } from '../../src/history/rows.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { plansOf } from '../support/plans.ts'

const MANY = 3_000
const at = (s: number) => new Date(Date.UTC(2027, 0, 1) + s * 1_000)
const STATUSES = ['error', 'missed', 'cancelled'] as const

let db: TestDb
let client: Client

/** Rows are stored together: a hundred have one time. */
const rows: readonly Execution[] = Array.from({ length: MANY }, (_, i) => ({
  _id: ((i * 7919) % MANY).toString(16).padStart(24, '0'),
  job_id: `job-${i % 300}`,
  job_name: 'n',
  func: 'f',
  run_time: at(Math.floor(i / 900)),
  scheduled: true,
  status: i % 50 === 0 ? (STATUSES[(i / 50) % 3] as Execution['status']) : 'executed',
  attempt: 1,
  coalesced: 1,
  node: `n${i % 2}`,
  ip: `n${i % 2}`,
  fence: null,
  claimed: at(i),
  started: at(i),
  finished: at(i),
  duration: i,
  late: 1,
  result: null,
  exception: null,
  traceback: null,
  log: null,
  recorded: at(Math.floor(i / 100)),
}))

beforeAll(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
  await db.db.collection<{ _id: string }>('executions').insertMany(rows as never)
})

afterAll(async () => {
  await client?.close()
  await db?.close()
})

async function leaf(options: RunsPageOptions): Promise<string[]> {
  const all: string[] = []
  for (let after: string | null | undefined; after !== null; ) {
    const page = await client.history.page({ ...options, ...(after !== undefined && { after }) })
    all.push(...page.items.map(({ _id }) => _id))
    after = page.next
  }
  return all
}

const QUERIES: readonly (readonly [options: RunsPageOptions, is: (row: Execution) => boolean])[] = [
  [{}, () => true],
  [{ ip: 'n1' }, ({ ip }) => ip === 'n1'],
  [{ status: 'error' }, ({ status }) => status === 'error'],
  [{ status: 'missed' }, ({ status }) => status === 'missed'],
  [{ status: 'executed', ip: 'n0' }, ({ status, ip }) => status === 'executed' && ip === 'n0'],
  [{ job: 'job-7' }, ({ job_id }) => job_id === 'job-7'],
  [{ job: 'job-0', status: 'error' }, ({ job_id, status }) => job_id === 'job-0' && status === 'error'],
  [{ job: 'nothing' }, () => false],
  [{ since: at(3), until: at(5) }, ({ recorded }) => recorded >= at(3) && recorded < at(5)],
  [
    { job: 'job-7', since: at(1), until: at(3) },
    r => r.job_id === 'job-7' && r.run_time >= at(1) && r.run_time < at(3),
  ],
]

describe.each(QUERIES)('%o', (options, is) => {
  const time = options.job === undefined ? 'recorded' : 'run_time'
  const expected = rows
    .filter(is)
    .sort((a, b) => b[time].getTime() - a[time].getTime() || (a._id < b._id ? 1 : -1))
    .map(({ _id }) => _id)

  test.each([1, 7, 500])('gives all of its rows once, newest first, %i at a time', async limit => {
    const most = Math.ceil(expected.length / limit) > 200 ? 97 : limit
    expect(await leaf({ ...options, limit: most })).toEqual(expected)
  })

  test('walks an index, and reads little more than it shows', async () => {
    const plans = await plansOf(db.db, 'executions', () => client.history.page({ ...options, limit: 20 }))
    expect(plans.length).toBeGreaterThan(0)
    for (const { summary, docs } of plans) {
      expect(summary).toMatch(/^IXSCAN/)
      // A group of one time is 100 rows here; of two nodes each has half.
      expect(docs).toBeLessThanOrEqual(150)
    }
  })
})

test.each([
  [{ status: 'eror' }, 'status', /did you mean error\?/],
  [{ since: '2027' }, 'since', /expected a date/],
  [{ job: { $ne: '' } }, 'job', /expected text/],
  [{ limit: 501 }, 'limit', /from 1 to 500/],
  [{ after: 'x' }, 'after', /`next` of a page/],
  [{ node: 'x' }, 'node', /no such option/],
])('refuses %o', async (options, path, message) => {
  const refused = client.history.page(options as never)
  await expect(refused).rejects.toMatchObject({ code: 'invalid_option', data: { path }, message })
})

test('a cursor of the runs of one job is none of all runs', async () => {
  const { next } = await client.history.page({ job: 'job-7', limit: 1 })
  await expect(client.history.page({ after: next as string })).rejects.toMatchObject({ data: { path: 'after' } })
})

describe('recent', () => {
  const ids = Array.from({ length: 200 }, (_, i) => `job-${i}`)

  test('gives the last runs of each job, newest first, also of one that has none', async () => {
    const found = await client.history.recent(['job-7', 'nothing', '__proto__', 'job-7'], 3)
    const expected = rows
      .filter(({ job_id }) => job_id === 'job-7')
      .sort((a, b) => b.run_time.getTime() - a.run_time.getTime())
      .slice(0, 3)
    expect(Object.keys(found).sort()).toEqual(['__proto__', 'job-7', 'nothing'])
    expect(found.nothing).toEqual([])
    expect(found['job-7']?.map(({ run_time }) => run_time)).toEqual(expected.map(({ run_time }) => run_time))
    const [first] = found['job-7'] ?? []
    const { _id, status, run_time, duration, late } = rows.find(row => row._id === first?._id) as Execution
    expect(first).toEqual({ _id, status, run_time, duration, late })
    expect(await client.history.recent([])).toEqual({})
  })

  test('reads for each of 200 jobs so many rows of its index, and no more', async () => {
    const plans = await plansOf(db.db, 'executions', () => client.history.recent(ids, 4))
    const asked = plans.filter(({ command }) => command.aggregate !== undefined)
    expect(asked).toHaveLength(1)
    for (const { summary } of plans) expect(summary).toMatch(/^IXSCAN { job_id: 1, run_time: -1 }/)
    expect(plans.reduce((sum, { docs }) => sum + docs, 0)).toBeLessThanOrEqual(200 * 4)
  })

  test.each([
    [[Array.from({ length: 201 }, (_, i) => `${i}`)], /at most 200 ids/],
    [['a'.repeat(3)], /expected an array/],
    [[[{ $ne: '' }]], /at most 200 ids/],
    [[['a'], 101], /count: expected a whole number from 1 to 100/],
  ])('refuses what it is not meant for', async (args, message) => {
    const refused = (client.history.recent as (...given: unknown[]) => Promise<unknown>)(...args)
    await expect(refused).rejects.toMatchObject({ code: 'invalid_option', message })
  })
})
