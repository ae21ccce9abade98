/** Sample: what the processes hold on to: memory and open files of each node; cursors and connections of each member, by who
 *  opened them. In: a cluster. Out: a line in the history every few seconds. */
import { readdirSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import type { Document, MongoClient } from 'mongodb'
import { directClient } from '../../src/dev/mongod.ts'
import type { Cluster } from './cluster.ts'
import { type History, sleep } from './history.ts'
import { DB } from './node-slot.ts'

const EVERY_MS = 5_000
const PATIENCE_MS = 2_000

interface Member {
  /** Connections by the name of the program; those of other members and of tools without one are under ``. */
  readonly connections: Readonly<Record<string, number>>
  /** Open cursors, by what they read and for whom. */
  readonly cursors: Readonly<Record<string, number>>
  /** The same, one by one. */
  readonly open: readonly Cursor[]
}

/** A cursor, and whose it is: a line of a leak has to name who does not end it. */
interface Cursor {
  readonly id: string
  /** The program that opened it, and where from. */
  readonly owner: string
  readonly client: string
  readonly ns: string
  /** What it was opened with, shortened. */
  readonly command: string
  readonly tailable: boolean
  /** Since it was opened, and since it was last asked for more; null where a getMore is under way. */
  readonly age_s: number
  readonly idle_s: number | null
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
    open: cursors.filter(({ ns }) => ns?.startsWith(`${DB}.`)).map(cursorOf),
  }
}

/** Enough for a resume token and, after it, whose stream it is. */
const COMMAND_CHARS = 800

function cursorOf(op: Document): Cursor {
  const { cursor, ns, type } = op
  const age = (since: Date | undefined) =>
    since === undefined ? 0 : Math.round((Date.now() - since.getTime()) / 1_000)
  return {
    id: String(cursor.cursorId),
    owner: nameOf(op),
    client: op.client ?? '',
    ns,
    command: JSON.stringify(cursor.originatingCommand ?? op.command ?? {}).slice(0, COMMAND_CHARS),
    tailable: cursor.tailable === true,
    age_s: age(cursor.createdDate),
    idle_s: type === 'idleCursor' ? age(cursor.lastAccessDate) : null,
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
