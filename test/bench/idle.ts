/** Idle: what a node without anything to do asks of the set, by the servers' own counts of commands, less what the set does without a
 *  node; told apart from it, what the members ask of each other because the node's heartbeats are replicated. */
import { MongoClient } from 'mongodb'
import { wait } from '../../src/clock.ts'
import { type Measure, rounds } from './figures.ts'
import { startFreshNode } from './fresh-node.ts'
import type { Server } from './server.ts'

/** Without a node, and each round with one. */
const WINDOW_MS = 30_000
const SETTLE_MS = 15_000

type Counts = ReadonlyMap<string, number>

export const measure: Measure = async server => {
  await wait(SETTLE_MS)
  const without = await window(server)
  const node = await startFreshNode(server.uri('idle'))
  await wait(SETTLE_MS)
  const measured = await rounds(async () => {
    const counted = await window(server)
    const rates = [...counted].map(([name, count]) => {
      return [name, ((count - (without.get(name) ?? 0)) * 1_000) / WINDOW_MS] as const
    })
    const sum = (isWanted: (name: string) => boolean) =>
      rates.reduce((sum, [name, rate]) => (isWanted(name) ? sum + rate : sum), 0)
    return {
      own: sum(name => !OF_MEMBERS.has(name)),
      replication: sum(name => OF_MEMBERS.has(name)),
      rates: new Map(rates.filter(([, rate]) => rate > 1 / WINDOW_MS)),
    }
  })
  await node.stop()
  const names = [...new Set(measured.flatMap(({ rates }) => [...rates.keys()]))].filter(name => !OF_MEMBERS.has(name))
  return {
    work: `an idle node, operations a second over ${WINDOW_MS / 1_000} s`,
    figures: [
      { name: "the node's own", unit: '/s', values: measured.map(({ own }) => own), limit: { most: 0.8 } },
      ...names.map(name => ({
        name: `of them ${name}`,
        unit: '/s',
        values: measured.map(({ rates }) => rates.get(name) ?? 0),
      })),
      { name: 'replication', unit: '/s', values: measured.map(({ replication }) => replication) },
    ],
    samples: {},
  }
}

/** What members ask of each other. */
const OF_MEMBERS: ReadonlySet<string> = new Set(['oplog', 'replSetHeartbeat', 'replSetUpdatePosition'])

/** What the members count within a while. */
async function window(server: Server): Promise<Counts> {
  const before = await counts(server)
  await wait(WINDOW_MS)
  const after = await counts(server)
  return new Map([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)]))
}

/** Commands by name, of all members; each is asked by a client that has gone when the next count begins. */
async function counts(server: Server): Promise<Counts> {
  const sum = new Map<string, number>()
  const add = (name: string, count: unknown) => sum.set(name, (sum.get(name) ?? 0) + Number(count))
  for (const uri of server.memberUris) {
    await using client = await MongoClient.connect(uri)
    const { metrics } = await client.db('admin').command({ serverStatus: 1 })
    for (const [name, counted] of Object.entries<{ total?: number }>(metrics.commands)) {
      if (counted.total !== undefined) add(name, counted.total)
    }
    // A member that follows the oplog asks for more of it; the one it asks counts that among all.
    const { num } = metrics.repl.network.getmores
    add('oplog', num)
    add('getMore', -Number(num))
  }
  return sum
}
