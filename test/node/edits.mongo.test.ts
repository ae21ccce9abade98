/** Direct edits, row by row: a person edits documents with a plain driver, and the nodes do what the contract says.
 *  Nothing here calls an API of ours to change a job. What must not happen is shown by what happens after it:
 *  a barrier job on the same node runs, so every edit before it was seen. */

import type { Document } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { INDEXES } from '../../src/database/ensure.ts'
import type { Job } from '../../src/job/job.ts'
import { nextFireTime } from '../../src/trigger/trigger.ts'
import { collect, nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

let db: TestDb
let nodes: Nodes
let a: string
let b: string

beforeAll(async () => {
  db = await openTestDb()
  nodes = await startNodes({ uri: db.uri, count: 2 })
  ;[a, b] = nodes.ips as [string, string]
})

afterAll(async () => {
  await nodes?.close()
  await db?.close()
})

const node = (ip: string) => nodes.nodes[nodes.ips.indexOf(ip)] as (typeof nodes.nodes)[number]
const insert = (job: Job) => nodes.jobs.insertOne(job as unknown as Loose)
const edit = async (_id: string, update: Document) => {
  const { matchedCount } = await nodes.jobs.updateOne({ _id }, update)
  expect(matchedCount).toBe(1)
}
const read = async (_id: string): Promise<Document> => {
  const job = await nodes.jobs.findOne({ _id })
  if (job === null) throw new Error(`job ${_id} is gone`)
  return job
}
const rows = (job_id: string, filter: Document = {}) =>
  nodes.executions
    .find({ job_id, ...filter })
    .sort({ recorded: 1 })
    .toArray()
const gone = (_id: string) => until(async () => expect(await nodes.jobs.findOne({ _id })).toBeNull())

/** Inserts a job and waits until its owner has planned it and said so in the document. */
async function planned(job: Job): Promise<Document> {
  await insert(job)
  return until(async () => {
    const document = await read(job._id)
    expect(document.state?.planned).toBeDefined()
    return document
  })
}

/** Every event before this was seen by the node: a job that was ordered later has run there. */
async function barrier(ip: string): Promise<void> {
  const job = aJob({ ip, next_run_time: null, run_at: [new Date()] })
  const ran = nextEvent(node(ip), 'run.executed', { job_id: job._id })
  await insert(job)
  await ran
  await nodes.jobs.deleteOne({ _id: job._id })
}

const close = (date: Date, to: number, within = 2 * SECOND) => {
  expect(Math.abs(date.getTime() - to), `${date.toISOString()} against ${new Date(to).toISOString()}`).toBeLessThan(
    within,
  )
}

describe('an insert', () => {
  test('with an ip is planned and armed by that node', async () => {
    const job = aJob({ ip: a })
    const added = nextEvent(node(a), 'job.added', { job_id: job._id })
    const before = Date.now()
    const document = await planned(job)
    close(document.next_run_time, before + HOUR)
    expect(document.state.planned).toMatchObject({ next_run_time: document.next_run_time })
    expect(document.state.job).toBe(job._id)
    expect((await added).next_run_time).toEqual(document.next_run_time)
  })

  test('without an ip is adopted by one living node, which runs it', async () => {
    const job = aJob({ run_at: [new Date()] })
    const ran = nextEvent(nodes.nodes, 'run.executed', { job_id: job._id })
    await insert(job)
    const { node: ip } = await ran
    expect(await read(job._id)).toMatchObject({ ip, state: { placed: true } })
    await barrier(a)
    await barrier(b)
    expect(nodes.ranOf(job._id)).toHaveLength(1)
  })

  test('runs when its time has come, with the arguments of the document', async () => {
    const job = aJob({ ip: b, trigger: { type: 'interval', seconds: 0.05 }, args: [7], kwargs: { to: 'ann' } })
    const ran = nextEvent(node(b), 'run.executed', { job_id: job._id })
    await insert(job)
    expect((await ran).result).toBe(7)
    await nodes.jobs.deleteOne({ _id: job._id })
    expect(nodes.ranOf(job._id)[0]).toMatchObject({ ip: b, args: [7], kwargs: { to: 'ann' } })
  })

  test('with a past run_date is due at once and follows the misfire rule', async () => {
    const ago = (ms: number) => new Date(Date.now() - ms)
    const soon = aJob({ ip: a, trigger: { type: 'date', run_date: ago(30 * SECOND) } })
    const late = aJob({ ip: a, trigger: { type: 'date', run_date: ago(90 * SECOND) } })
    const patient = aJob({ ip: a, trigger: { type: 'date', run_date: ago(90 * SECOND) }, misfire_grace_time: null })
    const events = collect(node(a))
    for (const job of [soon, late, patient]) await insert(job)
    for (const job of [soon, late, patient]) await gone(job._id)
    events.stop()
    const ended = (type: 'run.executed' | 'run.missed') => events.of(type).map(event => event.job_id)
    expect(ended('run.executed').sort()).toEqual([soon._id, patient._id].sort())
    expect(ended('run.missed')).toEqual([late._id])
    expect(await rows(late._id)).toMatchObject([{ status: 'missed', run_time: (late.trigger as Document).run_date }])
  })

  test('of a job that is already over is kept, and state.error says why', async () => {
    const job = aJob({ ip: a, trigger: { type: 'interval', hours: 1, end_date: new Date(Date.now() - HOUR) } })
    const invalid = nextEvent(node(a), 'job.invalid', { job_id: job._id })
    await insert(job)
    expect((await invalid).problems[0]?.message).toMatch(/over/)
    await until(async () => expect((await read(job._id)).state?.error).toMatch(/over/))
    await barrier(a)
    expect(await read(job._id)).not.toHaveProperty('next_run_time')
  })

  test('of an armed job runs it at the time given', async () => {
    const job = aJob({ ip: a, next_run_time: new Date(Date.now() + 100) })
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await insert(job)
    const { run_time } = await ran
    expect(run_time).toEqual(job.next_run_time)
    expect((await read(job._id)).next_run_time).toEqual(new Date(run_time.getTime() + HOUR))
  })

  test('of a paused job stays paused', async () => {
    const job = aJob({ ip: a, next_run_time: null })
    await insert(job)
    await barrier(a)
    expect(await read(job._id)).toMatchObject({ next_run_time: null })
  })
})

describe('a finished job', () => {
  test('is deleted when its last run has ended, not before', async () => {
    const job = aJob({ ip: a, func: 'hold', trigger: { type: 'date', run_date: new Date() } })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert(job)
    await started
    expect(await read(job._id)).toMatchObject({ next_run_time: null, state: { over: true } })
    const removed = nextEvent(node(a), 'job.removed', { job_id: job._id })
    nodes.release(job._id)
    await gone(job._id)
    await removed
    expect(await rows(job._id)).toMatchObject([{ status: 'executed' }])
  })

  test('stays when a person arms it again while its last run goes on', async () => {
    const job = aJob({ ip: a, func: 'hold', trigger: { type: 'date', run_date: new Date() } })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert(job)
    await started
    const later = new Date(Date.now() + HOUR)
    await edit(job._id, { $set: { next_run_time: later } })
    const ended = nextEvent(node(a), 'run.executed', { job_id: job._id })
    nodes.release(job._id)
    await ended
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    await barrier(a)
    expect(await read(job._id)).toMatchObject({ next_run_time: later })
  })

  test('stays when a person gives it a new trigger while its last run goes on', async () => {
    const job = aJob({ ip: a, func: 'hold', trigger: { type: 'date', run_date: new Date() } })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert(job)
    await started
    const before = Date.now()
    await edit(job._id, { $set: { trigger: { type: 'interval', hours: 2 } } })
    await until(async () => close((await read(job._id)).next_run_time, before + 2 * HOUR))
    nodes.release(job._id)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    await barrier(a)
    expect((await read(job._id)).state).not.toHaveProperty('over')
  })
})

describe('ip', () => {
  test('set to another: one node drops it, the other arms it with the same next_run_time', async () => {
    const job = aJob({ ip: a })
    const { next_run_time } = await planned(job)
    const left = nextEvent(node(a), 'job.moved', { job_id: job._id })
    const came = nextEvent(node(b), 'job.moved', { job_id: job._id })
    const [atA, atB] = [node(a).status().armed, node(b).status().armed]
    await edit(job._id, { $set: { ip: b } })
    expect(await left).toMatchObject({ from: a, to: b })
    expect(await came).toMatchObject({ to: b })
    expect([node(a).status().armed, node(b).status().armed]).toEqual([atA - 1, atB + 1])
    await barrier(b)
    expect((await read(job._id)).next_run_time).toEqual(next_run_time)
  })

  test('a job moved to another ip does not run here again', async () => {
    const job = aJob({ ip: a, trigger: { type: 'interval', seconds: 0.03 }, misfire_grace_time: null })
    const first = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await insert(job)
    await first
    const left = nextEvent(node(a), 'job.moved', { job_id: job._id })
    await edit(job._id, { $set: { ip: b } })
    await left
    await until(() => expect(nodes.ranOf(job._id).filter(run => run.ip === b).length).toBeGreaterThan(3))
    await nodes.jobs.deleteOne({ _id: job._id })
    const on = nodes.ranOf(job._id).map(run => run.ip)
    expect(on.lastIndexOf(a)).toBeLessThan(on.indexOf(b))
    for (const run of nodes.ranOf(job._id)) expect(run.job.ip).toBe(run.ip)
  })

  test('set while it runs: the run finishes there and still counts for max_instances', async () => {
    const job = aJob({ ip: a, func: 'hold' })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert({ ...job, next_run_time: new Date() })
    const { run_id } = await started
    await edit(job._id, { $set: { ip: b } })
    const refused = nextEvent(node(b), 'run.max_instances', { job_id: job._id })
    await edit(job._id, { $set: { next_run_time: new Date() } })
    await refused
    expect((await read(job._id)).state.running).toMatchObject([{ run_id, node: a }])
    const ended = nextEvent(node(a), 'run.executed', { job_id: job._id })
    nodes.release(job._id)
    await ended
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    expect(await rows(job._id, { status: { $ne: 'started' } })).toMatchObject([
      { status: 'max_instances', ip: b },
      { _id: run_id, status: 'executed', ip: a },
    ])
    const again = nextEvent(node(b), 'run.executed', { job_id: job._id })
    await edit(job._id, { $set: { next_run_time: new Date(), func: 'note' } })
    await again
  })

  test('unset: placed anew', async () => {
    const job = aJob({ ip: a })
    const { next_run_time } = await planned(job)
    const adopted = nextEvent(nodes.nodes, 'job.adopted', { job_id: job._id })
    await edit(job._id, { $unset: { ip: '' } })
    const { ip } = await adopted
    expect(await read(job._id)).toMatchObject({ ip, next_run_time, state: { placed: true } })
  })

  test('set to nobody: nobody runs it until a node of that name comes', async () => {
    const name = `nobody-${a}`
    const job = aJob({ ip: a })
    await planned(job)
    const left = nextEvent(node(a), 'job.moved', { job_id: job._id, to: name })
    await edit(job._id, { $set: { ip: name } })
    await left
    await edit(job._id, { $set: { next_run_time: new Date() } })
    await barrier(a)
    await barrier(b)
    expect(nodes.ranOf(job._id)).toEqual([])
    const late = nodes.another({ ip: name })
    const ran = nextEvent(late, 'run.executed', { job_id: job._id })
    await late.start()
    await ran
    await late.close()
  })
})

describe('next_run_time', () => {
  test('set to the server’s clock by $currentDate: runs now, an interval continues from that time', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $currentDate: { next_run_time: true } })
    const { run_time } = await ran
    expect((await read(job._id)).next_run_time).toEqual(new Date(run_time.getTime() + HOUR))
    await until(async () => expect(await rows(job._id)).toMatchObject([{ status: 'executed', scheduled: false }]))
  })

  test('set to now on a cron job: runs now and returns to its own grid', async () => {
    const trigger = { type: 'cron', month: 2, day: 29, hour: 3 } as const
    const job = aJob({ ip: a, trigger })
    const { next_run_time: grid } = await planned(job)
    expect(grid).toEqual(nextFireTime(trigger, null, new Date()))
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $set: { next_run_time: new Date() } })
    await ran
    expect((await read(job._id)).next_run_time).toEqual(grid)
  })

  test.each([
    ['an hour', 59 * MINUTE, 'executed'],
    ['more than an hour', 61 * MINUTE, 'missed'],
  ] as const)('set by a person to %s in the past: %s ms late is %s', async (_, ago, status) => {
    const job = aJob({ ip: a, trigger: { type: 'interval', hours: 3 } })
    await planned(job)
    const ended = nextEvent(node(a), `run.${status}`, { job_id: job._id })
    const run_time = new Date(Date.now() - ago)
    await edit(job._id, { $set: { next_run_time: run_time } })
    expect((await ended).run_time).toEqual(run_time)
    await until(async () => expect(await rows(job._id)).toMatchObject([{ status, run_time }]))
    expect((await read(job._id)).next_run_time).toEqual(new Date(run_time.getTime() + 3 * HOUR))
  })

  test('set to a time ahead: acknowledged, and honoured', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const at = new Date(Date.now() + 20 * MINUTE)
    await edit(job._id, { $set: { next_run_time: at } })
    await until(async () =>
      expect((await read(job._id)).state.planned).toMatchObject({ next_run_time: at, ordered: true }),
    )
    expect((await read(job._id)).next_run_time).toEqual(at)
  })

  test('set to null: paused; unset: resumed from now', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const paused = nextEvent(node(a), 'job.paused', { job_id: job._id })
    const armed = node(a).status().armed
    await edit(job._id, { $set: { next_run_time: null } })
    await paused
    expect(node(a).status().armed).toBe(armed - 1)
    const resumed = nextEvent(node(a), 'job.resumed', { job_id: job._id })
    const before = Date.now()
    await edit(job._id, { $unset: { next_run_time: '' } })
    close((await resumed).next_run_time as Date, before + HOUR)
    await until(async () => close((await read(job._id)).next_run_time, before + HOUR))
  })

  test('a time that was due in the pause is not made up', async () => {
    const job = aJob({ ip: a, trigger: { type: 'interval', seconds: 0.05 }, misfire_grace_time: null, coalesce: false })
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await insert(job)
    await ran
    await edit(job._id, { $set: { next_run_time: null } })
    await barrier(a)
    const runs = nodes.ranOf(job._id).length
    const before = Date.now()
    await edit(job._id, { $unset: { next_run_time: '' } })
    await until(() => expect(nodes.ranOf(job._id).length).toBeGreaterThan(runs))
    await nodes.jobs.deleteOne({ _id: job._id })
    expect(nodes.ranOf(job._id)[runs]?.run_time.getTime()).toBeGreaterThanOrEqual(before)
  })
})

describe('orders beside the schedule', () => {
  test('$push to run_at: runs once more, the schedule unmoved', async () => {
    const job = aJob({ ip: a })
    const { next_run_time } = await planned(job)
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    const run_time = new Date()
    await edit(job._id, { $push: { run_at: run_time } } as Document)
    expect((await ran).run_time).toEqual(run_time)
    await barrier(a)
    expect(await read(job._id)).toMatchObject({ next_run_time, run_at: [], state: { runs: 1 } })
    expect(await rows(job._id)).toMatchObject([{ scheduled: false, run_time }])
  })

  test('run_at of a paused job runs and leaves it paused; no misfire rule applies', async () => {
    const job = aJob({ ip: a, next_run_time: null })
    await insert(job)
    const old = new Date('2020-02-02T02:02:02Z')
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $push: { run_at: old } } as Document)
    expect((await ran).run_time).toEqual(old)
    expect(await read(job._id)).toMatchObject({ next_run_time: null, run_at: [] })
  })

  test('several run_at run once each', async () => {
    const times = [1, 2, 3, 4, 5].map(i => new Date(Date.now() - i * MINUTE))
    const job = aJob({ ip: a, next_run_time: null, run_at: times, max_instances: 5 })
    await insert(job)
    await until(() => expect(nodes.ranOf(job._id)).toHaveLength(5))
    await barrier(a)
    const ran = nodes.ranOf(job._id).map(run => run.run_time.getTime())
    expect(ran.sort()).toEqual(times.map(time => time.getTime()).sort())
  })

  test('run_at ahead waits for its time', async () => {
    const at = new Date(Date.now() + 150)
    const job = aJob({ ip: a, next_run_time: null, run_at: [at] })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert(job)
    expect((await started).at.getTime()).toBeGreaterThanOrEqual(at.getTime())
  })

  test('cancel "*" aborts all runs of the job, and is served', async () => {
    const job = aJob({ ip: a, func: 'hold', next_run_time: null, run_at: [new Date(1), new Date(2)], max_instances: 2 })
    await insert(job)
    await until(() => expect(nodes.ranOf(job._id)).toHaveLength(2))
    await edit(job._id, { $set: { cancel: '*' } })
    await until(async () => {
      expect(await rows(job._id)).toMatchObject([{ status: 'cancelled' }, { status: 'cancelled' }])
    })
    expect(nodes.ranOf(job._id).map(run => run.signal.aborted)).toEqual([true, true])
    await until(async () => expect(await read(job._id)).not.toHaveProperty('cancel'))
  })

  test('cancel of one run id aborts that one, also on a node that does not own the job any more', async () => {
    const job = aJob({ ip: a, func: 'hold', next_run_time: null, run_at: [new Date(1), new Date(2)], max_instances: 2 })
    await insert(job)
    await until(() => expect(nodes.ranOf(job._id)).toHaveLength(2))
    const [first, second] = nodes.ranOf(job._id)
    const moved = nextEvent(node(b), 'job.moved', { job_id: job._id })
    await edit(job._id, { $set: { ip: b } })
    await moved
    const cancelled = nextEvent(node(a), 'run.cancelled', { job_id: job._id })
    await edit(job._id, { $set: { cancel: first?.id } })
    expect((await cancelled).run_id).toBe(first?.id)
    await until(async () => expect(await read(job._id)).not.toHaveProperty('cancel'))
    expect(second?.signal.aborted).toBe(false)
    nodes.release(job._id)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
  })

  test('cancel where nothing runs is taken away', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    await edit(job._id, { $set: { cancel: '*' } })
    await until(async () => expect(await read(job._id)).not.toHaveProperty('cancel'))
  })
})

describe('trigger', () => {
  test('$set of one part: rescheduled from now', async () => {
    const job = aJob({ ip: a, trigger: { type: 'interval', minutes: 50 } })
    await planned(job)
    const before = Date.now()
    await edit(job._id, { $set: { 'trigger.minutes': 5 } })
    await until(async () => close((await read(job._id)).next_run_time, before + 5 * MINUTE))
  })

  test('a new one: rescheduled from now', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const trigger = { type: 'cron', month: 2, day: 29, hour: 3 } as const
    await edit(job._id, { $set: { trigger } })
    const next_run_time = nextFireTime(trigger, null, new Date())
    await until(async () => expect(await read(job._id)).toMatchObject({ next_run_time }))
  })

  test('a shorter one for a job far away is in force at once', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $set: { trigger: { type: 'interval', seconds: 0.05 } } })
    await ran
    await nodes.jobs.deleteOne({ _id: job._id })
  })

  test('next_run_time of the same update wins', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const at = new Date(Date.now() + 7 * MINUTE)
    await edit(job._id, { $set: { 'trigger.hours': 5, next_run_time: at } })
    await until(async () => expect((await read(job._id)).state.planned.next_run_time).toEqual(at))
    expect((await read(job._id)).next_run_time).toEqual(at)
  })

  test('a paused job stays paused', async () => {
    const job = aJob({ ip: a, next_run_time: null })
    await insert(job)
    const modified = nextEvent(node(a), 'job.modified', { job_id: job._id })
    await edit(job._id, { $set: { 'trigger.hours': 5 } })
    await modified
    await barrier(a)
    expect(await read(job._id)).toMatchObject({ next_run_time: null })
    const before = Date.now()
    await edit(job._id, { $unset: { next_run_time: '' } })
    await until(async () => close((await read(job._id)).next_run_time, before + 5 * HOUR))
  })

  test('that drops a due run leaves a row that says so', async () => {
    const name = `late-${a}`
    const job = aJob({ ip: a, trigger: { type: 'interval', seconds: 1 } })
    const { next_run_time } = await planned(job)
    await edit(job._id, { $set: { ip: name } })
    await until(() => expect(Date.now()).toBeGreaterThan(next_run_time.getTime()))
    const before = await read(job._id)
    await edit(job._id, { $set: { trigger: { type: 'interval', hours: 4 }, ip: a } })
    await until(async () => {
      const statuses = (await rows(job._id, { run_time: before.next_run_time })).map(row => row.status)
      expect(statuses).toEqual(['missed'])
    })
  })

  test('given again and again while due runs are claimed: no run time is called missed that ran', async () => {
    const jobs = Array.from({ length: 10 }, () => aJob({ ip: a, trigger: { type: 'interval', seconds: 0.05 } }))
    await nodes.jobs.insertMany(jobs as never[])
    const mine = { job_id: { $in: jobs.map(job => job._id) } }
    for (let i = 0; i < 60; i++) {
      const trigger = { type: 'interval', seconds: i % 2 === 0 ? 0.04 : 0.05 }
      await Promise.all(jobs.map(({ _id }) => edit(_id, { $set: { trigger } })))
      await until(async () => expect(await nodes.executions.countDocuments(mine)).toBeGreaterThan(10 * i))
    }
    await nodes.jobs.deleteMany({ _id: { $in: jobs.map(job => job._id) } })
    await barrier(a)
    const twice = await nodes.executions
      .aggregate([
        { $match: mine },
        { $group: { _id: { job: '$job_id', at: '$run_time' }, statuses: { $push: '$status' } } },
        { $match: { 'statuses.1': { $exists: true } } },
      ])
      .toArray()
    expect(twice).toEqual([])
  })

  test('that the validator lets through but never fires sets state.error; a good one heals it', async () => {
    const job = aJob({ ip: a, trigger: { type: 'cron', month: 2, day: 30 } })
    const invalid = nextEvent(node(a), 'job.invalid', { job_id: job._id })
    await insert(job)
    await invalid
    await until(async () => expect((await read(job._id)).state?.error).toMatch(/^trigger/))
    const outOfRange = nextEvent(node(a), 'job.invalid', { job_id: job._id })
    await edit(job._id, { $set: { trigger: { type: 'cron', hour: 24 } } })
    expect((await outOfRange).problems[0]?.path).toBe('trigger.hour')
    await barrier(a)
    await edit(job._id, { $set: { trigger: { type: 'interval', hours: 1 } } })
    await until(async () => {
      const { state, next_run_time } = await read(job._id)
      expect(state).not.toHaveProperty('error')
      expect(next_run_time).toBeInstanceOf(Date)
    })
  })
})

describe('func and executor', () => {
  test('an unknown func sets state.error and disturbs no other job; a good one is tried again', async () => {
    const job = aJob({ ip: a, func: 'nott', run_at: [new Date()] })
    const invalid = nextEvent(node(a), 'job.invalid', { job_id: job._id })
    await insert(job)
    expect((await invalid).problems).toMatchObject([{ path: 'func', message: expect.stringContaining('note') }])
    await until(async () => expect((await read(job._id)).state?.error).toMatch(/nott.*did you mean note/))
    await barrier(a)
    expect(await rows(job._id)).toEqual([])
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $set: { func: 'note' } })
    await ran
    await until(async () => {
      const { state, next_run_time } = await read(job._id)
      expect(state).not.toHaveProperty('error')
      expect(next_run_time).toBeInstanceOf(Date)
    })
  })

  test('an unknown executor sets state.error', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    await edit(job._id, { $set: { executor: 'gpu' } })
    await until(async () => expect((await read(job._id)).state.error).toMatch(/gpu/))
    await edit(job._id, { $unset: { executor: '' } })
    await until(async () => expect((await read(job._id)).state).not.toHaveProperty('error'))
  })

  test('a broken func on a due job: it runs once it is mended', async () => {
    const job = aJob({ ip: a, func: 'nobody', next_run_time: new Date() })
    await insert(job)
    await until(async () => expect((await read(job._id)).state?.error).toBeDefined())
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $set: { func: 'note' } })
    expect((await ran).run_time).toEqual(job.next_run_time)
    await until(async () => expect((await read(job._id)).state).not.toHaveProperty('error'))
  })

  test('any edit on a job with state.error has it tried again', async () => {
    const job = aJob({ ip: a, func: 'later' })
    await insert(job)
    await until(async () => expect((await read(job._id)).state?.error).toBeDefined())
    const again = nodes.nodes[0]
    await again?.task('later', async () => 1)
    await edit(job._id, { $set: { note: 'look again' } })
    await until(async () => {
      const { state, next_run_time } = await read(job._id)
      expect(state).not.toHaveProperty('error')
      expect(next_run_time).toBeInstanceOf(Date)
    })
  })
})

describe('other fields', () => {
  test('the next run uses them: it runs with the document as it was at its claim', async () => {
    const job = aJob({ ip: a, args: ['old'] })
    await planned(job)
    await edit(job._id, { $set: { args: ['new'], kwargs: { a: 1 } } })
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $set: { next_run_time: new Date() } })
    expect((await ran).result).toBe('new')
    expect(nodes.ranOf(job._id)[0]).toMatchObject({ args: ['new'], kwargs: { a: 1 } })
  })

  test('max_instances raised counts for the next claim', async () => {
    const job = aJob({ ip: a, func: 'hold', next_run_time: new Date() })
    await insert(job)
    await until(() => expect(nodes.ranOf(job._id)).toHaveLength(1))
    await edit(job._id, { $set: { max_instances: 2 } })
    await edit(job._id, { $push: { run_at: new Date() } } as Document)
    await until(() => expect(nodes.ranOf(job._id)).toHaveLength(2))
    nodes.release(job._id)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
  })

  test('own data and texts leave the plan alone', async () => {
    const job = aJob({ ip: a })
    const { next_run_time } = await planned(job)
    const modified = nextEvent(node(a), 'job.modified', { job_id: job._id })
    await edit(job._id, { $set: { x_owner: 'ann', name: 'Digest', tags: ['x'] } })
    await modified
    await barrier(a)
    expect((await read(job._id)).next_run_time).toEqual(next_run_time)
  })
})

describe('a document written as a whole', () => {
  test('replaced: the new one counts, what nodes wrote is made anew', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const before = Date.now()
    await nodes.jobs.replaceOne({ _id: job._id }, { func: 'note', ip: a, trigger: { type: 'interval', hours: 2 } })
    await until(async () => close((await read(job._id)).next_run_time, before + 2 * HOUR))
    const paused = nextEvent(node(a), 'job.paused', { job_id: job._id })
    await nodes.jobs.replaceOne({ _id: job._id }, { func: 'note', ip: a, trigger: job.trigger, next_run_time: null })
    await paused
    await barrier(a)
    expect(await read(job._id)).toMatchObject({ next_run_time: null })
  })

  test('replaced with another ip: moved', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const came = nextEvent(node(b), 'job.moved', { job_id: job._id })
    await nodes.jobs.replaceOne({ _id: job._id }, { func: 'note', ip: b, trigger: job.trigger })
    await came
    await until(async () => expect((await read(job._id)).next_run_time).toBeInstanceOf(Date))
  })

  test('replaced while it runs: the run ends with its row', async () => {
    const job = aJob({ ip: a, func: 'hold', next_run_time: new Date() })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert(job)
    const { run_id } = await started
    await nodes.jobs.replaceOne({ _id: job._id }, { func: 'note', ip: a, trigger: job.trigger })
    const ended = nextEvent(node(a), 'run.executed', { run_id })
    nodes.release(job._id)
    await ended
    await until(async () => expect(await rows(job._id)).toMatchObject([{ _id: run_id, status: 'executed' }]))
  })

  test('inserted as a copy, with state and touch of another: they are started afresh, next_run_time is honoured', async () => {
    const original = aJob({ ip: a, func: 'hold', next_run_time: new Date(), max_instances: 1 })
    await insert(original)
    await until(() => expect(nodes.ranOf(original._id)).toHaveLength(1))
    const document = await read(original._id)
    expect(document.state.running).toHaveLength(1)
    const next_run_time = new Date(Date.now() + 100)
    const copy = { ...document, _id: `${original._id}-copy`, func: 'note', next_run_time }
    const ran = nextEvent(node(a), 'run.executed', { job_id: copy._id })
    await nodes.jobs.insertOne(copy)
    expect((await ran).run_time).toEqual(next_run_time)
    await until(async () => {
      const { state, touch } = await read(copy._id)
      expect(state).toMatchObject({ job: copy._id, runs: 1, running: [] })
      expect(touch).not.toBe(document.touch)
    })
    nodes.release(original._id)
    await until(async () => expect((await read(original._id)).state.running).toEqual([]))
    expect(await rows(copy._id)).toMatchObject([{ status: 'executed' }])
  })

  test('inserted as a copy with the planned next_run_time of the other: armed for it', async () => {
    const original = aJob({ ip: a })
    const document = await planned(original)
    const copy = { ...document, _id: `${original._id}-copy` }
    await nodes.jobs.insertOne(copy as Loose)
    await until(async () => expect((await read(copy._id)).state).toMatchObject({ job: copy._id }))
    await barrier(a)
    expect((await read(copy._id)).next_run_time).toEqual(document.next_run_time)
  })

  test('replaced by an old copy of itself: a run that was claimed is not repeated', async () => {
    const job = aJob({ ip: a, trigger: { type: 'interval', seconds: 0.3 }, misfire_grace_time: null })
    const old = await planned(job)
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    const { run_time } = await ran
    expect(run_time).toEqual(old.next_run_time)
    const { _id, ...rest } = old
    await nodes.jobs.replaceOne({ _id: job._id }, rest)
    await until(() => expect(nodes.ranOf(job._id).length).toBeGreaterThanOrEqual(3))
    await nodes.jobs.deleteOne({ _id: job._id })
    const times = nodes.ranOf(job._id).map(run => run.run_time.getTime())
    expect(new Set(times).size).toBe(times.length)
  })

  test('written back by $set as it was read earlier: repaired, no run repeated, none lost', async () => {
    const every = 200
    const trigger = { type: 'interval', seconds: every / SECOND } as const
    const job = aJob({ ip: a, trigger, misfire_grace_time: null, coalesce: false })
    const events = collect(node(a), job._id)
    const old = await planned(job)
    const { _id, ...fields } = old
    for (const extra of [{}, { args: [1] }, { func: 'note' }, { touch: 'mine' }]) {
      const runs = nodes.ranOf(job._id).length
      await until(() => expect(nodes.ranOf(job._id).length).toBeGreaterThanOrEqual(runs + 2))
      await edit(job._id, { $set: { ...fields, ...extra } })
    }
    const runs = nodes.ranOf(job._id).length
    await until(() => expect(nodes.ranOf(job._id).length).toBeGreaterThanOrEqual(runs + 2))
    await nodes.jobs.deleteOne({ _id: job._id })
    await barrier(a)
    events.stop()
    const times = nodes.ranOf(job._id).map(run => run.run_time.getTime())
    expect(new Set(times).size).toBe(times.length)
    const told = [...events.of('run.started'), ...events.of('run.missed')].map(event => event.run_time.getTime())
    const first = old.next_run_time.getTime()
    const grid = Array.from({ length: (Math.max(...times) - first) / every + 1 }, (_, i) => first + i * every)
    expect(told.sort()).toEqual(grid)
  })

  test('written back with a time that a person had set, after the run of that time: it is not repeated', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const at = new Date(Date.now() + 150)
    await edit(job._id, { $set: { next_run_time: at } })
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    const old = await until(async () => {
      const document = await read(job._id)
      expect(document.state.planned.ordered).toBe(true)
      return document
    })
    await ran
    const { _id, ...fields } = old
    await edit(job._id, { $set: fields })
    await until(async () => expect((await read(job._id)).next_run_time).toEqual(new Date(at.getTime() + HOUR)))
    await barrier(a)
    expect(nodes.ranOf(job._id)).toHaveLength(1)
  })

  test('$set of touch or state alone is repaired by the owner', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    await edit(job._id, { $set: { state: { job: 'another', runs: 99 }, touch: 'mine' } })
    await edit(job._id, { $set: { note: 'seen' } })
    await until(async () => expect((await read(job._id)).state.job).toBe(job._id))
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await edit(job._id, { $set: { next_run_time: new Date() } })
    await ran
  })
})

describe('a deletion', () => {
  test('of one job: disarmed', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const removed = nextEvent(node(a), 'job.removed', { job_id: job._id })
    const { jobs, armed } = node(a).status()
    await nodes.jobs.deleteOne({ _id: job._id })
    await removed
    expect(node(a).status()).toMatchObject({ jobs: jobs - 1, armed: armed - 1 })
  })

  test('while it runs: the run finishes, with a row', async () => {
    const job = aJob({ ip: a, func: 'hold', next_run_time: new Date() })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert(job)
    const { run_id } = await started
    const removed = nextEvent(node(a), 'job.removed', { job_id: job._id })
    await nodes.jobs.deleteOne({ _id: job._id })
    await removed
    expect(nodes.ranOf(job._id)[0]?.signal.aborted).toBe(false)
    nodes.release(job._id)
    await until(async () => {
      expect(await rows(job._id)).toMatchObject([{ _id: run_id, status: 'executed', result: 'released' }])
    })
    await barrier(a)
    expect(await nodes.jobs.findOne({ _id: job._id })).toBeNull()
  })

  test('of many: all disarmed', async () => {
    const jobs = Array.from({ length: 50 }, () => aJob({ ip: a, tags: ['many'] }))
    await nodes.jobs.insertMany(jobs as unknown as Loose[])
    await until(async () =>
      expect(await nodes.jobs.countDocuments({ tags: 'many', 'state.planned': { $exists: true } })).toBe(50),
    )
    const removed = collect(node(a))
    await nodes.jobs.deleteMany({ tags: 'many' })
    await until(() => expect(removed.of('job.removed')).toHaveLength(50))
    removed.stop()
  })

  test('and an insert of the same id: a new job, planned anew', async () => {
    const job = aJob({ ip: a, run_at: [new Date()] })
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await insert(job)
    const { run_id } = await ran
    const [{ fence: first } = {}] = nodes.ranOf(job._id)
    await nodes.jobs.deleteOne({ _id: job._id })
    const again = nextEvent(node(a), 'run.executed', event => event.job_id === job._id && event.run_id !== run_id)
    await insert(job)
    await again
    const second = nodes.ranOf(job._id)[1]?.fence
    expect(second).toBeGreaterThan(first as bigint)
    expect((await read(job._id)).state.runs).toBe(1)
  })
})

describe('a document that violates the rules', () => {
  test.each([
    ['no func', { _id: 'bad', trigger: { type: 'date' } }],
    ['a misspelt field', { ...aJob(), max_instance: 2 }],
    ['an interval of nothing', { ...aJob(), trigger: { type: 'interval' } }],
    ['null as ip', { ...aJob(), ip: null }],
  ])('%s: MongoDB itself refuses it', async (_, document) => {
    await expect(nodes.jobs.insertOne(document as never)).rejects.toMatchObject({ code: 121 })
  })

  test('one that a validator could not refuse is marked, and stops nobody else', async () => {
    const job = { ...aJob({ ip: a }), next_run_time: 'soon', max_instances: 'two' }
    const other = aJob({ ip: a, next_run_time: new Date() })
    const invalid = nextEvent(node(a), 'job.invalid', { job_id: job._id })
    const ran = nextEvent(node(a), 'run.executed', { job_id: other._id })
    await nodes.jobs.insertOne(job as never, { bypassDocumentValidation: true })
    await insert(other)
    expect((await invalid).problems.map(problem => problem.path).sort()).toEqual(['max_instances', 'next_run_time'])
    await ran
    await nodes.jobs.deleteOne({ _id: job._id })
  })
})

describe('a collection', () => {
  test('dropped: all disarmed; collection, validator and indexes come back, and new jobs run', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const running = aJob({ ip: b, func: 'hold', next_run_time: new Date() })
    await insert(running)
    await until(() => expect(nodes.ranOf(running._id)).toHaveLength(1))
    const removed = nextEvent(node(a), 'job.removed', { job_id: job._id })
    const resynced = Promise.all(nodes.nodes.map(one => nextEvent(one, 'stream.resynced')))
    await nodes.jobs.drop()
    await removed
    await resynced
    expect(nodes.nodes.map(one => one.status().jobs)).toEqual([0, 0])
    await expect(nodes.jobs.insertOne({ _id: 'bad', trigger: 5 } as never)).rejects.toMatchObject({ code: 121 })
    expect((await nodes.jobs.indexes()).map(({ key }) => key)).toEqual([
      { _id: 1 },
      ...INDEXES.jobs.map(({ key }) => key),
    ])
    nodes.release(running._id)
    await until(async () => expect(await rows(running._id)).toMatchObject([{ status: 'executed' }]))
    await barrier(a)
    await barrier(b)
  })

  test('dropped again and again, with inserts in between: what is there in the end runs', async () => {
    for (let i = 0; i < 4; i++) {
      await insert(aJob({ ip: a }))
      await nodes.jobs.drop()
    }
    await barrier(a)
    await barrier(b)
    await until(async () => expect(node(a).status().jobs).toBe(await nodes.jobs.countDocuments({ ip: a })))
  })

  test('renamed away: as if dropped', async () => {
    const job = aJob({ ip: a })
    await planned(job)
    const removed = nextEvent(node(a), 'job.removed', { job_id: job._id })
    await nodes.client.db().renameCollection('jobs', 'old_jobs')
    await removed
    await barrier(a)
    await nodes.client.db().collection('old_jobs').drop()
  })
})
