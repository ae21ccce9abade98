/** Live rows against a real server: what one second could not bring, the next one does. */
import { MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Live } from '../../src/history/live.ts'
import { type Execution, startedRow } from '../../src/history/rows.ts'
import { aJob, anOutcome } from '../protocol/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const WRITER = 'writer of live rows'

let testDb: TestDb
let client: MongoClient

beforeAll(async () => {
  testDb = await openTestDb()
  client = await MongoClient.connect(testDb.uri, { appName: WRITER })
})
afterEach(() => testDb.client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' }))
afterAll(async () => {
  await client?.close()
  await testDb?.close()
})

test('a row that could not be written comes a second later, though its run has logged nothing since', async () => {
  const executions = client.db().collection<Execution>('executions')
  const data = { failCommands: ['update'], errorCode: 8000, appName: WRITER }
  await testDb.client.db('admin').command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
  const live = new Live(executions, systemClock)
  const now = new Date()
  const run = { ...anOutcome(aJob(), 'r'), late: 0 }
  const row = () => startedRow(run, now, 1n, 'here', now)
  live.started({ run_id: 'r', row, tail: () => 'said once' })
  try {
    await until(async () =>
      expect(await executions.findOne({ _id: 'r' })).toMatchObject({ status: 'started', log: 'said once' }),
    )
  } finally {
    live.ended('r')
  }
})
