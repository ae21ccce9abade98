/** Membership: each mode is entered and left as its process learns it from the registry, and each turn is told once.
 *  Heartbeats go by a clock that is moved by hand; who holds a lease is decided by a real server. */
import { type Collection, MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Lease, type NodeInfo, type Report } from '../../src/cluster/lease.ts'
import { Membership, type Told } from '../../src/cluster/membership.ts'
import { closeAny } from '../../src/cluster/registry.ts'
import { ensureCollections } from '../../src/database/ensure.ts'
import { FakeClock } from '../support/clock.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const LEASE_MS = 60_000
const WRITER = 'a member'

let testDb: TestDb
let client: MongoClient
let nodes: Collection<NodeInfo>

beforeAll(async () => {
  testDb = await openTestDb()
  client = await MongoClient.connect(testDb.uri, { appName: WRITER })
  nodes = client.db().collection('nodes')
})
beforeEach(() => ensureCollections(testDb.db))
afterEach(async () => {
  await silence('off')
  await nodes.deleteMany({})
})
afterAll(async () => {
  await client?.close()
  await testDb?.close()
})

/** Heartbeats are answered by an error. */
const silence = (mode: 'alwaysOn' | 'off') =>
  testDb.client.db('admin').command({
    configureFailPoint: 'failCommand',
    mode,
    ...(mode === 'alwaysOn' && { data: { failCommands: ['findAndModify'], errorCode: 8000, appName: WRITER } }),
  })

function aMember(ip = 'a') {
  const clock = new FakeClock()
  const shared = { nodes, ip, leaseMs: LEASE_MS, clock }
  const abilities = () => ({ tasks: ['note'], executors: { default: 'default' } })
  const lease = new Lease({ ...shared, version: '0', timezone: 'UTC', abilities })
  let told: Told[] = []
  const report = (): Report => ({ status: 'active', jobs: 3, running: 1, stream: { open: true, behind: 7 } })
  const membership = new Membership({ ...shared, lease, report, tell: one => told.push(one) })
  /** What was told since this was asked last. */
  const heard = () => {
    const types = told.map(one => one.type)
    told = []
    return types
  }
  /** The next heartbeat, and what it told. */
  const beat = async () => {
    clock.advance(LEASE_MS / 3)
    await until(() => expect(clock.pending).toBe(1))
    return heard()
  }
  return { membership, lease, clock, beat, heard, said: () => told }
}

const HELD = ['heard', 'looked']
const WON = [...HELD, 'won']

test('seeking: one holds the ip and the other waits, until the holder gives it back', async () => {
  const [first, second] = [aMember(), aMember()]
  await first.membership.join()
  expect(first.heard()).toEqual(WON)
  expect(first.membership.living).toEqual(['a'])
  expect(first.membership.takers).toMatchObject([{ _id: 'a', tasks: ['note'], executors: { default: 'default' } }])
  await second.membership.join()
  expect(second.said()).toEqual([{ type: 'waiting', reason: expect.stringContaining('a is held by process') }])
  expect([second.heard(), await second.beat(), second.membership.living]).toEqual([['waiting'], ['waiting'], []])
  await expect(second.membership.join()).rejects.toThrow('seeking is not followed by seeking')
  expect(await first.beat()).toEqual(HELD)
  expect(await nodes.findOne({ _id: 'a' })).toMatchObject({
    status: 'active',
    jobs: 3,
    stream: { open: true, behind: 7 },
  })
  await first.membership.leave()
  expect(await nodes.findOne({ _id: 'a' })).toMatchObject({ status: 'stopped' })
  expect(await second.beat()).toEqual(WON)
  await second.membership.leave()
  expect([first.heard(), first.clock.pending, second.clock.pending]).toEqual([[], 0, 0])
})

test('holding → seeking: who was replaced learns it at the next heartbeat, and seeks the ip again', async () => {
  const [first, second] = [aMember(), aMember()]
  await first.membership.join()
  await second.membership.join()
  await closeAny(nodes, 'a')
  expect([second.heard(), await second.beat()]).toEqual([['waiting'], WON])
  first.heard()
  first.clock.advance(LEASE_MS / 3)
  await until(() => expect(first.said()).toMatchObject([{ type: 'lost', replaced: true }]))
  await until(() => expect(first.clock.pending).toBe(1))
  expect([first.lease.held(), second.lease.held()]).toEqual([false, true])
  expect([first.heard(), await first.beat()]).toEqual([['lost'], ['waiting']])
  // Who seeks gives nothing back: the lease is the other's.
  await first.membership.leave()
  expect(await nodes.findOne({ _id: 'a' })).toMatchObject({ status: 'active' })
  await second.membership.leave()
})

test('holding → seeking → holding: whose row somebody deleted says so, and takes the lease again at once as another one', async () => {
  const { membership, lease, clock, heard, said } = aMember()
  await membership.join()
  heard()
  const before = lease.incarnation
  await nodes.deleteOne({ _id: 'a' })
  clock.advance(LEASE_MS / 3)
  await until(() => expect(clock.pending).toBe(1))
  expect(said()[0]).toEqual({
    type: 'lost',
    reason: 'the row of this ip in the registry of nodes was deleted',
    replaced: true,
  })
  expect(heard()).toEqual(['lost', ...WON])
  expect([lease.held(), lease.incarnation === before]).toEqual([true, false])
  expect(await nodes.findOne({ _id: 'a' })).toMatchObject({ incarnation: lease.incarnation, tasks: ['note'] })
  await membership.leave()
})

test('holding → lapsed → holding: heartbeats that fail for a whole lease end it, and the next one that gets through holds it again', async () => {
  const { membership, lease, beat, heard, said, clock } = aMember()
  await membership.join()
  heard()
  await silence('alwaysOn')
  expect([await beat(), await beat()]).toEqual([['failed'], ['failed']])
  expect(lease.held()).toBe(true)
  clock.advance(LEASE_MS / 3)
  await until(() => expect(said().at(-1)).toMatchObject({ type: 'lost', replaced: false }))
  await until(() => expect(clock.pending).toBe(1))
  expect([lease.held(), heard()]).toEqual([false, ['failed', 'lost']])
  await membership.say()
  expect([heard(), await beat()]).toEqual([[], ['failed']])
  await silence('off')
  expect(await beat()).toEqual(['regained', ...HELD])
  expect(lease.held()).toBe(true)
  await membership.say()
  expect(heard()).toEqual(HELD)
  await membership.leave()
})

test('off: what left tells nothing more and may join again', async () => {
  const { membership, heard, clock } = aMember()
  await membership.leave()
  expect(await nodes.countDocuments()).toBe(0)
  await membership.join()
  membership.glance(5)
  await membership.leave()
  expect([heard(), clock.pending]).toEqual([WON, 0])
  await membership.say()
  await membership.join()
  expect(heard()).toEqual(WON)
  await membership.leave()
})

test('others are told as they come and go, save who says goodbye; only who wants jobs takes them', async () => {
  const { membership, beat, heard, said, clock } = aMember()
  const other = (_id: string, fields: Partial<NodeInfo> = {}) =>
    nodes.replaceOne(
      { _id },
      { incarnation: _id, seen: new Date(), lease: 3_600_000, status: 'active', ...fields },
      { upsert: true },
    )
  await other('b')
  await membership.join()
  expect(heard()).toEqual(WON)
  await other('c', { wanted: 'draining' })
  clock.advance(LEASE_MS / 3)
  await until(() => expect(said().at(-1)).toMatchObject({ type: 'looked', known: [{}, {}, {}] }))
  expect(said()).toContainEqual({ type: 'joined', ip: 'c' })
  expect([membership.living, membership.takers.map(({ _id }) => _id)]).toEqual([
    ['a', 'b', 'c'],
    ['a', 'b'],
  ])
  await until(() => expect(clock.pending).toBe(1))
  heard()
  await other('b', { seen: new Date(0), lease: 1 })
  await other('c', { status: 'stopped' })
  // A glance comes before the next heartbeat.
  membership.glance(5)
  clock.advance(5)
  await until(() => expect(said()).toMatchObject([{ type: 'left', ip: 'b' }, { type: 'looked' }]))
  expect([membership.living, heard(), await beat()]).toEqual([['a'], ['left', 'looked'], HELD])
  await membership.leave()
})
