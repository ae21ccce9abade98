/** Commands that the driver would wait for for ever: they end, and their connections are given back. */
import { channel } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unstick } from '../../src/database/unstick.ts'
import { type Line, openLine } from '../support/line.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb
let line: Line
/** The driver's to the line. */
const sockets: Socket[] = []

const opened = (message: unknown) => void sockets.push((message as { readonly socket: Socket }).socket)

beforeAll(async () => {
  testDb = await openTestDb()
  line = await openLine(Number(/:(\d+)/.exec(testDb.uri)?.[1]))
  channel('net.client.socket').subscribe(opened)
})

afterAll(async () => {
  channel('net.client.socket').unsubscribe(opened)
  await line?.close()
  await testDb?.close()
})

test('what is written to a socket in the turn in which it ends is written to another one', async () => {
  const uri = `mongodb://127.0.0.1:${line.port}/?directConnection=true`
  const client = await MongoClient.connect(uri, { maxPoolSize: 1, serverSelectionTimeoutMS: 5_000 })
  const unsticking = unstick(client)
  const numbers = client.db(testDb.db.databaseName).collection<{ _id: number }>('numbers')
  await numbers.insertOne({ _id: 0 })
  let hasEnded = false
  const asked = new Promise<unknown>(resolve => {
    for (const socket of sockets) {
      const { destroy } = socket
      socket.destroy = error => {
        destroy.call(socket, error)
        // The driver hears of its end at the next turn, and still takes it for a connection.
        if (!hasEnded) resolve(numbers.insertOne({ _id: 1 }))
        hasEnded = true
        return socket
      }
    }
  })
  line.cut()
  line.open()
  expect(await asked).toMatchObject({ insertedId: 1 })
  await numbers.insertOne({ _id: 2 })
  await client.close()
  unsticking.unsubscribe()
})
