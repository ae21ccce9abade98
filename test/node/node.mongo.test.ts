/** A node as an application embeds it: its options, its handles, its life, and what a run is given and leaves behind. */
import type { Document } from 'mongodb'
import { MongoClient } from 'mongodb'
import { config, share } from 'rxjs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { TidewheelError } from '../../src/errors.ts'
import { ofType, type TidewheelEvent } from '../../src/event.ts'
import type { FlatJob, Job, JobInput } from '../../src/job/job.ts'
import { createNode, schedule$, type TidewheelNode } from '../../src/node/node.ts'
import { FakeClock } from '../support/clock.ts'
import { collect, nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

let db: TestDb
let nodes: Nodes
let node: TidewheelNode
let ip: string

beforeAll(async () => {
  db = await openTestDb()
  nodes = await startNodes({ uri: db.uri, count: 1 })
  node = nodes.nodes[0] as TidewheelNode
  ip = nodes.ips[0] as string
})

afterAll(async () => {
  await nodes?.close()
  await db?.close()
})

afterEach(async () => {
  nodes.release()
  await nodes.jobs.deleteMany({})
  await until(() => expect(node.status()).toMatchObject({ jobs: 0, running: 0 }))
})

let names = 0
/** A node of its own ip, for tests that start and stop it. */
const another = (options: Parameters<Nodes['another']>[0] | object = {}) =>
  nodes.another({ ip: `own-${++names}`, ...options })
/** A job whose run has started on a node, and goes on until it is released; its id. */
async function heldBy(made: TidewheelNode): Promise<string> {
  const started = nextEvent(made, 'run.started')
  const trigger = { type: 'interval', hours: 1 } as const
  const { _id } = await made.jobs.add({ func: 'hold', trigger, next_run_time: new Date() })
  await started
  return _id
}
const read = async (_id: string): Promise<Document> => {
  const job = await nodes.jobs.findOne({ _id })
  if (job === null) throw new Error(`job ${_id} is gone`)
  return job
}
const rowsOf = (job_id: string) => nodes.executions.find({ job_id }).sort({ run_time: 1 }).toArray()
const insert = (job: Job) => nodes.jobs.insertOne(job as unknown as Loose)
const code = (expected: TidewheelError['code'], message = /./) =>
  expect.objectContaining({ code: expected, message: expect.stringMatching(message) })

/** Adds a job that runs at once, and gives its row. */
async function rowAfter(job: Job, type: 'run.executed' | 'run.error' | 'run.timeout' = 'run.executed') {
  const ended = nextEvent(node, type, { job_id: job._id })
  await insert({ ...job, next_run_time: null, run_at: [new Date()] })
  const event = await ended
  const row = await until(async () => {
    const found = await nodes.executions.findOne({ _id: event.run_id, status: { $ne: 'started' } })
    expect(found).not.toBeNull()
    return found as Document
  })
  return { row, event }
}

describe('createNode', () => {
  test('refuses an unknown option and names the nearest', () => {
    const wrong = () => createNode({ uri: db.uri, task: {} } as never)
    expect(wrong).toThrow(code('invalid_option', /^task: .*did you mean tasks\?/))
  })

  test('does nothing before start', async () => {
    const made = createNode({ uri: 'mongodb://127.0.0.1:1/?replicaSet=none' })
    expect(made.status()).toMatchObject({ state: 'stopped', jobs: 0, running: 0 })
    await made.close()
  })

  test('takes a client of the user’s and leaves it open', async () => {
    const client = await MongoClient.connect(db.uri)
    const made = createNode({ client, logger: false, ip: 'on-client', tasks: { seven: () => 7 } })
    await made.start()
    const ran = nextEvent(made, 'run.executed', { job_id: 'client' })
    await made.jobs.add({ _id: 'client', func: 'seven', trigger: { type: 'date' } })
    expect((await ran).result).toBe(7)
    await made.close()
    expect(await client.db().command({ ping: 1 })).toMatchObject({ ok: 1 })
    await client.close()
  })

  test('finds an ip for itself', async () => {
    await using made = createNode({ uri: db.uri, logger: false })
    expect(made.ip).toBeUndefined()
    await made.start()
    expect(made.ip).toMatch(/^[\d.:a-f]+$/)
  })
})

describe('a start that fails', () => {
  test.each([
    ['no server', { uri: 'mongodb://127.0.0.1:1/?replicaSet=none', connectTimeout: 100 }, 'unreachable'],
    ['no connection string', { uri: 'mongodb://h:1/?nonsense=1' }, 'invalid_option'],
    ['MongoDB’s own database', { uri: 'mongodb://h:1/admin', connectTimeout: 100 }, 'invalid_option'],
    ['an empty tasks folder', { tasksDir: 'test/no-such-folder' }, 'invalid_option'],
    ['a job that is wrong', { jobs: [{ _id: 'wrong', func: 'note', trigger: { type: 'interval' } }] }, 'invalid_job'],
  ] as const)('%s: rejects with its code, and the node can be started again', async (_, options, expected) => {
    const made = createNode({ ip: 'failing', uri: db.uri, logger: false, ...options } as never)
    await expect(made.start()).rejects.toThrow(code(expected))
    expect(made.status().state).toBe('stopped')
    await expect(made.start()).rejects.toThrow(code(expected))
    await made.close()
  })
})

describe('start and stop', () => {
  test('in any order, twice, midway: the last word counts, and the node still runs jobs', async () => {
    const made = another()
    const { start, stop } = { start: () => made.start(), stop: () => made.stop() }
    for (const turn of [
      [start, start],
      [stop, stop],
      [start, stop, start],
      [stop, start, stop],
      [start, stop, stop, start],
    ])
      await Promise.all(turn.map(act => act()))
    expect(made.status().state).toBe('active')
    const ran = nextEvent(made, 'run.executed')
    await made.jobs.add({ func: 'note', trigger: { type: 'date' } })
    await ran
    await Promise.all([made.stop(), made.close(), made.close()])
    expect(made.status().state).toBe('closed')
    await expect(made.start()).rejects.toThrow(code('closed'))
    await made.stop()
  })

  test('a close right after a start leaves nothing open', async () => {
    const made = another()
    const starting = made.start()
    await made.close()
    await starting
    expect(made.status().state).toBe('closed')
  })

  test('tell what happens, in order, and complete events$ at close', async () => {
    const made = another()
    const events = collect(made)
    let completed = 0
    made.events$.subscribe({ complete: () => completed++ })
    await made.start()
    await made.stop()
    await made.start({ paused: true })
    expect(made.status().state).toBe('paused')
    expect(completed).toBe(0)
    await made.close()
    expect(completed).toBe(1)
    expect(events.types().filter(type => type !== 'node.joined' && type !== 'node.lost')).toEqual([
      'stream.opened',
      'node.started',
      'node.draining',
      'node.stopped',
      'stream.opened',
      'node.started',
      'node.paused',
      'node.draining',
      'node.stopped',
    ])
    for (const event of events.events) expect(event).toMatchObject({ at: expect.any(Date), node: made.ip })
  })

  test('stop waits for a running job and stores its end', async () => {
    const made = another()
    await made.start()
    const _id = await heldBy(made)
    const draining = nextEvent(made, 'node.draining')
    let stopped = false
    const stopping = made.stop().then(() => {
      stopped = true
    })
    expect((await draining).running).toBe(1)
    await nodes.jobs.updateOne({ _id }, { $push: { run_at: new Date() } } as Document)
    // What was ordered while it drains is not taken: a job elsewhere that was ordered later has run.
    await rowAfter(aJob({ ip }))
    expect([stopped, nodes.ranOf(_id).length]).toEqual([false, 1])
    nodes.release(_id)
    await stopping
    expect(await rowsOf(_id)).toMatchObject([{ status: 'executed', result: 'released' }])
    expect((await read(_id)).state.running).toEqual([])
    expect(nodes.ranOf(_id)).toHaveLength(1)
  })

  test.each([
    ['stop', { timeout: 30 }],
    ['stop', { wait: false }],
    ['close', { timeout: 30 }],
  ] as const)('%s(%j) aborts what still runs and stores how it ended', async (end, how) => {
    const made = another()
    await made.start()
    const _id = await heldBy(made)
    await made[end](how)
    expect(nodes.ranOf(_id)[0]?.signal.aborted).toBe(true)
    expect(await rowsOf(_id)).toMatchObject([{ status: 'interrupted', exception: expect.stringMatching(/stopped/) }])
    expect((await read(_id)).state.running).toEqual([])
  })

  test.each([-1, Number.NaN, '30s', null])('neither stop nor close takes %j for its time', async timeout => {
    const wrong = { timeout } as unknown as { timeout: number }
    for (const end of ['stop', 'close'] as const)
      await expect(node[end](wrong)).rejects.toThrow(
        code('invalid_option', new RegExp(`node.${end}: timeout: expected milliseconds from 0, such as 30000; found`)),
      )
    expect(node.status().state).toBe('active')
  })

  test('a time longer than any timer of the machine aborts nothing early', async () => {
    const made = another()
    await made.start()
    const _id = await heldBy(made)
    const draining = nextEvent(made, 'node.draining')
    const closed = made.close({ timeout: 2 ** 40 })
    await draining
    await rowAfter(aJob({ ip }))
    nodes.release(_id)
    await closed
    expect(await rowsOf(_id)).toMatchObject([{ status: 'executed' }])
  })

  test('what was due while it was stopped follows the misfire rule at the start', async () => {
    const made = another()
    await made.start()
    const every = { type: 'interval', seconds: 0.1 } as const
    const patient = await made.jobs.add({ func: 'note', trigger: every, misfire_grace_time: null })
    const strict = await made.jobs.add({ func: 'note', trigger: every, misfire_grace_time: 0.001 })
    const planned = await Promise.all(
      [patient, strict].map(({ _id }) =>
        until(async () => {
          const { next_run_time } = await read(_id)
          expect(next_run_time).toBeInstanceOf(Date)
          return next_run_time as Date
        }),
      ),
    )
    await made.stop()
    await until(() => expect(Date.now()).toBeGreaterThan(Math.max(...planned.map(Number)) + 300))
    const [ran, missed] = [
      nextEvent(made, 'run.claimed', { job_id: patient._id }),
      nextEvent(made, 'run.missed', { job_id: strict._id }),
    ]
    await made.start()
    expect((await ran).coalesced).toBeGreaterThan(2)
    expect((await missed).coalesced).toBeGreaterThan(2)
    await made.close()
  })

  // Only the history knows of the claim then; the node does not ask it yet.
  test('a copy read before a run and written back while no node lives does not repeat the run', async () => {
    const made = another()
    await made.start()
    const { _id } = await made.jobs.add({
      func: 'note',
      trigger: { type: 'interval', hours: 1 },
      misfire_grace_time: null,
      next_run_time: new Date(Date.now() + 200),
    })
    const old = await until(async () => {
      const document = await read(_id)
      expect(document.state?.planned).toBeDefined()
      return document
    })
    await nextEvent(made, 'run.executed', { job_id: _id })
    await made.stop()
    await nodes.jobs.updateOne({ _id }, { $set: old })
    await made.start()
    await until(async () => expect(Number((await read(_id)).next_run_time)).toBeGreaterThan(Date.now()))
    await made.close()
    expect(nodes.ranOf(_id)).toHaveLength(1)
  })

  test('an old copy repeats no run that the history knows, of none of the times that came after it', async () => {
    const ip = 'copies'
    const hour = 3_600_000
    const first = new Date(Date.now() - 1.5 * hour)
    const second = new Date(Number(first) + hour)
    const row = (run_time: Date) => ({
      job_id: 'old',
      run_time,
      scheduled: true,
      status: 'executed',
      recorded: new Date(),
    })
    await nodes.executions.insertMany([first, second].map((time, i) => ({ _id: `old-${i}`, ...row(time) })))
    await nodes.jobs.insertOne({
      _id: 'old',
      ip,
      func: 'note',
      misfire_grace_time: null,
      trigger: { type: 'interval', hours: 1, start_date: first },
      next_run_time: first,
      state: { job: 'old', planned: { next_run_time: first, trigger: 'x:unknown' } },
    })
    const taken = nodes.another({ ip })
    await taken.start()
    await until(async () => expect((await read('old')).next_run_time).toEqual(new Date(Number(second) + hour)))
    expect(nodes.ranOf('old')).toEqual([])
    await taken.close()
  })

  test('await using closes it', async () => {
    let made: TidewheelNode
    {
      await using own = another()
      made = own
      await own.start()
    }
    expect(made.status().state).toBe('closed')
  })
})

describe('schedule$', () => {
  test('starts a node at the subscription and stops it when unsubscribed', async () => {
    const seen: TidewheelEvent[] = []
    const events$ = schedule$({
      uri: db.uri,
      ip: 'cold',
      tasks: { seven: () => 7 },
      jobs: [{ _id: 'cold', func: 'seven', trigger: { type: 'interval', seconds: 0.05 } }],
    }).pipe(share())
    const subscription = events$.subscribe(event => seen.push(event))
    const results: unknown[] = []
    subscription.add(events$.pipe(ofType('run.executed')).subscribe(event => results.push(event.result)))
    await until(() => expect(seen.filter(event => event.type === 'run.executed').length).toBeGreaterThan(1))
    subscription.unsubscribe()
    await until(async () =>
      expect(await db.db.collection<Loose>('nodes').findOne({ _id: 'cold' })).toMatchObject({ status: 'stopped' }),
    )
  })

  test('a failed start is its error', async () => {
    const error = await new Promise(resolve => {
      schedule$({ uri: 'mongodb://127.0.0.1:1/?replicaSet=none', connectTimeout: 100, logger: false }).subscribe({
        error: resolve,
      })
    })
    expect(error).toEqual(code('unreachable'))
  })
})

describe('jobs', () => {
  const hourly = { type: 'interval', hours: 1 } as const

  test('add stores the job with this node’s ip, and the node plans it', async () => {
    const added = await node.jobs.add({ _id: 'added', func: 'note', trigger: hourly })
    expect(added).toEqual({ _id: 'added', func: 'note', trigger: hourly, ip })
    await until(async () => expect((await node.jobs.get('added')).next_run_time).toBeInstanceOf(Date))
  })

  test('add without an _id makes one; ip: null leaves the job to the cluster', async () => {
    const { _id } = await node.jobs.add({ func: 'note', trigger: hourly })
    expect(_id).toMatch(/^[0-9a-f]{24}$/)
    const adopted = nextEvent(node, 'job.adopted')
    const placed = await node.jobs.add({ func: 'note', trigger: hourly, ip: null })
    expect(placed).not.toHaveProperty('ip')
    expect(await adopted).toMatchObject({ job_id: placed._id, ip })
  })

  test('add takes the flat form', async () => {
    const flat: FlatJob = { id: 'flat', func: 'note', trigger: 'interval', minutes: 5, args: [1] }
    expect(await node.jobs.add(flat)).toMatchObject({
      _id: 'flat',
      trigger: { type: 'interval', minutes: 5 },
      args: [1],
    })
  })

  test('add refuses what is taken or wrong', async () => {
    await node.jobs.add({ _id: 'taken', func: 'note', trigger: hourly })
    await expect(node.jobs.add({ _id: 'taken', func: 'note', trigger: hourly })).rejects.toThrow(
      code('conflict', /taken/),
    )
    const wrong = node.jobs.add({ _id: 'w', func: 'note', trigger: { type: 'interval' }, max_instances: 0 } as JobInput)
    await expect(wrong).rejects.toThrow(code('invalid_job', /max_instances.*trigger|trigger.*max_instances/))
    const paths = await wrong.catch((error: TidewheelError) =>
      (error.data.problems as Document[]).map(({ path }) => path),
    )
    expect(paths).toEqual(['max_instances', 'trigger'])
    await expect(node.jobs.add({ func: 'note', trigger: hourly, state: {} } as never)).rejects.toThrow(
      code('invalid_job'),
    )
  })

  test('add with replace keeps next_run_time while the trigger is the same, plans anew for another', async () => {
    await node.jobs.add({ _id: 'again', func: 'note', trigger: hourly, note: 'old' })
    const { next_run_time } = await until(async () => {
      const job = await read('again')
      expect(job.next_run_time).toBeInstanceOf(Date)
      return job
    })
    const replaced = await node.jobs.add({ _id: 'again', func: 'note', trigger: hourly, args: [2] }, { replace: true })
    expect(replaced).toMatchObject({ next_run_time, args: [2], ip })
    expect(replaced).not.toHaveProperty('note')
    const before = Date.now()
    await node.jobs.add({ _id: 'again', func: 'note', trigger: { type: 'interval', hours: 3 } }, { replace: true })
    await until(async () =>
      expect(Number((await read('again')).next_run_time)).toBeGreaterThanOrEqual(before + 3 * HOUR),
    )
  })

  test('update changes the given fields, and undefined takes one away', async () => {
    await node.jobs.add({ _id: 'u', func: 'note', trigger: hourly, note: 'x', timeout: 5 })
    const updated = await node.jobs.update('u', { args: [1], note: undefined } as never)
    expect(updated).toMatchObject({ args: [1], timeout: 5 })
    expect(updated).not.toHaveProperty('note')
    await expect(node.jobs.update('u', { timeout: -1 })).rejects.toThrow(code('invalid_job', /timeout/))
    await expect(node.jobs.update('u', { tiemout: 1 } as never)).rejects.toThrow(
      code('invalid_job', /did you mean timeout/),
    )
    expect(await node.jobs.update('u', {})).toMatchObject({ args: [1] })
  })

  test('each of many orders to run at once is a run of its own', async () => {
    await node.jobs.add({ _id: 'many', func: 'note', trigger: hourly, next_run_time: null, max_instances: 50 })
    await Promise.all(Array.from({ length: 50 }, () => node.jobs.run('many')))
    await until(async () => {
      const rows = []
      for await (const row of node.history.list({ job_id: 'many' })) rows.push(row.status)
      expect(rows).toEqual(Array(50).fill('executed'))
    })
  })

  test('pause, resume, reschedule, move, run', async () => {
    await node.jobs.add({ _id: 'p', func: 'note', trigger: hourly })
    expect(await node.jobs.pause('p', 'ask Ann')).toMatchObject({ next_run_time: null, note: 'ask Ann' })
    await node.jobs.reschedule('p', { type: 'interval', hours: 2 })
    expect(await node.jobs.get('p')).toMatchObject({ next_run_time: null })
    const ran = nextEvent(node, 'run.executed', { job_id: 'p' })
    await node.jobs.run('p')
    await ran
    expect(await node.jobs.get('p')).toMatchObject({ next_run_time: null })
    const resumed = nextEvent(node, 'job.resumed', { job_id: 'p' })
    expect(await node.jobs.resume('p')).not.toHaveProperty('note')
    expect(Number((await resumed).next_run_time) - Date.now()).toBeGreaterThan(HOUR)
    await node.jobs.pause('p')
    await node.jobs.reschedule('p', { type: 'interval', hours: 4 }, { resume: true })
    await until(async () => expect(Number((await read('p')).next_run_time) - Date.now()).toBeGreaterThan(3 * HOUR))
    const left = nextEvent(node, 'job.moved', { job_id: 'p', to: 'elsewhere' })
    expect(await node.jobs.move('p', 'elsewhere')).toMatchObject({ ip: 'elsewhere' })
    await left
    const adopted = nextEvent(node, 'job.adopted', { job_id: 'p' })
    await node.jobs.move('p', null)
    await adopted
    await expect(node.jobs.move('p', 'two words')).rejects.toThrow(code('invalid_job', /^job p: ip/))
    await expect(node.jobs.reschedule('p', { type: 'interval' })).rejects.toThrow(code('invalid_trigger'))
  })

  test('backfill runs the fire times of a span once each', async () => {
    const trigger = { type: 'cron', minute: 0, second: 0 } as const
    await node.jobs.add({ _id: 'b', func: 'note', trigger, max_instances: 100 })
    const span = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-01-01T04:00:00Z') }
    expect(await node.jobs.backfill('b', span)).toBe(5)
    await until(async () => expect(await rowsOf('b')).toHaveLength(5))
    expect((await rowsOf('b')).map(row => [row.run_time.toISOString(), row.scheduled])).toEqual(
      [0, 1, 2, 3, 4].map(hour => [`2026-01-01T0${hour}:00:00.000Z`, false]),
    )
    const years = { from: new Date('2020-01-01'), to: new Date('2026-01-01') }
    await expect(node.jobs.backfill('b', years)).rejects.toThrow(code('invalid_job', /1000|1,000/))
  })

  test('list reads all, in pages, by id; a query selects', async () => {
    const many = Array.from({ length: 1_100 }, (_, i) =>
      aJob({ _id: `many-${String(i).padStart(4, '0')}`, ip: 'nobody' }),
    )
    await nodes.jobs.insertMany(many as unknown as Loose[])
    const ids: string[] = []
    for await (const job of node.jobs.list()) ids.push(job._id)
    expect(ids).toEqual(many.map(job => job._id))
    const some: string[] = []
    for await (const job of node.jobs.list({ _id: { $lt: 'many-0003' } })) some.push(job._id)
    expect(some).toEqual(ids.slice(0, 3))
  })

  test('remove and removeAll', async () => {
    await node.jobs.add({ _id: 'r', func: 'note', trigger: hourly })
    const removed = nextEvent(node, 'job.removed', { job_id: 'r' })
    await node.jobs.remove('r')
    await removed
    for (const tag of ['a', 'a', 'b']) await node.jobs.add({ func: 'note', trigger: hourly, tags: [tag] })
    await expect(node.jobs.removeAll(undefined as never)).rejects.toThrow(code('invalid_option'))
    expect(await node.jobs.removeAll({ tags: 'a' })).toBe(2)
    expect(await node.jobs.removeAll({})).toBe(1)
  })

  test('each method says not_found for an unknown id', async () => {
    const { jobs } = node
    const span = { from: new Date(0), to: new Date(1) }
    const calls: readonly (() => Promise<unknown>)[] = [
      () => jobs.get('none'),
      () => jobs.update('none', { args: [] }),
      () => jobs.reschedule('none', hourly),
      () => jobs.move('none', 'a'),
      () => jobs.pause('none'),
      () => jobs.resume('none'),
      () => jobs.run('none'),
      () => jobs.backfill('none', span),
      () => jobs.remove('none'),
    ]
    for (const call of calls) await expect(call(), String(call)).rejects.toThrow(code('not_found', /none/))
  })

  test('added before the start are kept and stored at the start', async () => {
    const made = another()
    await made.jobs.add({ _id: 'early', func: 'note', trigger: hourly })
    const { _id } = await made.jobs.add({ func: 'note', trigger: { type: 'date' } })
    expect(_id).toBeTypeOf('string')
    await expect(made.jobs.add({ func: 'note', trigger: { type: 'interval' } })).rejects.toThrow(code('invalid_job'))
    expect(await nodes.jobs.findOne({ _id: 'early' })).toBeNull()
    const ran = nextEvent(made, 'run.executed')
    await made.start()
    expect((await ran).job_id).toBe(_id)
    expect(await made.jobs.get('early')).toMatchObject({ ip: made.ip })
    await made.close()
  })

  test('of the options are added at each start, and keep next_run_time while unchanged', async () => {
    const jobs: JobInput[] = [{ _id: 'option', func: 'note', trigger: hourly }]
    const own = `own-${++names}`
    const first = nodes.another({ ip: own, jobs })
    await first.start()
    const { next_run_time } = await until(async () => {
      const job = await read('option')
      expect(job.next_run_time).toBeInstanceOf(Date)
      return job
    })
    await first.close()
    const second = nodes.another({ ip: own, jobs })
    await second.start()
    expect((await read('option')).next_run_time).toEqual(next_run_time)
    await second.close()
    const third = nodes.another({
      ip: own,
      jobs: [{ ...jobs[0], trigger: { type: 'interval', hours: 9 } } as JobInput],
    })
    await third.start()
    await until(async () => expect(Number((await read('option')).next_run_time)).toBeGreaterThan(Date.now() + 8 * HOUR))
    await third.close()
  })

  test('get the node’s jobDefaults where a field is absent', async () => {
    const made = another({ jobDefaults: { misfire_grace_time: 5, tags: ['own'], coalesce: false } })
    await made.start()
    const added = await made.jobs.add({ func: 'note', trigger: hourly, tags: [] })
    expect(added).toMatchObject({ misfire_grace_time: 5, tags: [], coalesce: false, ip: made.ip })
    await made.close()
  })

  test('are reached without a node through connect', async () => {
    const client = await connect({ uri: db.uri })
    const adopted = nextEvent(node, 'job.adopted', { job_id: 'remote' })
    expect(await client.jobs.add({ _id: 'remote', func: 'note', trigger: hourly })).not.toHaveProperty('ip')
    await adopted
    const ran = nextEvent(node, 'run.executed', { job_id: 'remote' })
    await client.jobs.run('remote')
    await ran
    await client.close()
    await expect(client.jobs.get('remote')).rejects.toThrow(code('closed'))
  })
})

describe('tasks', () => {
  test('one name, one function; a job that waited for it runs', async () => {
    const invalid = nextEvent(node, 'job.invalid', { job_id: 'waits' })
    await insert(aJob({ _id: 'waits', func: 'mail:late', ip, run_at: [new Date()] }))
    await invalid
    const ran = nextEvent(node, 'run.executed', { job_id: 'waits' })
    await node.task('mail:late', () => 'here')
    expect((await ran).result).toBe('here')
    await expect(node.task('mail:late', () => 'again')).rejects.toThrow(code('conflict', /mail:late/))
  })

  test('with a job: it is stored too', async () => {
    const ran = nextEvent(node, 'run.executed', { job_id: 'decorated' })
    await node.task('mail:decorated', () => 1, { _id: 'decorated', trigger: { type: 'interval', seconds: 0.05 } })
    await ran
    expect(await read('decorated')).toMatchObject({ func: 'mail:decorated', ip })
  })
})

describe('pause and resume', () => {
  /** A paused node whose clock stands where `ms` have passed since the job was due first. */
  async function paused(job: Partial<Job>, ms: number) {
    const clock = new FakeClock({ start: Date.now() })
    const made = another({ clock, lease: 24 * HOUR })
    await made.start()
    const first = new Date(clock.now() + MINUTE)
    const { _id } = await made.jobs.add({
      func: 'note',
      trigger: { type: 'interval', seconds: 10, start_date: first },
      ...job,
    } as JobInput)
    await until(() => expect(made.status().armed).toBe(1))
    made.pause()
    clock.advance(MINUTE + ms)
    return { made, clock, first: first.getTime(), _id }
  }
  const at = (first: number, ...seconds: number[]) => seconds.map(second => new Date(first + second * SECOND))

  test('resumed, a node makes up due times: coalesced, the latest runs for all', async () => {
    const { made, first, _id } = await paused({}, 35 * SECOND)
    expect(nodes.ranOf(_id)).toEqual([])
    const ran = nextEvent(made, 'run.executed', { job_id: _id })
    made.resume()
    await ran
    await made.close()
    expect(await rowsOf(_id)).toMatchObject([
      { run_time: at(first, 30)[0], coalesced: 4, status: 'executed', scheduled: true },
    ])
    expect((await read(_id)).next_run_time).toEqual(at(first, 40)[0])
  })

  test('coalesced and too late: one missed row stands for all', async () => {
    const { made, first, _id } = await paused({ misfire_grace_time: 4 }, 35 * SECOND)
    const missed = nextEvent(made, 'run.missed', { job_id: _id })
    made.resume()
    expect(await missed).toMatchObject({ late: 5 * SECOND, coalesced: 4 })
    await made.close()
    expect(await rowsOf(_id)).toMatchObject([
      { run_time: at(first, 30)[0], coalesced: 4, status: 'missed', started: null },
    ])
    expect((await read(_id)).next_run_time).toEqual(at(first, 40)[0])
  })

  test('not coalesced: each has its own run, or its missed row', async () => {
    const { made, first, _id } = await paused({ misfire_grace_time: 15, coalesce: false }, 35 * SECOND)
    made.resume()
    await until(async () => expect(await rowsOf(_id)).toHaveLength(4))
    await made.close()
    const rows = (await rowsOf(_id)).map(row => [row.run_time, row.status])
    const times = at(first, 0, 10, 20, 30)
    expect(rows).toEqual(times.map((time, i) => [time, i < 2 ? 'missed' : 'executed']))
    expect((await read(_id)).next_run_time).toEqual(at(first, 40)[0])
  })

  test('a lateness equal to the grace still runs', async () => {
    const { made, _id } = await paused({ misfire_grace_time: 5 }, 35 * SECOND)
    const ran = nextEvent(made, 'run.executed', { job_id: _id })
    made.resume()
    await ran
    await made.close()
  })

  test('a paused node with a due job does not spin', async () => {
    let waits = 0
    const schedule: Clock['schedule'] = (...wait) => {
      waits++
      return systemClock.schedule(...(wait as Parameters<typeof systemClock.schedule>))
    }
    const counting: Clock = { ...systemClock, schedule }
    const made = another({ clock: counting })
    await made.start({ paused: true })
    const { _id } = await made.jobs.add({
      func: 'note',
      trigger: { type: 'interval', hours: 1 },
      next_run_time: new Date(),
    })
    await until(() => expect(made.status().armed).toBe(1))
    const before = waits
    const now = Date.now()
    await until(() => expect(Date.now()).toBeGreaterThan(now + 300))
    expect(waits - before).toBeLessThan(20)
    const ran = nextEvent(made, 'run.executed', { job_id: _id })
    made.resume()
    await ran
    await made.close()
  })

  test('twice, or before the start, does no harm', async () => {
    const made = another()
    made.pause()
    made.pause()
    await made.start()
    made.resume()
    made.pause()
    made.pause()
    expect(made.status().state).toBe('paused')
    made.resume()
    made.resume()
    expect(made.status().state).toBe('active')
    await made.close()
    made.resume()
    made.pause()
  })
})

describe('a second process of the same ip', () => {
  test('stands by, and takes over when the first one closes', async () => {
    const own = `own-${++names}`
    const [first, second] = [0, 1].map(() => nodes.another({ ip: own, lease: 300 })) as [TidewheelNode, TidewheelNode]
    await first.start()
    const standby = nextEvent(second, 'node.standby')
    await second.start()
    expect((await standby).reason).toContain(own)
    expect([first.status().state, second.status().state]).toEqual(['active', 'standby'])
    const every = { type: 'interval', seconds: 0.05 } as const
    const ran = nextEvent(first, 'run.executed', { job_id: 'shared' })
    const events = collect(second, 'shared')
    await first.jobs.add({ _id: 'shared', func: 'note', trigger: every, misfire_grace_time: null, coalesce: false })
    await ran
    expect(events.of('run.claimed')).toEqual([])
    const taken = nextEvent(second, 'run.executed', { job_id: 'shared' })
    await first.close()
    await taken
    expect(second.status().state).toBe('active')
    await second.close()
    const times = nodes.ranOf('shared').map(run => run.run_time.getTime())
    expect(new Set(times).size).toBe(times.length)
    expect(times).toEqual(times.map((_, i) => (times[0] as number) + i * 50))
  })

  test('that stands by can be stopped, and closed', async () => {
    const own = `own-${++names}`
    const [first, second] = [0, 1].map(() => nodes.another({ ip: own })) as [TidewheelNode, TidewheelNode]
    await first.start()
    await second.start()
    await second.stop()
    expect(second.status().state).toBe('stopped')
    await second.start()
    expect(second.status().state).toBe('standby')
    await second.close()
    expect(first.status().state).toBe('active')
    await first.close()
  })
})

describe('a run', () => {
  test('leaves a row with every field of the contract', async () => {
    const job = aJob({ ip, name: 'Digest', args: [{ n: 1 }] })
    const before = Date.now()
    const { row, event } = await rowAfter(job)
    const [ran] = nodes.ranOf(job._id)
    expect(row).toEqual({
      _id: event.run_id,
      fence: expect.anything(),
      recorded: expect.any(Date),
      job_id: job._id,
      job_name: 'Digest',
      func: 'note',
      run_time: event.run_time,
      scheduled: false,
      claimed: expect.any(Date),
      started: expect.any(Date),
      finished: expect.any(Date),
      duration: expect.any(Number),
      late: expect.any(Number),
      status: 'executed',
      attempt: 1,
      coalesced: 1,
      node: ip,
      ip,
      result: { n: 1 },
      exception: null,
      traceback: null,
      log: null,
    })
    expect(BigInt(row.fence.toString())).toBe(ran?.fence)
    const { claimed, started, finished } = row
    expect([claimed, started, finished].map(Number)).toEqual([claimed, started, finished].map(Number).sort())
    expect(Number(claimed)).toBeGreaterThanOrEqual(before)
    expect(ran).toMatchObject({ id: event.run_id, attempt: 1, args: [{ n: 1 }], kwargs: {} })
  })

  test('of a throwing function is an error with its message and traceback, and others go on', async () => {
    const { row, event } = await rowAfter(aJob({ ip, func: 'fail' }), 'run.error')
    expect(event).toMatchObject({ error: { name: 'RangeError', message: 'out of range' } })
    expect(row).toMatchObject({
      status: 'error',
      exception: 'RangeError: out of range',
      traceback: expect.stringContaining('node.ts'),
      result: null,
    })
    await rowAfter(aJob({ ip }))
  })

  test.each([
    [
      'throws before its promise',
      () => {
        throw new TypeError('sync')
      },
      'TypeError: sync',
    ],
    ['rejects', () => Promise.reject(new TypeError('async')), 'TypeError: async'],
    [
      'throws text',
      () => {
        throw 'text'
      },
      'Error: text',
    ],
    [
      'throws nothing',
      () => {
        throw undefined
      },
      'Error: undefined',
    ],
    [
      'throws what has no text',
      () => {
        throw Object.create(null)
      },
      'Error: {}',
    ],
    [
      'throws a circle',
      () => {
        const circle: Document = {}
        circle.circle = circle
        throw circle
      },
      'Error: ',
    ],
  ] as const)('of a function that %s is an error', async (what, fn, exception) => {
    const func = `bad:${what}`
    await node.task(func, fn as never)
    const { row } = await rowAfter(aJob({ ip, func }), 'run.error')
    expect(row).toMatchObject({ status: 'error' })
    expect(row.exception).toContain(exception)
  })

  test.each([
    ['undefined', undefined, { result: null }],
    ['a date', new Date(5), { result: '1970-01-01T00:00:00.005Z' }],
    ['too large', 'x'.repeat(20_000), { result: null, result_truncated: true }],
    ['a bigint', 5n, { result: null, result_truncated: true }],
    ['a key with a dollar', { $set: 1, 'a.b': 2 }, { result: { $set: 1, 'a.b': 2 } }],
  ])('keeps a result that is %s as JSON can say it', async (what, result, expected) => {
    const func = `result:${what}`
    await node.task(func, () => result)
    const { row } = await rowAfter(aJob({ ip, func }))
    expect(row).toMatchObject(expected)
  })

  test('keeps what it logged, the last 200 lines', async () => {
    await node.task('logs', run => {
      for (let i = 0; i < 250; i++) run.log.info({ i }, `line ${i}`)
      run.log.error(new Error('careful'))
    })
    const { row } = await rowAfter(aJob({ ip, func: 'logs' }))
    const lines = row.log.split('\n').map((line: string) => JSON.parse(line))
    expect(lines).toHaveLength(200)
    expect(lines.at(-2)).toMatchObject({ msg: 'line 249', i: 249 })
    expect(lines.at(-1)).toMatchObject({ msg: 'careful' })
  })

  test('longer than its timeout is aborted and ends as timeout', async () => {
    const { row, event } = await rowAfter(aJob({ ip, func: 'hold', timeout: 0.05 }), 'run.timeout')
    expect(event).toMatchObject({ error: { name: 'Timeout' } })
    expect(row).toMatchObject({ status: 'timeout', exception: expect.stringContaining('0.05 s') })
    expect(row.duration).toBeGreaterThanOrEqual(45)
    expect(nodes.ran.at(-1)?.signal.aborted).toBe(true)
  })

  test('gets a fence that rises with every claim', async () => {
    const job = aJob({ ip, trigger: { type: 'interval', seconds: 0.03 } })
    await insert(job)
    await until(() => expect(nodes.ranOf(job._id).length).toBeGreaterThan(4))
    await nodes.jobs.deleteOne({ _id: job._id })
    await insert(job)
    const before = nodes.ranOf(job._id).length
    await until(() => expect(nodes.ranOf(job._id).length).toBeGreaterThan(before + 2))
    const fences = nodes.ranOf(job._id).map(run => run.fence)
    expect(fences).toEqual([...new Set(fences)].sort((x, y) => (x < y ? -1 : 1)))
  })

  test('does not start while max_instances go on: a row and an event say so', async () => {
    const job = aJob({ ip, func: 'hold', trigger: { type: 'interval', seconds: 0.05 } })
    const refused = nextEvent(node, 'run.max_instances', { job_id: job._id })
    await insert(job)
    const { run_time } = await refused
    const row = await until(async () => {
      const found = await nodes.executions.findOne({ job_id: job._id, run_time })
      expect(found).not.toBeNull()
      return found as Document
    })
    expect(row).toMatchObject({ status: 'max_instances', scheduled: true, started: null, duration: null })
    expect(nodes.ranOf(job._id)).toHaveLength(1)
    await nodes.jobs.deleteOne({ _id: job._id })
  })

  test('at once with others: no more than the executor has places, none lost', async () => {
    const made = another({ executors: { default: { concurrency: 3 } } })
    await made.start()
    const jobs = Array.from({ length: 12 }, () =>
      aJob({ ip: made.ip as string, func: 'hold', next_run_time: new Date() }),
    )
    await nodes.jobs.insertMany(jobs as unknown as Loose[])
    const running = () => jobs.filter(job => nodes.ranOf(job._id).length > 0).length
    for (let ended = 0; ended < 12; ended += 3) {
      await until(() => expect(running()).toBe(ended + 3))
      expect(made.status().running).toBe(3)
      nodes.release()
    }
    await until(async () => expect(await nodes.executions.countDocuments({ ip: made.ip, status: 'executed' })).toBe(12))
    await made.close()
  })

  test('many due at once: all run once', async () => {
    const run_time = new Date(Date.now() + 300)
    const jobs = Array.from({ length: 300 }, () => aJob({ ip, next_run_time: run_time }))
    await nodes.jobs.insertMany(jobs as unknown as Loose[])
    const ids = new Set(jobs.map(job => job._id))
    const ran = () => nodes.ran.filter(run => ids.has(run.job._id))
    await until(() => expect(ran()).toHaveLength(300))
    expect(new Set(ran().map(run => run.job._id)).size).toBe(300)
    await until(async () => expect(await nodes.executions.countDocuments({ run_time, status: 'executed' })).toBe(300))
  })
})

describe('a subscriber that throws', () => {
  test('stops neither the node nor the others; the error goes where RxJS sends unhandled ones', async () => {
    const unhandled: unknown[] = []
    config.onUnhandledError = error => unhandled.push(error)
    try {
      let thrown = 0
      const subscription = node.events$.subscribe(() => {
        thrown++
        throw new Error('from a subscriber')
      })
      const events = collect(node)
      await rowAfter(aJob({ ip }))
      await rowAfter(aJob({ ip }))
      subscription.unsubscribe()
      expect(events.of('run.executed')).toHaveLength(2)
      expect(thrown).toBeGreaterThan(5)
      await until(() => expect(unhandled).toHaveLength(thrown))
      expect(unhandled[0]).toEqual(new Error('from a subscriber'))
    } finally {
      config.onUnhandledError = null
    }
  })
})
