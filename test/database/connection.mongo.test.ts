/** What a connection string, or a client of the user's, asks for does not reach the reads and writes by which a node decides. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Document, MongoClient, type MongoClientOptions } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { directClient } from '../../src/dev/mongod.ts'
import type { NodeOptions } from '../../src/node/options.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, startNodes, until } from '../support/node.ts'
import { type ReplicaSet, startReplicaSet } from '../support/replica-set.ts'

const CROWD = 90
const AHEAD_MS = 1_500

/** Jobs that are all due now on a node with this connection run, once each, and nothing else is told of them. */
async function runsAll(uri: string, connection: Partial<NodeOptions>, before = async () => {}): Promise<void> {
  const cluster = await startNodes({ uri, count: 0 })
  try {
    await cluster.another({ ip: 'a', ...connection }).start()
    await before()
    // At one instant: such a crowd is claimed in bulk, and read to see what was won.
    const trigger = { type: 'date', run_date: new Date(Date.now() + AHEAD_MS) } as const
    const due = { ip: 'a', trigger, max_instances: 2, misfire_grace_time: null }
    const jobs = Array.from({ length: CROWD }, () => aJob(due))
    await cluster.jobs.insertMany(jobs as unknown as Loose[])
    await until(async () => expect(await cluster.executions.countDocuments()).toBeGreaterThanOrEqual(CROWD), 20_000)
    expect(await cluster.executions.distinct('status')).toEqual(['executed'])
    expect(new Set(cluster.ran.map(({ job }) => job._id)).size).toBe(CROWD)
    expect(cluster.ran).toHaveLength(CROWD)
  } finally {
    await cluster.close()
  }
}

function asking(uri: string, options: Readonly<Record<string, string>>): string {
  const [servers, query] = uri.split('?')
  const all = new URLSearchParams(query)
  for (const [name, value] of Object.entries(options)) all.set(name, value)
  return `${servers}?${all}`
}

describe('with a secondary that lags', () => {
  let dataDir: string
  let set: ReplicaSet
  let lagging: MongoClient

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-lag-'))
    set = await startReplicaSet({ dataDir, args: ['--setParameter', 'enableTestCommands=1'] })
    const member = ((await set.primary()) + 1) % 3
    await using client = await MongoClient.connect(set.uri)
    const admin = client.db('admin')
    const { config } = await admin.command({ replSetGetConfig: 1 })
    const members = config.members.map((one: Document) =>
      one._id === member ? { ...one, priority: 0, tags: { lag: 'yes' } } : one,
    )
    await admin.command({ replSetReconfig: { ...config, version: config.version + 1, members } })
    lagging = directClient(set.ports[member] as number, 10_000)
  })

  afterAll(async () => {
    await lagging?.close()
    await set?.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  const lag = (mode: string) => async () => {
    await lagging.db('admin').command({ configureFailPoint: 'rsSyncApplyStop', mode })
  }

  test.each(['secondary', 'secondaryPreferred', 'nearest'])(
    'all runs are performed and none is lost, although %s is to be read',
    async preference => {
      const uri = set.uri.replace('/?', `/lag_${preference}?`)
      try {
        const strange = asking(uri, { readPreference: preference, readPreferenceTags: 'lag:yes' })
        await runsAll(uri, { uri: strange }, lag('alwaysOn'))
      } finally {
        await lag('off')()
      }
    },
  )
})

describe('on one server', () => {
  let db: TestDb

  beforeAll(async () => {
    db = await openTestDb()
  })

  afterAll(() => db?.close())

  test.each<Readonly<Record<string, string>>>([
    { readConcernLevel: 'linearizable' },
    { readConcernLevel: 'available', w: '1', journal: 'false' },
    { w: '0' },
  ])('a node runs all there is, although the connection string says %o', async options => {
    await db.db.dropDatabase()
    await runsAll(db.uri, { uri: asking(db.uri, options) })
  })

  test.each<MongoClientOptions>([
    { promoteValues: false },
    { useBigInt64: true },
    { readConcern: { level: 'linearizable' }, readPreference: 'secondaryPreferred' },
  ])('a node runs all there is, although a client of the user’s asks for %o', async options => {
    await db.db.dropDatabase()
    await using client = await MongoClient.connect(db.uri, options)
    await runsAll(db.uri, { uri: undefined, client, db: db.db.databaseName } as never)
  })
})
