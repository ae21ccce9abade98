/** Rows against a real server: whatever a task returned, logged or threw, each run has its row, and no row costs another one. */
import type { Collection } from 'mongodb'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Execution, Rows, rowOf } from '../../src/history/rows.ts'
import type { Outcome } from '../../src/job/outcome.ts'
import { aJob as aModelJob, anOutcome } from '../protocol/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb
let executions: Collection<Execution>
let made = 0

beforeAll(async () => {
  testDb = await openTestDb()
})
beforeEach(() => {
  executions = testDb.db.collection<Execution>(`executions_${made++}`)
})
afterAll(() => testDb?.close())

const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown
const end = (id: string, result: unknown, more: object = {}): Outcome => anOutcome(aModelJob(), id, { result, ...more })
const store = (...ends: readonly Outcome[]) => new Rows(executions, 'here', () => Date.now()).store(ends)
const fails = () => {
  throw new Error('not to be read')
}
const circle: Record<string, unknown> = {}
circle.self = circle

const UNSTORABLE: readonly [string, unknown][] = [
  ['a key with NUL', { 'a\0b': 1 }],
  ['300 arrays within each other', nested(300)],
  ['170 arrays within each other', nested(170)],
  ['a name of a BSON type that there is not', { _bsontype: 'Nonsense' }],
  ['a name of a BSON type without its value', [{ _bsontype: 'ObjectId' }]],
  ['a circle', circle],
  ['a big integer', { n: 2n ** 70n }],
  ['a value that refuses to be JSON', { toJSON: fails }],
  ['a value that is too large', 'x'.repeat(20_000)],
]

test.each(UNSTORABLE)('a result that holds %s takes no other row with it, nor its own', async (_, result) => {
  const ends = Array.from({ length: 50 }, (_, i) => end(`r${i}`, i === 17 ? result : { n: i }))
  await store(...ends)
  const stored = await executions.find().sort({ _id: 1 }).toArray()
  expect(stored.map(({ _id }) => _id)).toEqual(ends.map(({ entry }) => entry.run_id).sort())
  for (const { _id, result } of stored) if (_id !== 'r17') expect(result).toEqual({ n: Number(_id.slice(1)) })
  const odd = stored.find(({ _id }) => _id === 'r17')
  if (odd?.result === null) expect(odd.result_truncated).toBe(true)
  expect(odd?.status).toBe('executed')
})

test('rows that no majority is known to have are stored again, though one of them stood there already', async () => {
  const ends = [end('there', 1), end('new', 2)]
  await store(...ends.slice(0, 1))
  const admin = testDb.client.db('admin')
  const data = {
    failCommands: ['insert'],
    writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' },
  }
  await admin.command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
  await expect(store(...ends)).rejects.toThrow()
  await store(...ends)
  expect(await executions.countDocuments()).toBe(2)
})

test('many results of that kind among rows that stand there already are stored once each', async () => {
  const ends = Array.from({ length: 200 }, (_, i) => end(`r${i}`, i % 3 === 0 ? UNSTORABLE[i % 9]?.[1] : i))
  await executions.insertMany(ends.filter((_, i) => i % 3 === 1).map(ended => rowOf(ended, 'here', new Date())))
  await store(...ends)
  await store(...ends)
  expect(await executions.countDocuments()).toBe(200)
  expect(await executions.countDocuments({ result: { $type: 'int' } })).toBe(133)
})

test.each([
  ['DBRefs', { $ref: 5, $id: { $db: 1 } }],
  ['keys that are operators', { $set: { a: 1 }, $where: 'x' }],
  ['keys with dots, and empty ones', { 'a.b': 1, '': 2, a: { '.': 3 } }],
  ['a prototype', JSON.parse('{"__proto__": {"a": 1}}')],
])('a result with %s is stored, for the first time and again', async (_, result) => {
  await store(end('a', result), end('b', 1))
  await store(end('a', result), end('b', 1))
  expect(await executions.countDocuments()).toBe(2)
})

test.each([
  ['lone surrogates', '\ud800 and \udfff'],
  ['NUL', 'a\0b'],
])('text with %s is stored wherever a task may say it', async (_, text) => {
  const error = { name: text, message: text, stack: text }
  await store(end('a', text, { error, log: text }), end('b', 1))
  expect(await executions.countDocuments({ log: { $type: 'string' }, exception: { $type: 'string' } })).toBe(1)
  expect(await executions.countDocuments()).toBe(2)
})

test('a row that no collection takes is reported when all others are stored', async () => {
  await testDb.db.createCollection(executions.collectionName, { validator: { _id: { $ne: 'r7' } } })
  const ends = Array.from({ length: 20 }, (_, i) => end(`r${i}`, i))
  await expect(store(...ends)).rejects.toMatchObject({ code: 121 })
  expect(await executions.countDocuments()).toBe(19)
})
