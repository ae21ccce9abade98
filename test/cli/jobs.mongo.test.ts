/** `init`, `jobs` and what they answer: documents afterwards, JSON, columns in a pipe, and exit codes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { freePort } from '../../src/dev/mongod.ts'
import { spawnMongod } from '../../src/dev/spawn-mongod.ts'
import { endAll, runCli, runHere, startCli } from '../support/cli.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb
let folder: string

const jobs = () => testDb.db.collection<{ _id: string }>('jobs')
const cli = (args: readonly string[], input?: unknown) =>
  runHere(args, {
    env: { MONGODB_URI: testDb.uri },
    ...(input !== undefined && { input: typeof input === 'string' ? input : JSON.stringify(input) }),
  })
const aJob = (fields: object = {}) => ({
  _id: 'digest',
  func: 'mail:digest',
  trigger: { type: 'interval', minutes: 5 },
  ...fields,
})

beforeEach(async () => {
  testDb = await openTestDb()
  folder = await mkdtemp(join(tmpdir(), 'tidewheel cli '))
})

afterEach(async () => {
  await endAll()
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

test('init creates what is missing, and twice does no harm', async () => {
  for (const _ of [1, 2]) {
    const { code, stdout } = await cli(['init', '--json'])
    expect([code, JSON.parse(stdout)]).toEqual([0, { database: testDb.db.databaseName, warnings: [] }])
  }
  const names = (await testDb.db.listCollections().toArray()).map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['jobs', 'executions', 'nodes']))
})

describe('add', () => {
  test('a document from stdin is stored as it is', async () => {
    const { code, stdout } = await cli(['jobs', 'add'], aJob())
    expect([code, stdout]).toEqual([0, 'digest: added\n'])
    expect(await jobs().findOne({})).toEqual(aJob())
  })

  test("APScheduler's flat form, several at once, from a file", async () => {
    const file = join(folder, 'jobs.json')
    await writeFile(file, JSON.stringify([{ id: 'a', func: 'f', trigger: 'cron', hour: 8 }, aJob({ _id: 'b' })]))
    const { code, stdout } = await cli(['jobs', 'add', '--json', '--file', file])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject([{ _id: 'a', trigger: { type: 'cron', hour: 8 } }, { _id: 'b' }])
    expect(await jobs().countDocuments()).toBe(2)
  })

  test('one job with --json is one document, dates as ISO text', async () => {
    const { stdout } = await cli(['jobs', 'add', '--json'], aJob({ next_run_time: '2027-01-31T08:00:00Z' }))
    expect(JSON.parse(stdout)).toEqual(aJob({ next_run_time: '2027-01-31T08:00:00.000Z' }))
  })

  test('an id that is taken: exit 5; with --replace it is brought to the definition', async () => {
    await cli(['jobs', 'add'], aJob())
    const again = await cli(['jobs', 'add'], aJob({ max_instances: 2 }))
    expect([again.code, again.stderr]).toEqual([
      5,
      expect.stringMatching(/job digest: there is one of this id already/),
    ])
    expect((await cli(['jobs', 'add', '--replace'], aJob({ max_instances: 2 }))).code).toBe(0)
    expect(await jobs().findOne({})).toMatchObject({ max_instances: 2 })
  })

  test.each([
    ['{"func": ', /stdin: not JSON/],
    ['', /stdin: not JSON/],
    ['[]', /expected a job, found an empty array/],
    [{ func: 'f', trigger: { type: 'interval', minuts: 5 } }, /minuts/],
    [aJob({ max_instance: 2 }), /did you mean max_instances\?/],
  ])('%j is invalid: exit 2, nothing stored', async (input, message) => {
    const { code, stdout, stderr } = await cli(['jobs', 'add', '--json'], input)
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
    expect(await jobs().countDocuments()).toBe(0)
  })

  test('of several, none is added where one fails, and it says which', async () => {
    const { code, stdout, stderr } = await cli(['jobs', 'add', '--json'], [aJob(), aJob(), aJob({ _id: 'c' })])
    expect([code, stdout]).toEqual([5, ''])
    expect(stderr).toMatch(/^Job 2 of 3 failed; none is added\.\ntidewheel: job digest: there is one/)
    expect(await jobs().countDocuments()).toBe(0)
    const invalid = await cli(['jobs', 'add'], [aJob(), aJob({ _id: 'c', max_instances: 0 })])
    expect([invalid.code, invalid.stdout]).toEqual([2, ''])
    expect(invalid.stderr).toMatch(/^Job 2 of 2 failed; none is added\.\ntidewheel: job c: max_instances/)
    expect(await jobs().countDocuments()).toBe(0)
  })

  test('with --partial those that can be added are, and it says what of the others', async () => {
    const { code, stdout, stderr } = await cli(['jobs', 'add', '--partial'], [aJob(), aJob(), aJob({ _id: 'c' })])
    expect([code, stdout]).toEqual([5, 'digest: added\nc: added\n'])
    expect(stderr).toMatch(/^Job 2 of 3 is not added: job digest: there is one/)
  })

  test('--timezone is written into triggers that name no zone, also of several; without it none is', async () => {
    await cli(['jobs', 'add', '--timezone', 'Asia/Tokyo'], aJob())
    await cli(['jobs', 'add', '--timezone', 'Asia/Tokyo'], [aJob({ _id: 'b' }), aJob({ _id: 'c' })])
    expect(await jobs().distinct('trigger.timezone')).toEqual(['Asia/Tokyo'])
    expect(await jobs().countDocuments({ 'trigger.timezone': 'Asia/Tokyo' })).toBe(3)
    await cli(['jobs', 'add'], aJob({ _id: 'd' }))
    expect(await jobs().findOne({ _id: 'd' })).toEqual(aJob({ _id: 'd' }))
  })

  test('a file that is not there: exit 2', async () => {
    const { code, stderr } = await cli(['jobs', 'add', '--file', join(folder, 'nothing.json')])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^tidewheel: file: ENOENT/)])
  })
})

describe('one job', () => {
  beforeEach(async () => {
    await cli(['jobs', 'add'], aJob({ ip: 'a' }))
  })

  test.each([
    ['get', []],
    ['move', ['b']],
    ['pause', []],
    ['resume', []],
    ['run', []],
    ['remove', []],
    ['cancel', []],
    ['next', []],
    ['edit', []],
    ['backfill', ['--from', '2026-01-01', '--to', '2026-01-02']],
  ])('%s of an unknown id: exit 3', async (command, more) => {
    const { code, stdout, stderr } = await cli(['jobs', command, 'nothing', ...more], '{"max_instances": 2}')
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(
      /^tidewheel: job nothing: there is none of this id\nSee what there is: tidewheel jobs list\.\n$/,
    )
  })

  test('get shows the document', async () => {
    expect(JSON.parse((await cli(['jobs', 'get', 'digest', '--json'])).stdout)).toEqual(aJob({ ip: 'a' }))
    expect(JSON.parse((await cli(['jobs', 'get', 'digest'])).stdout)).toEqual(aJob({ ip: 'a' }))
  })

  test('move, and --anywhere', async () => {
    expect((await cli(['jobs', 'move', 'digest', 'b'])).stdout).toBe('digest: moved to b\n')
    expect(await jobs().findOne({})).toMatchObject({ ip: 'b' })
    expect(JSON.parse((await cli(['jobs', 'move', 'digest', '--anywhere', '--json'])).stdout)).toEqual(aJob())
  })

  test('move to what is no node name: exit 2 with the sentence of the field', async () => {
    await cli(['init'])
    const { code, stderr } = await cli(['jobs', 'move', 'digest', 'two words'])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/ip: a node name without whitespace/)])
  })

  test('pause with a note, and resume', async () => {
    await cli(['jobs', 'pause', 'digest', '--note', 'ask Ann'])
    expect(await jobs().findOne({})).toMatchObject({ next_run_time: null, note: 'ask Ann' })
    await cli(['jobs', 'resume', 'digest'])
    expect(await jobs().findOne({})).toEqual(aJob({ ip: 'a' }))
  })

  test('run orders one run more and leaves the schedule', async () => {
    const { code, stdout } = await cli(['jobs', 'run', 'digest', '--json'])
    expect([code, JSON.parse(stdout).run_at]).toEqual([0, [expect.any(String)]])
  })

  test('edit changes the given fields; null takes one away', async () => {
    const { code } = await cli(['jobs', 'edit', 'digest'], {
      ip: null,
      trigger: { type: 'cron', hour: 8 },
      timeout: null,
    })
    expect(code).toBe(0)
    expect(await jobs().findOne({})).toEqual(aJob({ trigger: { type: 'cron', hour: 8 }, timeout: null }))
    const wrong = await cli(['jobs', 'edit', 'digest'], { max_instances: 0 })
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/max_instances/)])
  })

  test('remove', async () => {
    expect(JSON.parse((await cli(['jobs', 'remove', 'digest', '--json'])).stdout)).toEqual({ removed: ['digest'] })
    expect(await jobs().countDocuments()).toBe(0)
  })

  test('remove of several says what became of each', async () => {
    await cli(['jobs', 'add'], aJob({ _id: 'b' }))
    const { code, stdout, stderr } = await cli(['jobs', 'remove', 'digest', 'nope', 'b', 'neither'])
    expect([code, stdout]).toEqual([3, 'digest: removed\nb: removed\n'])
    expect(stderr).toMatch(/job neither: there is none of this id\ntidewheel: job nope: there is none of this id/)
    expect(await jobs().countDocuments()).toBe(0)
  })

  test('cancel asks for the end of all runs or of one; where none goes on it asks for nothing', async () => {
    const none = await cli(['jobs', 'cancel', 'digest'])
    expect([none.code, none.stdout]).toEqual([0, 'digest: no run goes on\n'])
    expect(await jobs().findOne({})).not.toHaveProperty('cancel')
    const at = new Date()
    const entry = { job: 'digest', run_time: at, claimed: at, node: 'a', incarnation: 'i', attempt: 1 }
    const running = ['r1', 'r2'].map(run_id => ({ ...entry, run_id }))
    await jobs().updateOne({ _id: 'digest' }, { $set: { 'state.running': running } } as never)
    expect((await cli(['jobs', 'cancel', 'digest'])).stdout).toBe('digest: its 2 runs: asked to abort\n')
    expect(await jobs().findOne({})).toMatchObject({ cancel: '*' })
    expect((await cli(['jobs', 'cancel', 'digest', 'r2'])).stdout).toBe('digest: r2: asked to abort\n')
    expect(await jobs().findOne({})).toMatchObject({ cancel: 'r2' })
    const wrong = await cli(['jobs', 'cancel', 'digest', 'r3'])
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringMatching(/no run r3 goes on\nThese go on: r1, r2\./)])
  })

  test("next and backfill reckon in the zone of the job's node", async () => {
    await testDb.db.collection<{ _id: string }>('nodes').insertOne({ _id: 'a', timezone: 'Asia/Tokyo' } as never)
    await cli(['jobs', 'edit', 'digest'], { trigger: { type: 'cron', hour: 8 } })
    expect((await cli(['jobs', 'next', 'digest', '-n', '1'])).stdout).toMatch(/ 08:00:00 \+09:00\n$/)
    const shown = await cli(['jobs', 'next', 'digest', '-n', '1', '--timezone', 'UTC'])
    expect(shown.stdout).toMatch(/ 23:00:00 \+00:00\n$/)
    const args = ['jobs', 'backfill', 'digest', '--from', '2026-01-31 08:00', '--to', '2026-01-31 08:00', '--json']
    expect(JSON.parse((await cli(args)).stdout)).toEqual({ _id: 'digest', runs: 1 })
    expect(await jobs().findOne({})).toMatchObject({ run_at: [new Date('2026-01-30T23:00:00Z')] })
  })

  test('next goes on from next_run_time; a paused job has none', async () => {
    const next_run_time = '2027-01-31T08:00:00.000Z'
    await cli(['jobs', 'edit', 'digest'], { next_run_time })
    const times = await cli(['jobs', 'next', 'digest', '-n', '2', '--json'])
    expect(JSON.parse(times.stdout)).toEqual([next_run_time, '2027-01-31T08:05:00.000Z'])
    const shown = await cli(['jobs', 'next', 'digest', '-n', '1', '--timezone', 'Asia/Tokyo'])
    expect(shown.stdout).toBe('Sun 2027-01-31 17:00:00 +09:00\n')
    await cli(['jobs', 'pause', 'digest'])
    const paused = await cli(['jobs', 'next', 'digest'])
    expect([paused.code, paused.stdout]).toEqual([0, ''])
    expect(paused.stderr).toMatch(/digest is paused/)
  })

  test('backfill orders the fire times of a span', async () => {
    await cli(['jobs', 'edit', 'digest'], { trigger: { type: 'cron', hour: 8 } })
    const args = ['jobs', 'backfill', 'digest', '--from', '2026-01-01', '--to', '2026-01-03', '--json']
    expect(JSON.parse((await cli(args)).stdout)).toEqual({ _id: 'digest', runs: 2 })
    const wrong = await cli(['jobs', 'backfill', 'digest', '--from', '2026-01-03', '--to', '2026-01-01'])
    expect(wrong.code).toBe(2)
  })
})

describe('list', () => {
  const ids = async (...args: string[]) =>
    JSON.parse((await cli(['jobs', 'list', '--json', ...args])).stdout).map(({ _id }: { _id: string }) => _id)

  beforeEach(async () => {
    const at = new Date('2027-01-31T08:00:00Z')
    const running = [{ run_id: 'r' }]
    await jobs().insertMany([
      aJob({ _id: 'armed', ip: 'a', next_run_time: at, tags: ['mail'], state: { last_status: 'executed' } }),
      aJob({ _id: 'new', func: 'other', description: 'Sends (once)' }),
      aJob({ _id: 'paused', ip: 'b', next_run_time: null, note: 'ask\tAnn', state: { running } }),
      aJob({ _id: 'wrong', ip: 'a', state: { error: 'func: this node has no task' } }),
    ] as never)
  })

  test('by ip, tag, status and text', async () => {
    expect(await ids()).toEqual(['armed', 'new', 'paused', 'wrong'])
    expect(await ids('--ip', 'a')).toEqual(['armed', 'wrong'])
    expect(await ids('--ip', '')).toEqual(['new'])
    expect(await ids('--tag', 'mail')).toEqual(['armed'])
    expect(await ids('--status', 'armed')).toEqual(['armed'])
    expect(await ids('--status', 'new')).toEqual(['new'])
    expect(await ids('--status', 'paused')).toEqual(['paused'])
    expect(await ids('--status', 'running')).toEqual(['paused'])
    expect(await ids('--status', 'invalid')).toEqual(['wrong'])
    expect(await ids('--status', 'over')).toEqual([])
    expect(await ids('--search', 'S (ON')).toEqual(['new'])
    expect(await ids('--ip', 'a', '--status', 'invalid')).toEqual(['wrong'])
  })

  test('in a pipe: columns parted by tabs, no head, no colours, one line a job', async () => {
    const { stdout } = await cli(['jobs', 'list'])
    expect(stdout.split('\n').map(line => line.split('\t'))).toEqual([
      ['armed', 'a', 'armed', '2027-01-31T08:00:00.000Z', 'executed', 'mail:digest', ''],
      ['new', '-', 'new', '-', '-', 'other', ''],
      ['paused', 'b', 'paused+running', '-', '-', 'mail:digest', 'ask Ann'],
      ['wrong', 'a', 'invalid', '-', '-', 'mail:digest', 'func: this node has no task'],
      [''],
    ])
  })

  test('--limit and --timezone', async () => {
    const { stdout, stderr } = await cli(['jobs', 'list', '--limit', '1', '--timezone', 'Asia/Tokyo'])
    expect(stdout).toBe('armed\ta\tarmed\tSun 2027-01-31 17:00:00 +09:00\texecuted\tmail:digest\t\n')
    expect(stderr).toBe('There are more than 1.\n')
    const wrong = await cli(['jobs', 'list', '--limit', 'few'])
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--limit: expected a whole number/)])
  })

  test('none: an empty array, exit 0', async () => {
    const { code, stdout, stderr } = await cli(['jobs', 'list', '--tag', 'nothing', '--json'])
    expect([code, stdout, stderr]).toEqual([0, '[]\n', ''])
  })

  test('an unknown status: exit 2', async () => {
    const { code, stderr } = await cli(['jobs', 'list', '--status', 'tired'])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--status: expected invalid, paused/)])
  })
})

test('events tells of edits as objects, and ends by a signal with 130', async () => {
  const events = startCli(['events', '--json', '--job', 'digest'], { env: { MONGODB_URI: testDb.uri } })
  await events.saw(/listening to database/)
  await jobs().insertOne(aJob({ ip: 'a' }) as never)
  await jobs().insertOne(aJob({ _id: 'other' }) as never)
  await jobs().updateOne({ _id: 'digest' }, { $set: { ip: 'b' } })
  await jobs().updateOne({ _id: 'digest' }, { $set: { next_run_time: null } })
  await jobs().updateOne({ _id: 'digest' }, { $unset: { next_run_time: '' } })
  await jobs().deleteOne({ _id: 'digest' })
  await events.saw(/job\.removed/)
  events.kill('SIGINT')
  const { code, stdout } = await events.ended
  expect(code).toBe(130)
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(lines.map(({ type }) => type)).toEqual(['job.added', 'job.moved', 'job.paused', 'job.resumed', 'job.removed'])
  expect(lines[1]).toMatchObject({ job_id: 'digest', to: 'b', at: expect.any(String), position: expect.any(String) })
})

test('events says first what it does not hear, and ends after --limit with 0', async () => {
  const events = startCli(['events', '--limit', '2', '--node', 'a'], { env: { MONGODB_URI: testDb.uri } })
  await events.saw(
    /^listening to database .*Ctrl-C ends\. What is not stored only the node itself tells of.*run\.claimed/,
  )
  await jobs().insertMany([
    aJob({ ip: 'a' }),
    aJob({ _id: 'other', ip: 'b' }),
    aJob({ _id: 'third', ip: 'a' }),
  ] as never)
  const { code, stdout } = await events.ended
  expect([code, stdout.trim().split('\n').length]).toEqual([0, 2])
  expect(stdout).toMatch(/job\.added {2}digest.*\n.*job\.added {2}third/)
  expect(stdout).not.toMatch(/position/)
})

test.each([
  ['nonsense', /there is no event "nonsense"; known are node, clock, /],
  ['run.executd', /did you mean run\.executed\?/],
  ['run.claimed', /run\.claimed is never stored, so only the node itself tells of it/],
])('events of the type %s: exit 2', async (type, message) => {
  const { code, stderr } = await cli(['events', '--type', type])
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
})

test('a standalone server: exit 69, and how to repair it', async () => {
  const port = await freePort()
  const { path: binary } = await findMongodBinary()
  // The last argument that names a set wins: an empty one is none.
  const mongod = await spawnMongod({ binary, dataDir: folder, port, replSet: '', args: [] })
  try {
    const { code, stderr } = await runCli(['jobs', 'list', '--uri', `mongodb://127.0.0.1:${port}`])
    expect([code, stderr]).toEqual([69, expect.stringMatching(/is a standalone server.*--replSet rs0/)])
  } finally {
    await mongod.stop()
  }
})
