/** `jobs.changes$`: what is there, then what changes; what ends it, what it waits out, and that it keeps nothing open. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { firstValueFrom, type Subscription, toArray } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import type { JobChange } from '../../src/client/jobs.ts'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { freePort, startMongod } from '../../src/dev/mongod.ts'
import { createNode } from '../../src/node/node.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

let db: TestDb

beforeEach(async () => {
  db = await openTestDb()
})

afterEach(() => db?.close())

const aJob = (_id: string, fields: object = {}) => ({
  _id,
  func: 'f',
  trigger: { type: 'interval', hours: 1 },
  ...fields,
})
const jobs = () => db.db.collection<{ _id: string }>('jobs')

interface Heard {
  readonly told: readonly string[]
  readonly end: () => unknown
  readonly subscription: Subscription
}

function listen({ jobs }: Pick<Client, 'jobs'>, query: object = {}): Heard {
  const told: string[] = []
  let end: unknown
  const next = (change: JobChange) =>
    told.push(change.type === 'put' ? `put ${change.job._id}` : `removed ${change.id}`)
  const subscription = jobs.changes$(query).subscribe({
    next,
    error: error => {
      end = error
    },
    complete: () => {
      end = 'complete'
    },
  })
  return { told, end: () => end, subscription }
}

test('tells what matches, and what comes to match or no longer does; unsubscribing ends it', async () => {
  await using client = await connect({ uri: db.uri })
  await jobs().insertMany([aJob('a', { tags: ['x'] }), aJob('b')] as never)
  const { told, subscription, end } = listen(client, { tags: 'x' })
  await until(() => expect(told).toEqual(['put a']))
  await jobs().updateOne({ _id: 'b' }, { $set: { tags: ['x'] } } as never)
  await until(() => expect(told).toEqual(['put a', 'put b']))
  await jobs().updateOne({ _id: 'a' }, { $unset: { tags: '' } } as never)
  await until(() => expect(told).toEqual(['put a', 'put b', 'removed a']))
  await jobs().drop()
  await until(() => expect(told.at(-1)).toBe('removed b'))
  await jobs().insertOne(aJob('c', { tags: ['x'] }) as never)
  await until(() => expect(told.at(-1)).toBe('put c'))
  subscription.unsubscribe()
  expect(end()).toBeUndefined()
})

test('completes when its client closes, and when its node does; its stream is gone from the server by then', async () => {
  await using client = await connect({ uri: db.uri })
  // Of another node: the one below leaves it as it is. Inserted first: what comes while all is read is told with it and as a change.
  await jobs().insertOne(aJob('a', { ip: 'elsewhere' }) as never)
  const heard = listen(client)
  await until(() => expect(heard.told).toEqual(['put a']))
  await client.close()
  expect(heard.end()).toBe('complete')

  await using node = createNode({ uri: db.uri, ip: 'n', logger: false })
  await node.start()
  const ofNode = listen(node)
  await until(() => expect(ofNode.told).toEqual(['put a']))
  await node.close()
  expect(ofNode.end()).toBe('complete')
})

test('a process that has closed its client ends', async () => {
  const file = fileURLToPath(new URL('../support/unended.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, db.uri], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', chunk => {
    said += chunk
  })
  try {
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect(said.trim().split('\n').sort()).toEqual(['changes complete', 'closed', 'events complete', 'stream.opened'])
  } finally {
    child.kill('SIGKILL')
  }
})

test('errors with what does not mend', async () => {
  await using client = await connect({ uri: db.uri })
  const wrong = listen(client, { $nonsense: 1 })
  await until(() => expect(wrong.end()).toMatchObject({ code: 'invalid_option', message: /unknown top level/ }))
  const late = firstValueFrom(createNode({ uri: db.uri }).jobs.changes$().pipe(toArray()))
  await expect(late).rejects.toMatchObject({ code: 'closed' })
})

test('waits out a database that is away, and begins anew where the history of its stream is lost', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-watch-'))
  const { path: binary } = await findMongodBinary()
  const port = await freePort()
  const args = ['--setParameter', 'enableTestCommands=1']
  const first = await startMongod({ binary, dataDir, port, args })
  const client = await connect({ uri: first.uri, connectTimeout: 1_000 })
  try {
    await client.jobs.add(aJob('a') as never)
    const heard = listen(client)
    const events: string[] = []
    client.events$().subscribe(({ type }) => events.push(type))
    await until(() => expect(heard.told).toEqual(['put a']))
    await until(() => expect(events).toEqual(['stream.opened']))
    await first.stop()
    await until(() => expect(events.at(-1)).toBe('stream.interrupted'), 20_000)
    const second = await startMongod({ binary, dataDir, port, args })
    await using person = await MongoClient.connect(second.uri)
    await person
      .db('tidewheel')
      .collection('jobs')
      .insertOne(aJob('b') as never)
    await until(() => expect(heard.told).toContain('put b'), 20_000)
    await until(() => expect(events.slice(-2)).toEqual(['stream.resumed', 'job.added']), 20_000)
    const lost = (mode: string) =>
      person.db('admin').command({
        configureFailPoint: 'failCommand',
        mode,
        data: { failCommands: ['getMore'], errorCode: 286, appName: 'tidewheel' },
      })
    await lost('alwaysOn')
    await person
      .db('tidewheel')
      .collection('jobs')
      .insertOne(aJob('c') as never)
    await until(() => expect(heard.told.filter(told => told === 'put c').length).toBeGreaterThan(1), 20_000)
    await lost('off')
    await until(() => expect(events.at(-1)).toBe('stream.resynced'), 20_000)
    expect(heard.end()).toBeUndefined()
    await client.close()
    expect(heard.end()).toBe('complete')
    await person.close()
    await second.stop()
  } finally {
    await client.close()
    await rm(dataDir, { recursive: true, force: true })
  }
})
