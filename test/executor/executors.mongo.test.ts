/** Executors in a node: each way a run can go wrong ends as documented, stands in the history, and makes no other run late. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { EventType } from '../../src/event.ts'
import type { Job } from '../../src/job/job.ts'
import type { NodeOptions } from '../../src/node/options.ts'
import { nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'
import { alive, folderOf } from './executor-suite.ts'

const TASKS = `
export const pid = () => process.pid
export const die = () => process.kill(process.pid, 'SIGKILL')
export const hang = () => { for (;;); }
export const hog = () => { const all = []; for (;;) all.push(new Array(10_000).fill(all.length)) }
export const block = () => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000); return 'awake' }
export const big = () => 'x'.repeat(10_000_000)
export const talk = (run, whom) => { run.log.info({ whom }, 'hello'); console.error('oh'); return run.kwargs }
`
const SCRIPTS = {
  'talk.sh': `#!/bin/sh\necho "hello $1"\necho oh >&2\necho "$TIDEWHEEL_KWARGS"\n`,
  'deaf.sh': "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n",
}
/** As documented: 5 s from the abort to SIGKILL. */
const KILL_MS = 5_000

let db: TestDb
beforeAll(async () => {
  db = await openTestDb()
})
afterAll(() => db?.close())

async function aNode(options: Partial<NodeOptions> = {}): Promise<Nodes> {
  const tasksDir = folderOf({ 'do.mjs': TASKS })
  const workspace = folderOf(SCRIPTS)
  const nodes = await startNodes({ uri: db.uri, tasksDir, workspace, ...options })
  onTestFinished(() => nodes.close())
  return nodes
}

/** Stores a job that runs once, now, and gives its event of that type and its row. */
async function ran(nodes: Nodes, type: EventType & `run.${string}`, fields: Partial<Job>) {
  const job = aJob({ ip: nodes.ips[0] as string, run_at: [new Date(Date.now())], ...fields })
  const event = nextEvent(nodes.nodes, type, ({ job_id }: { job_id: string }) => job_id === job._id, 20_000)
  await nodes.jobs.insertOne(job as unknown as Loose)
  await event
  const row = await until(async () => {
    const found = await nodes.executions.findOne({ job_id: job._id, status: type.slice('run.'.length) })
    expect(found).not.toBeNull()
    return found as Loose
  })
  return { row }
}

test('what workers and scripts say and return stands in the history', async () => {
  const nodes = await aNode({ executors: { reports: { type: 'process', workers: 1 } } })
  const kwargs = { to: 'ann' }
  const script = await ran(nodes, 'run.executed', { executor: 'script', func: 'talk.sh', args: ['ann'], kwargs })
  expect(script.row).toMatchObject({ result: kwargs, log: expect.stringMatching(/hello ann.*"stream":"stderr"/s) })
  for (const executor of ['process', 'reports']) {
    const { row } = await ran(nodes, 'run.executed', { executor, func: 'do:talk', args: ['ann'], kwargs })
    expect(row).toMatchObject({ result: kwargs, log: expect.stringMatching(/"whom":"ann".*"msg":"hello"/) })
    expect(row.log).toMatch(/"stream":"stderr","msg":"oh"/)
  }
})

test('each way a run goes wrong has a status and an exception of its own', async () => {
  const nodes = await aNode({ executors: { process: { memory: 64 }, hanging: { type: 'process', workers: 1 } } })
  // A script is deaf once its shell has come to that line; the start of a worker counts as time of its first run.
  const timeout = 2
  await ran(nodes, 'run.executed', { executor: 'hanging', func: 'do:pid' })
  const ends = await Promise.all([
    ran(nodes, 'run.error', { executor: 'process', func: 'do:die' }),
    ran(nodes, 'run.error', { executor: 'process', func: 'do:hog' }),
    ran(nodes, 'run.timeout', { executor: 'hanging', func: 'do:hang', timeout }),
    ran(nodes, 'run.timeout', { executor: 'script', func: 'deaf.sh', timeout }),
  ])
  expect(ends.map(({ row }) => row.exception)).toEqual([
    'WorkerDied: the worker process died in the middle of the run, killed by SIGKILL',
    'OutOfMemory: the worker process ran out of memory (limit: 64 MB)',
    'Timeout: ran longer than its timeout of 2 s',
    'Timeout: ran longer than its timeout of 2 s',
  ])
  for (const { row } of ends.slice(2)) expect(row.duration).toBeGreaterThanOrEqual(timeout * 1000 + KILL_MS - 100)
  for (const executor of ['process', 'hanging']) {
    const { row } = await ran(nodes, 'run.executed', { executor, func: 'do:pid' })
    expect(row.result).toEqual(expect.any(Number))
  }
})

test('a worker that blocks for 3 s and a result of 10 MB make no other run late', async () => {
  const nodes = await aNode()
  const late: number[] = []
  nodes.nodes[0]?.events$.subscribe(event => {
    if (event.type === 'run.started' && event.job_id === 'quick') late.push(event.late)
  })
  const blocked = ran(nodes, 'run.executed', { executor: 'process', func: 'do:block' })
  const big = ran(nodes, 'run.executed', { executor: 'process', func: 'do:big' })
  const [ip] = nodes.ips as [string]
  await nodes.jobs.insertOne(
    aJob({ _id: 'quick', ip, trigger: { type: 'interval', seconds: 0.2 } }) as unknown as Loose,
  )
  expect((await blocked).row.result).toBe('awake')
  expect((await big).row).toMatchObject({ result: null, result_truncated: true })
  expect(late.length).toBeGreaterThan(5)
  expect(Math.max(...late)).toBeLessThan(1_000)
})

test('a func that its executor cannot perform makes the job invalid, in a sentence', async () => {
  const nodes = await aNode()
  const wrong: [string, string, RegExp][] = [
    ['process', 'note', /registered in code and cannot cross/],
    ['process', 'do:talkk', /did you mean do:talk\?/],
    ['script', '../evil.sh', /expected a path below the workspace folder/],
    ['script', 'gone.sh', /there is no file "gone.sh"/],
    ['reports', 'do:talk', /this node has none named "reports"; known here: default, process, script/],
  ]
  for (const [executor, func, message] of wrong) {
    const job = aJob({ ip: nodes.ips[0] as string, executor, func })
    await nodes.jobs.insertOne(job as unknown as Loose)
    await until(async () => expect((await nodes.jobs.findOne({ _id: job._id }))?.state?.error).toMatch(message))
  }
})

test('a node that stops leaves no worker behind', async () => {
  const nodes = await aNode()
  const { row } = await ran(nodes, 'run.executed', { executor: 'process', func: 'do:pid' })
  expect(alive(row.result)).toBe(true)
  await nodes.nodes[0]?.stop()
  expect(alive(row.result)).toBe(false)
})
