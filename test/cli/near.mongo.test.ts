/** "Did you mean": commands, flags, statuses, and ids of jobs and nodes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { called } from '../support/called.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb

beforeAll(async () => {
  testDb = await openTestDb()
  const jobs = ['digest', 'report-daily', 'report-weekly', 'mail:all'].map(_id => aJob({ _id }))
  await testDb.db.collection('jobs').insertMany(jobs as never)
  await testDb.db.collection('nodes').insertOne({ _id: '10.0.0.7', seen: new Date(), lease: 1 } as never)
})

afterAll(() => testDb.close())

const cli = (...args: readonly string[]) => called(args, { MONGODB_URI: testDb.uri })

test.each([
  [['jbos', 'list'], "unknown command 'jbos'\n(Did you mean jobs?)"],
  [['jobs', 'lst'], "unknown command 'lst'\n(Did you mean list?)"],
  [['nodes', 'drian', 'x'], "unknown command 'drian'\n(Did you mean drain?)"],
  [['nodes', 'list', 'x'], 'nodes list: takes no argument, found "x"'],
  [['jobs', 'list', '--limt', '3'], "unknown option '--limt'\n(Did you mean --limit?)"],
  [['jobs', 'list', '--status', 'pausd'], 'found "pausd"; did you mean paused?'],
])('%j: exit 2', async (args, said) => {
  const { code, stderr } = await cli(...args)
  expect([code, stderr]).toEqual([2, expect.stringContaining(said)])
})

describe('ids', () => {
  test.each([
    [['jobs', 'get', 'digets'], 'Did you mean digest? All of them: tidewheel jobs list.'],
    [['jobs', 'pause', 'mail'], 'Did you mean mail:all? All of them: tidewheel jobs list.'],
    [['jobs', 'remove', 'dgest'], 'Did you mean digest? All of them: tidewheel jobs list.'],
    [['export', 'digst'], 'Did you mean digest? All of them: tidewheel jobs list.'],
    [['nodes', 'drain', '10.0.0.8'], 'Did you mean 10.0.0.7? All of them: tidewheel nodes list.'],
    [['jobs', 'get', 'report'], 'See what there is: tidewheel jobs list.'],
    [['jobs', 'get', 'nothing like it'], 'See what there is: tidewheel jobs list.'],
    [['nodes', 'evict', 'elsewhere'], 'See what there is: tidewheel nodes list.'],
  ])('%j: exit 3', async (args, advice) => {
    const { code, stderr } = await cli(...args)
    expect([code, stderr.trim().split('\n').at(-1)]).toEqual([3, advice])
  })
})
