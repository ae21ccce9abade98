/** The replica set for tests, tested by itself: its members go, come back and change places, and nothing is left. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ReplicaSet, startReplicaSet } from './replica-set.ts'

let dataDir: string
let set: ReplicaSet

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-set-'))
  set = await startReplicaSet({ dataDir })
})

afterAll(async () => {
  await set?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const insert = async (_id: string): Promise<void> => {
  await using client = await MongoClient.connect(set.uri)
  await client
    .db('d')
    .collection<{ _id: string }>('c')
    .insertOne({ _id }, { writeConcern: { w: 'majority' } })
}

const ids = async (): Promise<string[]> => {
  await using client = await MongoClient.connect(set.uri)
  return (await client.db('d').collection<{ _id: string }>('c').find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id)
}

test('what the majority has survives the death of the primary, which comes back', async () => {
  await insert('a')
  const old = await set.primary()
  await set.kill(old)
  const next = await set.primary()
  expect(next).not.toBe(old)
  await insert('b')
  await set.restart(old)
  expect(await ids()).toEqual(['a', 'b'])
})

test('a frozen member does not follow a primary that steps down', async () => {
  const old = await set.primary()
  const [frozen, free] = [0, 1, 2].filter(member => member !== old) as [number, number]
  await set.freeze(frozen, 60)
  await set.stepDown(20)
  expect(await set.primary()).toBe(free)
  await set.freeze(frozen, 0)
})

test('a stopped member answers again after SIGCONT', async () => {
  const member = (await set.primary()) === 0 ? 1 : 0
  await set.kill(member, 'SIGSTOP')
  await insert('c')
  await set.kill(member, 'SIGCONT')
  await using client = new MongoClient(`mongodb://127.0.0.1:${set.ports[member]}`, { directConnection: true })
  await client.db('admin').command({ ping: 1 })
})

test('after stop no member is left', async () => {
  const pids = [0, 1, 2].map(set.pid)
  await set.stop()
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
