/** `jobs list --watch` in a pipe: what there is, then each change a line, until a signal. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { called } from '../support/called.ts'
import { endAll, startCli } from '../support/cli.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb

const jobs = () => testDb.db.collection<{ _id: string }>('jobs')
const env = () => ({ MONGODB_URI: testDb.uri })

beforeEach(async () => {
  testDb = await openTestDb()
  await jobs().insertMany([aJob({ _id: 'a', ip: 'n' }), aJob({ _id: 'b' })] as never)
})

afterEach(async () => {
  await endAll()
  await testDb.close()
})

test('a row for each job and each change of one; SIGINT ends it with 130', async () => {
  const cli = startCli(['jobs', 'list', '--watch', '--ip', 'n'], { env: env() })
  await cli.saw(/^a\tn\tnew\t/m)
  await jobs().updateOne({ _id: 'a' }, { $set: { next_run_time: null, note: 'ask\nAnn' } } as never)
  await cli.saw(/^a\tn\tpaused\t.*\task Ann$/m)
  await jobs().updateOne({ _id: 'b' }, { $set: { ip: 'n' } } as never)
  await cli.saw(/^b\tn\tnew\t/m)
  await jobs().updateOne({ _id: 'a' }, { $set: { ip: 'other' } } as never)
  await cli.saw(/^a\tremoved$/m)
  cli.kill('SIGINT')
  const { code, stderr } = await cli.ended
  expect([code, stderr]).toEqual([130, ''])
})

test('with --json a value a line', async () => {
  const cli = startCli(['jobs', 'list', '--watch', '--json'], { env: env() })
  await cli.saw(/"_id":"b"/)
  await jobs().deleteOne({ _id: 'b' })
  await cli.saw(/removed/)
  cli.kill('SIGTERM')
  const { code, stdout } = await cli.ended
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(code).toBe(143)
  expect(lines).toHaveLength(3)
  expect(lines).toContainEqual({ type: 'put', job: expect.objectContaining({ _id: 'a', ip: 'n' }) })
  expect(lines.at(-1)).toEqual({ type: 'removed', id: 'b' })
})

test.each([
  [['--limit', '3'], /--watch shows as many as the screen has rows; leave --limit out/],
  [['--status', 'nonsense'], /--status: expected/],
])('--watch with %j: exit 2', async (args, message) => {
  const { code, stdout, stderr } = await called(['jobs', 'list', '--watch', ...args], env())
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
})
