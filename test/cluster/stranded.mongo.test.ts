/** The keeper and a dead node with very many jobs: it reads them a part at a time, and has time for the others in between.
 *  A keeper of its own, without a node: its heartbeats are calls of the test. */
import type { Collection } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { NodeInfo } from '../../src/cluster/lease.ts'
import { targetOf } from '../../src/cluster/moves.ts'
import { markOf } from '../../src/cluster/placement.ts'
import { readRegistry } from '../../src/cluster/registry.ts'
import { strandedQuery } from '../../src/cluster/stranded.ts'
import { Takeover, type TakeoverOptions } from '../../src/cluster/takeover.ts'
import { ensureCollections } from '../../src/database/ensure.ts'
import type { News } from '../../src/event.ts'
import { Rows } from '../../src/history/rows.ts'
import type { Job } from '../../src/job/job.ts'
import { Patience } from '../../src/pace/patience.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const MANY = 1_000
const LEASE_MS = 600

let db: TestDb
let jobs: Collection<Job>
let nodes: Collection<NodeInfo>

beforeAll(async () => {
  db = await openTestDb()
  await ensureCollections(db.db)
  jobs = db.db.collection('jobs')
  nodes = db.db.collection('nodes')
})

afterAll(() => db?.close())

afterEach(async () => {
  await jobs.deleteMany({})
  await nodes.deleteMany({})
})

const lives = () =>
  nodes.insertOne({ _id: 'a', incarnation: 'a', seen: new Date(), lease: 3_600_000, status: 'active' } as NodeInfo)
const closed = (_id: string) =>
  nodes.insertOne({ _id, incarnation: _id, seen: new Date(), lease: 0, status: 'active' } as NodeInfo)
const ended = (_id: string) =>
  nodes.insertOne({ _id, incarnation: _id, seen: new Date(0), lease: 1, status: 'active' } as NodeInfo)

/** Sees to a job that has runs of a dead node. */
const sweeping = (bury: (job: Job) => unknown) => ({
  sweep: async (job: Job) => {
    await bury(job)
    return true
  },
})

function aKeeper(fields: Partial<TakeoverOptions> = {}) {
  const told: string[] = []
  const buried: string[] = []
  // A look at the clock takes long, and from one heartbeat to the next it is always time.
  let now = 0
  const monotonic = () => (now += LEASE_MS / 10)
  const emit = (news: News) => {
    if (news.type === 'job.stranded') told.push(news.job_id)
  }
  const takeover = new Takeover({
    jobs,
    nodes,
    writer: new Writer({ jobs, by: { ip: 'a', incarnation: 'a' } }),
    leaseMs: LEASE_MS,
    clock: { ...systemClock, monotonic },
    lease: { held: () => true },
    mode: { givesAway: false },
    sweeper: sweeping(({ _id }) => buried.push(_id)),
    rows: new Rows(db.db.collection('executions'), 'a', () => Date.now()),
    patience: new Patience({ emit, lastingMs: LEASE_MS }),
    emit,
    ...fields,
  })
  const beat = async () => {
    now += 1_000 * LEASE_MS
    takeover.look(await readRegistry(nodes))
  }
  return { takeover, told, buried, beat }
}

describe('a dead node with very many jobs that nobody may run', () => {
  test('is read a part at a time, and each of them is told once', async () => {
    await jobs.insertMany(Array.from({ length: MANY }, () => aJob({ ip: 'full' })))
    await lives()
    await closed('full')
    const { takeover, told, beat } = aKeeper()
    await beat()
    await until(() => expect(told.length).toBeGreaterThan(0))
    await closed('other')
    const job = aJob({ ip: 'other', standby: 'any' })
    await jobs.insertOne(job)
    await until(async () => {
      await beat()
      expect((await jobs.findOne({ _id: job._id }))?.ip).toBe('a')
    })
    expect(told.length).toBeLessThan(MANY)
    await until(async () => {
      await beat()
      expect(told.length).toBeGreaterThanOrEqual(MANY)
    })
    const late = aJob({ ip: 'full' })
    await jobs.insertOne(late)
    await until(async () => {
      await beat()
      expect(told).toContain(late._id)
    })
    expect(new Set(told).size).toBe(told.length)
    await takeover.end()
  })

  test('has its runs buried, each for itself', async () => {
    const withRun = () => {
      const job = aJob({ ip: 'full' })
      return { ...job, state: { job: job._id, running: [anEntry({ job: job._id })] } } as Job
    }
    const [broken, ...others] = [withRun(), withRun(), withRun()] as [Job, Job, Job]
    await jobs.insertMany([broken, ...others])
    await lives()
    await closed('full')
    const buried: string[] = []
    const sweeper = sweeping(({ _id }) => {
      if (_id === broken._id) throw new TypeError('not iterable')
      buried.push(_id)
    })
    const { takeover, beat } = aKeeper({ sweeper })
    await beat()
    await until(() => expect(buried).toEqual(others.map(job => job._id)))
    await takeover.end()
  })
})

test('the very many jobs of a dead node move, and those of another have their turn before the last of them', async () => {
  const last = aJob({ ip: 'other', standby: 'any' })
  await jobs.insertMany([...Array.from({ length: 3_000 }, () => aJob({ ip: 'full', standby: 'any' })), last])
  await lives()
  await closed('full')
  await closed('other')
  const { takeover, beat } = aKeeper()
  await beat()
  await until(async () => expect(await jobs.countDocuments({ ip: 'a' })).toBe(3_001))
  const orderOf = (job: Job | null) => Number.parseInt(job?.touch?.split('.')[1] ?? '', 36)
  const others = orderOf(await jobs.findOne({ _id: last._id }))
  const orders = (await jobs.find({ 'state.home': 'full' }).toArray()).map(orderOf)
  expect(Math.max(...orders)).toBeGreaterThan(others)
  await takeover.end()
})

describe('while the jobs of one dead node are looked after', () => {
  test('the lease of another that ends is closed, and its jobs move next', async () => {
    await jobs.insertMany([
      { ...aJob({ ip: 'full' }), state: { running: [anEntry()] } } as never,
      aJob({ ip: 'other', standby: 'any' }),
    ])
    await lives()
    await closed('full')
    let go = () => {}
    const held = new Promise<void>(resolve => (go = resolve))
    const { takeover, beat, told } = aKeeper({ sweeper: sweeping(() => held) })
    await beat()
    await until(() => expect(told).toHaveLength(1))
    await ended('other')
    await until(async () => {
      await beat()
      expect((await nodes.findOne({ _id: 'other' }))?.lease).toBe(0)
    })
    go()
    // The beat that closed it may have read the registry before: it moves with the next one at the latest.
    await until(async () => {
      await beat()
      expect(await jobs.countDocuments({ ip: 'a' })).toBe(1)
    })
    await takeover.end()
  })
})

describe('what fails for one node', () => {
  test('keeps nothing from the next one', async () => {
    const job = aJob({ ip: 'zz', standby: 'any' })
    await jobs.insertMany([aJob({ ip: 'full', standby: 'any' }), job])
    await lives()
    await closed('full')
    await closed('zz')
    const failing = new Proxy(nodes, {
      get: (of, name) =>
        name === 'countDocuments'
          ? (filter: { _id: string }, ...rest: never[]) =>
              filter._id === 'full' ? Promise.reject(new Error('no answer')) : of.countDocuments(filter, ...rest)
          : Reflect.get(of, name).bind(of),
    })
    const { takeover, beat } = aKeeper({ nodes: failing })
    await beat()
    await until(async () => expect((await jobs.findOne({ _id: job._id }))?.ip).toBe('a'))
    await takeover.end()
  })
})

test('stranded are the jobs for which no living node is found, whatever nodes and jobs say', async () => {
  const living = { incarnation: 'i', seen: new Date(), lease: 3_600_000, status: 'active' }
  const spoilt = { bypassDocumentValidation: true }
  const said: readonly object[] = [
    { tasks: ['f', 'g'], executors: { default: 'default', mail: 'default' } },
    { tasks: ['g'], executors: { process: 'process' } },
    { tasks: null, executors: { default: 'default' } },
    { tasks: [], executors: { script: 'script', own: 'script' } },
    { tasks: ['f'], executors: 'spoilt' },
    { tasks: ['h'] },
  ]
  const standbys = [undefined, [], 'any', ['n0'], ['n1', 'n3'], ['n2'], ['n4'], ['nobody']]
  const executors = [undefined, 'default', 'process', 'mail', 'script', 'own', 'nothing', 5]
  await jobs.insertMany(
    standbys.flatMap((standby, s) =>
      executors.flatMap((executor, e) =>
        ['f', 'g', 'h', 7].flatMap(func =>
          [true, false].map(placed => {
            const _id = `${s} ${e} ${func} ${placed}`
            const fields = { ...(standby && { standby }), ...(executor !== undefined && { executor }) }
            return {
              ...aJob({ _id, ip: 'gone' }),
              func,
              ...fields,
              ...(placed && { state: { job: _id, placed } }),
            } as never
          }),
        ),
      ),
    ),
    spoilt,
  )
  for (const those of [[0], [1], [2], [3], [4], [5], [0, 1], [1, 3], [0, 1, 2, 3]]) {
    await nodes.deleteMany({})
    await nodes.insertMany(
      those.map(n => ({ _id: `n${n}`, ...living, ...said[n] }) as NodeInfo),
      spoilt,
    )
    const known = await readRegistry(nodes)
    const found = (await jobs.find(strandedQuery(known)).toArray()).map(job => job._id)
    const all = await jobs.find().toArray()
    expect(found.sort()).toEqual(
      all
        .filter(job => targetOf(job, known) === undefined)
        .map(job => job._id)
        .sort(),
    )
    expect(found.length).toBeGreaterThan(0)
    expect(found.length).toBeLessThan(all.length)
  }
})

test('a run whose job was deleted is over for its row too when its node is dead, though that has no job any more', async () => {
  const executions = db.db.collection<{ _id: string }>('executions')
  await lives()
  await closed('gone')
  const row = { job_id: 'deleted', status: 'started', run_time: new Date(), attempt: 1, recorded: new Date() }
  await executions.insertMany([
    { _id: 'left', node: 'gone', ...row },
    { _id: 'goes-on', node: 'a', ...row },
  ] as never)
  const { takeover, beat } = aKeeper()
  await until(async () => {
    await beat()
    expect(await executions.findOne({ _id: 'left' })).toMatchObject({ status: 'interrupted' })
  })
  expect(await executions.findOne({ _id: 'goes-on' })).toMatchObject({ status: 'started' })
  await takeover.end()
  await executions.deleteMany({})
})

test('marks of a hundred thousand ids are a hundred thousand numbers from 1 on', () => {
  const marks = new Set(Array.from({ length: 100_000 }, (_, n) => markOf(`job-${n}`)))
  expect(marks.size).toBe(100_000)
  expect([...marks].every(mark => Number.isSafeInteger(mark) && mark > 0)).toBe(true)
})

test('jobs of an ip that nobody has held are told at the next heartbeat, though the time of the next round has not come', async () => {
  await lives()
  const { takeover, told } = aKeeper({ clock: { ...systemClock, monotonic: () => 0 } })
  const beat = async () => takeover.look(await readRegistry(nodes))
  const [first, second, late] = [aJob({ ip: 'never' }), aJob({ ip: 'nowhere' }), aJob({ ip: 'never' })]
  for (const job of [first, second]) {
    await jobs.insertOne(job)
    await until(async () => {
      await beat()
      expect(told).toContain(job._id)
    })
  }
  // What is known to be stranded is no reason to look: its other jobs are told by the next round.
  await jobs.insertOne(late)
  await closed('gone')
  const moved = aJob({ ip: 'gone', standby: 'any' })
  await jobs.insertOne(moved)
  await until(async () => {
    await beat()
    expect((await jobs.findOne({ _id: moved._id }))?.ip).toBe('a')
  })
  expect(told.filter(id => id === first._id)).toHaveLength(1)
  const plan = JSON.stringify(await jobs.aggregate([{ $sort: { ip: 1 } }, { $group: { _id: '$ip' } }]).explain())
  expect(plan).toContain('DISTINCT_SCAN')
  await takeover.end()
})
