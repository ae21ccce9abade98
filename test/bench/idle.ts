/** Idle: what a node without anything to do asks of the set, by the servers' own counts of commands, less what the set does without a
 *  node; told apart from it, what the members ask of each other because the node's heartbeats are replicated. */
import { MongoClient } from 'mongodb'
import { wait } from '../../src/clock.ts'
import { type Measure, rounds } from './figures.ts'
import { startFreshNode } from './fresh-node.ts'
import type { Server } from './server.ts'

/** Without a node, and each round with one: as often as all of what a node does at its intervals of 5, 6.5 and 10 s fits in. */
const WINDOW_MS = 65_000
const SETTLE_MS = 15_000

/** Commands by name. */
type Counts = Readonly<Record<string, number>>

export const measure: Measure = async server => {
  // What a set does because it, or what was measured before, has just begun or ended is over.
  await wait(SETTLE_MS)
  const without = await window(server)
  const node = await startFreshNode(server.uri('idle'))
  await wait(SETTLE_MS)
  const measured = await rounds(async () => {
    const members = (await window(server)).map((counted, i) => less(counted, without[i] ?? {}))
    const primary = members.reduce((most, one) => ((one.findAndModify ?? 0) > (most.findAndModify ?? 0) ? one : most))
    const sum = (name: string) => members.reduce((sum, counted) => sum + (counted[name] ?? 0), 0)
    const replicated = sum('oplog')
    const own = (counted: Counts) => BY_NODES.reduce((all, name) => all + (counted[name] ?? 0), 0)
    return {
      // Who follows the oplog asks the primary for more of it, which counts that among all.
      primary: own(primary) - replicated,
      all: members.reduce((all, counted) => all + own(counted), 0) - replicated,
      replication: replicated + sum('replSetUpdatePosition'),
      of: (name: string) => sum(name) - (name === 'getMore' ? replicated : 0),
    }
  })
  await node.stop()
  return {
    work: `an idle node, operations a second over ${WINDOW_MS / 1_000} s`,
    figures: [
      {
        name: "the node's own, on the primary",
        unit: '/s',
        values: measured.map(({ primary }) => primary),
        limit: { most: 0.8 },
      },
      { name: "the node's own, on all members", unit: '/s', values: measured.map(({ all }) => all) },
      ...BY_NODES.map(name => ({ name: `of them ${name}`, unit: '/s', values: measured.map(({ of }) => of(name)) })),
      { name: 'replication, because of it', unit: '/s', values: measured.map(({ replication }) => replication) },
    ],
    samples: {},
  }
}

/** What a node asks when it has nothing to do; `hello` is its driver's. */
const BY_NODES = ['getMore', 'hello', 'aggregate', 'findAndModify', 'find', 'update'] as const
/** A second, of both. */
const less = (counted: Counts, without: Counts): Counts =>
  Object.fromEntries(
    Object.entries(counted).map(([name, count]) => [name, ((count - (without[name] ?? 0)) * 1_000) / WINDOW_MS]),
  )

/** What each member counts within a while. */
async function window(server: Server): Promise<readonly Counts[]> {
  const before = await counts(server)
  await wait(WINDOW_MS)
  const after = await counts(server)
  return after.map((counted, i) =>
    Object.fromEntries(Object.entries(counted).map(([name, count]) => [name, count - (before[i]?.[name] ?? 0)])),
  )
}

/** Of each member; it is asked by a client that has gone when the next count begins. */
async function counts(server: Server): Promise<readonly Counts[]> {
  return await Promise.all(
    server.memberUris.map(async uri => {
      await using client = await MongoClient.connect(uri)
      const { metrics } = await client.db('admin').command({ serverStatus: 1 })
      const total = (name: string) => Number(metrics.commands[name]?.total ?? 0)
      return {
        ...Object.fromEntries([...BY_NODES, 'replSetUpdatePosition'].map(name => [name, total(name)])),
        hello: total('hello') + total('isMaster'),
        oplog: Number(metrics.repl.network.getmores.num),
      }
    }),
  )
}
