/** Overviews: what ran and will run on each node, the scheduler in numbers, what a drain would do. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import type { Execution } from '../../src/history/rows.ts'
import type { Job } from '../../src/job/job.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { plansOf } from '../support/plans.ts'

let db: TestDb
let client: Client

const jobs = () => db.db.collection<Job>('jobs')
const at = (minutes: number) => new Date(Date.UTC(2027, 0, 1) + minutes * 60_000)
const every = (minutes: number) => ({ type: 'interval', minutes }) as const

const aNode = (_id: string, fields: object = {}) =>
  db.db.collection<{ _id: string }>('nodes').insertOne({
    _id,
    incarnation: 'i',
    seen: new Date(),
    lease: 3_600_000,
    status: 'active',
    ...fields,
  } as never)

let made = 0
const aRow = (fields: Partial<Execution>) => {
  made++
  return {
    _id: `run-${made}`,
    job_id: 'a',
    job_name: 'a',
    status: 'executed',
    attempt: 1,
    late: 1,
    duration: 5,
    ...fields,
  }
}
const insertRows = (...rows: readonly object[]) => db.db.collection('executions').insertMany(rows as never)

beforeEach(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
})

afterEach(async () => {
  await client?.close()
  await db?.close()
})

describe('the timeline', () => {
  const span = { from: at(0), to: at(60) }

  test('has a lane for each node: runs that began in the span or go on, and the times that come', async () => {
    await aNode('a', { timezone: 'Asia/Kolkata' })
    await aNode('b')
    await insertRows(
      aRow({ _id: 'before', ip: 'a', node: 'a', started: at(-5) }),
      aRow({ _id: 'goes on', ip: 'a', node: 'a', started: at(-9), status: 'started' }),
      aRow({ _id: 'second', ip: 'a', node: 'a', started: at(20), result: 'long', log: 'long' }),
      aRow({ _id: 'first', ip: 'a', node: 'a', started: at(0) }),
      aRow({ _id: 'after', ip: 'a', node: 'a', started: at(60) }),
      aRow({ _id: 'missed', ip: 'a', node: 'a', started: null, run_time: at(3), status: 'missed' }),
      aRow({ _id: 'elsewhere', ip: 'b', node: 'b', started: at(1) }),
    )
    await jobs().insertMany([
      aJob({ _id: 'each', ip: 'a', trigger: every(25), next_run_time: at(5) }),
      // 04:30 there is 23:00 in UTC, the minute is the half of the zone's hour.
      aJob({ _id: 'zoned', ip: 'a', trigger: { type: 'cron', minute: 50 }, next_run_time: at(20) }),
      aJob({ _id: 'paused', ip: 'a', trigger: every(1), next_run_time: null }),
      aJob({ _id: 'wrong', ip: 'a', trigger: every(1), next_run_time: at(1), state: { job: 'wrong', error: 'x' } }),
      aJob({ _id: 'later', ip: 'a', trigger: every(1), next_run_time: at(60) }),
    ])
    const { lanes } = await client.timeline(span)
    expect(lanes.map(({ ip, runs, truncated }) => [ip, runs.map(({ _id }) => _id), truncated])).toEqual([
      ['a', ['goes on', 'first', 'second'], false],
      ['b', ['elsewhere'], false],
    ])
    const coming = [5, 20, 30, 55].map(minute => ({ job_id: minute === 20 ? 'zoned' : 'each', run_time: at(minute) }))
    expect(lanes[0]?.coming).toEqual(coming)
    expect(lanes[1]?.coming).toEqual([])
    expect(lanes[0]?.runs[2]).not.toHaveProperty('log')
    expect((await client.timeline({ ...span, ip: 'b' })).lanes.map(({ ip }) => ip)).toEqual(['b'])
  })

  test('ends each lane at its limit, by little work: of runs the latest, of times the next', async () => {
    for (const ip of ['a', 'b']) await aNode(ip)
    const many = Array.from({ length: 3_000 }, (_, i) => i)
    await insertRows(...many.map(i => aRow({ ip: i % 2 === 0 ? 'a' : 'b', node: 'n', started: at(i / 60) })))
    await jobs().insertMany(
      many.map(i => aJob({ ip: i % 2 === 0 ? 'a' : 'b', trigger: every(2), next_run_time: at(i / 60) })),
    )
    let lanes: Awaited<ReturnType<Client['timeline']>>['lanes'] = []
    const work = async () => {
      lanes = (await client.timeline({ ...span, limit: 10 })).lanes
    }
    const plans = [...(await plansOf(db.db, 'executions', work)), ...(await plansOf(db.db, 'jobs', work))]
    const [a] = lanes
    expect(a?.truncated).toBe(true)
    expect(a?.runs.map(({ started }) => started)).toEqual(many.slice(0, 10).map(i => at((2_980 + 2 * i) / 60)))
    expect(a?.coming.map(({ run_time }) => run_time)).toEqual(many.slice(0, 10).map(i => at((2 * i) / 60)))
    expect(plans.length).toBeGreaterThan(0)
    for (const { summary, docs } of plans) {
      expect(summary).not.toMatch(/COLLSCAN/)
      expect(docs).toBeLessThanOrEqual(40)
    }
  })

  test.each([
    [{ from: at(0), to: at(0) }, 'invalid_option', /to: expected a date after/],
    [{ from: at(0) }, 'invalid_option', /to: expected a date/],
    [{ ...span, limit: 1_001 }, 'invalid_option', /from 1 to 1000/],
    [{ ...span, ip: 'nobody' }, 'not_found', /node nobody/],
  ])('refuses %o', async (options, code, message) => {
    await expect(client.timeline(options as never)).rejects.toMatchObject({ code, message })
  })
})

describe('the stats', () => {
  test('count jobs by status and by node', async () => {
    await aNode('a')
    await jobs().insertMany([
      aJob({ ip: 'a', next_run_time: at(0) }),
      aJob({ ip: 'a', next_run_time: at(0), state: { running: [anEntry({ run_id: 'x' }), anEntry({ run_id: 'y' })] } }),
      aJob({ ip: 'a', next_run_time: at(0), state: { error: 'x' } }),
      aJob({ ip: 'a', next_run_time: null }),
      aJob({ ip: 'gone', next_run_time: at(0) }),
      aJob(),
    ])
    const { total, by_status, by_node } = (await client.stats()).jobs
    expect(total).toBe(6)
    expect(by_status).toEqual({ invalid: 1, paused: 1, over: 0, armed: 3, new: 1, running: 1, stranded: 1 })
    expect(by_node).toEqual([
      { ip: 'a', jobs: 4 },
      { ip: null, jobs: 1 },
      { ip: 'gone', jobs: 1 },
    ])
  })

  test('tell of runs since a time: by status, by minute, how late and how long', async () => {
    const rows = Array.from({ length: 200 }, (_, i) =>
      aRow({
        recorded: at(i < 100 ? 1.5 : 3),
        duration: i + 1,
        late: 200 - i,
        status: i % 10 === 0 ? 'error' : 'executed',
      }),
    )
    const missed = { status: 'missed', duration: null, late: null, recorded: at(1) } as const
    await insertRows(...rows, aRow(missed), aRow({ ...missed, recorded: at(0) }))
    const since = at(0.5)
    const by = { executed: 90, error: 10 }
    expect((await client.stats({ since })).runs).toEqual({
      since,
      from: since,
      complete: true,
      total: 201,
      by_status: { executed: 180, error: 20, missed: 1 },
      late: { p50: 100, p95: 190, p99: 198 },
      duration: { p50: 100, p95: 190, p99: 198 },
      minutes: [
        { minute: at(1), by_status: { ...by, missed: 1 } },
        { minute: at(3), by_status: by },
      ],
    })
    const { runs } = await client.stats({ since: at(4) })
    expect(runs).toMatchObject({ total: 0, minutes: [], late: { p50: null, p99: null } })
    await expect(client.stats({ since: 'x' as never })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})

describe('nodes', () => {
  test('are asked to pause and to go on', async () => {
    await aNode('a')
    expect(await client.nodes.pause('a')).toMatchObject({ _id: 'a', wanted: 'paused' })
    expect(await client.nodes.resume('a')).toMatchObject({ wanted: 'active' })
    for (const method of ['pause', 'resume', 'previewDrain'] as const) {
      await expect(client.nodes[method]('b')).rejects.toMatchObject({ code: 'not_found' })
      await expect(client.nodes[method]({} as never)).rejects.toMatchObject({ code: 'invalid_option' })
    }
  })

  test('a drain moves and leaves what its preview said', async () => {
    const able = { tasks: ['note'], executors: { default: 'default' } }
    await aNode('a', able)
    await aNode('b', able)
    await aNode('c', { ...able, tasks: ['note', 'special'] })
    await aNode('away', { ...able, wanted: 'paused' })
    const many = Array.from({ length: 150 }, (_, i) => aJob({ _id: `any-${i}`, ip: 'a', standby: 'any' }))
    await jobs().insertMany([
      ...many,
      aJob({ _id: 'own', ip: 'a' }),
      aJob({ _id: 'to b', ip: 'a', standby: ['b'] }),
      aJob({ _id: 'special', ip: 'a', standby: 'any', func: 'special' }),
      aJob({ _id: 'unable', ip: 'a', standby: 'any', func: 'nobody has it' }),
      aJob({ _id: 'to away', ip: 'a', standby: ['away'] }),
      aJob({ _id: 'placed', ip: 'a', state: { job: 'placed', placed: true } }),
      aJob({ _id: 'elsewhere', ip: 'b', standby: 'any' }),
    ])
    const before = await jobs().find().toArray()
    const preview = await client.nodes.previewDrain('a')
    expect(await jobs().find().toArray()).toEqual(before)
    expect(preview.stays).toEqual([
      { _id: 'own', why: 'standby: no other node may take it' },
      { _id: 'to away', why: 'standby: no living node of these takes jobs: away' },
      { _id: 'unable', why: expect.stringMatching(/no living node has a task "nobody has it"/) },
    ])
    expect(preview.counts).toMatchObject({ moves: 153, stays: 3 })
    expect(Object.values(preview.counts.to).reduce((sum, jobs) => sum + jobs)).toBe(153)
    expect(preview.moves).toHaveLength(100)
    // An evicted node's jobs move by the ranking of a drain.
    expect(await client.nodes.evict('a')).toBe(153)
    for (const { _id, to } of preview.moves) expect(await jobs().findOne({ _id })).toMatchObject({ ip: to })
    for (const { _id } of preview.stays) expect(await jobs().findOne({ _id })).toMatchObject({ ip: 'a' })
    for (const [ip, count] of Object.entries(preview.counts.to))
      expect(await jobs().countDocuments({ ip, 'state.home': 'a' } as never)).toBe(count)
  })
})
