/** `dev`: everything in one terminal: what it prints, that its lines work, that it ends without a trace and begins again. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { withDatabase } from '../../src/cli/dev-server.ts'
import { freePort } from '../../src/dev/mongod.ts'
import { endAll, runCli, startCli } from '../support/cli.ts'
import { openTestDb } from '../support/mongo.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel dev '))
})

afterEach(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

const dev = (...args: string[]) => startCli(['dev', ...args], { cwd: folder })
const jobsAt = async (uri: string, use: (jobs: ReturnType<typeof collection>) => Promise<unknown>) => {
  await using client = await MongoClient.connect(uri)
  await use(collection(client))
}
const collection = (client: MongoClient) => client.db().collection<{ _id: string }>('jobs')
const lock = () => readFile(join(folder, '.tidewheel', 'db', 'mongod.lock'), 'utf8')

test('prints its address and lines to try, shows runs and edits, and ends with its MongoDB', async () => {
  const cli = dev()
  const [uri = ''] = await cli.saw(/mongodb:\/\/127\.0\.0\.1:\d+\/tidewheel\?\S+/)
  await cli.saw(/^\d\d:\d\d:\d\d\.\d{3}Z {2}127\.0\.0\.1 {2}executed {2}hello {2}due \S+ {2}took [\d.]+ ms$/m)
  const [, moved = ''] = await cli.saw(/--eval '(db\.jobs\.updateOne\(.*ip: "127\.0\.0\.2".*)'/)
  expect(moved).toBe('db.jobs.updateOne({_id: "hello"}, {$set: {ip: "127.0.0.2"}})')
  await jobsAt(uri, jobs => jobs.updateOne({ _id: 'hello' }, { $set: { ip: '127.0.0.2' } }))
  await cli.saw(/127\.0\.0\.2 {2}executed {2}hello/)
  await jobsAt(uri, jobs => jobs.updateOne({ _id: 'report' }, { $set: { next_run_time: new Date() } }))
  await cli.saw(/executed {2}report/)
  const pid = Number(await lock())
  cli.kill('SIGINT')
  expect((await cli.ended).code).toBe(0)
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  expect(await lock()).toBe('')

  // The data stayed: the job is where it was moved to, and no sample is added anew.
  const again = dev('--json', '--nodes', '1')
  await again.saw(/of the jobs wait for 127\.0\.0\.2, not started this time/)
  await again.saw(/"type":"node\.started"/)
  again.kill('SIGTERM')
  const { code, stdout } = await again.ended
  expect(code).toBe(0)
  for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('type')
})

test('without nodes: its MongoDB on the port that was asked for, the dashboard, and no job', async () => {
  const port = await freePort()
  const cli = dev('--nodes', '0', '--port', String(port), '--http', '127.0.0.1:0')
  const [uri = ''] = await cli.saw(/^ {2}mongodb:\/\/127\.0\.0\.1:\d+\/tidewheel\?\S+$/m)
  expect(new URL(uri.trim()).port).toBe(String(port))
  const [, page = ''] = await cli.saw(/^Tidewheel for development: (\S+)$/m)
  expect((await fetch(new URL('/livez', page))).status).toBe(200)
  await jobsAt(uri.trim(), async jobs => expect(await jobs.countDocuments()).toBe(0))
  expect(cli.said()).not.toMatch(/Paste/)
  cli.kill('SIGINT')
  expect((await cli.ended).code).toBe(0)
})

test('a signal ends it with 0 although its configuration file holds a timer open', async () => {
  await writeFile(
    join(folder, 'tidewheel.config.mjs'),
    'setInterval(() => {}, 60_000)\nexport default { stopTimeout: 5_000 }',
  )
  const cli = dev()
  await cli.saw(/executed/)
  cli.kill('SIGTERM')
  expect((await cli.ended).code).toBe(0)
})

test('a data folder that another one uses: exit 5; when it is killed, its MongoDB follows', async () => {
  const cli = dev()
  await cli.saw(/executed/)
  const other = await runCli(['dev'], { cwd: folder })
  expect([other.code, other.stderr]).toEqual([5, expect.stringMatching(/is in use by another mongod/)])
  const pid = Number(await lock())
  cli.kill('SIGKILL')
  await cli.ended
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 30_000, interval: 50 })
})

test('when its MongoDB is killed it says so, and what to do: exit 69', async () => {
  const cli = dev()
  await cli.saw(/executed/)
  process.kill(Number(await lock()), 'SIGKILL')
  const { code, stderr } = await cli.ended
  expect(code).toBe(69)
  expect(stderr).toMatch(/its MongoDB was killed \(SIGKILL\)\nStart again; .*mongod\.log/)
})

test('what npm passes on beside the terminal is no second interrupt; a real one ends at once, and its MongoDB too', async () => {
  const cli = dev()
  await cli.saw(/executed/)
  const pid = Number(await lock())
  cli.kill('SIGINT')
  cli.kill('SIGTERM')
  expect((await cli.ended).code).toBe(0)

  const again = dev()
  const [uri = ''] = await again.saw(/mongodb:\/\/127\.0\.0\.1:\d+\/tidewheel\?\S+/)
  await again.saw(/executed/)
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  // A run that takes its time keeps the first interrupt waiting.
  const kwargs = { seconds: 30 }
  const job = { _id: 'long', func: 'sample:report', kwargs, trigger: { type: 'date' }, ip: '127.0.0.1' }
  await jobsAt(uri, jobs => jobs.insertOne(job))
  await again.saw(/job\.added {2}long/)
  const going = { _id: 'long', 'state.running.0': { $exists: true } }
  let begun = 0
  const look = () =>
    jobsAt(uri, async jobs => {
      begun = await jobs.countDocuments(going as never)
    })
  await vi.waitFor(() => look().then(() => expect(begun).toBe(1)), { timeout: 20_000, interval: 100 })
  again.kill('SIGINT')
  await again.saw(/node\.draining {2}running=1/)
  const server = Number(await lock())
  await vi.waitFor(
    () => {
      again.kill('SIGINT')
      expect(again.child.exitCode).toBe(130)
    },
    { timeout: 5_000, interval: 50 },
  )
  await vi.waitFor(() => expect(() => process.kill(server, 0)).toThrow('ESRCH'), { timeout: 30_000, interval: 50 })
})

test.each([
  ['flag', (db: string) => ({ args: ['--db', db], env: {} })],
  ['variable', (db: string) => ({ args: [], env: { TIDEWHEEL_DB: db } })],
])('with MONGODB_URI it uses that server, in the database of the %s, and starts none', async (_, named) => {
  const testDb = await openTestDb()
  const db = `${testDb.db.databaseName}_dev`
  const { args, env } = named(db)
  const cli = startCli(['dev', ...args], { cwd: folder, env: { MONGODB_URI: testDb.uri, ...env } })
  await cli.saw(/executed/)
  cli.kill('SIGINT')
  expect((await cli.ended).code).toBe(0)
  expect(cli.said()).toContain(`/${db}?`)
  await expect(lock()).rejects.toThrow('ENOENT')
  expect(await testDb.db.listCollections().toArray()).toEqual([])
  await testDb.client.db(db).dropDatabase()
  await testDb.close()
})

test.each([
  ['mongodb://h:1/?replicaSet=r', 'mongodb://h:1/tidewheel_dev?replicaSet=r'],
  ['mongodb://h:1', 'mongodb://h:1/tidewheel_dev'],
  ['mongodb://u:p@h/users', 'mongodb://u:p@h/tidewheel_dev?authSource=users'],
  ['mongodb+srv://u:p@h/users?authSource=x', 'mongodb+srv://u:p@h/tidewheel_dev?authSource=x'],
])('the database goes into %s', (uri, expected) => {
  expect(withDatabase(uri, 'tidewheel_dev')).toBe(expected)
})
