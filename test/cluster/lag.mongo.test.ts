/** A set whose majority lags behind its primary, without an election: claims take long, and none is lost. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collect } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { startNodes, until } from '../support/node.ts'
import { type ReplicaSet, startReplicaSet } from '../support/replica-set.ts'

let set: ReplicaSet
let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-lag-'))
  set = await startReplicaSet({ dataDir, args: ['--setParameter', 'enableTestCommands=1'] })
})
afterAll(async () => {
  await set?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

/** Stops and goes on with the replication of all secondaries; heartbeats go on, so that nobody stands for election. */
async function replicate(on: boolean): Promise<void> {
  const primary = await set.primary()
  for (const [member, port] of set.ports.entries()) {
    if (member === primary) continue
    await using client = await MongoClient.connect(`mongodb://127.0.0.1:${port}/?directConnection=true`)
    await client.db('admin').command({ configureFailPoint: 'stopReplProducer', mode: on ? 'off' : 'alwaysOn' })
  }
}

const COUNT = 30
const LAG_MS = 5_000

test('runs that are due while the majority lags are performed when it has caught up, each once', async () => {
  const nodes = await startNodes({ uri: set.uri.replace('/?', '/lag?') })
  try {
    const { jobs, executions, ran, ips } = nodes
    const seen = collect(nodes.nodes[0] as (typeof nodes.nodes)[0])
    const due = new Date(Date.now() + 1_500)
    const trigger = { type: 'interval', hours: 1 } as const
    const ip = ips[0] as string
    await jobs.insertMany(
      Array.from({ length: COUNT }, (_, i) => aJob({ _id: `lag-${i}`, ip, trigger, next_run_time: due }) as never),
    )
    await until(async () => expect(await jobs.countDocuments({ 'state.planned.ordered': true })).toBe(COUNT))
    await replicate(false)
    const stopped = Date.now()
    await until(async () => expect(await jobs.countDocuments({ 'state.runs': 1 })).toBe(COUNT), 10_000)
    await until(() => expect(Date.now() - stopped).toBeGreaterThan(LAG_MS), LAG_MS * 2)
    expect(ran).toEqual([])
    await replicate(true)
    await until(() => expect(ran).toHaveLength(COUNT), 15_000)
    await until(async () => expect(await executions.countDocuments({ status: 'executed' })).toBe(COUNT))
    expect(new Set(ran.map(({ job }) => job._id)).size).toBe(COUNT)
    expect(await executions.countDocuments({ status: 'interrupted' })).toBe(0)
    expect(seen.types().filter(type => type === 'node.fenced')).toEqual([])
  } finally {
    await nodes.close()
  }
})
