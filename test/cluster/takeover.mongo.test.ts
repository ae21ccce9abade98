/** What the living do about nodes that are dead, stopped or drained: who gets the jobs, and what becomes of their runs.
 *  Dead nodes are documents of the registry; process.mongo.test.ts kills real ones.
 *  That nothing happens to a job is seen by another one, later in the order of ids, to which it did. */
import type { Collection } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NodeInfo } from '../../src/cluster/lease.ts'
import { homeOf } from '../../src/cluster/placement.ts'
import type { Job } from '../../src/job/job.ts'
import type { TidewheelNode } from '../../src/node/node.ts'
import { type Collected, collect, nextEvent } from '../support/events.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

const LEASE_MS = 600
const DAY_MS = 24 * 3_600_000

let db: TestDb
let cluster: Nodes
let registry: Collection<NodeInfo>
let a: string
let b: string
let c: string
let seen: Collected
/** Each lets a run of `failWhenTold` fail. */
const failing: (() => void)[] = []

beforeAll(async () => {
  db = await openTestDb()
  const failWhenTold = () => new Promise<never>((_, reject) => failing.push(() => reject(new Error('told to'))))
  cluster = await startNodes({ uri: db.uri, count: 3, lease: LEASE_MS, tasks: { failWhenTold } })
  registry = db.db.collection<NodeInfo>('nodes')
  ;[a, b, c] = cluster.ips as [string, string, string]
  // Who started first knows of the others.
  await until(async () => expect(await registry.countDocuments({ status: 'active' })).toBe(3))
  seen = collect(cluster.nodes)
})

afterAll(async () => {
  await cluster?.close()
  await db?.close()
})

afterEach(async () => {
  cluster.release()
  await cluster.jobs.deleteMany({})
  await registry.deleteMany({ _id: { $nin: [a, b, c] } })
  await registry.updateMany({}, { $unset: { wanted: '' } })
  await until(async () => {
    for (const node of cluster.nodes) expect(node.status()).toMatchObject({ state: 'active', jobs: 0, running: 0 })
    expect(await registry.countDocuments({ status: 'active' })).toBe(3)
  })
})

let made = 0
const deadName = () => `dead-${++made}`
const node = (ip: string) => cluster.nodes[cluster.ips.indexOf(ip)] as TidewheelNode
const read = async (_id: string) => (await cluster.jobs.findOne({ _id })) as Loose
const insert = (...jobs: readonly Job[]) => cluster.jobs.insertMany(jobs as unknown as Loose[])
const ownerOf = async (_id: string) => (await read(_id))?.ip as string
const strandedOf = (id: string) => seen.of('job.stranded').filter(event => event.job_id === id)

/** A node that has been silent for a minute. */
async function die(ip: string, fields: Partial<NodeInfo> = {}): Promise<void> {
  const silent = { incarnation: `old-${ip}`, seen: new Date(Date.now() - 60_000), lease: 1_000, status: 'active' }
  await registry.insertOne({ _id: ip, ...silent, ...fields } as NodeInfo)
}

describe('jobs of a dead node', () => {
  test('move to the node that their standby names, remember their home, and run there', async () => {
    const dead = deadName()
    const job = aJob({ ip: dead, standby: [b], next_run_time: new Date(), misfire_grace_time: null })
    await insert(job)
    const came = nextEvent(node(b), 'job.moved', { job_id: job._id })
    const ran = nextEvent(node(b), 'run.executed', { job_id: job._id })
    await die(dead)
    expect(await came).toMatchObject({ to: b })
    await ran
    expect(await read(job._id)).toMatchObject({ ip: b, state: { home: dead, job: job._id } })
    expect(cluster.ranOf(job._id)).toHaveLength(1)
  })

  test('"any": each moves to its home among the living, and only after the incarnation was replaced', async () => {
    const dead = deadName()
    const jobs = Array.from({ length: 60 }, () => aJob({ ip: dead, standby: 'any' }))
    await insert(...jobs)
    await die(dead)
    await until(async () => expect(await cluster.jobs.countDocuments({ ip: dead })).toBe(0))
    for (const { _id } of jobs) expect(await ownerOf(_id)).toBe(homeOf(_id, cluster.ips))
    expect(await registry.findOne({ _id: dead })).toMatchObject({
      lease: 0,
      incarnation: expect.not.stringMatching('old'),
    })
  })

  test('a placed one moves like "any"; one without standby stays, a copy of a placed one too, and one node says so once', async () => {
    const dead = deadName()
    const placed = aJob({ ip: dead, next_run_time: null })
    const rooted = aJob({ ip: dead })
    const copied = aJob({ ip: dead })
    await insert({ ...placed, state: { job: placed._id, placed: true } }, rooted)
    await insert({ ...copied, state: { job: placed._id, placed: true } })
    await die(dead)
    await until(async () => expect(await ownerOf(placed._id)).toBe(homeOf(placed._id, cluster.ips)))
    await until(() => expect(strandedOf(rooted._id)).toHaveLength(1))
    await until(() => expect(strandedOf(copied._id)).toHaveLength(1))
    // Two more looks of the keeper.
    for (let looks = 0; looks < 2; looks++) {
      const next = aJob({ ip: dead, standby: [a] })
      await insert(next)
      await until(async () => expect(await ownerOf(next._id)).toBe(a))
    }
    expect(await ownerOf(rooted._id)).toBe(dead)
    expect(await ownerOf(copied._id)).toBe(dead)
    expect(strandedOf(rooted._id)).toMatchObject([{ ip: dead }])
    expect(strandedOf(placed._id)).toEqual([])
  })

  test('wait for a standby node that is dead too, and move when it lives', async () => {
    const dead = deadName()
    const late = `late-${dead}`
    const job = aJob({ ip: dead, standby: [late] })
    await insert(job)
    await die(dead)
    await until(() => expect(strandedOf(job._id)).toHaveLength(1))
    const returned = cluster.another({ ip: late })
    const came = nextEvent(returned, 'job.moved', { job_id: job._id })
    await returned.start()
    await came
    expect(await read(job._id)).toMatchObject({ ip: late, state: { home: dead } })
    await returned.close()
  })

  test('keep the home they have', async () => {
    const [first, second] = [deadName(), deadName()]
    const job = aJob({ ip: second, standby: [c], next_run_time: null })
    await insert({ ...job, state: { job: job._id, home: first } })
    await die(second)
    await until(async () => expect(await ownerOf(job._id)).toBe(c))
    expect((await read(job._id)).state.home).toBe(first)
  })

  test('a state that was copied from another job is not taken for its own', async () => {
    const dead = deadName()
    const job = aJob({ ip: dead, standby: [a], next_run_time: null })
    await insert({ ...job, state: { job: 'another', runs: 7 } })
    await die(dead)
    await until(async () => expect(await read(job._id)).toMatchObject({ ip: a, state: { job: job._id } }))
    expect((await read(job._id)).state.runs).toBeUndefined()
  })

  test('go on moving when the one that began it has died', async () => {
    const dead = deadName()
    const jobs = Array.from({ length: 20 }, () => aJob({ ip: dead, standby: 'any' }))
    await insert(...jobs)
    // It was closed, and half of its jobs moved.
    await die(dead, { lease: 0, incarnation: 'closed' })
    await cluster.jobs.updateMany({ _id: { $in: jobs.slice(10).map(job => job._id) } }, { $set: { ip: a } })
    await until(async () => expect(await cluster.jobs.countDocuments({ ip: dead })).toBe(0))
    expect((await registry.findOne({ _id: dead }))?.incarnation).toBe('closed')
  })

  test('do not move to nodes that are paused or drain', async () => {
    const dead = deadName()
    const paused = nextEvent(node(a), 'node.paused')
    const draining = nextEvent(node(b), 'node.draining')
    await registry.updateOne({ _id: a }, { $set: { wanted: 'paused' } })
    await registry.updateOne({ _id: b }, { $set: { wanted: 'draining' } })
    await Promise.all([paused, draining])
    const jobs = Array.from({ length: 12 }, () => aJob({ ip: dead, standby: 'any' }))
    await insert(...jobs)
    await die(dead)
    await until(async () => expect(await cluster.jobs.countDocuments({ ip: c })).toBe(12))
  })

  test('of one that stopped move after its lease, not before', async () => {
    const dead = deadName()
    const stopped = deadName()
    const early = aJob({ ip: stopped, standby: [a] })
    const canary = aJob({ ip: dead, standby: [a] })
    // A job whose ip names no node is stranded: that of the one that stopped is known before.
    await die(stopped, { status: 'stopped', seen: new Date(), lease: 60_000 })
    await insert(early, canary)
    await die(dead)
    await until(async () => expect(await ownerOf(canary._id)).toBe(a))
    expect(await ownerOf(early._id)).toBe(stopped)
    expect(strandedOf(early._id)).toEqual([])
    await registry.updateOne({ _id: stopped }, { $set: { seen: new Date(Date.now() - 61_000) } })
    await until(async () => expect(await ownerOf(early._id)).toBe(a))
  })

  test('that a person moves meanwhile go where that person said', async () => {
    const dead = deadName()
    const jobs = Array.from({ length: 50 }, () => aJob({ ip: dead, standby: [a] }))
    await insert(...jobs)
    await die(dead)
    const mine = jobs.slice(0, 25).map(job => job._id)
    for (const _id of mine) await cluster.jobs.updateOne({ _id }, { $set: { ip: c } })
    await until(async () => expect(await cluster.jobs.countDocuments({ ip: a })).toBe(25))
    expect(await cluster.jobs.countDocuments({ ip: c, _id: { $in: mine } })).toBe(25)
  })
})

describe('jobs of an ip that names no node', () => {
  test('are told as stranded, stay whatever their standby, and are fetched when such a node comes', async () => {
    const nobody = deadName()
    const job = aJob({ ip: nobody, standby: 'any' })
    const [told] = await Promise.all([nextEvent(cluster.nodes, 'job.stranded', { job_id: job._id }), insert(job)])
    expect(told).toMatchObject({ ip: nobody })
    expect(await ownerOf(job._id)).toBe(nobody)
  })

  test('none at all, and all that could adopt it were draining: adopted when one works again', async () => {
    const draining = cluster.nodes.map(each => nextEvent(each, 'node.draining'))
    await registry.updateMany({}, { $set: { wanted: 'draining' } })
    await Promise.all(draining)
    const job = aJob()
    await insert(job)
    const adopted = nextEvent(node(b), 'job.adopted', { job_id: job._id })
    await registry.updateOne({ _id: b }, { $set: { wanted: 'active' } })
    await adopted
    expect(await read(job._id)).toMatchObject({ ip: b, state: { placed: true } })
  })
})

describe('a job whose ip is null, which the validator would not let in', () => {
  test('is placed like one without, also when a node has it', async () => {
    const job = aJob({ next_run_time: null })
    const bypassDocumentValidation = true
    const adopted = nextEvent(cluster.nodes, 'job.adopted', { job_id: job._id })
    await cluster.jobs.insertOne({ ...job, ip: null } as never, { bypassDocumentValidation })
    const owner = (await adopted).ip
    await until(() => expect(node(owner).status().jobs).toBe(1))
    const again = nextEvent(cluster.nodes, 'job.adopted', { job_id: job._id })
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { ip: null } }, { bypassDocumentValidation })
    const { ip } = await again
    expect(await read(job._id)).toMatchObject({ ip, state: { placed: true } })
  })
})

describe('runs of a dead node', () => {
  const withRun = (dead: string, fields: Partial<Job> = {}, entry: object = {}): Job => {
    const job = aJob({ ip: dead, next_run_time: null, ...fields })
    const run = { run_id: `run-of-${job._id}`, job: job._id, node: dead, incarnation: `old-${dead}` }
    return { ...job, state: { job: job._id, running: [anEntry({ ...run, ...entry } as never)] } } as Job
  }
  const rowsOf = (job_id: string) => cluster.executions.find({ job_id }).sort({ recorded: 1 }).toArray()

  test('of a job that moves are interrupted by its next owner', async () => {
    const dead = deadName()
    const job = withRun(dead, { standby: [b] })
    await insert(job)
    const interrupted = nextEvent(cluster.nodes, 'run.interrupted', { job_id: job._id })
    await die(dead)
    expect(await interrupted).toMatchObject({ lost_node: dead, rerun: false })
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    expect(await rowsOf(job._id)).toMatchObject([{ _id: `run-of-${job._id}`, status: 'interrupted', ip: dead }])
  })

  test('of a job that stays are interrupted too, so that they hold no place', async () => {
    const dead = deadName()
    const job = withRun(dead)
    await insert(job)
    await die(dead)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    expect(await read(job._id)).toMatchObject({ ip: dead, state: { last_status: 'interrupted' } })
    expect(await rowsOf(job._id)).toMatchObject([{ status: 'interrupted', ip: dead }])
  })

  test('that ended are only taken out', async () => {
    const dead = deadName()
    const job = withRun(dead)
    await cluster.executions.insertOne({ _id: `run-of-${job._id}`, job_id: job._id, status: 'executed' })
    await insert(job)
    await die(dead)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    expect(await rowsOf(job._id)).toMatchObject([{ status: 'executed' }])
  })

  test('with on_interrupt: rerun go on where the job goes, once', async () => {
    const dead = deadName()
    const job = withRun(dead, { standby: [c], on_interrupt: 'rerun' })
    await insert(job)
    const ran = nextEvent(node(c), 'run.executed', { job_id: job._id })
    await die(dead)
    await ran
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    expect((await rowsOf(job._id)).map(row => row.status).sort()).toEqual(['executed', 'interrupted'])
    expect(cluster.ranOf(job._id).map(run => run.ip)).toEqual([c])
  })

  test('with on_interrupt: rerun wait in a job that stays, for the node that gets it', async () => {
    const [dead, other] = [deadName(), deadName()]
    const job = withRun(dead, { on_interrupt: 'rerun' })
    const canary = withRun(other)
    await insert(job, canary)
    await die(dead)
    await until(() => expect(strandedOf(job._id)).toHaveLength(1))
    await die(other)
    await until(async () => expect((await read(canary._id)).state.running).toEqual([]))
    expect((await read(job._id)).state.running).toHaveLength(1)
    const ran = nextEvent(node(a), 'run.executed', { job_id: job._id })
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { ip: a } })
    await ran
  })

  test('that killed their nodes again and again are given up, and the job is paused', async () => {
    const dead = deadName()
    const next_run_time = new Date(Date.now() + DAY_MS)
    const job = withRun(dead, { standby: [a], on_interrupt: 'rerun', next_run_time }, { reruns: 3 })
    const planned = { next_run_time, trigger: 'of another version' }
    await insert({ ...job, state: { ...job.state, planned } } as Job)
    await die(dead)
    await until(async () =>
      expect(await read(job._id)).toMatchObject({ ip: a, next_run_time: null, state: { running: [] } }),
    )
    expect((await read(job._id)).state.paused_by).toMatch(/died 4 times/)
    expect(cluster.ranOf(job._id)).toEqual([])
  })

  test.each([
    [
      'was closed',
      async (dead: string) => {
        await registry.updateOne({ _id: dead }, { $set: { seen: new Date(Date.now() - 61_000) } })
      },
    ],
    [
      'came back at once as another one',
      async (dead: string) => {
        await registry.updateOne({ _id: dead }, { $set: { incarnation: 'next', seen: new Date() } })
      },
    ],
    [
      'was forgotten',
      async (dead: string) => {
        await registry.deleteOne({ _id: dead })
      },
    ],
  ])('in a job that had moved away long before are found when their node %s', async (_, end) => {
    const [dead, canary] = [deadName(), deadName()]
    const job = withRun(dead, { ip: a })
    const again = withRun(dead, { ip: b, on_interrupt: 'rerun' })
    await die(dead, { seen: new Date(), lease: 60_000 })
    await insert(job, again)
    await until(() => expect([node(a).status().jobs, node(b).status().jobs]).toEqual([1, 1]))
    // Both nodes have looked at them, and found them well.
    await die(canary)
    await until(async () => expect((await registry.findOne({ _id: canary }))?.lease).toBe(0))
    expect((await read(job._id)).state.running).toHaveLength(1)
    await end(dead)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    await until(async () => expect((await read(again._id)).state.running).toEqual([]))
    expect(await rowsOf(job._id)).toMatchObject([{ status: 'interrupted', ip: dead }])
    await until(async () =>
      expect((await rowsOf(again._id)).map(row => row.status).sort()).toEqual(['executed', 'interrupted']),
    )
  })

  test('in a job that had moved away before are found by its owner’s next claim', async () => {
    const dead = deadName()
    const job = withRun(dead, { ip: a, max_instances: 2 })
    await die(dead, { seen: new Date(), lease: 60_000 })
    await insert(job)
    await until(() => expect(node(a).status().jobs).toBe(1))
    await registry.updateOne({ _id: dead }, { $set: { seen: new Date(Date.now() - 61_000) } })
    await until(async () => expect((await registry.findOne({ _id: dead }))?.lease).toBe(0))
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { next_run_time: new Date() } })
    await until(async () =>
      expect((await rowsOf(job._id)).map(row => row.status).sort()).toEqual(['executed', 'interrupted']),
    )
  })
})

describe('draining', () => {
  test('gives away what others may run, keeps and tells the rest, and takes no run until it is undone', async () => {
    const movable = aJob({ ip: a, standby: 'any', func: 'hold', next_run_time: new Date() })
    const rooted = aJob({ ip: a })
    const started = nextEvent(node(a), 'run.started', { job_id: movable._id })
    await insert(movable, rooted)
    const { run_id } = await started
    const draining = nextEvent(node(a), 'node.draining')
    const stranded = nextEvent(node(a), 'job.stranded', { job_id: rooted._id })
    await node(b).nodes.drain(a)
    expect(await draining).toMatchObject({ running: 1 })
    expect(node(a).status().state).toBe('draining')
    await stranded
    await until(async () => expect([b, c]).toContain(await ownerOf(movable._id)))
    expect((await read(movable._id)).state.home).toBe(a)
    const ended = nextEvent(node(a), 'run.executed', { run_id })
    cluster.release(movable._id)
    await ended
    expect(await ownerOf(rooted._id)).toBe(a)
    await until(async () => expect(await registry.findOne({ _id: a })).toMatchObject({ status: 'draining' }))

    await cluster.jobs.updateOne({ _id: rooted._id }, { $set: { next_run_time: new Date() } })
    const ran = nextEvent(node(a), 'run.executed', { job_id: rooted._id })
    const resumed = nextEvent(node(a), 'node.resumed')
    await node(b).nodes.drain(a, { undo: true })
    const { at } = await resumed
    expect((await ran).at.getTime()).toBeGreaterThanOrEqual(at.getTime())
    expect(strandedOf(rooted._id)).toHaveLength(1)
  })

  test('gives away the attempts that wait, also of a run that fails after its job has left', async () => {
    const retry = { max_attempts: 2, delay: 2 }
    const waiting = aJob({ ip: a, standby: [b], func: 'fail', retry, run_at: [new Date()] })
    const going = aJob({ ip: a, standby: [b], func: 'failWhenTold', retry, run_at: [new Date()] })
    const retries = nextEvent(node(a), 'run.retrying', { job_id: waiting._id })
    const started = nextEvent(node(a), 'run.started', { job_id: going._id })
    await insert(waiting, going)
    await Promise.all([retries, started])
    const ended = [waiting, going].map(({ _id }) => nextEvent(node(b), 'run.error', { job_id: _id }))
    const startedAgain = nextEvent(node(b), 'run.started', { job_id: going._id })
    await node(b).nodes.drain(a)
    await until(async () => expect(await ownerOf(going._id)).toBe(b))
    failing.shift()?.()
    await startedAgain
    failing.shift()?.()
    expect(await Promise.all(ended)).toMatchObject([{ attempt: 2 }, { attempt: 2 }])
    // What the drained node still knows of them it finds gone.
    const resumed = nextEvent(node(a), 'node.resumed')
    await node(b).nodes.drain(a, { undo: true })
    await resumed
    for (const { _id } of [waiting, going]) {
      await until(async () => expect((await read(_id)).state.running).toEqual([]))
      const rows = await cluster.executions.find({ job_id: _id }).sort({ attempt: 1 }).toArray()
      expect(rows.map(({ node, attempt, status }) => [node, attempt, status])).toEqual([
        [a, 1, 'error'],
        [b, 2, 'error'],
      ])
    }
    expect(cluster.ranOf(waiting._id).map(({ ip }) => ip)).toEqual([a, b])
  })

  test('wanted: paused pauses and active resumes, also what the process itself had paused', async () => {
    const [pausing, paused] = [nextEvent(node(a), 'node.paused'), () => node(a).status().state]
    await registry.updateOne({ _id: a }, { $set: { wanted: 'paused' } })
    await pausing
    node(a).resume()
    expect(paused()).toBe('paused')
    await until(async () => expect(await registry.findOne({ _id: a })).toMatchObject({ status: 'paused' }))
    node(a).pause()
    const resumed = nextEvent(node(a), 'node.resumed')
    await registry.updateOne({ _id: a }, { $set: { wanted: 'active' } })
    await resumed
    expect(paused()).toBe('active')
  })

  test('is obeyed from the start on', async () => {
    const ip = deadName()
    await registry.insertOne({ _id: ip, wanted: 'draining', seen: new Date(0), lease: 0 })
    const late = cluster.another({ ip })
    const draining = nextEvent(late, 'node.draining')
    await late.start()
    await draining
    expect(late.status().state).toBe('draining')
    await until(async () => expect(await registry.findOne({ _id: ip })).toMatchObject({ status: 'draining' }))
    await late.close()
    expect(await registry.findOne({ _id: ip })).toMatchObject({ status: 'stopped' })
  })

  test('what it wants and an unknown node: not_found', async () => {
    const { nodes } = node(a)
    await expect(nodes.drain('nobody')).rejects.toMatchObject({ code: 'not_found' })
    await expect(nodes.evict('nobody')).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('evicting', () => {
  test('a node that is only silent: its jobs move at once', async () => {
    const dead = deadName()
    const job = aJob({ ip: dead, standby: [b] })
    await insert(job)
    await die(dead, { seen: new Date(), lease: 60_000 })
    expect(await node(a).nodes.evict(dead)).toBe(1)
    expect(await read(job._id)).toMatchObject({ ip: b, state: { home: dead } })
  })

  test('one that works: fenced, its run aborted and interrupted, and it comes back as a new one', async () => {
    const job = aJob({ ip: a, standby: [b], func: 'hold', next_run_time: null, run_at: [new Date()] })
    const started = nextEvent(node(a), 'run.started', { job_id: job._id })
    await insert(job)
    await started
    const before = (await registry.findOne({ _id: a }))?.incarnation
    const fenced = nextEvent(node(a), 'node.fenced')
    const back = nextEvent(node(a), 'node.started')
    expect(await node(c).nodes.evict(a)).toBe(1)
    await fenced
    await until(() => expect(cluster.ranOf(job._id)[0]?.signal.aborted).toBe(true))
    expect((await back).incarnation).not.toBe(before)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    expect(await cluster.executions.find({ job_id: job._id }).toArray()).toMatchObject([{ status: 'interrupted' }])
    expect(await ownerOf(job._id)).toBe(b)
  })
})

describe('a node that was replaced', () => {
  test('leaves the runs of its successor alone, also before it knows', async () => {
    const ip = deadName()
    const late = cluster.another({ ip, lease: 60_000 })
    await late.start()
    const successor = { incarnation: 'successor', seen: new Date(), lease: 60_000 }
    await registry.updateOne({ _id: ip }, { $set: successor })
    const withEntry = (run_id: string, incarnation: string) => {
      const job = aJob({ ip, next_run_time: null })
      return {
        ...job,
        state: { job: job._id, running: [anEntry({ run_id, job: job._id, node: ip, incarnation })] },
      } as Job
    }
    const [live, dead] = [withEntry('live', 'successor'), withEntry('dead', 'long gone')]
    const interrupted = collect(late)
    await insert(live)
    await until(() => expect(late.status().jobs).toBe(1))
    await cluster.jobs.updateOne({ _id: live._id }, { $set: { misfire_grace_time: 61 } })
    await insert(dead)
    await until(async () => expect((await read(dead._id)).state.running).toEqual([]))
    expect((await read(live._id)).state.running).toHaveLength(1)
    expect(interrupted.of('run.interrupted').map(event => event.run_id)).toEqual(['dead'])
    await registry.updateOne({ _id: ip }, { $set: { seen: new Date(0) } })
    await late.close()
  })

  test('and won its ip again declares no run of its new life dead, however long its old one takes to end', async () => {
    const ip = deadName()
    let end = () => {}
    const deaf = () => new Promise<void>(resolve => (end = resolve))
    const twice = cluster.another({ ip, lease: LEASE_MS, tasks: { deaf } })
    await twice.start()
    const order = () => ({ next_run_time: null, run_at: [new Date()] })
    const old = aJob({ ip, func: 'deaf', ...order() })
    const started = nextEvent(twice, 'run.started', { job_id: old._id })
    await insert(old)
    await started
    const back = nextEvent(twice, 'node.started')
    await node(a).nodes.evict(ip)
    await back
    const job = aJob({ ip, func: 'hold', ...order() })
    const begun = nextEvent(twice, 'run.started', { job_id: job._id })
    await insert(job)
    const { run_id } = await begun
    const told = collect(twice, job._id)
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { misfire_grace_time: 61 } })
    // Of both lives, as long as the old one has a run.
    await until(() => expect(told.of('job.modified').length).toBeGreaterThanOrEqual(2))
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { misfire_grace_time: 62 } })
    await until(() => expect(told.of('job.modified').length).toBeGreaterThanOrEqual(4))
    end()
    await until(async () => expect((await read(old._id)).state.running).toEqual([]))
    cluster.release(job._id)
    await until(() => expect(told.of('run.executed')).toMatchObject([{ run_id }]))
    expect(told.of('run.interrupted')).toEqual([])
    await twice.close()
  })

  test('has its run made again, where that is asked for', async () => {
    const ip = deadName()
    const fenced = cluster.another({ ip, lease: LEASE_MS })
    await fenced.start()
    const job = aJob({ ip, func: 'hold', on_interrupt: 'rerun', next_run_time: null, run_at: [new Date()] })
    const started = nextEvent(fenced, 'run.started', { job_id: job._id })
    await insert(job)
    await started
    await node(a).nodes.evict(ip)
    await until(() => expect(cluster.ranOf(job._id)).toHaveLength(2))
    cluster.release(job._id)
    await until(async () => expect((await read(job._id)).state.running).toEqual([]))
    const rows = await cluster.executions.find({ job_id: job._id }).toArray()
    expect(rows.map(row => row.status).sort()).toEqual(['executed', 'interrupted'])
    await fenced.close()
  })
})

describe('an entry of a living node in a job of another', () => {
  test('whose run ended long ago is taken out, one that ended just now is left to its node', async () => {
    const incarnation = (await registry.findOne({ _id: b }))?.incarnation
    const withEntry = (run_id: string) => {
      const job = aJob({ ip: a, next_run_time: null })
      const running = [anEntry({ run_id, job: job._id, node: b, ...(incarnation && { incarnation }) })]
      return { ...job, state: { job: job._id, running } } as Job
    }
    const [left, fresh] = [withEntry('left'), withEntry('fresh')]
    const row = (_id: string, job_id: string, agoMs: number) =>
      ({ _id, job_id, status: 'executed', recorded: new Date(Date.now() - agoMs) }) as never
    await cluster.executions.insertMany([row('left', left._id, 60_000), row('fresh', fresh._id, 0)])
    await insert(fresh, left)
    await until(async () => expect((await read(left._id)).state.running).toEqual([]))
    expect((await read(fresh._id)).state.running).toHaveLength(1)
  })
})

describe('a node that is evicted while it stops', () => {
  test('ends its run, does not work again with the ip that it wins back, and is stopped', async () => {
    const ip = deadName()
    let end = () => {}
    const deaf = () => new Promise<void>(resolve => (end = resolve))
    const leaving = cluster.another({ ip, lease: LEASE_MS, tasks: { deaf } })
    await leaving.start()
    const job = aJob({ ip, func: 'deaf', next_run_time: null, run_at: [new Date()] })
    const started = nextEvent(leaving, 'run.started', { job_id: job._id })
    await insert(job)
    await started
    const stopped = leaving.stop()
    const told = collect(leaving)
    const before = (await registry.findOne({ _id: ip }))?.incarnation
    await node(a).nodes.evict(ip)
    await until(async () => {
      const info = await registry.findOne({ _id: ip })
      expect([info?.incarnation === before, info?.lease]).toEqual([false, LEASE_MS])
    })
    end()
    await stopped
    expect(told.types()).not.toContain('node.started')
    expect(told.types()).not.toContain('stream.opened')
    expect(leaving.status()).toMatchObject({ state: 'stopped', jobs: 0 })
    await leaving.close()
  })
})

describe('rebalancing', () => {
  test('brings jobs home that have one which lives, and spreads placed ones', async () => {
    const away = (ip: string, home: string) => {
      const job = aJob({ ip, next_run_time: null })
      return { ...job, state: { job: job._id, home } } as Job
    }
    const homeless = away(b, 'no-such-node')
    const jobs = Array.from({ length: 5 }, () => away(b, a))
    const placed = Array.from({ length: 30 }, () => {
      const job = aJob({ ip: c, next_run_time: null })
      return { ...job, state: { job: job._id, placed: true, home: a } } as Job
    })
    await insert(homeless, ...jobs, ...placed)
    const elsewhere = placed.filter(({ _id }) => homeOf(_id, cluster.ips) !== c).length
    expect(await node(b).nodes.rebalance()).toBe(5 + elsewhere)
    for (const { _id } of jobs) {
      expect(await ownerOf(_id)).toBe(a)
      expect((await read(_id)).state.home).toBeUndefined()
    }
    for (const { _id } of placed) expect(await ownerOf(_id)).toBe(homeOf(_id, cluster.ips))
    expect(await ownerOf(homeless._id)).toBe(b)
    await until(() => expect(node(a).status().jobs).toBeGreaterThanOrEqual(5))
    expect(await node(b).nodes.rebalance()).toBe(0)
  })
})

describe('what a person moved after a node did', () => {
  test('is not rebalanced, and has its new place as its home', async () => {
    const dead = deadName()
    const adopted = aJob({ next_run_time: null })
    const taken = aJob({ ip: dead, standby: [b], next_run_time: null })
    await insert(adopted, taken)
    await die(dead)
    for (const { _id } of [adopted, taken])
      await until(async () => expect((await read(_id)).state?.assigned).toBeTruthy())
    const pinned = deadName()
    const ids = { _id: { $in: [adopted._id, taken._id] } }
    await cluster.jobs.updateMany(ids, { $set: { ip: pinned, standby: 'any' } })
    await node(b).nodes.rebalance()
    for (const { _id } of [adopted, taken]) expect(await ownerOf(_id)).toBe(pinned)
    await die(pinned)
    for (const { _id } of [adopted, taken]) {
      await until(async () => expect(await ownerOf(_id)).toBe(homeOf(_id, cluster.ips)))
      expect((await read(_id)).state).toMatchObject({ home: pinned, assigned: homeOf(_id, cluster.ips) })
    }
  })
})

describe('what a person moved away and back', () => {
  test('is not rebalanced either: it is where a node put it, and where the person did', async () => {
    const job = aJob({ ip: a, next_run_time: null })
    await insert({ ...job, state: { job: job._id, home: b, assigned: a } } as Job)
    await until(async () => expect(node(a).status().jobs).toBeGreaterThan(0))
    for (const ip of [b, c, a]) await cluster.jobs.updateOne({ _id: job._id }, { $set: { ip } })
    await until(async () => expect((await read(job._id)).state).toEqual({ job: job._id, assigned: '' }))
    expect(await node(c).nodes.rebalance()).toBe(0)
    expect(await ownerOf(job._id)).toBe(a)
  })
})

describe('the registry', () => {
  test('lists who lives, by the server’s clock', async () => {
    const dead = deadName()
    await die(dead, { lease: 0 })
    const listed = await node(a).nodes.list()
    expect(listed.map(({ _id, living }) => [_id, living])).toEqual([
      ...cluster.ips.map(ip => [ip, true]),
      [dead, false],
    ])
  })

  test('forgets a node that was silent for 7 days, unless it has jobs', async () => {
    const [gone, young, busy, canary] = [deadName(), deadName(), deadName(), deadName()]
    const old = new Date(Date.now() - 7 * DAY_MS - 60_000)
    const job = aJob({ ip: busy })
    const other = aJob({ ip: canary, standby: [a] })
    await insert(job, other)
    await die(busy, { seen: old })
    await die(young, { seen: new Date(Date.now() - 6 * DAY_MS), status: 'stopped' })
    await die(gone, { seen: old, status: 'stopped' })
    await until(async () => expect(await registry.countDocuments({ _id: gone })).toBe(0))
    await die(canary)
    await until(async () => expect(await ownerOf(other._id)).toBe(a))
    expect(await registry.countDocuments({ _id: { $in: [young, busy] } })).toBe(2)
  })
})
