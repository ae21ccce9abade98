/** A database of its own for a test file, on its worker's replica set.
 *  `close()` drops it, and fails when something was left open: a cursor or change stream on this database,
 *  or a connection of this process to the server. */
import { randomBytes } from 'node:crypto'
import { Socket } from 'node:net'
import { type Db, type Document, MongoClient, MongoServerError } from 'mongodb'
import { inject, vi } from 'vitest'

export interface TestDb {
  readonly client: MongoClient
  readonly db: Db
  /** With this database's name in it. */
  readonly uri: string
  close(): Promise<void>
}

/** Databases of this process that are open: only when the last one closes does a left connection tell of a leak. */
let open = 0

/** `graceMs`: how long what was closed may take to be gone. */
export async function openTestDb({ graceMs = 5_000 } = {}): Promise<TestDb> {
  const name = `tidewheel_test_${randomBytes(6).toString('hex')}`
  const uri = withDatabase(workersUri(), name)
  const client = await MongoClient.connect(uri, { appName: name })
  open++
  const close = async (): Promise<void> => {
    open--
    try {
      await gone(name, graceMs, () => openCursors(client, name))
    } finally {
      await client.db().dropDatabase()
      await client.close()
    }
    if (open === 0) await gone(name, graceMs, async () => serverConnections(uri))
  }
  return { client, db: client.db(), uri, close }
}

/** The worker's connection string. Two workers that run at once have different numbers, from 1 on. */
export function workersUri(): string {
  const uris = inject('mongoUris')
  return uris[(Number(process.env.VITEST_POOL_ID) || 1) % uris.length] as string
}

/** Waits until `look` finds nothing any more. */
function gone(name: string, timeout: number, look: () => Promise<string[]>): Promise<void> {
  const check = async (): Promise<void> => {
    const left = await look()
    if (left.length > 0) throw new Error(`the test left open, on ${name}:\n  ${left.join('\n  ')}`)
  }
  return vi.waitFor(check, { timeout, interval: 50 })
}

/** The connection string with another database in its path. */
export function withDatabase(uri: string, name: string): string {
  const {
    servers,
    database,
    query = '',
  } = /^(?<servers>[^/]+\/\/[^/?]+)(\/(?<database>[^?]*))?(\?(?<query>.*))?$/.exec(uri)?.groups ?? {}
  if (!servers) throw new Error('not a connection string')
  const options = new URLSearchParams(query)
  // A user belongs to the database of the path, unless told otherwise.
  if (servers.includes('@') && database && !options.has('authSource')) options.set('authSource', database)
  return `${servers}/${name}?${options}`
}

/** Cursors and running operations on the database: an open change stream is always one of the two. */
async function openCursors(client: MongoClient, name: string): Promise<string[]> {
  const stages: Document[] = [
    { $currentOp: { allUsers: true, idleCursors: true } },
    { $match: { ns: { $regex: `^${name}\\.` } } },
  ]
  try {
    const operations = await client.db('admin').aggregate(stages).toArray()
    return operations.map(op => `${op.type} on ${op.ns}: ${describe(op)}`)
  } catch (error) {
    if (error instanceof MongoServerError && error.codeName === 'Unauthorized') return []
    throw error
  }
}

const describe = (op: Document): string =>
  JSON.stringify(op.cursor?.originatingCommand?.pipeline ?? op.cursor?.originatingCommand ?? op.command).slice(0, 200)

/** This process's connections to the hosts of `uri`. */
function serverConnections(uri: string): string[] {
  const ports = new Set([...uri.matchAll(/:(\d+)(?=[,/])/g)].map(([, port]) => Number(port)))
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] }
  const sockets = handles.call(process).filter(handle => handle instanceof Socket) as Socket[]
  const left = sockets.filter(({ remotePort }) => remotePort !== undefined && ports.has(remotePort))
  return left.map(({ localPort }) => `a connection of this process (local port ${localPort})`)
}
