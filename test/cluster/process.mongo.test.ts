/** Nodes as processes that are killed, frozen, doubled, or whose clock is wrong.
 *  Their claims stand in the history: each run time of the schedule once, whoever claimed it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Collection } from 'mongodb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { NodeInfo } from '../../src/cluster/lease.ts'
import type { Execution } from '../../src/history/rows.ts'
import type { Job } from '../../src/job/job.ts'
import { type Cli, endAll, startCli } from '../support/cli.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb, withDatabase } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const LEASE_MS = 1_500
/** A busy machine is slow to start and to notice. */
const PATIENCE_MS = 20_000
const HOUR_MS = 3_600_000

const TASKS = `
export const note = run => run.job._id
/** Goes on until it is aborted. */
export const hold = run => new Promise(resolve => run.signal.addEventListener('abort', resolve))
`
/** A wall clock that is ahead by AHEAD_MS, and is set an hour forward by SIGUSR2. */
const CLOCK = `
const Real = Date
let ahead = Number(process.env.AHEAD_MS ?? 0)
process.on('SIGUSR2', () => { ahead += ${HOUR_MS} })
globalThis.Date = class extends Real {
  constructor(...given) { given.length === 0 ? super(Real.now() + ahead) : super(...given) }
  static now() { return Real.now() + ahead }
}
`

let testDb: TestDb
let name: string
let folder: string
let jobs: Collection<Job>
let nodes: Collection<NodeInfo>
let executions: Collection<Execution>

beforeEach(async () => {
  testDb = await openTestDb()
  // What is killed leaves its cursors to the server: a database of their own.
  name = `${testDb.db.databaseName}_killed`
  const db = testDb.client.db(name)
  jobs = db.collection('jobs')
  nodes = db.collection('nodes')
  executions = db.collection('executions')
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-cluster-'))
  await writeFile(join(folder, 'demo.mjs'), TASKS)
  await writeFile(join(folder, 'clock.js'), CLOCK)
})

afterEach(async () => {
  await endAll()
  await testDb.client.db(name).dropDatabase()
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

/** A node that is active, or stands by. */
async function start(ip: string, env: Readonly<Record<string, string>> = {}): Promise<Cli> {
  const args = ['start', '--ip', ip, '--tasks', folder, '--lease', String(LEASE_MS)]
  const node = startCli(args, { env: { MONGODB_URI: withDatabase(testDb.uri, name), ...env } })
  await node.saw(/"msg":"node\.(started|standby)"/)
  return node
}
const withClock = (ahead: number) => ({
  AHEAD_MS: String(ahead),
  NODE_OPTIONS: `--import ${pathToFileURL(join(folder, 'clock.js'))}`,
})
const often = (fields: Partial<Job>) =>
  aJob({ func: 'demo:note', trigger: { type: 'interval', seconds: 0.1 }, misfire_grace_time: null, ...fields })
const insert = (...all: readonly Job[]) => jobs.insertMany(all as never)
const rowsOf = (job: Job, query: object = {}) =>
  executions
    .find({ job_id: job._id, ...query })
    .sort({ run_time: 1 })
    .toArray()
const ran = (job: Job, ip: string, more = 1) =>
  until(async () => {
    const rows = await rowsOf(job, { ip, status: 'executed' })
    expect(rows.length).toBeGreaterThanOrEqual(more)
    return rows
  }, PATIENCE_MS)

/** No run time of the schedule was claimed twice. */
async function eachOnce(job: Job): Promise<void> {
  const times = (await rowsOf(job, { scheduled: true })).map(row => row.run_time.getTime())
  expect(times.length).toBeGreaterThan(1)
  expect(times.filter((time, i) => times.indexOf(time) !== i)).toEqual([])
}

test('a killed node: its jobs run elsewhere within its lease and 2 s, its run is interrupted', async () => {
  const [a] = await Promise.all([start('a'), start('b'), start('c')])
  const job = often({ ip: 'a', standby: ['b'] })
  const held = aJob({ ip: 'a', standby: ['c'], func: 'demo:hold', next_run_time: new Date() })
  const rooted = often({ ip: 'a' })
  await insert(job, held, rooted)
  await Promise.all([ran(job, 'a'), ran(rooted, 'a')])
  await until(async () => expect((await jobs.findOne({ _id: held._id }))?.state?.running).toHaveLength(1), PATIENCE_MS)
  const killed = Date.now()
  a.kill('SIGKILL')
  const [first] = await ran(job, 'b')
  const took = Number(first?.started) - killed
  if (process.env.FIGURES !== undefined) console.log(`taken over after ${took} ms, lease ${LEASE_MS} ms`)
  expect(took).toBeLessThan(LEASE_MS + 2_000)
  await until(async () => expect(await rowsOf(held)).toMatchObject([{ status: 'interrupted', ip: 'a' }]), PATIENCE_MS)
  expect(await jobs.findOne({ _id: held._id })).toMatchObject({ ip: 'c', state: { home: 'a' } })
  expect(await jobs.findOne({ _id: rooted._id })).toMatchObject({ ip: 'a' })
  await eachOnce(job)

  const back = await start('a')
  await until(async () => expect((await rowsOf(rooted)).at(-1)?.claimed?.getTime()).toBeGreaterThan(killed + LEASE_MS))
  expect(await jobs.findOne({ _id: job._id })).toMatchObject({ ip: 'b' })
  await eachOnce(rooted)
  back.kill('SIGTERM')
  await back.ended
})

test('a node that is frozen past its lease runs nothing from memory when it wakes', async () => {
  const [a] = await Promise.all([start('a'), start('b')])
  const moving = often({ ip: 'a', standby: 'any' })
  const staying = often({ ip: 'a' })
  const held = aJob({ ip: 'a', func: 'demo:hold', next_run_time: new Date() })
  await insert(moving, staying, held)
  await Promise.all([ran(moving, 'a'), ran(staying, 'a')])
  await until(async () => expect((await jobs.findOne({ _id: held._id }))?.state?.running).toHaveLength(1))
  const { incarnation } = (await nodes.findOne({ _id: 'a' })) as NodeInfo
  a.kill('SIGSTOP')
  await ran(moving, 'b')
  // Declared while its process still has the run in memory.
  await until(async () => expect(await rowsOf(held)).toMatchObject([{ status: 'interrupted' }]), PATIENCE_MS)
  const woken = new Date()
  a.kill('SIGCONT')
  await a.saw(/"msg":"node\.fenced"/)
  await until(async () => {
    const node = await nodes.findOne({ _id: 'a' })
    expect(node?.lease).toBe(LEASE_MS)
    expect(node?.incarnation).not.toBe(incarnation)
  }, PATIENCE_MS)
  const { started } = (await nodes.findOne({ _id: 'a' })) as NodeInfo
  // As a new one it goes on with what stayed its own.
  await until(async () => expect((await rowsOf(staying)).at(-1)?.claimed).toBeInstanceOf(Date))
  await until(async () => {
    const [last] = (await rowsOf(staying, { ip: 'a' })).slice(-1)
    expect(Number(last?.claimed)).toBeGreaterThanOrEqual(Number(started))
  }, PATIENCE_MS)
  const zombie = { ip: 'a', claimed: { $gte: woken, $lt: started } }
  expect(await executions.countDocuments(zombie as never)).toBe(0)
  expect(await rowsOf(moving, { ip: 'a', claimed: { $gte: woken } })).toEqual([])
  await Promise.all([moving, staying].map(eachOnce))
})

test('three processes of one ip: one works, and when it is killed the next goes on', async () => {
  const processes = await Promise.all([start('a'), start('a'), start('a')])
  const job = often({ ip: 'a' })
  await insert(job)
  await ran(job, 'a', 3)
  const active = () => processes.filter(each => /"msg":"node\.started"/.test(each.said()))
  expect(active()).toHaveLength(1)
  const before = (await nodes.findOne({ _id: 'a' })) as NodeInfo
  expect(before.pid).toBe(active()[0]?.pid)
  active()[0]?.kill('SIGKILL')
  await until(
    async () => expect((await nodes.findOne({ _id: 'a' }))?.incarnation).not.toBe(before.incarnation),
    PATIENCE_MS,
  )
  const { started } = (await nodes.findOne({ _id: 'a' })) as NodeInfo
  await until(
    async () => expect((await rowsOf(job)).at(-1)?.started?.getTime()).toBeGreaterThan(Number(started)),
    PATIENCE_MS,
  )
  await eachOnce(job)
})

test.each([HOUR_MS, -HOUR_MS])(
  'a wall clock that is %i ms ahead: runs start when the server says so, and it is told',
  async ahead => {
    const a = await start('a', withClock(ahead))
    const [, offset] = await a.saw(/"offset":(-?\d+)[^\n]*"msg":"clock\.jumped"/)
    expect(Math.abs(Number(offset) - ahead)).toBeLessThan(1_000)
    const run_time = new Date(Date.now() + 700)
    const due = often({ ip: 'a', trigger: { type: 'date', run_date: run_time } as never, misfire_grace_time: 5 })
    const cron = often({ ip: 'a', trigger: { type: 'interval', minutes: 10 } })
    await insert(due, cron)
    const [row] = await ran(due, 'a')
    expect(row).toMatchObject({ run_time, status: 'executed' })
    expect(Number(row?.started)).toBeGreaterThanOrEqual(run_time.getTime() - 500)
    expect(Date.now()).toBeGreaterThanOrEqual(run_time.getTime())
    const { next_run_time } = (await jobs.findOne({ _id: cron._id })) as Job
    expect(Math.abs(Number(next_run_time) - Date.now() - 600_000)).toBeLessThan(5_000)
    expect(Math.abs(((await nodes.findOne({ _id: 'a' })) as NodeInfo).offset as number) - Math.abs(ahead)).toBeLessThan(
      1_000,
    )
  },
)

test('a wall clock that is set an hour forward starts nothing that is not due', async () => {
  const a = await start('a', withClock(0))
  const later = aJob({ ip: 'a', func: 'demo:note', trigger: { type: 'interval', minutes: 30 } })
  const canary = often({ ip: 'a' })
  await insert(later, canary)
  await ran(canary, 'a', 2)
  const { next_run_time } = (await jobs.findOne({ _id: later._id })) as Job
  a.kill('SIGUSR2')
  const [, by, offset] = await a.saw(/"by":(3\d{6}),"offset":(\d+)[^\n]*"msg":"clock\.jumped"/)
  for (const told of [by, offset]) expect(Math.abs(Number(told) - HOUR_MS)).toBeLessThan(1_000)
  const before = (await rowsOf(canary)).length
  await ran(canary, 'a', before + 3)
  expect(await rowsOf(later)).toEqual([])
  expect((await jobs.findOne({ _id: later._id }))?.next_run_time).toEqual(next_run_time)
  const rows = await rowsOf(canary)
  expect(rows.filter(row => row.run_time.getTime() > Date.now() + 1_000)).toEqual([])
  await eachOnce(canary)
})
