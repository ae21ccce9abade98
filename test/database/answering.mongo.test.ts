/** A database of which every question ends: what is not waited for, and what is as it was. */
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answering } from '../../src/database/answering.ts'
import { type Line, openLine } from '../support/line.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

const MS = 300

let testDb: TestDb
let line: Line
let client: MongoClient

beforeAll(async () => {
  testDb = await openTestDb()
  line = await openLine(Number(/:(\d+)/.exec(testDb.uri)?.[1]))
  const uri = `mongodb://127.0.0.1:${line.port}/?directConnection=true`
  client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: 1_000 })
})

afterAll(async () => {
  await client?.close()
  await line?.close()
  await testDb?.close()
})

const numbers = () => answering(client.db(testDb.db.databaseName), MS).collection<{ _id: number }>('numbers')

test('an answer that does not come is not waited for, of a cursor neither; the others come as they were', async () => {
  await numbers().deleteMany({})
  await numbers().insertMany(Array.from({ length: 10 }, (_, _id) => ({ _id })))
  line.withholdAnswers(['getMore'], 1)
  const cursor = numbers().find().sort({ _id: 1 }).batchSize(4)
  const found: number[] = []
  const read = async () => {
    for await (const { _id } of cursor) found.push(_id)
  }
  await expect(read()).rejects.toThrow(`no answer within ${MS} ms`)
  expect(found).toEqual([0, 1, 2, 3])
})

test('refusals and answers are the driver’s', async () => {
  const uri = `mongodb://127.0.0.1:${line.port}/?directConnection=true`
  await using other = await MongoClient.connect(uri)
  const db = answering(other.db(testDb.db.databaseName), 5_000)
  const collection = db.collection<{ _id: number }>('others')
  await collection.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }])
  expect(await collection.find().sort({ _id: -1 }).limit(2).toArray()).toEqual([{ _id: 3 }, { _id: 2 }])
  const seen: number[] = []
  for await (const { _id } of collection.find().batchSize(1)) {
    if (seen.push(_id) === 2) break
  }
  expect(seen).toEqual([1, 2])
  await expect(collection.insertOne({ _id: 1 })).rejects.toMatchObject({ code: 11000 })
  expect((await db.command({ ping: 1 })).ok).toBe(1)
  expect(collection.collectionName).toBe('others')
})
