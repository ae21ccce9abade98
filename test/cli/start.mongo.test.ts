/** `start`: a node as a process: its tasks, its log, signals, standby; and `jobs add --wait` against it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Cli, endAll, runCli, startCli } from '../support/cli.ts'
import { openTestDb, type TestDb, withDatabase } from '../support/mongo.ts'

let testDb: TestDb
let uri: string
let folder: string

/** `slow` ends when the process gets SIGUSR2, `hear` when it is aborted. */
const TASKS = `
export const hello = run => { run.log.info('hello from ' + run.job._id); return 1 }
export const slow = async run => {
  const finish = new Promise(resolve => process.once('SIGUSR2', resolve))
  run.log.info('slow began')
  await finish
  run.log.info('slow ended')
}
export const hear = async run => {
  run.log.info('hear began')
  await new Promise(resolve => run.signal.addEventListener('abort', resolve))
  run.log.info('hear was told')
}
`

beforeEach(async () => {
  testDb = await openTestDb()
  uri = testDb.uri
  folder = await mkdtemp(join(tmpdir(), 'tidewheel tasks '))
  await writeFile(join(folder, 'demo.mjs'), TASKS)
})

afterEach(async () => {
  await endAll()
  if (uri !== testDb.uri) await testDb.client.db(`${testDb.db.databaseName}_killed`).dropDatabase()
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

const env = () => ({ MONGODB_URI: uri })
const start = (ip: string, ...more: string[]): Cli =>
  startCli(['start', '--ip', ip, '--tasks', folder, '--lease', '3000', ...more], { env: env() })
const add = (job: object, ...more: string[]) =>
  runCli(['jobs', 'add', '--json', ...more], { env: env(), input: JSON.stringify(job) })
const often = (fields: object) => ({ trigger: { type: 'interval', seconds: 1 }, ...fields })
const lines = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)

test('runs jobs and logs JSON lines; SIGTERM ends it with 0', async () => {
  const node = start('a')
  await node.saw(/node\.started/)
  expect((await add(often({ _id: 'j', func: 'demo:hello', ip: 'a' }))).code).toBe(0)
  await node.saw(/run\.executed/)
  node.kill('SIGTERM')
  const { code, stdout } = await node.ended
  expect(code).toBe(0)
  const logged = lines(stdout)
  expect(logged.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['hello from j', 'run.executed', 'node.stopped']))
  expect(logged.find(({ msg }) => msg === 'run.executed')).toMatchObject({ job_id: 'j', node: 'a', result: 1 })
})

test('--wait answers when the node has planned the job, and with exit 2 when it finds it invalid', async () => {
  const node = start('a')
  await node.saw(/node\.started/)
  const good = await add(often({ _id: 'good', func: 'demo:hello', ip: 'a' }), '--wait')
  expect(good.code).toBe(0)
  expect(JSON.parse(good.stdout)).toMatchObject({ _id: 'good', next_run_time: expect.any(String) })
  const bad = await add(often({ _id: 'bad', func: 'demo:helo', ip: 'a' }), '--wait')
  expect([bad.code, bad.stdout]).toEqual([2, ''])
  expect(bad.stderr).toMatch(/job bad: added, but its node cannot run it: .*did you mean demo:hello\?/)
  node.kill('SIGTERM')
  expect((await node.ended).code).toBe(0)
})

test('SIGTERM waits for a run in progress', async () => {
  const node = start('a')
  await node.saw(/node\.started/)
  await add({ _id: 'j', func: 'demo:slow', ip: 'a', trigger: { type: 'date' } })
  await node.saw(/slow began/)
  node.kill('SIGTERM')
  await node.saw(/node\.draining/)
  node.kill('SIGUSR2')
  const { code, stdout } = await node.ended
  expect(code).toBe(0)
  expect(stdout).toMatch(/slow ended[\s\S]*run\.executed[\s\S]*node\.stopped/)
})

test('SIGTERM ends it with 0 although a task module holds a timer and a client of its own open', async () => {
  const module = [
    `import { MongoClient } from '${import.meta.resolve('mongodb')}'`,
    'const client = await MongoClient.connect(process.env.MONGODB_URI)',
    'setInterval(() => {}, 60_000)',
    "export const count = () => client.db().collection('jobs').countDocuments()",
  ]
  await writeFile(join(folder, 'open.mjs'), module.join('\n'))
  // A database of its own: the module's client is not closed by anybody.
  uri = withDatabase(testDb.uri, `${testDb.db.databaseName}_killed`)
  const node = start('a')
  await node.saw(/node\.started/)
  await add(often({ _id: 'j', func: 'open:count', ip: 'a' }))
  await node.saw(/run\.executed/)
  node.kill('SIGTERM')
  const { code, stdout } = await node.ended
  expect([code, stdout.trim().split('\n').at(-1)]).toEqual([0, expect.stringContaining('node.stopped')])
})

test('SIGTERM ends it with 0 although a task module never comes to the end of its loading', async () => {
  const module = ['setInterval(() => {}, 60_000)', "console.log('loading')", 'await new Promise(() => {})']
  await writeFile(join(folder, 'endless.mjs'), module.join('\n'))
  const node = start('a', '--stop-timeout', '100')
  await node.saw(/loading/)
  node.kill('SIGTERM')
  const { code, stderr } = await node.ended
  expect([code, stderr]).toEqual([0, 'What has not ended by now ends with the process.\n'])
})

test('a run that goes on when the time of --stop-timeout is over is aborted, stored, and told', async () => {
  const node = start('a', '--stop-timeout', '300')
  await node.saw(/node\.started/)
  await add({ _id: 'j', func: 'demo:hear', ip: 'a', trigger: { type: 'date' } })
  await node.saw(/hear began/)
  node.kill('SIGTERM')
  const { code, stdout, stderr } = await node.ended
  expect(code).toBe(0)
  expect(stderr).toContain('1 run still goes on after 300 ms and is aborted.')
  expect(stdout).toMatch(/hear was told[\s\S]*run\.interrupted[\s\S]*node\.stopped/)
  expect(await testDb.db.collection('executions').findOne({ job_id: 'j' })).toMatchObject({ status: 'interrupted' })
})

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('a second %s ends it at once with %i', async (signal, expected) => {
  // A database of its own: what ends at once leaves its cursors to the server.
  uri = withDatabase(testDb.uri, `${testDb.db.databaseName}_killed`)
  const node = start('a')
  await node.saw(/node\.started/)
  await add({ _id: 'j', func: 'demo:slow', ip: 'a', trigger: { type: 'date' } })
  await node.saw(/slow began/)
  node.kill(signal)
  await node.saw(/node\.draining/)
  // One that follows within moments counts as the same: it is repeated until it is heard.
  await vi.waitFor(
    () => {
      node.kill(signal)
      expect(node.child.exitCode).toBe(expected)
    },
    { timeout: 5_000, interval: 50 },
  )
})

test('a second node of the same ip stands by, says so, and takes over when the first ends', async () => {
  const first = start('a')
  await first.saw(/node\.started/)
  const second = start('a')
  await second.saw(/a stands by: ip a is held by process \d+ on .*\. It takes over when that one ends\./)
  first.kill('SIGTERM')
  expect((await first.ended).code).toBe(0)
  await second.saw(/a is active/)
  await add(often({ _id: 'j', func: 'demo:hello', ip: 'a' }))
  await second.saw(/run\.executed/)
  second.kill('SIGINT')
  expect((await second.ended).code).toBe(0)
})

test('jobs of the configuration file are stored at the start', async () => {
  const file = join(folder, 'tidewheel.config.json')
  await writeFile(file, JSON.stringify({ jobs: [{ id: 'j', func: 'demo:hello', trigger: 'interval', seconds: 1 }] }))
  const node = start('a', '--config', file)
  await node.saw(/hello from j/)
  node.kill('SIGTERM')
  expect((await node.ended).code).toBe(0)
  expect(await testDb.db.collection<{ _id: string }>('jobs').findOne({ _id: 'j' })).toMatchObject({ ip: 'a' })
})
