/** `history`: rows of the past, those that come, and one run as a whole. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { called } from '../support/called.ts'
import { endAll, startCli } from '../support/cli.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb

const rows = () => testDb.db.collection<{ _id: string }>('executions')
const env = () => ({ MONGODB_URI: testDb.uri })
const cli = (...args: readonly string[]) => called(['history', ...args], env())

const HOUR_MS = 3_600_000
const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS)

const aRow = (_id: string, fields: object = {}) => ({
  _id,
  job_id: 'digest',
  job_name: 'Daily digest',
  func: 'mail:digest',
  run_time: new Date('2026-01-01T00:00:00Z'),
  scheduled: true,
  status: 'executed',
  attempt: 1,
  coalesced: 1,
  node: '10.0.0.7',
  ip: '10.0.0.7',
  late: 3,
  duration: 12.34,
  result: null,
  exception: null,
  traceback: null,
  log: 'one\ntwo\n',
  recorded: ago(1),
  ...fields,
})

const FAILED = {
  status: 'error',
  exception: 'RangeError: out of paper',
  traceback: 'RangeError: out of paper\n    at print (mail.js:3:9)',
}

beforeEach(async () => {
  testDb = await openTestDb()
  await testDb.db.collection('jobs').insertMany([aJob({ _id: 'digest' }), aJob({ _id: 'new' })] as never)
  await rows().insertMany([
    aRow('r1', { recorded: ago(3) }),
    aRow('r2', { recorded: ago(2), ...FAILED, attempt: 2 }),
    aRow('r3', { job_id: 'report', status: 'missed', late: 90_000, duration: null, coalesced: 3 }),
  ] as never)
})

afterEach(async () => {
  await endAll()
  await testDb.close()
})

const ids = ({ stdout }: { readonly stdout: string }) =>
  stdout.split('\n').flatMap(line => (line === '' ? [] : [line.split('\t')[0]]))

test('a row each, newest first, with what went wrong', async () => {
  const due = '2026-01-01T00:00:00.000Z'
  expect(await cli()).toEqual({
    code: 0,
    stdout: [
      `r3\treport\tmissed\t${due}\t90000\t-\t10.0.0.7\t`,
      `r2\tdigest\terror\t${due}\t3\t12.3\t10.0.0.7\tRangeError: out of paper`,
      `r1\tdigest\texecuted\t${due}\t3\t12.3\t10.0.0.7\t\n`,
    ].join('\n'),
    stderr: '',
  })
  const { stdout } = await cli('--timezone', 'Europe/Berlin', '--limit', '1')
  expect(stdout).toContain('\tThu 2026-01-01 01:00:00 +01:00\t')
  const json = JSON.parse((await cli('--json')).stdout)
  expect(json.map(({ _id, status }: Record<string, unknown>) => [_id, status])).toEqual([
    ['r3', 'missed'],
    ['r2', 'error'],
    ['r1', 'executed'],
  ])
})

test.each([
  [['digest'], ['r2', 'r1']],
  [['--failed'], ['r2']],
  [['report'], ['r3']],
  [
    ['--since', '150min'],
    ['r3', 'r2'],
  ],
  [['--since', '2.5h', '--failed'], ['r2']],
  [
    ['digest', '--since', '2001-01-01'],
    ['r2', 'r1'],
  ],
  [['--since', '1 s'], []],
  [
    ['--limit', '2'],
    ['r3', 'r2'],
  ],
])('%j', async (args, expected) => {
  expect(ids(await cli(...args))).toEqual(expected)
})

test('what is left out is said, and without a word more than 50 rows are left out', async () => {
  expect((await cli('--limit', '2')).stderr).toBe('There are more than 2; --limit or --since shows more.\n')
  await rows().insertMany(Array.from({ length: 60 }, (_, n) => aRow(`more-${n}`)) as never)
  const usual = await cli()
  expect([ids(usual).length, usual.stderr]).toEqual([50, 'There are more than 50; --limit or --since shows more.\n'])
  expect(ids(await cli('--since', '1d'))).toHaveLength(63)
})

test('where there is none: of a job that has not run it says so; of what is none exit 3, and the nearest id', async () => {
  expect(await cli('new')).toEqual({ code: 0, stdout: '', stderr: 'new has not run yet.\n' })
  expect(await cli('report', '--failed')).toEqual({ code: 0, stdout: '', stderr: 'There is no such run.\n' })
  expect(await cli('new', '--json')).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
  for (const args of [['digst'], ['digst', '--follow']]) {
    const { code, stdout, stderr } = await cli(...args)
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(/digst.*\nDid you mean digest\?/)
  }
})

test.each([
  [['--since', 'yesterday'], /--since: expected a time such as .* or a span such as 90s, .*found "yesterday"/],
  [['--since', '2 fortnights'], /found "2 fortnights"/],
  [['--limit', '0'], /--limit: expected a whole number/],
])('%j: exit 2', async (args, said) => {
  expect(await cli(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(said) })
})

describe('get', () => {
  test('one run as a whole, with traceback and log', async () => {
    const { code, stdout, stderr } = await cli('get', 'r2')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')).toEqual([
      'run         r2',
      'job         digest (Daily digest)',
      'func        mail:digest',
      'status      error, attempt 2',
      'due         2026-01-01T00:00:00.000Z',
      'node        10.0.0.7',
      '',
      'error:',
      'RangeError: out of paper',
      '    at print (mail.js:3:9)',
      '',
      'log:',
      'one',
      'two',
      '',
    ])
    expect(JSON.parse((await cli('get', 'r2', '--json')).stdout)).toMatchObject({
      _id: 'r2',
      ...FAILED,
      log: 'one\ntwo\n',
    })
  })

  test('when it ran, how late and how long, and what it returned', async () => {
    const started = new Date('2026-01-01T00:00:01Z')
    const finished = new Date('2026-01-01T00:01:05Z')
    const row = {
      started,
      finished,
      late: 1_000,
      duration: 64_000,
      result: { pages: 3 },
      scheduled: false,
      coalesced: 2,
    }
    await rows().insertOne(aRow('r4', row) as never)
    expect((await cli('get', 'r4', '--timezone', 'UTC')).stdout).toContain(
      [
        'due         Thu 2026-01-01 00:00:00 +00:00, ordered',
        'stands for  2 due times',
        'started     Thu 2026-01-01 00:00:01 +00:00, 1 s late',
        'finished    Thu 2026-01-01 00:01:05 +00:00, took 1 min 4 s',
        'node        10.0.0.7',
        'result      {"pages":3}',
      ].join('\n'),
    )
  })

  test('of what is no run: exit 3, and what could be meant', async () => {
    await rows().insertOne(aRow('65b9f0c2a1b2c3d4e5f60718') as never)
    const advice = async (id: string) => {
      const { code, stderr } = await cli('get', id)
      return [code, stderr.split('\n')[1]]
    }
    expect(await advice('65b9f0')).toEqual([
      3,
      'Did you mean 65b9f0c2a1b2c3d4e5f60718? All of them: tidewheel history.',
    ])
    expect(await advice('digest')).toEqual([3, 'digest is a job; its runs: tidewheel history digest.'])
    expect(await advice('nothing like it')).toEqual([3, 'All of them: tidewheel history.'])
  })
})

describe('--follow', () => {
  test('tells what is there, oldest first, and then each row that comes, once for each status', async () => {
    const tidewheel = startCli(['history', 'digest', '--follow'], { env: env() })
    await tidewheel.saw(/^r2\t/m)
    await rows().insertOne(aRow('r4', { status: 'started', duration: null }) as never)
    await tidewheel.saw(/^r4\tdigest\tstarted/m)
    // A line that it logs meanwhile is no news, nor is a row that is stored again.
    await rows().updateOne({ _id: 'r4' }, { $set: { log: 'one\ntwo\nthree' } } as never)
    await rows().replaceOne({ _id: 'r2' }, aRow('r2', { ...FAILED, recorded: new Date() }) as never)
    await rows().insertOne(aRow('other', { job_id: 'report' }) as never)
    await rows().updateOne({ _id: 'r4' }, { $set: { status: 'timeout', duration: 5_000 } } as never)
    await tidewheel.saw(/^r4\tdigest\ttimeout/m)
    tidewheel.kill('SIGINT')
    const end = await tidewheel.ended
    expect([end.code, end.stderr]).toEqual([130, 'following the history; Ctrl-C ends.\n'])
    expect(end.stdout.split('\n').map(line => line.split('\t').slice(0, 3).join(' '))).toEqual([
      'r1 digest executed',
      'r2 digest error',
      'r4 digest started',
      'r4 digest timeout',
      '',
    ])
  })

  test('between the listing and the stream nothing is missed and nothing told twice', async () => {
    let stored = 0
    let going = true
    const storing = (async () => {
      for (; going; stored++) await rows().insertOne(aRow(`n${stored}`, { recorded: new Date() }) as never)
    })()
    const tidewheel = startCli(['history', '--follow', '--since', '1h', '--json'], { env: env() })
    try {
      await tidewheel.saw(/"_id":"n\d+"/)
      const seen = stored + 20
      await expect.poll(() => stored, { timeout: 20_000 }).toBeGreaterThan(seen)
    } finally {
      going = false
      await storing
    }
    await tidewheel.saw(new RegExp(`"_id":"n${stored - 1}"`))
    tidewheel.kill('SIGTERM')
    const { code, stdout } = await tidewheel.ended
    const told = stdout.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)._id as string]))
    expect(code).toBe(143)
    const own = told.filter(id => id.startsWith('n'))
    expect(own.sort()).toEqual(Array.from({ length: stored }, (_, n) => `n${n}`).sort())
  })

  test('--failed follows failures alone', async () => {
    const tidewheel = startCli(['history', '-f', '--failed', '--quiet'], { env: env() })
    await tidewheel.saw(/^r2\t/m)
    await rows().insertMany([aRow('good'), aRow('bad', { status: 'interrupted' })] as never)
    await tidewheel.saw(/^bad\t/m)
    tidewheel.kill('SIGINT')
    const end = await tidewheel.ended
    expect([ids(end), end.stderr]).toEqual([['r2', 'bad'], ''])
  })
})

test('on a terminal it is a table, with spans in units and times from now', async () => {
  const isTTY = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY')
  Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true })
  try {
    await rows().insertOne(aRow('r4', { run_time: ago(2), duration: 64_000 }) as never)
    const { stdout } = await cli('--limit', '1', '--since', '9h')
    expect(stdout.split('\n').map(line => line.trim().split(/ {2,}/))).toEqual([
      ['RUN', 'JOB', 'STATUS', 'DUE', 'LATE', 'TOOK', 'NODE', 'ERROR'],
      ['r4', 'digest', 'executed', '2 h ago', '3 ms', '1 min 4 s', '10.0.0.7'],
      [''],
    ])
  } finally {
    if (isTTY === undefined) Reflect.deleteProperty(process.stdout, 'isTTY')
    else Object.defineProperty(process.stdout, 'isTTY', isTTY)
  }
})
