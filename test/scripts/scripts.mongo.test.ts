/** The scripts for mongosh, run in the real one against collections as a node makes them.
 *  A start of mongosh takes a second and more: a test runs one or two. */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ensureCollections } from '../../src/database/ensure.ts'
import { openTestDb, type TestDb, withDatabase } from '../support/mongo.ts'
import { type Mongosh, type MongoshResult, openMongosh } from '../support/mongosh.ts'

interface Stored {
  readonly _id: string
  readonly [field: string]: unknown
}

const SCRIPTS = join(import.meta.dirname, '..', '..', 'scripts')
const NAMES = ['add-job', 'list-jobs', 'move-job', 'pause-job', 'resume-job', 'run-now'] as const
const NEXT = new Date('2031-01-02T03:04:05Z')
const JOB = { func: 'mail:digest', trigger: { type: 'interval', minutes: 5 } }

let home: string
let mongosh: Mongosh
let own: TestDb

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidewheel-mongosh-'))
  mongosh = await openMongosh(home)
  own = await openTestDb()
  await ensureCollections(own.db)
}, 360_000)

afterAll(async () => {
  await own?.close()
  await rm(home, { recursive: true, force: true })
})

const jobs = () => own.db.collection<Stored>('jobs')

beforeEach(async () => {
  await jobs().deleteMany({})
})

/** Runs a script with its parameters as variables of the environment. */
const run = (name: string, env: Record<string, string> = {}, uri = own.uri): Promise<MongoshResult> =>
  mongosh([uri, '--quiet', '--file', join(SCRIPTS, `${name}.js`)], env)

/** Runs a script with its parameters as `--eval`. */
const runWith = (name: string, parameters: string): Promise<MongoshResult> =>
  mongosh([own.uri, '--quiet', '--eval', parameters, '--file', join(SCRIPTS, `${name}.js`)])

const here = () => `database ${own.db.databaseName}`

test('a job is added with its parameters from --eval, and the node is named', async () => {
  const job = '{_id: "mail", func: "mail:digest", trigger: {type: "interval", minutes: 5}, ip: "10.0.0.1"}'
  const { code, stdout, stderr } = await runWith('add-job', `var JOB=${job}`)
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${here()}\nadded "mail" on 10.0.0.1\n`, stderr: '' })
  expect(await jobs().findOne()).toEqual({ _id: 'mail', ...JOB, ip: '10.0.0.1' })
})

test('a job is added from a file of JSON, with an id that is made for it and its dates as dates', async () => {
  const FILE = join(home, 'a job.json')
  await writeFile(FILE, JSON.stringify({ ...JOB, next_run_time: { $date: NEXT.toISOString() } }))
  expect(await run('add-job', { FILE })).toMatchObject({ code: 0 })
  const [job] = await jobs().find().toArray()
  expect(job).toMatchObject({ ...JOB, next_run_time: NEXT })
  expect(job?._id).toMatch(/^[0-9a-f]{24}$/)
})

test('a job whose id is taken is not added', async () => {
  await jobs().insertOne({ _id: 'mail', ...JOB })
  const { code, stderr } = await run('add-job', { JOB: JSON.stringify({ _id: 'mail', ...JOB, ip: 'b' }) })
  expect(code).toBe(1)
  expect(stderr).toBe('Error: there is a job "mail" already\n')
  expect(await jobs().findOne()).not.toHaveProperty('ip')
})

describe('a document that MongoDB refuses is answered with one line:', () => {
  test.each([
    ['a misspelt field', { ...JOB, fuc: 1 }, /^Error: refused: fuc: not a field of a job; .*\n$/],
    ['a wrong value', { ...JOB, max_instances: 0 }, /^Error: refused: max_instances: .*1.*1,?000.*\n$/],
    [
      'a misspelt part of a trigger',
      { ...JOB, trigger: { type: 'interval', minuts: 5 } },
      /^Error: refused: trigger.*\n$/,
    ],
  ])('%s', async (_, job, line) => {
    const { code, stderr } = await run('add-job', { JOB: JSON.stringify({ _id: 'mail', ...job }) })
    expect(stderr).toMatch(line)
    expect(code).toBe(1)
    expect(await jobs().countDocuments()).toBe(0)
  })

  test('an edit', async () => {
    await jobs().insertOne({ _id: 'mail', ...JOB, ip: 'a' })
    const { code, stderr } = await run('move-job', { ID: 'mail', IP: 'two words' })
    expect(stderr).toMatch(/^Error: refused: ip: .*\n$/)
    expect(code).toBe(1)
    expect(await jobs().findOne()).toMatchObject({ ip: 'a' })
  })
})

test('a job is moved and keeps its next run time', async () => {
  await jobs().insertOne({ _id: 'mail', ...JOB, ip: '10.0.0.1', next_run_time: NEXT })
  const { code, stdout } = await runWith('move-job', 'var ID="mail", IP="10.0.0.2"')
  expect(code).toBe(0)
  expect(stdout).toContain('moved "mail" from 10.0.0.1 to 10.0.0.2\nno node "10.0.0.2" is known yet')
  expect(await jobs().findOne()).toEqual({ _id: 'mail', ...JOB, ip: '10.0.0.2', next_run_time: NEXT })
})

test('a job moved to "" has no ip any more', async () => {
  await jobs().insertOne({ _id: 'mail', ...JOB, ip: '10.0.0.1' })
  expect(await run('move-job', { ID: 'mail', IP: '' })).toMatchObject({ code: 0 })
  expect(await jobs().findOne()).toEqual({ _id: 'mail', ...JOB })
})

test('a job is paused with a note, and resumed without it', async () => {
  await jobs().insertOne({ _id: 'mail', ...JOB, next_run_time: NEXT })
  const paused = await runWith('pause-job', 'var ID="mail", NOTE="ask Ann"')
  expect(paused).toMatchObject({ code: 0, stdout: `${here()}\npaused "mail": ask Ann\n` })
  expect(await jobs().findOne()).toEqual({ _id: 'mail', ...JOB, next_run_time: null, note: 'ask Ann' })
  const resumed = await run('resume-job', { ID: 'mail' })
  expect(resumed).toMatchObject({ code: 0, stdout: `${here()}\nresumed "mail"\n` })
  expect(await jobs().findOne()).toEqual({ _id: 'mail', ...JOB })
})

test('resuming a job that is not paused leaves its next run time alone', async () => {
  await jobs().insertOne({ _id: 'mail', ...JOB, next_run_time: NEXT })
  const { code, stdout } = await run('resume-job', { ID: 'mail' })
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${here()}\n"mail" is not paused: nothing was changed\n` })
  expect(await jobs().findOne()).toMatchObject({ next_run_time: NEXT })
})

test("run now orders one more run at the server's time and leaves the schedule alone", async () => {
  await jobs().insertOne({ _id: 'mail', ...JOB, ip: 'a', next_run_time: NEXT })
  const serverTime = async (): Promise<Date> => (await own.db.command({ hello: 1 })).localTime
  const before = await serverTime()
  expect(await run('run-now', { ID: 'mail' })).toMatchObject({ code: 0 })
  expect(await run('run-now', { ID: 'mail' })).toMatchObject({ code: 0 })
  const job = (await jobs().findOne()) as Stored
  expect(job).toMatchObject({ next_run_time: NEXT })
  const [first, second] = job.run_at as [Date, Date]
  expect(first.getTime()).toBeGreaterThanOrEqual(before.getTime())
  expect(second.getTime()).toBeGreaterThan(first.getTime())
  expect(second.getTime()).toBeLessThanOrEqual((await serverTime()).getTime())
})

test('jobs are listed with what is next, those of one node alone if asked', async () => {
  await jobs().insertMany([
    { _id: 'due', ...JOB, ip: '10.0.0.1', next_run_time: NEXT },
    { _id: 'fresh', ...JOB },
    { _id: 'held', ...JOB, ip: '10.0.0.1', next_run_time: null, note: 'ask Ann' },
  ])
  const all = await run('list-jobs')
  expect({ code: all.code, lines: all.stdout.split('\n') }).toEqual({
    code: 0,
    lines: [
      here(),
      'ID     IP        FUNC         TRIGGER   LAST  NEXT',
      'due    10.0.0.1  mail:digest  interval  -     2031-01-02T03:04:05.000Z',
      'fresh  -         mail:digest  interval  -     not planned yet',
      'held   10.0.0.1  mail:digest  interval  -     paused: ask Ann',
      '3 jobs',
      '',
    ],
  })
  const some = await run('list-jobs', { IP: '10.0.0.1', LIMIT: '1', FORMAT: 'json' })
  const [database, line, count] = some.stdout.split('\n')
  expect([database, count]).toEqual([here(), '1 of 2 jobs'])
  expect(JSON.parse(line ?? '')).toMatchObject({ _id: 'due', next_run_time: { $date: '2031-01-02T03:04:05Z' } })
})

test.each(['move-job', 'pause-job', 'resume-job', 'run-now'])(
  '%s of an unknown id ends with 1 and a sentence',
  async name => {
    const { code, stderr } = await run(name, { ID: 'nobody', IP: 'a' })
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'Error: there is no job "nobody"\n' })
  },
)

test('a parameter that lacks is named', async () => {
  const { code, stderr } = await run('move-job', { ID: 'mail' })
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'Error: where to? Give the node as IP\n' })
})

test('a script works without its neighbours, and DB names another database than the connection does', async () => {
  const alone = join(home, 'copied script.js')
  await copyFile(join(SCRIPTS, 'list-jobs.js'), alone)
  const elsewhere = withDatabase(own.uri, 'admin')
  const { code, stdout } = await mongosh([elsewhere, '--quiet', '--file', alone], { DB: own.db.databaseName })
  expect({ code, stdout: stdout.split('\n')[0] }).toEqual({ code: 0, stdout: here() })
})

test('a database without jobs of ours is refused by its name, and left as it is', async () => {
  const name = `${own.db.databaseName}_x`
  const other = own.client.db(name)
  await other.collection<Stored>('jobs').insertOne({ _id: 'mail' })
  const { code, stderr, stdout } = await run('pause-job', { ID: 'mail' }, withDatabase(own.uri, name))
  const left = await other.collection('jobs').find().toArray()
  await other.dropDatabase()
  expect({ code, stdout, left }).toEqual({ code: 1, stdout: '', left: [{ _id: 'mail' }] })
  expect(stderr).toContain(`the database "${name}" has no collection "jobs" of Tidewheel`)
})

test('in mongosh\'s own database "test" the database is tidewheel', async () => {
  const { stdout, stderr } = await run('list-jobs', {}, withDatabase(own.uri, 'test'))
  expect(stdout + stderr).toMatch(/^database tidewheel$|the database "tidewheel" has no/m)
})

test('what the scripts have in common is the same in all of them', async () => {
  expect((await readdir(SCRIPTS)).filter(file => !file.includes('mongosh'))).toEqual(NAMES.map(name => `${name}.js`))
  const texts = await Promise.all(NAMES.map(name => readFile(join(SCRIPTS, `${name}.js`), 'utf8')))
  const opening = texts.map(text => /\n {2}\/\/ --- the same in each.*?\n {2}print\(`database.*?\n/s.exec(text)?.[0])
  const writing = texts.map(text => /\n {2}const attempt = .*?\n {2}}\n/s.exec(text)?.[0]).filter(Boolean)
  expect(new Set(opening).size).toBe(1)
  expect([writing.length, new Set(writing).size]).toEqual([NAMES.length - 1, 1])
})
