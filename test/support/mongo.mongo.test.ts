/** The support for databases, tested by itself: a leak that it does not see is a leak that no test sees. */
import { MongoClient } from 'mongodb'
import { expect, test } from 'vitest'
import { openTestDb, withDatabase } from './mongo.ts'

test('each call gives a database of its own, gone after close', async () => {
  const one = await openTestDb()
  const two = await openTestDb()
  expect(one.db.databaseName).not.toBe(two.db.databaseName)
  await one.db.collection('c').insertOne({ x: 1 })
  await one.close()
  const { databases } = await two.client.db().admin().listDatabases()
  expect(databases.map(({ name }) => name)).not.toContain(one.db.databaseName)
  await two.close()
})

test('close fails while a change stream is open, and names it', async () => {
  const { uri, close } = await openTestDb({ graceMs: 300 })
  const other = await MongoClient.connect(uri)
  const stream = other.db().collection('jobs').watch()
  await stream.tryNext()
  await expect(close()).rejects.toThrow(/\.jobs: .*changeStream/)
  await stream.close()
  await other.close()
})

test('close fails while a client is open', async () => {
  const { uri, close } = await openTestDb({ graceMs: 300 })
  const other = await MongoClient.connect(uri)
  await expect(close()).rejects.toThrow('a connection of this process')
  await other.close()
})

test.each([
  ['mongodb://h:1/?replicaSet=r', 'mongodb://h:1/d?replicaSet=r'],
  ['mongodb://h:1,i:2', 'mongodb://h:1,i:2/d?'],
  ['mongodb://u:p@h/users', 'mongodb://u:p@h/d?authSource=users'],
])('the database goes into %s', (uri, expected) => {
  expect(withDatabase(uri, 'd')).toBe(expected)
})
