/** A follower that cannot be lost: real losses, on a server of its own whose oplog holds a few megabytes, over a line that can
 *  be cut. What it was not told it reads anew, what it can resume it resumes, and the node goes on with what it holds. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Db, type Document, MongoClient, type Timestamp } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { type Mongod, startMongod } from '../../src/dev/mongod.ts'
import type { Job } from '../../src/job/job.ts'
import { collect, nextEvent } from '../support/events.ts'
import { Followed } from '../support/followed.ts'
import { aJob } from '../support/jobs.ts'
import { type Line, openLine } from '../support/line.ts'
import { type Loose, startNodes, until } from '../support/node.ts'

const MINE = 'mine'
const OPLOG_MB = 8
const MB = 1024 * 1024
const PATIENCE_MS = 20_000

let dataDir: string
let mongod: Mongod
let line: Line
let people: MongoClient
let client: MongoClient
let db: Db
let memory: Followed
let made = 0

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-lost-'))
  const binary = join(dataDir, 'mongod-small')
  await writeFile(binary, smallOplog((await findMongodBinary()).path))
  await chmod(binary, 0o755)
  // What no checkpoint holds yet is kept: one each second.
  const args = ['--syncdelay', '1', '--setParameter', 'enableTestCommands=1']
  mongod = await startMongod({ dataDir, binary, args })
  line = await openLine(mongod.port)
  people = await MongoClient.connect(mongod.uri)
  client = await MongoClient.connect(`mongodb://127.0.0.1:${line.port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 1_000,
    heartbeatFrequencyMS: 500,
    monitorCommands: true,
  })
})

afterAll(async () => {
  await people?.close()
  await client?.close()
  await line?.close()
  await mongod?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
})

beforeEach(() => {
  db = people.db(`lost_${++made}`)
})

afterEach(async () => {
  line.open()
  await fail('off')
  await memory?.close()
  await db.dropDatabase()
})

/** The same mongod, with another size of the oplog, and a cache that has room for the largest document beside what is not yet
 *  on the disk. */
const smallOplog = (binary: string) =>
  [
    '#!/bin/sh',
    'for arg; do',
    '  shift',
    `  if [ "$before" = --oplogSize ]; then set -- "$@" ${OPLOG_MB}; elif [ "$before" = --wiredTigerCacheSizeGB ]; then set -- "$@" 1; else set -- "$@" "$arg"; fi`,
    '  before=$arg',
    'done',
    `exec "${binary}" "$@"`,
    '',
  ].join('\n')

const fail = (mode: 'off' | 'alwaysOn' | { readonly times: number }, data: Document = {}) =>
  people.db('admin').command({ configureFailPoint: 'failCommand', mode, ...(mode !== 'off' && { data }) })
const jobs = () => db.collection<Loose>('jobs')
const mine = (fields: Partial<Job> = {}) => aJob({ ip: MINE, ...fields })
const insert = (...all: readonly Job[]) => jobs().insertMany(all as unknown as Loose[])
async function follow(): Promise<void> {
  await db.createCollection('jobs').catch(() => {})
  memory = new Followed({ db: client.db(db.databaseName), jobs: jobs(), ip: MINE })
  await memory.opened()
}

/** Other people's writes, until the server has forgotten everything up to now. */
async function forgetHistory(): Promise<void> {
  const { operationTime } = await people.db('admin').command({ ping: 1 })
  const noise = people.db('noise').collection<Loose>('noise')
  const text = 'x'.repeat(MB / 4)
  await until(async () => {
    await noise.insertOne({ _id: `n${Math.random()}`, text }, { writeConcern: { w: 1 } })
    const [first] = await people.db('local').collection('oplog.rs').find().sort({ $natural: 1 }).limit(1).toArray()
    const oldest: Timestamp = first?.ts
    expect(oldest.greaterThan(operationTime)).toBe(true)
  }, PATIENCE_MS)
  await noise.drop()
}

/** The next answer to the stream, which asks once more meanwhile. */
const answered = () =>
  new Promise<void>(resolve => {
    const look = ({ commandName }: { readonly commandName: string }) => {
      if (commandName !== 'getMore') return
      client.off('commandSucceeded', look)
      resolve()
    }
    client.on('commandSucceeded', look)
  })

async function killCursors(): Promise<void> {
  const ours = { ns: jobs().namespace, 'cursor.cursorId': { $exists: true } }
  const open = await people
    .db('admin')
    .aggregate([{ $currentOp: { allUsers: true, idleCursors: true } }, { $match: ours }])
    .toArray()
  expect(open).toHaveLength(1)
  await db.command({ killCursors: 'jobs', cursors: open.map(({ cursor }) => cursor.cursorId) })
}

describe('history', () => {
  test('that rolled away during a cut is made up for by a new snapshot, once', async () => {
    const [deleted, edited] = [mine(), mine()]
    await insert(deleted, edited)
    await follow()
    line.cut()
    await jobs().deleteOne({ _id: deleted._id })
    await jobs().updateOne({ _id: edited._id }, { $set: { func: 'hold' } })
    await insert(mine())
    await forgetHistory()
    line.open()
    await until(() => expect(memory.of('stream.resynced')).toHaveLength(1), PATIENCE_MS)
    await memory.agrees()
    await insert(mine())
    await memory.agrees()
    expect(memory.of('resync')).toHaveLength(2)
    expect(memory.of('gone').map(({ id }) => id)).toEqual([])
    expect(memory.of('stream.interrupted')).toHaveLength(1)
  })

  test('of others that rolled by while no job changed costs nothing: the token is not older than a moment', async () => {
    await insert(mine())
    await follow()
    // Not one event came yet.
    await forgetHistory()
    await answered()
    line.cut()
    await until(() => expect(memory.of('stream.interrupted')).toHaveLength(1))
    await insert(mine())
    line.open()
    await memory.agrees()
    await until(() => expect(memory.of('stream.resumed')).toHaveLength(1))
    expect(memory.of('resync')).toHaveLength(1)
  })
})

test('a cut in which nothing happened is over when the server has opened the stream anew, not with its first answer', async () => {
  await insert(mine())
  await follow()
  line.cut()
  await until(() => expect(memory.of('stream.interrupted')).toHaveLength(1))
  let answers = 0
  void answered().then(() => answers++)
  line.open()
  await until(() => expect(memory.of('stream.resumed')).toHaveLength(1), PATIENCE_MS)
  expect(answers).toBe(0)
})

describe('the largest document there can be is told like any other, because nothing is looked up for its event', () => {
  test.each<[string, (id: string, text: string) => Promise<unknown>]>([
    ['an update', (_id, x_text) => jobs().updateOne({ _id }, { $set: { x_text, func: 'hold' } })],
    ['an insert', (_, x_text) => insert(mine({ x_text } as never))],
  ])('%s', async (_, write) => {
    const job = mine()
    await insert(job)
    await follow()
    await write(job._id, 'x'.repeat(16 * MB - 200))
    await insert(mine())
    await memory.agrees()
    expect(memory.told.filter(({ type }) => type.startsWith('stream.'))).toHaveLength(1)
  })
})

test('cursors that are killed again and again: each time it resumes, without a snapshot', async () => {
  await insert(mine())
  await follow()
  for (let i = 1; i <= 3; i++) {
    await until(killCursors)
    await insert(mine())
    await memory.agrees()
  }
  expect(memory.of('resync')).toHaveLength(1)
})

test('a database that is dropped: everything is gone, and what comes after is told', async () => {
  await insert(mine(), mine())
  await follow()
  await db.dropDatabase()
  await until(() => expect(memory.roster.size).toBe(0))
  await insert(mine())
  await memory.agrees()
})

describe('a node whose stream is down', () => {
  const often = (fields: Partial<Job> = {}) =>
    aJob({ trigger: { type: 'interval', seconds: 0.1 }, misfire_grace_time: null, ...fields })

  test.each([
    ['stays away', ['getMore', 'aggregate'], 8],
    ['has a dead token each time', ['getMore'], 286],
  ] as const)(
    'and %s goes on running what it holds, and learns what changed when it is back',
    async (_, failCommands, errorCode) => {
      const nodes = await startNodes({ uri: mongod.uri.replace(/\/\?/, `/${db.databaseName}?`) })
      try {
        const [node] = nodes.nodes
        const [ip] = nodes.ips
        const [held, stopped] = [often({ ip: ip as string }), often({ ip: ip as string })]
        await nodes.jobs.insertMany([held, stopped] as unknown as Loose[])
        await until(() => expect(nodes.ranOf(stopped._id).length).toBeGreaterThan(1))
        const events = collect(node as never)
        const interrupted = nextEvent(node as never, 'stream.interrupted')
        await fail('alwaysOn', { failCommands, errorCode, appName: `tidewheel:${ip}` })
        expect((await interrupted).reason).toMatch(/failCommand/)
        const before = nodes.ranOf(held._id).length
        await nodes.jobs.deleteOne({ _id: stopped._id })
        await until(() => expect(nodes.ranOf(held._id).length).toBeGreaterThan(before + 10))
        // However dead the token is, it is asked for ever more slowly.
        expect(events.of('stream.resynced').length).toBeLessThan(8)
        const late = often({ ip: ip as string })
        await nodes.jobs.insertOne(late as unknown as Loose)
        await fail('off')
        await until(() => expect(nodes.ranOf(late._id).length).toBeGreaterThan(1), PATIENCE_MS)
        await until(() => expect(node?.status().jobs).toBe(2))
        const times = nodes.ranOf(held._id).map(({ run_time }) => run_time.getTime())
        expect(new Set(times).size).toBe(times.length)
      } finally {
        await nodes.close()
      }
    },
  )
})
