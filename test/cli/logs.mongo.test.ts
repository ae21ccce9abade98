/** `logs`: of a run, of a job, of one that goes on, and of what is none. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newLines } from '../../src/cli/logs.ts'
import { called } from '../support/called.ts'
import { endAll, startCli } from '../support/cli.ts'
import { aJob, anEntry } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb

const rows = () => testDb.db.collection<{ _id: string }>('executions')
const env = () => ({ MONGODB_URI: testDb.uri })
const cli = (...args: readonly string[]) => called(['logs', ...args], env())

const aRow = (_id: string, fields: object = {}) => ({
  _id,
  job_id: 'digest',
  run_time: new Date('2026-01-01T00:00:00Z'),
  status: 'executed',
  duration: 12.34,
  exception: null,
  traceback: null,
  log: 'one\ntwo\n',
  ...fields,
})

beforeEach(async () => {
  testDb = await openTestDb()
  await testDb.db.collection('jobs').insertMany([aJob({ _id: 'digest' }), aJob({ _id: 'new' })] as never)
  await rows().insertMany([
    aRow('r1'),
    aRow('r2', {
      run_time: new Date('2026-01-02T00:00:00Z'),
      status: 'error',
      exception: 'RangeError: out of paper',
      log: 'x',
    }),
  ] as never)
})

afterEach(async () => {
  await endAll()
  await testDb.close()
})

test('of a run: its lines on stdout, how it ended on stderr', async () => {
  expect(await cli('r1')).toEqual({
    code: 0,
    stdout: 'one\ntwo\n',
    stderr: 'Run r1 of digest ended executed after 12.3 ms\n',
  })
  const { stdout } = await cli('r1', '--json')
  expect(JSON.parse(stdout)).toEqual({
    run_id: 'r1',
    job_id: 'digest',
    status: 'executed',
    exception: null,
    traceback: null,
    log: 'one\ntwo\n',
  })
})

test('of a job: its latest run, or the one that goes on', async () => {
  expect(await cli('digest')).toMatchObject({
    stdout: 'x\n',
    stderr: 'Run r2 of digest ended error after 12.3 ms: RangeError: out of paper\n',
  })
  await rows().insertOne(aRow('r0', { run_time: new Date(0), status: 'started', duration: null, log: null }) as never)
  const running = [anEntry({ run_id: 'r0', job: 'digest' })]
  await testDb.db
    .collection('jobs')
    .updateOne({ func: 'note', _id: 'digest' as never }, { $set: { 'state.running': running } })
  expect(await cli('digest')).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^Run r0 of digest goes on/) })
})

test('of a job that has not run it says so; of what is none: exit 3, and the nearest id', async () => {
  expect(await cli('new')).toEqual({ code: 0, stdout: '', stderr: 'new has not run yet.\n' })
  const { code, stdout, stderr } = await cli('digst')
  expect([code, stdout]).toEqual([3, ''])
  expect(stderr).toMatch(/^tidewheel: digst: there is no run and no job of this id\nDid you mean digest\?/)
})

describe('--follow', () => {
  const log = (text: string, fields: object = {}) =>
    rows().updateOne({ _id: 'r1' }, { $set: { log: text, ...fields } } as never)

  test('tells what is new until the run ends', async () => {
    await log('one\n', { status: 'started', duration: null })
    const tidewheel = startCli(['logs', 'r1', '-f'], { env: env() })
    await tidewheel.saw(/^one$/m)
    await log('one\ntwo\nthree\n')
    await tidewheel.saw(/^three$/m)
    await log('three\nfour\n', { status: 'executed', duration: 3 })
    const { code, stdout, stderr } = await tidewheel.ended
    expect([code, stdout]).toEqual([0, 'one\ntwo\nthree\nfour\n'])
    expect(stderr).toBe('Run r1 of digest ended executed after 3 ms\n')
  })

  test('SIGINT ends it with 130', async () => {
    await log('one\n', { status: 'started' })
    const tidewheel = startCli(['logs', 'r1', '--follow', '--json'], { env: env() })
    await tidewheel.saw(/one/)
    tidewheel.kill('SIGINT')
    expect(await tidewheel.ended).toMatchObject({ code: 130, stdout: '{"run_id":"r1","line":"one"}\n' })
  })
})

test.each([
  [[], ['a'], ['a']],
  [['a'], ['a'], []],
  [['a', 'b'], ['b', 'c'], ['c']],
  [['a', 'a'], ['a', 'a', 'a'], ['a']],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [['a', 'b', 'c'], ['c'], []],
  [['a'], [], []],
])('after %j, %j tells %j', (told, lines, expected) => {
  expect(newLines(told, lines)).toEqual(expected)
})
