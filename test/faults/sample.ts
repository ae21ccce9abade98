/** Sample: what the processes hold on to: memory and open files of each node; cursors and connections of each member, by who
 *  opened them. In: a cluster. Out: a line in the history every few seconds. */
import { readdirSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import type { Document, MongoClient } from 'mongodb'
import { directClient } from '../../src/dev/mongod.ts'
import type { Cluster } from './cluster.ts'
import { type History, sleep } from './history.ts'

const EVERY_MS = 5_000
const PATIENCE_MS = 2_000

interface Member {
  /** Connections by the name of the program; those of other members and of tools without one are under ``. */
  readonly connections: Readonly<Record<string, number>>
  /** Open cursors, by what they read and for whom. */
  readonly cursors: Readonly<Record<string, number>>
}

export async function sample(cluster: Cluster, history: History, goesOn: () => boolean): Promise<void> {
  const clients = cluster.set.ports.map(port => directClient(port, PATIENCE_MS))
  try {
    while (goesOn()) {
      const nodes = cluster.nodes.map(({ ip, pid }) => ({ ip, pid, ...ofProcess(pid) }))
      const members = await Promise.all(clients.map(client => ofMember(client).catch(() => null)))
      history.write({ f: 'sample', load: loadavg()[0], nodes, members })
      for (let waited = 0; waited < EVERY_MS && goesOn(); waited += 250) await sleep(250)
    }
  } finally {
    await Promise.all(clients.map(client => client.close()))
  }
}

/** Rejects where the member does not answer. */
async function ofMember(client: MongoClient): Promise<Member> {
  const everyone = [{ $currentOp: { allUsers: true, idleConnections: true, idleCursors: true } }]
  const open = await client.db('admin').aggregate(everyone, { timeoutMS: PATIENCE_MS }).toArray()
  const linked = open.filter(({ connectionId }) => connectionId !== undefined)
  const cursors = open.filter(({ cursor }) => cursor !== undefined)
  return {
    connections: counted(linked.map(nameOf)),
    cursors: counted(cursors.map(op => `${op.ns} ${nameOf(op)}`)),
  }
}

const nameOf = (op: Document): string => op.appName ?? op.clientMetadata?.application?.name ?? ''

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

function ofProcess(pid: number): { readonly rss?: number; readonly fds?: number } {
  try {
    const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    return { rss, fds: readdirSync(`/proc/${pid}/fd`).length }
  } catch {
    return {}
  }
}
