/** What hurts users of schedulers, and that it does not happen here: one test for each complaint, named after it.
 *  Where another test proves it already, the table names that one, and its name is looked for in its file:
 *  it is a longer story than would fit here. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dueRuns } from '../src/claim/due.ts'
import { JOB_DEFAULTS, type Job } from '../src/job/job.ts'
import { createNode, type TidewheelNode } from '../src/node/node.ts'
import { fireTimes } from '../src/trigger/trigger.ts'
import { Wheel } from '../src/wheel/wheel.ts'
import { nextEvent } from './support/events.ts'
import { aJob, anEntry } from './support/jobs.ts'
import { openTestDb, type TestDb } from './support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from './support/node.ts'

const DAY_MS = 24 * 3_600_000

/** By complaint: file and name of the tests that prove that it does not happen. */
const PROVEN: Readonly<Record<string, readonly (readonly [file: string, name: string])[]>> = {
  'Scheduler dies or goes quiet after the database blinks': [
    ['cluster/trouble.mongo.test.ts', 'steps down: no due time is lost or doubled, and runs are on time again'],
    [
      'cluster/trouble.mongo.test.ts',
      'no majority for long: nothing starts, the node says so and stays, and makes up for it',
    ],
    ['cluster/trouble-line.mongo.test.ts', 'the node is fenced and says so, then goes on by itself'],
  ],
  'Drift, late after sleep or a paused VM': [
    ['cluster/process.mongo.test.ts', 'a node that is frozen past its lease runs nothing from memory when it wakes'],
    ['cluster/process.mongo.test.ts', 'a wall clock that is set an hour forward starts nothing that is not due'],
  ],
  'No history of runs': [['node/node.mongo.test.ts', 'leaves a row with every field of the contract']],
  'Cannot stop a running job': [['node/edits.mongo.test.ts', 'cancel "*" aborts all runs of the job, and is served']],
  'stop() does not wait; jobs left "acquired"': [
    ['node/node.mongo.test.ts', 'stop waits for a running job and stores its end'],
  ],
  'Pause / disable missing': [['node/edits.mongo.test.ts', 'set to null: paused; unset: resumed from now']],
  'Hard to test with fake time': [
    ['fake-clock.test.ts', 'code that awaits between its waits is carried through by advanceAsync'],
    ['testing.mongo.test.ts', 'all that is due until then runs, in order and at its time, and is stored'],
  ],
  'Memory grows': [['wheel/wheel.test.ts', 'the heap stays flat over a million fires']],
  'A dead resume token loops for ever; a stream for each job': [
    ['change/follow.mongo.test.ts', 'a token that stays dead leads to a new snapshot each time, ever more slowly'],
    ['change/lost.mongo.test.ts', 'of others that rolled by while no job changed costs nothing'],
  ],
}

describe('proven elsewhere', () => {
  for (const [complaint, proofs] of Object.entries(PROVEN)) {
    test(complaint, () => {
      for (const [file, name] of proofs) expect(readFileSync(new URL(file, import.meta.url), 'utf8')).toContain(name)
    })
  }
})

let db: TestDb
let cluster: Nodes
let a: string
let b: string

beforeAll(async () => {
  db = await openTestDb()
  cluster = await startNodes({ uri: db.uri, count: 2, lease: 600 })
  ;[a, b] = cluster.ips as [string, string]
})

afterAll(async () => {
  await cluster?.close()
  await db?.close()
})

const insert = (...jobs: readonly Job[]) => cluster.jobs.insertMany(jobs as unknown as Loose[])
const read = async (_id: string) => (await cluster.jobs.findOne({ _id })) as Loose
const node = (ip: string) => cluster.nodes[cluster.ips.indexOf(ip)] as TidewheelNode
const often = (fields: Partial<Job> = {}) => aJob({ ip: a, trigger: { type: 'interval', seconds: 0.05 }, ...fields })
const ran = (job: Job, times: number) =>
  until(() => expect(cluster.ranOf(job._id).length).toBeGreaterThanOrEqual(times))
/** Each due time was started once. */
function eachOnce(job: Job): void {
  const times = cluster.ranOf(job._id).map(({ run_time }) => run_time.getTime())
  expect(new Set(times).size).toBe(times.length)
}

describe('who runs a job, and how often', () => {
  test('Same job runs N times with N processes', async () => {
    const ip = 'shared'
    const same = Array.from({ length: 3 }, () => cluster.another({ ip }))
    await Promise.all(same.map(each => each.start()))
    const job = often({ ip })
    await insert(job)
    await ran(job, 10)
    eachOnce(job)
    expect(same.map(each => each.status().state).sort()).toEqual(['active', 'standby', 'standby'])
    await Promise.all(same.map(each => each.close()))
  })

  test('Cluster duplicates although "clustered"', async () => {
    const job = often()
    await insert(job)
    for (let i = 0; i < 20; i++) {
      await ran(job, i + 1)
      await cluster.jobs.updateOne({ _id: job._id }, { $set: { ip: i % 2 === 0 ? b : a } })
    }
    await cluster.jobs.deleteOne({ _id: job._id })
    eachOnce(job)
  })

  test('One node grabs everything', async () => {
    const jobs = Array.from({ length: 40 }, (_, i) => aJob({ ip: i < 20 ? a : b, next_run_time: new Date() }))
    await insert(...jobs)
    for (const job of jobs) await ran(job, 1)
    for (const job of jobs) expect(cluster.ranOf(job._id).map(({ ip }) => ip)).toEqual([job.ip])
  })

  test('Run on this host / label only', async () => {
    const job = aJob({ ip: b, next_run_time: new Date() })
    await insert(job)
    await ran(job, 1)
    expect(cluster.ranOf(job._id)[0]?.ip).toBe(b)
    const nowhere = aJob({ ip: 'no-such-host', next_run_time: new Date() })
    await insert(nowhere)
    await nextEvent(cluster.nodes, 'job.stranded', { job_id: nowhere._id })
    expect(cluster.ranOf(nowhere._id)).toEqual([])
    await cluster.jobs.deleteOne({ _id: nowhere._id })
  })

  test('Lock outlives a crash; job frozen for ever', async () => {
    const job = aJob({ ip: a, next_run_time: new Date(), misfire_grace_time: null })
    const running = [anEntry({ run_id: `dead-${job._id}`, job: job._id, node: a, incarnation: 'dead' })]
    await insert({ ...job, state: { job: job._id, running } })
    await ran(job, 1)
    await until(async () =>
      expect(await cluster.executions.findOne({ _id: `dead-${job._id}` })).toMatchObject({ status: 'interrupted' }),
    )
    expect(cluster.ranOf(job._id)).toHaveLength(1)
  })

  test('Lock expires while the job still runs: second run', async () => {
    const job = often({ func: 'hold' })
    await insert(job)
    // Longer than a lease, and many due times.
    await until(async () =>
      expect(await cluster.executions.countDocuments({ job_id: job._id, status: 'max_instances' })).toBeGreaterThan(15),
    )
    expect(cluster.ranOf(job._id)).toHaveLength(1)
    await cluster.jobs.deleteOne({ _id: job._id })
    cluster.release(job._id)
  })

  test('Concurrency limit is per process, not global', async () => {
    const job = aJob({ ip: a, func: 'hold', next_run_time: new Date() })
    await insert(job)
    await ran(job, 1)
    const refused = nextEvent(node(b), 'run.max_instances', { job_id: job._id })
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { ip: b, next_run_time: new Date() } })
    await refused
    expect(cluster.ranOf(job._id)).toHaveLength(1)
    await cluster.jobs.deleteOne({ _id: job._id })
    cluster.release(job._id)
  })
})

describe('what was due, and what comes next', () => {
  test('Missed silently: 1 s grace default', async () => {
    expect(JOB_DEFAULTS.misfire_grace_time).toBeGreaterThanOrEqual(60)
    const run_date = new Date(Date.now() - 2 * 60_000)
    const job = aJob({ ip: a, trigger: { type: 'date', run_date } })
    const missed = nextEvent(node(a), 'run.missed', { job_id: job._id })
    await insert(job)
    await missed
    await until(async () =>
      expect(await cluster.executions.findOne({ job_id: job._id })).toMatchObject({ status: 'missed' }),
    )
  })

  test('Missed runs not made up, or all fire at once', () => {
    const next_run_time = new Date('2026-01-01T00:00:00Z')
    const now = new Date(next_run_time.getTime() + 30 * DAY_MS)
    const job = { trigger: { type: 'interval', minutes: 1 } as const, next_run_time, misfire_grace_time: null }
    const { run, next } = dueRuns({ ...job, coalesce: true }, now)
    expect(run).toEqual([now])
    expect(next).toEqual(new Date(now.getTime() + 60_000))
  })

  test('Finished jobs rerun after a restart', async () => {
    const ip = 'restarted'
    const once = aJob({ ip, trigger: { type: 'date', run_date: new Date() } })
    const first = cluster.another({ ip })
    await first.start()
    await insert(once)
    await until(async () => expect(await read(once._id)).toBeNull())
    await first.close()
    const canary = aJob({ ip, next_run_time: new Date() })
    await insert(canary)
    const second = cluster.another({ ip })
    await second.start()
    await ran(canary, 1)
    expect(cluster.ranOf(once._id)).toHaveLength(1)
    await second.close()
  })

  test('Recurring job duplicated by re-registering at boot', async () => {
    const job = { _id: 'registered', func: 'note', trigger: { type: 'interval', hours: 1 } } as const
    const ip = 'booting'
    const boot = async () => {
      const booted = createNode({ uri: db.uri, logger: false, ip, tasks: { note: () => 1 }, jobs: [job] })
      await booted.start()
      await until(async () => expect((await read(job._id)).next_run_time).toBeInstanceOf(Date))
      await booted.close()
      return (await read(job._id)).next_run_time
    }
    expect(await boot()).toEqual(await boot())
    expect(await cluster.jobs.countDocuments({ ip })).toBe(1)
  })

  test('Recurring job vanishes: next one never created', async () => {
    const job = aJob({ ip: a, func: 'hold', next_run_time: new Date() })
    await insert(job)
    await ran(job, 1)
    // In the middle of the run it is there already.
    const { next_run_time, state } = await read(job._id)
    expect(next_run_time.getTime()).toBeGreaterThan(Date.now())
    expect(state.running).toHaveLength(1)
    await cluster.jobs.deleteOne({ _id: job._id })
    cluster.release(job._id)
  })

  test('Editing a schedule has no effect, or is overwritten', async () => {
    const job = aJob({ ip: a })
    await insert(job)
    await until(async () => expect((await read(job._id)).next_run_time).toBeInstanceOf(Date))
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { trigger: { type: 'interval', seconds: 0.1 }, args: [7] } })
    await ran(job, 3)
    expect(cluster.ranOf(job._id).every(({ args }) => args[0] === 7)).toBe(true)
    expect((await read(job._id)).trigger).toEqual({ type: 'interval', seconds: 0.1 })
    await cluster.jobs.deleteOne({ _id: job._id })
  })

  test('DST: hang, 100 % CPU, lost hour, lost day, twice', () => {
    const trigger = { type: 'cron', hour: 2, minute: 30, timezone: 'Europe/Berlin' } as const
    const days = (after: string) => fireTimes(trigger, { after: new Date(after), count: 3 }).map(at => at.toISOString())
    // 29 March 2026 has no 02:30 there, 25 October has two.
    expect(days('2026-03-28T12:00:00Z')).toEqual([
      '2026-03-29T01:30:00.000Z',
      '2026-03-30T00:30:00.000Z',
      '2026-03-31T00:30:00.000Z',
    ])
    expect(days('2026-10-24T12:00:00Z')).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
      '2026-10-27T01:30:00.000Z',
    ])
  })

  test('setTimeout beyond 24.8 days fires at once / loops', async () => {
    const wheel = new Wheel(0)
    wheel.put('far', 2 ** 31 + 1)
    expect([...wheel.advance(2 ** 31)]).toEqual([])
    expect([...wheel.advance(2 ** 31 + 1)]).toEqual(['far'])
    const job = aJob({ ip: a, trigger: { type: 'date', run_date: new Date(Date.now() + 60 * DAY_MS) } })
    const canary = often()
    await insert(job, canary)
    await ran(canary, 3)
    expect(cluster.ranOf(job._id)).toEqual([])
    await cluster.jobs.deleteMany({ _id: { $in: [job._id, canary._id] } })
  })
})

describe('what it costs the database', () => {
  test('Polling load', async () => {
    const ip = 'idle'
    const idle = cluster.another({ ip, lease: 15_000 })
    await idle.start()
    await insert(...Array.from({ length: 300 }, () => aJob({ ip, next_run_time: null })))
    await until(() => expect(idle.status().jobs).toBe(300))
    await db.db.command({ profile: 2 })
    const began = performance.now()
    await until(() => expect(performance.now() - began).toBeGreaterThan(6_000), 8_000)
    await db.db.command({ profile: 0 })
    const asked = await db.db.collection('system.profile').countDocuments({ appName: `tidewheel:${ip}` })
    // A heartbeat comes each 5 s; one more than its share may fall into so short a time.
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThanOrEqual(6 + 3)
    await idle.close()
  })

  test('findAndModify scans, Mongo at 100 %', async () => {
    const job = aJob({ ip: a, next_run_time: null })
    await insert(job)
    const planOf = async (filter: object) => {
      const { queryPlanner } = await cluster.jobs.find(filter).explain('queryPlanner')
      return JSON.stringify(queryPlanner.winningPlan)
    }
    const room = { 'state.running.0': { $exists: false }, max_instances: { $exists: false } }
    expect(await planOf({ _id: job._id, ip: a, next_run_time: new Date(), ...room })).toMatch(/IDHACK|"_id":1/)
    expect(await planOf({ ip: { $in: [a, null] } })).toMatch(/IXSCAN/)
    expect(await planOf({ ip: a })).not.toMatch(/COLLSCAN/)
  })
})
