/** Trouble on the way to the database: answers that are lost, a line that falls silent or is cut, too few connections.
 *  The server is well; the node knows it only through a line of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNode, type TidewheelNode } from '../../src/node/node.ts'
import { accountedFor, onTimeAgain, steady } from '../support/books.ts'
import { collect, nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { type Line, openLine } from '../support/line.ts'
import { openTestDb, type TestDb, withDatabase } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

const LEASE_MS = 1_500
const PATIENCE_MS = 30_000

let testDb: TestDb
let made = 0

beforeAll(async () => {
  testDb = await openTestDb()
})

afterAll(() => testDb?.close())

interface Far {
  readonly line: Line
  /** Through the line. */
  readonly uri: string
  /** The same database without it. */
  readonly straight: string
  /** No nodes at first; people and their reads go past the line. */
  readonly cluster: Nodes
  /** A node behind the line that is active. */
  behind(ip: string, options?: { readonly uri?: string; readonly lease?: number }): Promise<TidewheelNode>
}

/** Each test has a line and a database of its own (what is cut off leaves its cursors to the server), so that they may wait
 *  at the same time. */
async function far(use: (far: Far) => Promise<void>): Promise<void> {
  const name = `${testDb.db.databaseName}_${++made}`
  const straight = withDatabase(testDb.uri, name)
  const line = await openLine(Number(/:(\d+)/.exec(straight)?.[1]))
  const uri = `mongodb://127.0.0.1:${line.port}/${name}?directConnection=true`
  const cluster = await startNodes({ uri: straight, count: 0 })
  const behind: Far['behind'] = async (ip, options = {}) => {
    const node = cluster.another({ ip, uri, lease: LEASE_MS, connectTimeout: 1_000, ...options })
    await node.start()
    return node
  }
  try {
    await use({ line, uri, straight, cluster, behind })
  } finally {
    line.open()
    await cluster.jobs.deleteMany({})
    await cluster.close()
    await line.close()
    await testDb.client.db(name).dropDatabase()
  }
}

describe.concurrent('answers that are lost after the server did what it was told', () => {
  test.each([
    ['of claims', ['findAndModify'], 6],
    ['of ends and rows', ['update', 'insert'], 6],
    ['of all writes, and of the reads that would tell', ['findAndModify', 'update', 'insert', 'find'], 12],
  ] as const)('%s: no run is doubled, none is lost', async (_, commands, times) => {
    await far(async ({ line, cluster, behind }) => {
      const node = await behind('lossy')
      const job = await steady(cluster, { ip: 'lossy' })
      const before = line.lost
      line.loseAnswers(commands, times)
      await until(() => expect(line.lost - before).toBe(times), PATIENCE_MS)
      await onTimeAgain(node, job, PATIENCE_MS)
      await accountedFor(cluster, job)
      expect(node.status().state).toBe('active')
    })
  })

  test('of claims in bulk', async () => {
    await far(async ({ line, cluster, behind }) => {
      const node = await behind('lossy')
      const at = new Date(Date.now() + 300)
      const jobs = Array.from({ length: 60 }, () => aJob({ ip: 'lossy', next_run_time: at }))
      line.loseAnswers(['update', 'bulkWrite'], 4)
      await cluster.jobs.insertMany(jobs as unknown as Loose[])
      await until(() => expect(new Set(cluster.ran.map(({ job }) => job._id)).size).toBe(60), PATIENCE_MS)
      await until(() => expect(node.status().running).toBe(0), PATIENCE_MS)
      for (const { _id } of jobs) expect(cluster.ranOf(_id)).toHaveLength(1)
      await until(async () =>
        expect(
          await cluster.executions.countDocuments({ status: 'executed', job_id: { $in: jobs.map(j => j._id) } }),
        ).toBe(60),
      )
    })
  })
})

test.concurrent('answers that never come, on connections that stay: no run is doubled, none is lost, edits count', async () => {
  await far(async ({ line, cluster, behind }) => {
    const node = await behind('unheard')
    const job = await steady(cluster, { ip: 'unheard' })
    const before = line.lost
    line.withholdAnswers(['findAndModify', 'update', 'insert', 'find', 'aggregate'], 5)
    await until(() => expect(line.lost - before).toBe(5), PATIENCE_MS)
    await onTimeAgain(node, job, 2 * PATIENCE_MS)
    await accountedFor(cluster, job)
    await steady(cluster, { ip: 'unheard' })
    expect(node.status().state).toBe('active')
  })
}, 90_000)

describe.concurrent('a line', () => {
  test.each(['silent', 'cut'] as const)(
    'that is %s past the lease: the node is fenced and says so, then goes on by itself',
    async how => {
      await far(async ({ line, cluster, behind }) => {
        const node = await behind('far')
        const job = await steady(cluster, { ip: 'far' })
        const seen = collect(node)
        if (how === 'cut') line.cut()
        else line.silence()
        await until(() => expect(seen.of('node.fenced')).toHaveLength(1), PATIENCE_MS)
        await until(() => expect(seen.of('stream.interrupted')).toHaveLength(1), PATIENCE_MS)
        const ran = cluster.ranOf(job._id).length
        line.open()
        await until(() => expect(seen.of('node.resumed')).toHaveLength(1), PATIENCE_MS)
        await until(() => expect(seen.of('stream.resumed')).toHaveLength(1), PATIENCE_MS)
        await onTimeAgain(node, job, PATIENCE_MS)
        expect(cluster.ranOf(job._id).length).toBeGreaterThan(ran)
        await accountedFor(cluster, job)
      })
    },
  )
})

test.concurrent('a single connection for 50 jobs at once: all wait their turn, none is lost', async () => {
  await far(async ({ uri, cluster, behind }) => {
    const node = await behind('narrow', { uri: `${uri}&maxPoolSize=1` })
    const job = await steady(cluster, { ip: 'narrow' })
    const at = new Date(Date.now() + 300)
    const jobs = Array.from({ length: 50 }, () => aJob({ ip: 'narrow', next_run_time: at }))
    await cluster.jobs.insertMany(jobs as unknown as Loose[])
    await until(() => expect(jobs.every(({ _id }) => cluster.ranOf(_id).length === 1)).toBe(true), PATIENCE_MS)
    await onTimeAgain(node, job, PATIENCE_MS)
    await accountedFor(cluster, job)
  })
})

describe.concurrent('a start', () => {
  test.each(['silent', 'cut'] as const)(
    'while which the line is %s is given up, and the next one succeeds',
    async how => {
      await far(async ({ line, uri, cluster }) => {
        const node: TidewheelNode = cluster.another({ ip: 'early', uri, lease: LEASE_MS, connectTimeout: 500 })
        // The lease is taken by this write: the connection stands, the stream is still to come.
        const registered = until(async () =>
          expect(
            await cluster.client
              .db()
              .collection('nodes')
              .findOne({ _id: 'early', lease: LEASE_MS } as never),
          ).not.toBeNull(),
        ).then(() => (how === 'cut' ? line.cut() : line.silence()))
        const began = performance.now()
        const starting = node.start().then(
          () => 'started',
          error => error,
        )
        await registered
        expect(await starting).toMatchObject({ code: 'unreachable' })
        expect(performance.now() - began).toBeLessThan(20_000)
        expect(node.status().state).toBe('stopped')
        line.open()
        await node.start()
        const job = await steady(cluster, { ip: 'early' })
        await accountedFor(cluster, job)
      })
    },
  )
})

describe.concurrent('the others', () => {
  test('hear of a node that is lost, not of one that stops', async () => {
    await far(async ({ line, straight, cluster, behind }) => {
      const watcher = cluster.another({ ip: 'watcher', uri: straight, lease: 600 })
      await watcher.start()
      const seen = collect(watcher)
      const leaver = createNode({ uri: straight, logger: false, ip: 'leaver', lease: 600 })
      await leaver.start()
      await behind('cut-off', { lease: 600 })
      await until(() => expect(seen.of('node.joined').map(({ ip }) => ip)).toContain('leaver'))
      await until(() => expect(seen.of('node.joined').map(({ ip }) => ip)).toContain('cut-off'))
      const lost = nextEvent(watcher, 'node.lost', {}, PATIENCE_MS)
      await leaver.close()
      line.cut()
      expect(await lost).toMatchObject({ ip: 'cut-off' })
      expect(seen.of('node.lost')).toHaveLength(1)
    })
  })
})
