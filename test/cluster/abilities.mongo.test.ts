/** Nodes with different tasks: each job goes where it can be performed, whichever way it goes there. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Collection } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { NodeInfo } from '../../src/cluster/lease.ts'
import { homeOf } from '../../src/cluster/placement.ts'
import type { Task } from '../../src/executor/executor.ts'
import type { Job } from '../../src/job/job.ts'
import type { TidewheelNode } from '../../src/node/node.ts'
import { nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

const LEASE_MS = 600
const ended: Task = async () => 1

let db: TestDb
let cluster: Nodes
let registry: Collection<NodeInfo>
let red: TidewheelNode
let blue: TidewheelNode
let folder: string

beforeAll(async () => {
  db = await openTestDb()
  folder = await mkdtemp(join(tmpdir(), 'tidewheel tasks '))
  await writeFile(join(folder, 'mail.mjs'), 'export const send = () => 1')
  cluster = await startNodes({ uri: db.uri, count: 0, lease: LEASE_MS })
  registry = db.db.collection<NodeInfo>('nodes')
  red = cluster.another({ ip: 'red', tasks: { red: ended }, tasksDir: folder })
  blue = cluster.another({ ip: 'blue', tasks: { blue: ended }, workspace: folder })
  await Promise.all([red.start(), blue.start()])
  await knowEachOther('red', 'blue')
})

afterAll(async () => {
  await cluster?.close()
  await db?.close()
  await rm(folder, { recursive: true, force: true })
})

afterEach(async () => {
  await cluster.jobs.deleteMany({})
  await registry.deleteMany({ _id: { $nin: ['red', 'blue'] } })
})

/** Each of them has seen all of them in the registry: two heartbeats of everybody after all are there. */
async function knowEachOther(...ips: readonly string[]): Promise<void> {
  await until(async () =>
    expect(await registry.countDocuments({ _id: { $in: [...ips] }, status: 'active' })).toBe(ips.length),
  )
  for (let beats = 0; beats < 2; beats++) {
    const seen = new Map((await registry.find().toArray()).map(({ _id, seen }) => [_id, Number(seen)]))
    await until(async () => {
      for (const node of await registry.find({ _id: { $in: [...ips] } }).toArray())
        expect(Number(node.seen)).toBeGreaterThan(seen.get(node._id) ?? 0)
    })
  }
}

/** Jobs whose home among all nodes is this one, whoever can perform them. */
function jobsAt(ip: string, count: number, fields: Partial<Job>): readonly Job[] {
  const jobs: Job[] = []
  while (jobs.length < count) {
    const job = aJob(fields)
    if (homeOf(job._id, ['red', 'blue']) === ip) jobs.push(job)
  }
  return jobs
}
const insert = (...jobs: readonly object[]) => cluster.jobs.insertMany(jobs as Loose[])
const ownersOf = async (jobs: readonly Job[]) => {
  const found = await cluster.jobs.find({ _id: { $in: jobs.map(({ _id }) => _id) } }).toArray()
  return [...new Set(found.map(({ ip }) => ip))]
}
const read = async (_id: string) => (await cluster.jobs.findOne({ _id })) as Loose

test('a node registers what it can perform', async () => {
  const [theirs, ours] = await red.nodes.list()
  expect(ours).toMatchObject({
    tasks: expect.arrayContaining(['note', 'red', 'mail:send']),
    executors: { default: 'default', process: 'process' },
  })
  expect(ours?.executors).not.toHaveProperty('script')
  expect(theirs?.executors).toEqual({ default: 'default', script: 'script' })
  expect(theirs?.tasks).not.toContain('mail:send')
})

describe('a job without a node', () => {
  test('is adopted by one that can perform it, though another one is its home', async () => {
    const jobs = [...jobsAt('blue', 5, { func: 'red' }), ...jobsAt('red', 5, { func: 'red' })]
    const pooled = jobsAt('blue', 3, { func: 'mail:send', executor: 'process' })
    await insert(...jobs, ...pooled, ...jobsAt('red', 3, { func: 'blue' }))
    await until(async () => expect(await cluster.jobs.countDocuments({ ip: null })).toBe(0))
    expect([await ownersOf(jobs), await ownersOf(pooled)]).toEqual([['red'], ['red']])
    expect(await cluster.jobs.countDocuments({ ip: 'blue', func: 'blue' })).toBe(3)
    expect(await cluster.jobs.countDocuments({ 'state.error': { $exists: true } })).toBe(0)
  })

  test('that nobody can perform says so, with the nodes that were asked; an edit that mends it counts at once', async () => {
    const job = aJob({ func: 'bleu' })
    const [told] = await Promise.all([nextEvent([red, blue], 'job.invalid', { job_id: job._id }), insert(job)])
    const error = 'func: no living node has a task "bleu"; did you mean blue? asked: blue, red'
    expect(told.problems).toEqual([{ path: 'func', message: error }])
    await until(async () => expect(await read(job._id)).toMatchObject({ state: { error } }))
    expect((await read(job._id)).ip).toBeUndefined()
    const adopted = nextEvent(blue, 'job.adopted', { job_id: job._id })
    await cluster.jobs.updateOne({ _id: job._id }, { $set: { func: 'blue' } })
    await adopted
    await until(async () => expect((await read(job._id)).state.error).toBeUndefined())
    expect((await read(job._id)).ip).toBe('blue')
  })

  test('of a task that comes with the next version waits for the first node that has it', async () => {
    const job = aJob({ func: 'green' })
    await insert(job)
    await until(async () => expect((await read(job._id)).state?.error).toMatch(/no living node has a task "green"/))
    const green = cluster.another({ ip: 'green', tasks: { green: ended } })
    const adopted = nextEvent(green, 'job.adopted', { job_id: job._id })
    await green.start()
    await adopted
    await until(async () => expect((await read(job._id)).state.error).toBeUndefined())
    await green.close()
  })

  test('is taken when its task is registered later', async () => {
    const job = aJob({ func: 'late' })
    await insert(job)
    await until(async () => expect((await read(job._id)).state?.error).toMatch(/no living node has a task "late"/))
    const adopted = nextEvent(red, 'job.adopted', { job_id: job._id })
    await red.task('late', ended)
    await adopted
    await until(async () => expect((await registry.findOne({ _id: 'red' }))?.tasks).toContain('late'))
  })

  test('that breaks the rules is taken all the same, by somebody who says what is wrong', async () => {
    const job = { ...aJob(), func: 5 }
    const bypass = { bypassDocumentValidation: true }
    await cluster.jobs.insertOne(job as unknown as Loose, bypass)
    await until(async () => expect((await read(job._id)).state?.error).toMatch(/^func: /))
    expect(['red', 'blue']).toContain((await read(job._id)).ip)
  })
})

test('rebalance moves none to a node that cannot perform it, and takes those away that came to one', async () => {
  const placed = (job: Job, ip: string) => ({ ...job, ip, state: { job: job._id, placed: true, assigned: ip } })
  const right = jobsAt('blue', 5, { func: 'red' })
  const wrong = jobsAt('blue', 5, { func: 'red' })
  const scripts = jobsAt('red', 3, { func: 'mail.mjs', executor: 'script' })
  const home = aJob({ func: 'red' })
  await insert(
    ...right.map(job => placed(job, 'red')),
    ...wrong.map(job => placed(job, 'blue')),
    ...scripts.map(job => placed(job, 'blue')),
    { ...home, ip: 'red', state: { job: home._id, home: 'blue', assigned: 'red' } },
  )
  expect(await blue.nodes.rebalance()).toBe(5)
  expect(await ownersOf([...right, ...wrong, home])).toEqual(['red'])
  expect(await ownersOf(scripts)).toEqual(['blue'])
})

describe('jobs of a dead node', () => {
  test('move to those that can perform them; others are told as stranded', async () => {
    const jobs = jobsAt('blue', 5, { func: 'red', ip: 'dead', standby: 'any' })
    const nobodys = aJob({ func: 'green', ip: 'dead', standby: 'any' })
    const named = aJob({ func: 'red', ip: 'dead', standby: ['blue'] })
    await insert(...jobs, nobodys, named)
    const stranded = [nobodys, named].map(({ _id }) => nextEvent([red, blue], 'job.stranded', { job_id: _id }))
    const silent = { incarnation: 'old', seen: new Date(Date.now() - 60_000), lease: 1_000, status: 'active' }
    await registry.insertOne({ _id: 'dead', ...silent } as NodeInfo)
    await until(async () => expect(await ownersOf(jobs)).toEqual(['red']))
    await Promise.all(stranded)
    expect(await ownersOf([nobodys, named])).toEqual(['dead'])
  })

  test('and of a drained one likewise', async () => {
    const green = cluster.another({ ip: 'green', tasks: { red: ended, green: ended } })
    await green.start()
    const jobs = jobsAt('blue', 5, { func: 'red', ip: 'green', standby: 'any' })
    const own = aJob({ func: 'green', ip: 'green', standby: 'any' })
    await insert(...jobs, own)
    await until(() => expect(green.status().jobs).toBe(6))
    await blue.nodes.drain('green')
    await until(async () => expect(await ownersOf(jobs)).toEqual(['red']))
    expect(await ownersOf([own])).toEqual(['green'])
    await green.close()
  })
})
