/** What happens between due and done, on a real database: retries, overlap, pausing what fails, timeouts, cancelling, rerun,
 *  rows of every outcome, pipelines, changes. */
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { collectionsOf } from '../../src/database/database.ts'
import type { News, TidewheelEvent } from '../../src/event.ts'
import { makeExecutors } from '../../src/executor/executors.ts'
import { Tasks } from '../../src/executor/tasks.ts'
import { Finishes } from '../../src/history/finish.ts'
import { Live } from '../../src/history/live.ts'
import { Rows } from '../../src/history/rows.ts'
import { graceMs } from '../../src/job/job.ts'
import { silent } from '../../src/log.ts'
import { Patience } from '../../src/pace/patience.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { Runs } from '../../src/run/runs.ts'
import { aBook, nothingTakenBack, thePlaces } from '../support/claims.ts'
import { collect, nextEvent } from '../support/events.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Nodes, startNodes, until } from '../support/node.ts'

let db: TestDb
let nodes: Nodes | undefined
beforeAll(async () => {
  db = await openTestDb()
})
afterEach(async () => {
  await nodes?.close()
  nodes = undefined
  await db.db.dropDatabase()
})
afterAll(() => db.close())

const start = async (options: Partial<Parameters<typeof startNodes>[0]> = {}) => {
  nodes = await startNodes({ uri: db.uri, ...options })
  return { ...nodes, node: nodes.nodes[0] as NonNullable<(typeof nodes.nodes)[0]>, ip: nodes.ips[0] as string }
}
const rows = (n: Nodes, job: string) => n.executions.find({ job_id: job }).sort({ claimed: 1, attempt: 1 }).toArray()
/** An entry of a node that is long gone. */
const entryOf = (n: { readonly ip: string }, job: string, fields: object = {}) =>
  anEntry({
    run_id: `dead-${job}`,
    job,
    run_time: new Date(),
    claimed: new Date(),
    node: n.ip,
    incarnation: 'long gone',
    ...fields,
  })
const nothingRuns = (n: Nodes, job: string) =>
  until(async () => expect((await n.jobs.findOne({ _id: job }))?.state?.running ?? []).toEqual([]))

test('what is due already when a node sees it is claimed by one write, without a plan; one that takes nothing plans it', async () => {
  const n = await start()
  const due = { trigger: { type: 'date', run_date: new Date(Date.now() - 100) } } as const
  await db.db.command({ profile: 2 })
  await n.jobs.insertMany(['a', 'b', 'c'].map(_id => aJob({ _id, ip: n.ip, ...due })) as never)
  await until(async () => expect(await n.executions.countDocuments({ status: 'executed' })).toBe(3))
  await db.db.command({ profile: 0 })
  const written = db.db
    .collection('system.profile')
    .find({ ns: `${db.db.databaseName}.jobs`, op: { $in: ['update', 'command'] } })
  const claims = (await written.toArray()).map(({ op, command }) => (command.findAndModify === 'jobs' ? 'claim' : op))
  expect(claims).toEqual(['claim', 'claim', 'claim'])
  await n.node.pause()
  await n.jobs.insertOne(aJob({ _id: 'd', ip: n.ip, ...due }) as never)
  await until(async () =>
    expect(await n.jobs.findOne({ _id: 'd' })).toMatchObject({ next_run_time: due.trigger.run_date }),
  )
})

test('a failing run is tried again as often as its job says, each attempt with a row of its own', async () => {
  const n = await start()
  const seen = collect(n.node, 'r')
  const retry = { max_attempts: 3, delay: 0.02, factor: 2 }
  await n.jobs.insertOne(aJob({ _id: 'r', ip: n.ip, func: 'fail', retry, run_at: [new Date()] }) as never)
  await until(() => expect(seen.of('run.error')).toHaveLength(3))
  await nothingRuns(n, 'r')
  expect((await rows(n, 'r')).map(row => [row.attempt, row.status])).toEqual([
    [1, 'error'],
    [2, 'error'],
    [3, 'error'],
  ])
  expect(seen.types().filter(type => type.startsWith('run.'))).toEqual([
    'run.claimed',
    'run.started',
    'run.error',
    'run.retrying',
    'run.started',
    'run.error',
    'run.retrying',
    'run.started',
    'run.error',
  ])
  expect(new Set(n.ranOf('r').map(run => run.id)).size).toBe(3)
  expect((await n.jobs.findOne({ _id: 'r' }))?.state).toMatchObject({ failures: 1, last_status: 'error' })
})

test('a retry survives the end of its node', async () => {
  const n = await start()
  const retrying = nextEvent(n.node, 'run.retrying')
  await n.jobs.insertOne(
    aJob({ _id: 'r', ip: n.ip, func: 'fail', retry: { max_attempts: 2, delay: 1 }, run_at: [new Date()] }) as never,
  )
  await retrying
  await n.node.stop()
  expect((await n.jobs.findOne({ _id: 'r' }))?.state.running).toMatchObject([
    { attempt: 2, retry_at: expect.any(Date) },
  ])
  const seen = collect(n.node, 'r')
  await n.node.start()
  await until(() => expect(seen.of('run.error')).toMatchObject([{ attempt: 2 }]))
  expect(seen.of('run.interrupted')).toEqual([])
})

test('an attempt that runs no longer waits in its document: the death of its node interrupts it', async () => {
  let begun = () => {}
  const second = new Promise<void>(resolve => {
    begun = resolve
  })
  const release = new AbortController()
  const n = await start({
    tasks: {
      twice: async run => {
        if (run.attempt === 1) throw new Error('once')
        begun()
        await once(release.signal, 'abort')
      },
    },
  })
  const retry = { max_attempts: 3, delay: 0.05 }
  await n.jobs.insertOne(aJob({ _id: 'w', ip: n.ip, func: 'twice', retry, run_at: [new Date()] }) as never)
  await second
  const entry = (await n.jobs.findOne({ _id: 'w' }))?.state.running[0]
  release.abort()
  expect(entry).toMatchObject({ attempt: 2 })
  expect(entry).not.toHaveProperty('retry_at')
})

test('what is due while a run that was claimed ahead has not begun waits for it, and is not refused', async () => {
  const n = await start()
  const other = n.another({ ip: 'ahead' })
  await other.start()
  const node = await db.db.collection<{ _id: string; incarnation: string }>('nodes').findOne({ _id: 'ahead' })
  const ahead = new Date(Date.now() + 60_000)
  const entry = anEntry({
    run_id: 'ahead',
    job: 'w',
    run_time: ahead,
    claimed: new Date(),
    node: 'ahead',
    incarnation: node?.incarnation as string,
  })
  const waiting = aJob({ _id: 'w', ip: n.ip, run_at: [new Date()], state: { job: 'w', running: [entry] } as never })
  await n.jobs.insertOne(waiting as never)
  await n.jobs.insertOne(aJob({ _id: 'later', ip: n.ip, run_at: [new Date(Date.now() + 700)] }) as never)
  await until(() => expect(n.ranOf('later')).toHaveLength(1))
  expect(await n.executions.countDocuments({ job_id: 'w' })).toBe(0)
  await n.jobs.updateOne({ _id: 'w' }, { $pull: { 'state.running': { run_id: 'ahead' } } as never })
  await until(() => expect(n.ranOf('w')).toHaveLength(1))
})

test('so many failed runs in a row pause the job, a resume counts anew', async () => {
  const n = await start()
  const paused = nextEvent(n.node, 'job.paused')
  const trigger = { type: 'interval', seconds: 0.05 } as const
  await n.jobs.insertOne(aJob({ _id: 'p', ip: n.ip, func: 'fail', trigger, pause_after_failures: 2 }) as never)
  await paused
  const job = await n.jobs.findOne({ _id: 'p' })
  expect(job).toMatchObject({
    next_run_time: null,
    state: { failures: 2, paused_by: expect.stringContaining('2 failed runs') },
  })
  await n.jobs.updateOne({ _id: 'p' }, { $set: { func: 'note' }, $unset: { next_run_time: '' } })
  await until(() => expect(n.ranOf('p').length).toBeGreaterThan(4))
  expect((await n.jobs.findOne({ _id: 'p' }))?.state.failures).toBe(0)
})

test('a resume that comes before the node knows of its own pause counts the failures anew', async () => {
  const n = await start()
  const trigger = { type: 'interval', hours: 1 } as const
  await n.jobs.insertOne(aJob({ _id: 'c', ip: n.ip, func: 'fail', trigger, pause_after_failures: 3 }) as never)
  await until(async () => expect((await n.jobs.findOne({ _id: 'c' }))?.state.planned).toBeDefined())
  // A write of the node, of which its stream does not tell.
  const touch = 'of its node'
  const paused = { next_run_time: null, 'state.paused_by': 'failures', 'state.failures': 3, touch }
  await n.jobs.updateOne({ _id: 'c' }, { $set: paused })
  await n.jobs.updateOne({ _id: 'c' }, { $unset: { next_run_time: '' } })
  await until(async () => expect((await n.jobs.findOne({ _id: 'c' }))?.next_run_time).toBeInstanceOf(Date))
  expect((await n.jobs.findOne({ _id: 'c' }))?.state).toMatchObject({ failures: 0 })
})

test('a time that a person sets while a run fails is not taken away by the pause for failures', async () => {
  const release = new AbortController()
  const n = await start({
    tasks: {
      slow: async () => {
        await once(release.signal, 'abort')
        throw new Error('no')
      },
    },
  })
  const later = new Date(Date.now() + 7_200_000)
  const [started, failed] = [nextEvent(n.node, 'run.started'), nextEvent(n.node, 'run.error')]
  await n.jobs.insertOne(
    aJob({ _id: 'h', ip: n.ip, func: 'slow', pause_after_failures: 1, next_run_time: new Date() }) as never,
  )
  await started
  await n.jobs.updateOne({ _id: 'h' }, { $set: { next_run_time: later } })
  release.abort()
  await failed
  await until(async () => expect((await n.jobs.findOne({ _id: 'h' }))?.state.failures).toBe(1))
  await n.node.stop()
  expect(await n.jobs.findOne({ _id: 'h' })).toMatchObject({ next_run_time: later })
})

test('a run longer than its timeout is aborted and ends as timeout', async () => {
  const n = await start()
  const over = nextEvent(n.node, 'run.timeout')
  await n.jobs.insertOne(aJob({ _id: 't', ip: n.ip, func: 'hold', timeout: 0.05, run_at: [new Date()] }) as never)
  await over
  await nothingRuns(n, 't')
  expect(await rows(n, 't')).toMatchObject([{ status: 'timeout', exception: expect.stringContaining('0.05 s') }])
})

test('overlap skip leaves a row, queue_one waits for a place, one at most', async () => {
  const n = await start()
  const due = () => n.jobs.updateOne({ _id: 'q' }, { $currentDate: { next_run_time: true } })
  await n.jobs.insertOne(aJob({ _id: 'q', ip: n.ip, func: 'hold' }) as never)
  await due()
  await until(() => expect(n.ranOf('q')).toHaveLength(1))
  const skipped = nextEvent(n.node, 'run.max_instances')
  await due()
  await skipped
  await n.jobs.updateOne({ _id: 'q' }, { $set: { overlap: 'queue_one' } })
  await due()
  await until(async () => expect((await n.jobs.findOne({ _id: 'q' }))?.state.waiting).toBeDefined())
  const second = nextEvent(n.node, 'run.max_instances')
  await due()
  await second
  n.release('q')
  await until(() => expect(n.ranOf('q')).toHaveLength(2))
  n.release('q')
  await nothingRuns(n, 'q')
  expect((await rows(n, 'q')).map(row => row.status).sort()).toEqual([
    'executed',
    'executed',
    'max_instances',
    'max_instances',
  ])
  expect((await n.jobs.findOne({ _id: 'q' }))?.state.waiting).toBeUndefined()
})

test('a queued run survives its node', async () => {
  const n = await start()
  await n.jobs.insertOne(
    aJob({ _id: 'q', ip: n.ip, func: 'hold', overlap: 'queue_one', run_at: [new Date()] }) as never,
  )
  await until(() => expect(n.ranOf('q')).toHaveLength(1))
  await n.jobs.updateOne({ _id: 'q' }, { $currentDate: { next_run_time: true } })
  await until(async () => expect((await n.jobs.findOne({ _id: 'q' }))?.state.waiting).toBeDefined())
  n.node.pause()
  n.release('q')
  await n.node.stop()
  await n.node.start()
  n.node.resume()
  await until(() => expect(n.ranOf('q')).toHaveLength(2))
})

test('a queued run waits while its job is paused, and still stands for as many due times', async () => {
  const n = await start()
  const order = { overlap: 'queue_one', misfire_grace_time: null, run_at: [new Date()] } as const
  const trigger = { type: 'interval', minutes: 1 } as const
  await n.jobs.insertOne(aJob({ _id: 'q', ip: n.ip, func: 'hold', trigger, ...order }) as never)
  await until(() => expect(n.ranOf('q')).toHaveLength(1))
  // As its node would have planned it, three due times ago.
  const planned = new Date(Date.now() - 150_000)
  await n.jobs.updateOne({ _id: 'q' }, { $set: { next_run_time: planned, 'state.planned.next_run_time': planned } })
  await until(async () => expect((await n.jobs.findOne({ _id: 'q' }))?.state.waiting).toMatchObject({ coalesced: 3 }))
  const paused = nextEvent(n.node, 'job.paused', { job_id: 'q' })
  await n.jobs.updateOne({ _id: 'q' }, { $set: { next_run_time: null } })
  await paused
  n.release('q')
  await nothingRuns(n, 'q')
  const other = nextEvent(n.node, 'run.executed', { job_id: 'other' })
  await n.jobs.insertOne(aJob({ _id: 'other', ip: n.ip, func: 'note', run_at: [new Date()] }) as never)
  await other
  expect(n.ranOf('q')).toHaveLength(1)
  await n.jobs.updateOne({ _id: 'q' }, { $unset: { next_run_time: '' } })
  await until(() => expect(n.ranOf('q')).toHaveLength(2))
  n.release('q')
  await nothingRuns(n, 'q')
  expect(await rows(n, 'q')).toMatchObject([
    { scheduled: false, coalesced: 1 },
    { scheduled: true, coalesced: 3 },
  ])
})

test('overlap cancel_other aborts the oldest run and then runs', async () => {
  const n = await start()
  await n.jobs.insertOne(
    aJob({ _id: 'c', ip: n.ip, func: 'hold', overlap: 'cancel_other', run_at: [new Date()] }) as never,
  )
  await until(() => expect(n.ranOf('c')).toHaveLength(1))
  await n.jobs.updateOne({ _id: 'c' }, { $currentDate: { next_run_time: true } })
  await until(() => expect(n.ranOf('c')).toHaveLength(2))
  n.release('c')
  await nothingRuns(n, 'c')
  expect((await rows(n, 'c')).map(row => row.status).sort()).toEqual(['cancelled', 'executed'])
})

test('without coalescing each due time has a claim and a row of its own, and a pause acts between two', async () => {
  const n = await start()
  const from = new Date(Date.now() - 30_500)
  const trigger = { type: 'interval', seconds: 10, start_date: from } as const
  await n.jobs.insertOne(
    aJob({
      _id: 'w',
      ip: n.ip,
      trigger,
      coalesce: false,
      max_instances: 10,
      next_run_time: from,
      misfire_grace_time: 3600,
    }) as never,
  )
  await until(() => expect(n.ranOf('w')).toHaveLength(4))
  const times = n.ranOf('w').map(run => run.run_time.getTime() - from.getTime())
  expect(times.sort((a, b) => a - b)).toEqual([0, 10_000, 20_000, 30_000])
})

test('coalesced and missed due times leave one row that counts them', async () => {
  const n = await start()
  const from = new Date(Date.now() - 7_200_000)
  const trigger = { type: 'interval', seconds: 600, start_date: from } as const
  const planned = { next_run_time: from, trigger: 'x:unknown' }
  await n.jobs.insertOne(
    aJob({
      _id: 'm',
      ip: n.ip,
      trigger,
      misfire_grace_time: 0.001,
      next_run_time: from,
      state: { job: 'm', planned },
    }) as never,
  )
  const missed = await until(async () => {
    const found = await rows(n, 'm')
    expect(found).toHaveLength(1)
    return found[0]
  })
  expect(missed).toMatchObject({ status: 'missed', coalesced: 13, started: null })
  expect((await n.jobs.findOne({ _id: 'm' }))?.next_run_time.getTime()).toBeGreaterThan(Date.now())
})

test('a run of a dead node is interrupted, and run again where its owner asks for it', async () => {
  const first = await start()
  const entry = (id: string) => ({
    run_id: `dead-${id}`,
    job: id,
    run_time: new Date(),
    claimed: new Date(),
    node: first.ip,
    incarnation: 'long gone',
    attempt: 1,
    coalesced: 4,
  })
  const seen = collect(first.node)
  await first.jobs.insertMany([
    aJob({ _id: 'skip', ip: first.ip, state: { job: 'skip', running: [entry('skip')] } }) as never,
    aJob({
      _id: 'rerun',
      ip: first.ip,
      on_interrupt: 'rerun',
      state: { job: 'rerun', running: [entry('rerun')] },
    }) as never,
  ])
  await until(() => expect(first.ranOf('rerun')).toHaveLength(1))
  await nothingRuns(first, 'rerun')
  await nothingRuns(first, 'skip')
  expect(await rows(first, 'skip')).toMatchObject([{ _id: 'dead-skip', status: 'interrupted', coalesced: 4 }])
  await until(async () =>
    expect((await rows(first, 'rerun')).map(row => `${row.status} ${row.coalesced}`).sort()).toEqual([
      'executed 4',
      'interrupted 4',
    ]),
  )
  expect(
    seen
      .of('run.interrupted')
      .map(event => [event.job_id, event.rerun])
      .sort(),
  ).toEqual([
    ['rerun', true],
    ['skip', false],
  ])
})

test('an entry whose run has a final row is taken out, never declared interrupted', async () => {
  const n = await start()
  const running = [
    {
      run_id: 'done',
      job: 'd',
      run_time: new Date(),
      claimed: new Date(),
      node: n.ip,
      incarnation: 'long gone',
      attempt: 1,
    },
  ]
  await n.executions.insertOne({ _id: 'done', job_id: 'd', status: 'executed', recorded: new Date() })
  const seen = collect(n.node, 'd')
  await n.jobs.insertOne(aJob({ _id: 'd', ip: n.ip, on_interrupt: 'rerun', state: { job: 'd', running } }) as never)
  await nothingRuns(n, 'd')
  expect(seen.of('run.interrupted')).toEqual([])
  expect(n.ranOf('d')).toEqual([])
})

test('a poison job that kills node after node is paused after three reruns', async () => {
  const n = await start()
  const next_run_time = new Date(Date.now() + 60_000)
  const running = [
    {
      run_id: 'p',
      job: 'p',
      run_time: new Date(),
      claimed: new Date(),
      node: n.ip,
      incarnation: 'long gone',
      attempt: 1,
      reruns: 3,
    },
  ]
  await n.jobs.insertOne(
    aJob({
      _id: 'p',
      ip: n.ip,
      on_interrupt: 'rerun',
      next_run_time,
      state: { job: 'p', running, planned: { next_run_time, trigger: 'of another version' } },
    }) as never,
  )
  await until(async () =>
    expect(await n.jobs.findOne({ _id: 'p' })).toMatchObject({
      next_run_time: null,
      state: { running: [], paused_by: expect.stringContaining('died 4 times') },
    }),
  )
  expect(n.ranOf('p')).toEqual([])
})

test('a poison job keeps the time that a person set', async () => {
  const n = await start()
  const next_run_time = new Date(Date.now() + 60_000)
  const state = { job: 'p', running: [entryOf(n, 'p', { reruns: 3 })] }
  await n.jobs.insertOne(aJob({ _id: 'p', ip: n.ip, on_interrupt: 'rerun', next_run_time, state }) as never)
  await nothingRuns(n, 'p')
  expect(await rows(n, 'p')).toMatchObject([{ status: 'interrupted' }])
  expect((await n.jobs.findOne({ _id: 'p' }))?.next_run_time).toEqual(next_run_time)
})

test('the next attempt of a run is made although its node died with the row of the failed one just stored', async () => {
  const n = await start()
  const row = (_id: string, status: string) => ({
    _id,
    status,
    job_id: 'r',
    finished: new Date(),
    recorded: new Date(),
  })
  await n.executions.insertMany([row('failed', 'error'), row('long', 'timeout'), row('last', 'error')] as never)
  const retry = { max_attempts: 2, delay: 0.05 }
  const running = [
    entryOf(n, 'r', { run_id: 'failed' }),
    entryOf(n, 'r', { run_id: 'long' }),
    entryOf(n, 'r', { run_id: 'last', attempt: 2 }),
  ]
  await n.jobs.insertOne(aJob({ _id: 'r', ip: n.ip, retry, max_instances: 3, state: { job: 'r', running } }) as never)
  await until(() => expect(n.ranOf('r')).toHaveLength(2))
  await nothingRuns(n, 'r')
  expect(n.ranOf('r').map(run => run.attempt)).toEqual([2, 2])
  expect((await rows(n, 'r')).map(({ status, attempt = 1 }) => `${status} ${attempt}`).sort()).toEqual([
    'error 1',
    'error 1',
    'executed 2',
    'executed 2',
    'timeout 1',
  ])
})

test('a run that a stop with a limit interrupts is run again by the next life of its node', async () => {
  const n = await start()
  const [started, seen] = [nextEvent(n.node, 'run.started'), collect(n.node, 's')]
  const order = { run_at: [new Date()], next_run_time: null }
  await n.jobs.insertOne(aJob({ _id: 's', ip: n.ip, func: 'hold', on_interrupt: 'rerun', ...order }) as never)
  await started
  await n.node.stop({ timeout: 0 })
  expect(seen.of('run.interrupted')).toMatchObject([{ rerun: true }])
  expect((await n.jobs.findOne({ _id: 's' }))?.state.running).toMatchObject([
    { attempt: 1, reruns: 1, ordered: true, retry_at: expect.any(Date) },
  ])
  await n.node.start()
  await until(() => expect(n.ranOf('s')).toHaveLength(2))
  n.release('s')
  await nothingRuns(n, 's')
  expect((await rows(n, 's')).map(row => row.status).sort()).toEqual(['executed', 'interrupted'])
  expect(seen.of('run.interrupted')).toHaveLength(1)
})

test('a run whose node lost its lease before the start is made when it holds it again', async () => {
  const tasks = new Tasks()
  let ran = 0
  tasks.add('count', async () => ran++)
  const { jobs, executions } = collectionsOf(db.db)
  const executors = makeExecutors({ tasks })
  const told: News[] = []
  const emit = (news: News) => told.push(news)
  const lease = { isHeld: false, held: () => lease.isHeld }
  const unheard = { read: () => {}, wake: () => {} }
  const clock = systemClock
  const writer = new Writer({ jobs, by: { ip: 'a', incarnation: 'i' } })
  const patience = new Patience({ emit, lastingMs: 10_000 })
  const places = thePlaces()
  const book = aBook({ places })
  const rows = new Rows(executions, 'a', () => clock.now())
  const live = new Live({ executions, ip: 'a', clock, patience })
  const storing = { writer, rows, patience, follower: unheard, emit }
  const finishes = new Finishes({ ...storing, roster: { overBy: () => undefined } })
  const performing = {
    book,
    places,
    executors,
    lease,
    live,
    memory: unheard,
    clock,
    logger: silent(),
    takeBack: nothingTakenBack,
  }
  const runs = new Runs({ ...storing, ...performing, finishes })
  const now = new Date()
  const run_id = book.newId()
  const entry = anEntry({ run_id, job: 'l', run_time: now, claimed: now, node: 'a', incarnation: 'i' })
  const state = { job: 'l', running: [entry] }
  const job = aJob({ _id: 'l', ip: 'a', func: 'count', on_interrupt: 'rerun', misfire_grace_time: 0.001, state })
  await jobs.insertOne(job as never)
  places.admit('default')
  runs.start({ job, entry, at: Date.now(), grace: graceMs(job), executor: 'default', fence: 1n })
  await until(() => expect(book.nextAt()).not.toBeNull())
  expect(told.at(-1)).toMatchObject({ type: 'run.interrupted', run_id, rerun: true })
  expect((await jobs.findOne({ _id: 'l' }))?.state?.running).toMatchObject([{ attempt: 1, reruns: 0 }])
  lease.isHeld = true
  await runs.begin(Date.now())
  await until(async () => expect((await jobs.findOne({ _id: 'l' }))?.state?.running).toEqual([]))
  await finishes.idle()
  await places.quiet()
  live.close()
  expect(ran).toBe(1)
  const stored = await executions.find({ job_id: 'l' }).sort({ finished: 1 }).toArray()
  expect(stored.map(row => row.status)).toEqual(['interrupted', 'executed'])
})

test('a run that waits for its second start is no misfire, however long no node was there', async () => {
  const n = await start()
  const ago = new Date(Date.now() - 7_200_000)
  const running = [entryOf(n, 'l', { run_time: ago, retry_at: ago, reruns: 1 })]
  const job = { _id: 'l', ip: n.ip, on_interrupt: 'rerun', next_run_time: null, state: { job: 'l', running } } as const
  await n.jobs.insertOne(aJob(job) as never)
  await nothingRuns(n, 'l')
  expect((await rows(n, 'l')).map(row => row.status)).toEqual(['executed'])
})

test('a run that is interrupted by a stop once too often is not run again, and pauses its job', async () => {
  const n = await start()
  const [next_run_time, started] = [new Date(Date.now() + 60_000), nextEvent(n.node, 'run.started')]
  const running = [entryOf(n, 'g', { reruns: 2, run_time: new Date() })]
  const state = { job: 'g', running, planned: { next_run_time, trigger: 'of another version' } }
  const job = { _id: 'g', ip: n.ip, func: 'hold', on_interrupt: 'rerun', next_run_time, state } as const
  await n.jobs.insertOne(aJob(job) as never)
  await started
  await n.node.stop({ timeout: 0 })
  expect(await n.jobs.findOne({ _id: 'g' })).toMatchObject({
    next_run_time: null,
    state: { running: [], paused_by: expect.stringContaining('died 4 times') },
  })
})

test('a run of a dead node waits for a node that has its executor', async () => {
  const n = await start()
  const invalid = nextEvent(n.node, 'job.invalid')
  const state = { job: 'e', running: [entryOf(n, 'e')] }
  const job = { _id: 'e', ip: n.ip, executor: 'reports', on_interrupt: 'rerun', next_run_time: null, state } as const
  await n.jobs.insertOne(aJob(job) as never)
  await invalid
  await until(async () => expect((await n.jobs.findOne({ _id: 'e' }))?.state.error).toContain('reports'))
  expect((await n.jobs.findOne({ _id: 'e' }))?.state.running).toMatchObject([{ run_id: 'dead-e' }])
  await n.jobs.updateOne({ _id: 'e' }, { $set: { executor: 'default' } })
  await until(() => expect(n.ranOf('e')).toHaveLength(1))
  await nothingRuns(n, 'e')
})

test('a rerun that waits for a place does not count as a death when its node dies', async () => {
  const n = await start({ executors: { default: { concurrency: 1 } } })
  const started = nextEvent(n.node, 'run.started', { job_id: 'full' })
  await n.jobs.insertOne(
    aJob({ _id: 'full', ip: n.ip, func: 'hold', next_run_time: null, run_at: [new Date()] }) as never,
  )
  await started
  const state = { job: 'w', running: [entryOf(n, 'w', { reruns: 2 })] }
  await n.jobs.insertOne(aJob({ _id: 'w', ip: n.ip, on_interrupt: 'rerun', next_run_time: null, state }) as never)
  const entry = async () => (await n.jobs.findOne({ _id: 'w' }))?.state.running[0]
  await until(async () => expect(await entry()).toMatchObject({ reruns: 3, retry_at: expect.any(Date) }))
  const dead = { 'state.running.0.run_id': 'waits', 'state.running.0.incarnation': 'dead too' }
  await n.jobs.updateOne({ _id: 'w' }, { $set: dead })
  await until(async () => expect((await entry()).run_id).not.toBe('waits'))
  expect(await entry()).toMatchObject({ reruns: 3 })
  n.release('full')
  await until(() => expect(n.ranOf('w')).toHaveLength(1))
  await nothingRuns(n, 'w')
})

test('an interrupted run is told once, however often its job is edited meanwhile', async () => {
  const n = await start()
  const seen = collect(n.node)
  const ids = Array.from({ length: 20 }, (_, i) => `t${i}`)
  const job = (_id: string) => aJob({ _id, ip: n.ip, state: { job: _id, running: [entryOf(n, _id)] } })
  await n.jobs.insertMany(ids.map(_id => job(_id)) as never)
  for (const seconds of [1, 2, 3, 4, 5, 6]) await n.jobs.updateMany({}, { $set: { misfire_grace_time: seconds } })
  for (const id of ids) await nothingRuns(n, id)
  await until(() => expect(seen.of('job.modified').length).toBeGreaterThanOrEqual(ids.length))
  expect(
    seen
      .of('run.interrupted')
      .map(event => event.run_id)
      .sort(),
  ).toEqual(ids.map(id => `dead-${id}`).sort())
})

test('a request to abort that cannot be taken away aborts no later run, and goes when it can', async () => {
  const n = await start()
  const started = () => nextEvent(n.node, 'run.started', { job_id: 'c' })
  const [first, cancelled] = [started(), nextEvent(n.node, 'run.cancelled', { job_id: 'c' })]
  const order = () => ({ run_at: [new Date()] })
  await n.jobs.insertOne(aJob({ _id: 'c', ip: n.ip, func: 'hold', next_run_time: null, ...order() }) as never)
  await first
  const [{ options } = {}] = await db.db.listCollections({ name: 'jobs' }, { nameOnly: false }).toArray()
  const kept = { $or: [{ x_asked: { $ne: true } }, { cancel: '*' }] }
  await db.db.command({ collMod: 'jobs', validator: kept, validationLevel: 'strict' })
  await n.jobs.updateOne({ _id: 'c' }, { $set: { cancel: '*', x_asked: true } })
  await cancelled
  await nothingRuns(n, 'c')
  const [second, modified] = [started(), nextEvent(n.node, 'job.modified', { job_id: 'c' })]
  await n.jobs.updateOne({ _id: 'c' }, { $set: { cancel: '*', ...order() } })
  const { run_id } = await second
  await n.jobs.updateOne({ _id: 'c' }, { $set: { misfire_grace_time: 61 } })
  await modified
  await db.db.command({ collMod: 'jobs', validator: options?.validator, validationLevel: 'moderate' })
  await until(async () => expect(await n.jobs.findOne({ _id: 'c' })).not.toHaveProperty('cancel'))
  const executed = nextEvent(n.node, 'run.executed', { run_id })
  n.release('c')
  await executed
})

test('cancel_other overwrites no request of a person, and asks when that is served', async () => {
  const n = await start()
  await db.db
    .collection<{ _id: string }>('nodes')
    .insertOne({ _id: 'other', incarnation: 'lives', seen: new Date(), lease: 60_000, status: 'active' } as never)
  const running = [entryOf(n, 'o', { node: 'other', incarnation: 'lives' })]
  const job = { _id: 'o', ip: n.ip, overlap: 'cancel_other', next_run_time: null, cancel: 'another run' } as const
  const two = [...running, entryOf(n, 'o', { run_id: 'another run', node: 'other', incarnation: 'lives' })]
  await n.jobs.insertOne(
    aJob({ ...job, max_instances: 2, run_at: [new Date()], state: { job: 'o', running: two } }) as never,
  )
  const read = () => n.jobs.findOne({ _id: 'o' })
  await until(async () => expect((await read())?.state.waiting).toBeDefined())
  expect(await read()).toMatchObject({ cancel: 'another run' })
  await n.jobs.updateOne({ _id: 'o' }, { $unset: { cancel: '' } })
  await until(async () => expect(await read()).toMatchObject({ cancel: 'dead-o' }))
})

test('a long run has a row that says it goes on, with its log so far', async () => {
  const n = await start({
    tasks: {
      talk: async run => {
        run.log.info('halfway')
        await new Promise(resolve => run.signal.addEventListener('abort', resolve))
      },
    },
  })
  await n.jobs.insertOne(aJob({ _id: 'l', ip: n.ip, func: 'talk', run_at: [new Date()] }) as never)
  await until(async () =>
    expect(await rows(n, 'l')).toMatchObject([
      { status: 'started', finished: null, log: expect.stringContaining('halfway') },
    ]),
  )
  const [row] = await rows(n, 'l')
  await n.node.history.cancel(row?._id as string)
  await until(async () => expect(await rows(n, 'l')).toMatchObject([{ _id: row?._id, status: 'cancelled' }]))
  await until(async () => expect(await n.jobs.findOne({ _id: 'l' })).not.toHaveProperty('cancel'))
})

test('runs$ hands due runs over, holds their places, and cancels open ones when its subscriber leaves', async () => {
  const n = await start({ executors: { default: { concurrency: 2 } } })
  await n.jobs.insertOne(
    aJob({
      _id: 's',
      ip: n.ip,
      func: 'stream',
      max_instances: 10,
      run_at: [1, 2, 3].map(ms => new Date(Date.now() - ms)),
    }) as never,
  )
  await until(async () => expect((await n.jobs.findOne({ _id: 's' }))?.state.error).toContain('stream'))
  const open: { readonly id: string; complete(value?: unknown): void; fail(error: unknown): void }[] = []
  const subscription = n.node.runs$('stream').subscribe(run => open.push(run))
  await until(() => expect(open).toHaveLength(2))
  const errors: unknown[] = []
  n.node.runs$('stream').subscribe({ error: error => errors.push(error) })
  expect(errors).toMatchObject([{ code: 'conflict' }])
  open[0]?.complete(42)
  await until(() => expect(open).toHaveLength(3))
  open[1]?.fail(new Error('no'))
  const cancelled = nextEvent(n.node, 'run.cancelled')
  subscription.unsubscribe()
  await cancelled
  await until(async () =>
    expect((await rows(n, 's')).map(row => [row.status, row.result]).sort()).toEqual([
      ['cancelled', null],
      ['error', null],
      ['executed', 42],
    ]),
  )
})

test('changes$ gives the present, then what changes, enters and leaves', async () => {
  const n = await start()
  await n.jobs.insertMany([aJob({ _id: 'a', tags: ['x'] }) as never, aJob({ _id: 'b' }) as never])
  const seen: string[] = []
  const subscription = n.node.jobs
    .changes$({ tags: 'x' })
    .subscribe(change => seen.push(change.type === 'put' ? `+${change.job._id}` : `-${change.id}`))
  await until(() => expect(seen).toContain('+a'))
  await n.jobs.updateOne({ _id: 'b' }, { $set: { tags: ['x'] } })
  await until(() => expect(seen).toContain('+b'))
  await n.jobs.updateOne({ _id: 'a' }, { $set: { tags: [] } })
  await until(() => expect(seen).toContain('-a'))
  await n.jobs.deleteOne({ _id: 'b' })
  await until(() => expect(seen).toContain('-b'))
  subscription.unsubscribe()
})

test('malformed state is repaired and the job runs on', async () => {
  const n = await start()
  await n.jobs.insertOne(aJob({ _id: 'x', ip: n.ip }) as never)
  await until(async () => expect((await n.jobs.findOne({ _id: 'x' }))?.state.planned).toBeDefined())
  const invalid = nextEvent(n.node, 'job.invalid', event => event.job_id === 'x')
  await n.jobs.updateOne(
    { _id: 'x' },
    { $set: { 'state.runs': 'many', touch: 'mine' } },
    { bypassDocumentValidation: true },
  )
  await n.jobs.updateOne({ _id: 'x' }, { $currentDate: { next_run_time: true } })
  await invalid
  await until(() => expect(n.ranOf('x').length).toBeGreaterThan(0))
})

test('history lists, gets and purges', async () => {
  const n = await start()
  await n.jobs.insertOne(aJob({ _id: 'h', ip: n.ip, run_at: [new Date()] }) as never)
  await until(async () => expect(await rows(n, 'h')).toHaveLength(1))
  const listed = []
  for await (const row of n.node.history.list({ job_id: 'h' })) listed.push(row)
  expect(listed).toHaveLength(1)
  expect(await n.node.history.get(listed[0]?._id as string)).toMatchObject({ job_id: 'h', status: 'executed' })
  await expect(n.node.history.get('none')).rejects.toMatchObject({ code: 'not_found' })
  await expect(n.node.history.cancel(listed[0]?._id as string)).rejects.toMatchObject({ code: 'not_found' })
  expect(await n.node.history.purge(new Date(Date.now() + 1_000))).toBe(1)
})

test('events of a run come in order', async () => {
  const n = await start()
  const types: TidewheelEvent['type'][] = []
  n.node.events$.subscribe(event => types.push(event.type))
  await n.jobs.insertOne(aJob({ _id: 'o', ip: n.ip, run_at: [new Date()] }) as never)
  await until(() => expect(types).toContain('run.executed'))
  expect(types).toEqual(['job.added', 'run.claimed', 'run.started', 'run.executed'])
})
