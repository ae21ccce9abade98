/** Lease: one process at a time acts for an ip, and who lost it learns so, whatever the clocks of the machines say. */
import { hostname } from 'node:os'
import type { Collection } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { Lease, type NodeInfo } from '../../src/cluster/lease.ts'
import { closeAny, closeEnded, type Held, readRegistry } from '../../src/cluster/registry.ts'
import { ensureCollections } from '../../src/database/ensure.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

const REPORT = { status: 'active', jobs: 3, running: 1, stream: { open: true, behind: 0 } } as const
const AGO = new Date('2026-01-01T00:00:00Z')

let db: TestDb
let nodes: Collection<NodeInfo>

beforeAll(async () => {
  db = await openTestDb()
})

afterAll(() => db?.close())

beforeEach(async () => {
  await ensureCollections(db.db)
  nodes = db.db.collection<NodeInfo>('nodes')
})

afterEach(() => nodes.deleteMany({}))

const abilities = () => ({ tasks: ['note'], executors: { default: 'default' } })
const aLease = (fields: { readonly ip?: string; readonly leaseMs?: number; readonly clock?: Clock } = {}) =>
  new Lease({
    nodes,
    ip: 'a',
    leaseMs: 60_000,
    clock: systemClock,
    version: '0',
    timezone: 'UTC',
    abilities,
    ...fields,
  })
const read = async (ip = 'a'): Promise<Held> => {
  const node = (await readRegistry(nodes)).find(({ _id }) => _id === ip)
  if (node?.incarnation === undefined) throw new Error(`${ip} was never held`)
  return { ...node, incarnation: node.incarnation }
}
const silent = (fields: Partial<NodeInfo> = {}) =>
  nodes.insertOne({
    _id: 'a',
    incarnation: 'old',
    host: 'elsewhere',
    seen: AGO,
    lease: 1_000,
    status: 'active',
    ...fields,
  })

describe('taking', () => {
  test.each([
    ['a new ip', async () => {}],
    ['a lease that ended', silent],
    ['a node that was closed', () => silent({ lease: 0 })],
  ])('%s: of 40 takers one wins', async (_, prepare) => {
    await prepare()
    const leases = Array.from({ length: 40 }, () => aLease())
    const reasons = await Promise.all(leases.map(lease => lease.take()))
    const won = leases.filter((_, i) => reasons[i] === undefined)
    expect(won).toHaveLength(1)
    expect(won[0]?.held()).toBe(true)
    expect(await read()).toMatchObject({ incarnation: won[0]?.incarnation, lease: 60_000 })
    expect(leases.filter(lease => lease.held())).toHaveLength(1)
  })

  test('a lease that has not ended is not taken, however late this machine thinks it is', async () => {
    await aLease().take()
    const late = { ...systemClock, now: () => Date.now() + 10 * 60_000 }
    const other = aLease({ clock: late })
    expect(await other.take()).toMatch(/held by process/)
    expect(other.held()).toBe(false)
  })

  test('that of a process of this machine which is gone is taken at once', async () => {
    const first = aLease()
    await first.take()
    await nodes.updateOne({ _id: 'a' }, { $set: { pid: 2 ** 22 + 1 } })
    const second = aLease()
    expect(await second.take()).toBeUndefined()
    expect(await first.renew(REPORT)).toEqual({ type: 'replaced' })
    expect([first.held(), second.held()]).toEqual([false, true])
  })

  test.each([
    ['of another pid namespace', (name: string) => `${name} 0f3c4a52-boot pid:[1] 5`],
    ['that says only its name', (name: string) => name],
  ])('that of a process %s, on a host of this name, is waited for: its pid says nothing', async (_, hostOf) => {
    await aLease().take()
    await nodes.updateOne({ _id: 'a' }, { $set: { host: hostOf(hostname()), pid: 2 ** 22 + 1 } })
    expect(await aLease().take()).toBe(`ip a is held by process ${2 ** 22 + 1} on ${hostname()}`)
    await nodes.updateOne({ _id: 'a' }, { $set: { pid: process.pid } })
    expect(await aLease().take()).toMatch(/^ip a is held/)
  })

  test('that of a process that had the pid of this one, or of another that lives, before it is taken at once', async () => {
    for (const pid of [process.pid, process.ppid]) {
      await aLease().take()
      const { host = '' } = await read()
      await nodes.updateOne({ _id: 'a' }, { $set: { host: host.replace(/\d+$/, '1'), pid } })
      expect(await aLease().take()).toBeUndefined()
      await nodes.deleteMany({})
    }
  })

  test.each<[string, object]>([
    ['seen is no date', { seen: 'yesterday' }],
    ['seen is beyond all dates', { seen: new Date(8.64e15) }],
    ['lease is no number', { lease: 'long' }],
    ['lease has no end', { lease: Number.POSITIVE_INFINITY }],
  ])('one whose %s has ended, and stops nobody', async (_, fields) => {
    await db.db.command({ collMod: 'nodes', validationLevel: 'off' })
    await silent({ seen: new Date(), lease: 60_000, ...fields } as never)
    await silent({ _id: 'b' })
    await db.db.collection('nodes').insertOne({ seen: new Date() })
    expect((await readRegistry(nodes)).map(({ _id, left }) => [_id, left < 0])).toEqual([
      ['a', true],
      ['b', true],
    ])
    expect(await closeEnded(nodes, await read())).toBe(true)
    expect(await read()).toMatchObject({ lease: 0 })
    await nodes.updateOne({ _id: 'a' }, { $set: { lease: 60_000, ...fields } as never })
    expect(await aLease().take()).toBeUndefined()
  })

  test('one that was given back is taken at once', async () => {
    const first = aLease()
    await first.take()
    await first.stop()
    expect(await aLease().take()).toBeUndefined()
  })
})

describe('holding', () => {
  test('tells what people want, and what the node says is stored', async () => {
    const lease = aLease()
    await lease.take()
    await nodes.updateOne({ _id: 'a' }, { $set: { wanted: 'paused' } })
    expect(await lease.renew(REPORT)).toEqual({ type: 'renewed', wanted: 'paused' })
    expect(lease.wanted).toBe('paused')
    expect(await read()).toMatchObject(REPORT)
  })

  test.each([3_600_000, -3_600_000, 0])('measures a clock that is %i ms ahead', async ahead => {
    const lease = aLease({ clock: { ...systemClock, now: () => Date.now() + ahead } })
    await lease.take()
    expect(Math.abs(lease.offset - ahead)).toBeLessThan(250)
    await lease.renew(REPORT)
    await lease.renew(REPORT)
    const { offset } = await read()
    expect(Math.abs((offset as number) - ahead)).toBeLessThan(250)
  })

  test('measures nothing by an answer while which the clock was set', async () => {
    let ahead = 0
    const lease = aLease({ clock: { ...systemClock, now: () => Date.now() + ahead } })
    await lease.take()
    const renewed = lease.renew(REPORT)
    ahead = 3_600_000
    await renewed
    expect(Math.abs(lease.offset)).toBeLessThan(250)
    await lease.renew(REPORT)
    expect(Math.abs(lease.offset - ahead)).toBeLessThan(250)
  })

  test('ends by whichever clock ends it first', async () => {
    let wall = 0
    let monotonic = 0
    const clock = { ...systemClock, now: () => Date.now() + wall, monotonic: () => monotonic }
    const lease = aLease({ clock })
    await lease.take()
    wall = 61_000
    expect(lease.held()).toBe(false)
    wall = -3_600_000
    expect(lease.held()).toBe(true)
    monotonic = 61_000
    expect(lease.held()).toBe(false)
    expect(await lease.renew(REPORT)).toMatchObject({ type: 'renewed' })
    expect(lease.held()).toBe(true)
  })
})

describe('closing', () => {
  test('of 40 survivors one replaces the incarnation of a lease that ended', async () => {
    await silent()
    const seen = await read()
    const closed = await Promise.all(Array.from({ length: 40 }, () => closeEnded(nodes, seen)))
    expect(closed.filter(Boolean)).toHaveLength(1)
    expect(await read()).toMatchObject({ lease: 0, status: 'active', incarnation: expect.not.stringMatching(/^old$/) })
  })

  test('one that renewed since it was seen stays', async () => {
    await silent()
    const seen = await read()
    await nodes.updateOne({ _id: 'a' }, { $set: { lease: 60_000 }, $currentDate: { seen: true } })
    expect(await closeEnded(nodes, seen)).toBe(false)
    await nodes.updateOne({ _id: 'a' }, { $set: { seen: AGO, incarnation: 'newer' } })
    expect(await closeEnded(nodes, seen)).toBe(false)
  })

  test('a process that only slept cannot renew afterwards, and may take the ip anew', async () => {
    const lease = aLease({ leaseMs: 1 })
    await lease.take()
    const { incarnation } = lease
    await nodes.updateOne({ _id: 'a' }, { $set: { seen: AGO } })
    expect(await closeEnded(nodes, await read())).toBe(true)
    expect(await lease.renew(REPORT)).toEqual({ type: 'replaced' })
    expect(await lease.take()).toBeUndefined()
    expect(lease.incarnation).not.toBe(incarnation)
  })

  test('a living one is closed by a person only', async () => {
    const lease = aLease()
    await lease.take()
    expect(await closeEnded(nodes, await read())).toBe(false)
    expect(await closeAny(nodes, 'a')).toBe(true)
    expect(await closeAny(nodes, 'nobody')).toBe(false)
    expect(await lease.renew(REPORT)).toEqual({ type: 'replaced' })
  })
})
