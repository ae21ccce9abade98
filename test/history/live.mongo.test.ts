/** Live rows against a real server: what one second could not bring, the next one does; a run that has ended is not told as going on. */
import { type Collection, MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { Live } from '../../src/history/live.ts'
import { type Execution, Rows } from '../../src/history/rows.ts'
import type { Claim } from '../../src/job/claim.ts'
import type { Outcome } from '../../src/job/outcome.ts'
import { Patience } from '../../src/pace/patience.ts'
import { aClaim } from '../support/claims.ts'
import { FakeClock } from '../support/clock.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const WRITER = 'writer of live rows'

let testDb: TestDb
let client: MongoClient
let executions: Collection<Execution>

beforeAll(async () => {
  testDb = await openTestDb()
  client = await MongoClient.connect(testDb.uri, { appName: WRITER })
  executions = client.db().collection('executions')
})
afterEach(async () => {
  await testDb.client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
  await executions.deleteMany({})
})
afterAll(async () => {
  await client?.close()
  await testDb?.close()
})

const liveBy = (clock: Clock) =>
  new Live({ executions, ip: 'here', clock, patience: new Patience({ emit: () => {}, lastingMs: 0 }) })
const saying = (text: string) => ({ tail: () => text })
const read = (_id: string) => executions.findOne({ _id })

/** A second after which what it was to bring is there: the next one is waited for. */
async function second(clock: FakeClock): Promise<void> {
  clock.advance(1_000)
  await until(() => expect(clock.pending).toBe(1))
}

test('a row that could not be written comes a second later, though its run has logged nothing since', async () => {
  const data = { failCommands: ['update'], errorCode: 8000, appName: WRITER }
  await testDb.client.db('admin').command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
  const live = liveBy(systemClock)
  live.started(aClaim({ run_id: 'r' }), 0, saying('said once'))
  try {
    await until(async () => expect(await read('r')).toMatchObject({ status: 'started', log: 'said once' }))
  } finally {
    live.ended('r')
  }
})

test('only a run that goes on for a second has a row, which says since when, how late and on which node', async () => {
  const clock = new FakeClock()
  const live = liveBy(clock)
  live.started(aClaim({ run_id: 'short' }), 0, saying(''))
  live.ended('short')
  expect(clock.pending).toBe(0)
  live.started(aClaim({ run_id: 'long' }), 7, saying(''))
  const started = new Date(clock.now())
  clock.advance(1)
  live.started(aClaim({ run_id: 'later' }), 0, saying(''))
  clock.advance(998)
  expect(await executions.countDocuments()).toBe(0)
  await second(clock)
  expect(await read('long')).toMatchObject({ status: 'started', started, late: 7, node: 'here', finished: null })
  expect(await read('later')).toBeNull()
  await second(clock)
  expect((await executions.find().toArray()).map(({ _id }) => _id).sort()).toEqual(['later', 'long'])
  live.ended('long')
  live.ended('later')
  expect(clock.pending).toBe(0)
})

test('what a run logs meanwhile joins its row, and no row of a run that has ended is told as going on again', async () => {
  const clock = new FakeClock()
  const live = liveBy(clock)
  let said = 'one line'
  const [known, unknown] = [aClaim({ run_id: 'known' }), aClaim({ run_id: 'unknown' })]
  const ended = (claim: Claim): Outcome => {
    const at = new Date(clock.now())
    return { ...claim, status: 'executed', started: at, finished: at, duration: 0, late: 0 }
  }
  const rows = new Rows(executions, 'here', () => clock.now())
  live.started(known, 0, { tail: () => said })
  await second(clock)
  said = 'two lines'
  await second(clock)
  expect(await read('known')).toMatchObject({ status: 'started', log: 'two lines' })
  await rows.store([ended(known), ended(unknown)])
  said = 'three lines'
  live.started(unknown, 0, { tail: () => said })
  await second(clock)
  await second(clock)
  for (const id of ['known', 'unknown']) expect(await read(id)).toMatchObject({ status: 'executed', log: null })
  live.close()
  expect(clock.pending).toBe(0)
})
