/** What a node says of itself, and writes into the registry at its heartbeats: lease, stream, claims. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createNode } from '../../src/node/node.ts'
import { type Line, openLine } from '../support/line.ts'
import { openTestDb, type TestDb, workersUri } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const LEASE_MS = 3_000

let db: TestDb
let line: Line

beforeEach(async () => {
  db = await openTestDb()
  line = await openLine(Number(/:(\d+)/.exec(workersUri())?.[1]))
})

afterEach(async () => {
  await line?.close()
  await db?.close()
})

test('a node that works has a lease, an open stream that is not behind, and claims that flow; one that is not started, none', async () => {
  const node = createNode({ uri: db.uri, ip: 'a', lease: LEASE_MS, logger: false, tasks: { note: () => {} } })
  expect(node.status()).toMatchObject({ claiming: 0, claimingFor: 0, lease: undefined, stream: undefined })
  await node.start()
  await node.jobs.add({ func: 'note', trigger: { type: 'interval', seconds: 0.1 } })
  const registry = db.db.collection<{ _id: string; stream?: unknown }>('nodes')
  await until(async () => expect((await registry.findOne({ _id: 'a' }))?.stream).toMatchObject({ open: true }))
  const { lease, stream, claimingFor, offset = Number.NaN } = node.status()
  expect((lease?.age ?? 0) + (lease?.left ?? 0)).toBe(LEASE_MS)
  expect(stream).toEqual({ open: true, behind: expect.any(Number) })
  expect(Math.max(stream?.behind ?? 1e9, claimingFor, Math.abs(offset))).toBeLessThan(1_000)
  await node.close()
  expect((await registry.findOne({ _id: 'a' }))?.stream).toEqual({ open: false, behind: 0 })
  expect(node.status().stream).toBeUndefined()
})

test('a node whose database is silent says how long its claims and its stream wait, and what is left of its lease', async () => {
  const uri = `mongodb://127.0.0.1:${line.port}/${db.db.databaseName}?directConnection=true`
  const node = createNode({ uri, ip: 'a', lease: LEASE_MS, logger: false, tasks: { note: () => {} } })
  await node.start()
  await node.jobs.add({ func: 'note', trigger: { type: 'interval', seconds: 0.1 } })
  await until(() => expect(node.status().armed).toBe(1))
  line.silence()
  await until(() => {
    const { lease, stream, claiming, claimingFor } = node.status()
    expect([claiming, claimingFor > 1_000, (stream?.behind ?? 0) > 1_000]).toEqual([1, true, true])
    expect(lease?.left ?? 0).toBeLessThan(LEASE_MS - 1_000)
  }, 15_000)
  await until(() => expect(node.status()).toMatchObject({ lease: { left: 0 }, stream: { open: false } }), 15_000)
  line.open()
  await until(() => {
    const { lease, stream, claimingFor } = node.status()
    expect([(lease?.left ?? 0) > 0, stream?.open, claimingFor < 500]).toEqual([true, true, true])
    expect(stream?.behind).toBeLessThan(500)
  }, 30_000)
  await node.close()
})
