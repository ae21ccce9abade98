/** The books: ten thousand runs that end in every way there is leave one row each, and nothing in `state.running`. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { startNodes, until } from '../support/node.ts'

let db: TestDb
beforeAll(async () => {
  db = await openTestDb()
})
afterAll(() => db.close())

test('10,000 runs that end in each possible way leave 10,000 consistent rows', async () => {
  const nodes = await startNodes({ uri: db.uri, executors: { default: { concurrency: 2_000 } } })
  const ip = nodes.ips[0] as string
  // Extra runs are told apart by their times: of two in one millisecond only one would be left.
  const now = Date.now()
  const orders = (count: number) => Array.from({ length: count }, (_, i) => new Date(now - i - 1))
  const many = { ip, max_instances: 1_000 }
  const missedFrom = new Date(now - 10_000_500)
  const jobs = [
    ...Array.from({ length: 5 }, (_, i) => aJob({ _id: `good-${i}`, ...many, run_at: orders(1_000) })),
    aJob({ _id: 'good-5', ...many, run_at: orders(750) }),
    aJob({ _id: 'bad-0', ...many, func: 'fail', run_at: orders(1_000) }),
    aJob({ _id: 'retried', ...many, func: 'fail', retry: { max_attempts: 2, delay: 0.01 }, run_at: orders(250) }),
    aJob({ _id: 'slow', ...many, func: 'hold', timeout: 0.2, run_at: orders(500) }),
    aJob({ _id: 'cancelled', ...many, func: 'hold', run_at: orders(500) }),
    aJob({ _id: 'full', ip, func: 'hold', run_at: orders(501) }),
    // 1,001 due times, 10 s apart, the latest half a second old: 7 of them are at most 65 s late.
    aJob({
      _id: 'late',
      ...many,
      coalesce: false,
      misfire_grace_time: 65,
      trigger: { type: 'interval', seconds: 10, start_date: missedFrom, end_date: new Date(now) },
      next_run_time: missedFrom,
      state: { job: 'late', planned: { next_run_time: missedFrom, trigger: 'x:unknown' } },
    } as never),
    aJob({
      _id: 'dead',
      ...many,
      state: {
        job: 'dead',
        running: Array.from({ length: 248 }, (_, i) => ({
          run_id: `dead-${i}`,
          job: 'dead',
          run_time: new Date(),
          claimed: new Date(),
          node: ip,
          incarnation: 'gone',
          attempt: 1,
        })),
      },
    } as never),
  ]
  await nodes.jobs.insertMany(jobs as never)
  await until(() => expect(nodes.ranOf('cancelled')).toHaveLength(500), 60_000)
  await nodes.jobs.updateOne({ _id: 'cancelled' }, { $set: { cancel: '*' } })
  await until(
    async () => expect(await nodes.executions.countDocuments({ job_id: 'full', status: 'max_instances' })).toBe(500),
    60_000,
  )
  nodes.release('full')
  const counted = async () => {
    const groups = await nodes.executions
      .aggregate<{ _id: string; rows: number }>([
        { $match: { status: { $ne: 'started' } } },
        { $group: { _id: { $concat: ['$job_id', ' ', '$status'] }, rows: { $sum: 1 } } },
      ])
      .toArray()
    return Object.fromEntries(groups.map(({ _id, rows }) => [_id, rows]))
  }
  await until(
    async () =>
      expect(await counted()).toEqual({
        ...Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`good-${i} executed`, 1_000])),
        'good-5 executed': 750,
        'bad-0 error': 1_000,
        'retried error': 500,
        'slow timeout': 500,
        'cancelled cancelled': 500,
        'full executed': 1,
        'full max_instances': 500,
        'late missed': 994,
        'late executed': 7,
        'dead interrupted': 248,
      }),
    120_000,
  )
  expect(await nodes.executions.countDocuments()).toBe(10_000)
  expect(await nodes.jobs.countDocuments({ 'state.running.0': { $exists: true } })).toBe(0)
  const started = await nodes.executions.find({ started: { $ne: null } }).toArray()
  for (const row of started) {
    expect(row.claimed <= row.started && row.started <= row.finished, row._id).toBe(true)
    expect(row.duration).toBeGreaterThanOrEqual(0)
  }
  expect(new Set(nodes.ran.map(run => run.id)).size).toBe(nodes.ran.length)
  await nodes.close()
}, 300_000)
