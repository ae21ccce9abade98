/** `tidewheel nodes`: what it prints, and its exit codes. */
import type { Collection } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NodeInfo } from '../../src/cluster/lease.ts'
import { runCli } from '../support/cli.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Nodes, startNodes, until } from '../support/node.ts'

let db: TestDb
let cluster: Nodes
let registry: Collection<NodeInfo>
let ip: string

beforeAll(async () => {
  db = await openTestDb()
  cluster = await startNodes({ uri: db.uri, lease: 600 })
  ip = cluster.ips[0] as string
  registry = db.db.collection<NodeInfo>('nodes')
  const silent = { incarnation: 'old', host: 'h', pid: 7, version: '0', seen: new Date(Date.now() - 60_000), lease: 0 }
  await registry.insertOne({ _id: 'gone', status: 'active', ...silent })
})

afterAll(async () => {
  await cluster?.close()
  await db?.close()
})

const nodes = (...args: readonly string[]) => runCli(['nodes', ...args], { env: { MONGODB_URI: db.uri } })
const json = async (...args: readonly string[]) => JSON.parse((await nodes(...args, '--json')).stdout)

test.each(['nodes', 'nodes list'])('%s: with what became of those that are silent', async command => {
  const args = command.split(' ').slice(1)
  const { code, stdout } = await nodes(...args)
  expect(code).toBe(0)
  const rows = stdout.trim().split('\n')
  expect(rows.map(row => row.split('\t').filter((_, column) => [0, 1, 2, 5, 6].includes(column)))).toEqual([
    [ip, 'active', '-', '3', 'default'],
    ['gone', 'lost', '-', '-', '-'],
  ])
  expect(await json(...args)).toMatchObject([
    { _id: ip, living: true, lease: 600, tasks: ['note', 'hold', 'fail'], executors: { default: 'default' } },
    { _id: 'gone', living: false },
  ])
})

test('drain asks, the node obeys; --undo lets it work again', async () => {
  const { code, stdout } = await nodes('drain', ip)
  expect([code, stdout]).toEqual([0, `${ip}: drains from its next heartbeat on\n`])
  await until(() => expect(cluster.nodes[0]?.status().state).toBe('draining'))
  expect(await json('drain', ip, '--undo')).toMatchObject({ _id: ip, wanted: 'active' })
  await until(() => expect(cluster.nodes[0]?.status().state).toBe('active'))
})

test('evict and rebalance say how many jobs moved', async () => {
  const job = aJob({ ip: 'silent', standby: [ip] })
  await registry.insertOne({ _id: 'silent', incarnation: 'old', seen: new Date(), lease: 60_000, status: 'active' })
  await cluster.jobs.insertOne(job as never)
  expect(await json('evict', 'silent')).toEqual({ _id: 'silent', moved: 1 })
  expect((await cluster.jobs.findOne({ _id: job._id }))?.ip).toBe(ip)
  expect((await nodes('rebalance')).stdout).toBe('0 jobs moved\n')
})

test.each(['drain', 'evict'])('%s of an unknown node: exit 3, and where to look', async command => {
  const { code, stdout, stderr } = await nodes(command, 'nobody')
  expect([code, stdout]).toEqual([3, ''])
  expect(stderr).toMatch(/node nobody: there is none of this ip in the registry\n.*tidewheel nodes list/)
})

test.each(['drain', 'evict'])('%s without a node: exit 2', async command => {
  expect((await nodes(command)).code).toBe(2)
})
