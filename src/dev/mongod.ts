/** A MongoDB of one's own for development: a replica set of one member whose data folder outlives it.
 *  In: a folder. Out: the connection string of a writable primary.
 *  Holds: one folder is served by one process, and the next start takes over a folder whose process was killed;
 *  the port stays the same from start to start unless another program has taken it meanwhile;
 *  only 127.0.0.1 is listened on. */
import { readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { type Db, MongoClient, MongoNetworkError, MongoServerError } from 'mongodb'
import { firstValueFrom, timer } from 'rxjs'
import { monotonicNow, systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import type { Environment } from './fetch-mongod.ts'
import { findMongodBinary } from './find-mongod.ts'
import { type MongodExit, type MongodProcess, spawnMongod } from './spawn-mongod.ts'

export interface MongodOptions {
  /** Made if absent; `db`, `mongod.log` and `mongod.json` appear in it. */
  readonly dataDir: string
  /** Default: the one of the last start, if it is free, else any. A port named here is used or is a `conflict`.
   *  When the port changes, mongod first asks at the old one: a program there that stays silent costs 30 s. */
  readonly port?: number
  /** Name of the replica set; default `tidewheel`. It stays with the folder. */
  readonly replSet?: string
  /** Default: what `findMongodBinary` finds. */
  readonly binary?: string
  /** Further arguments of mongod. */
  readonly args?: readonly string[]
  /** Added to the mongod's environment. */
  readonly env?: Environment
  /** How long it may take until it can be written to, in ms; default 60,000. */
  readonly timeoutMs?: number
}

export interface Mongod {
  /** Without a database; writes wait for the majority. */
  readonly uri: string
  readonly port: number
  readonly pid: number
  /** Settles when the process is gone, for whatever reason. */
  readonly exited: Promise<MongodExit>
  /** Resolves when the process is gone; more calls do no harm. */
  stop(): Promise<void>
}

/** What the folder remembers: the port, and the process that called startMongod. */
interface Remembered {
  readonly port?: number
  readonly owner?: number
}

const POLL_MS = 50
/** How long a mongod whose owner was killed may take to leave the folder. */
const LEAVE_MS = 30_000

export async function startMongod(options: MongodOptions): Promise<Mongod> {
  const { replSet = 'tidewheel', timeoutMs = 60_000, args = [], env = {} } = options
  const dataDir = resolve(options.dataDir)
  const binary = options.binary ?? (await findMongodBinary()).path
  const leaveBy = now() + LEAVE_MS

  for (;;) {
    const remembered = await recall(dataDir)
    const port = options.port ?? (await freePort(remembered.port))
    const mongod = await spawnMongod({ binary, dataDir, port, replSet, args, env })
    const refusal = await Promise.race([
      becomePrimary(mongod, replSet, timeoutMs).then(() => undefined),
      mongod.exited,
    ]).catch(async (error: unknown) => {
      await mongod.stop()
      throw error
    })
    if (!refusal) {
      await writeFile(join(dataDir, 'mongod.json'), `${JSON.stringify({ port, owner: process.pid })}\n`)
      const uri = `mongodb://127.0.0.1:${port}/?replicaSet=${replSet}&w=majority`
      return { uri, port, pid: mongod.pid, exited: mongod.exited, stop: () => mongod.stop() }
    }
    if (isFolderInUse(refusal)) {
      if (isAlive(remembered.owner) || now() > leaveBy) throw await folderInUse(dataDir)
      await pause(5 * POLL_MS)
    } else if (!isPortInUse(refusal) || options.port !== undefined) {
      throw didNotStart(refusal, dataDir, port)
    }
  }
}

/** Resolves when this very mongod is a primary whose writes reach the majority. */
async function becomePrimary(mongod: MongodProcess, replSet: string, timeoutMs: number): Promise<void> {
  const limit = now() + timeoutMs
  const client = directClient(mongod.port, timeoutMs)
  void mongod.exited.then(() => client.close())
  try {
    const admin = client.db('admin')
    while (!(await isPrimary(mongod, admin, replSet))) {
      if (now() > limit) throw new Error(`not within ${timeoutMs} ms`)
      await pause(POLL_MS)
    }
  } catch (error) {
    const message = `mongod on port ${mongod.port} did not become a primary: ${(error as Error).message}`
    throw new TidewheelError('unreachable', message, {}, { cause: error })
  } finally {
    await client.close()
  }
}

/** Sees to the configuration first. A member that meets a new configuration cuts its connections, at any step: then it
 *  is not a primary yet. */
async function isPrimary(mongod: MongodProcess, admin: Db, replSet: string): Promise<boolean> {
  try {
    await isServing(mongod, admin)
    await configure(admin, replSet, `127.0.0.1:${mongod.port}`)
    if (!(await admin.command({ hello: 1 })).isWritablePrimary) return false
    await admin.command({ appendOplogNote: 1, data: { tidewheel: 'started' }, writeConcern: { w: 'majority' } })
    return true
  } catch (error) {
    const codeName = error instanceof MongoServerError ? error.codeName : undefined
    if (error instanceof MongoNetworkError || IN_BETWEEN.has(codeName ?? '')) return false
    throw error
  }
}

/** Throws when another mongod answers on this port: then ours is about to end for that reason. */
async function isServing(mongod: MongodProcess, admin: Db): Promise<void> {
  const { pid } = await admin.command({ serverStatus: 1, repl: 0, metrics: 0, wiredTiger: 0 })
  if (Number(pid) === mongod.pid) return
  await mongod.exited
  throw new Error('another mongod serves it')
}

/** Refusals of a member that is still reading its stored configuration, or is just taking another one or another role. */
const IN_BETWEEN: ReadonlySet<string> = new Set([
  'AlreadyInitialized',
  'ConfigurationInProgress',
  'InterruptedDueToReplStateChange',
  'NotWritablePrimary',
  'PrimarySteppedDown',
])

/** A client for one member alone that notices its coming up within a tenth of a second. */
export function directClient(port: number, timeoutMs: number): MongoClient {
  return new MongoClient(`mongodb://127.0.0.1:${port}/`, {
    directConnection: true,
    serverSelectionTimeoutMS: timeoutMs,
    minHeartbeatFrequencyMS: POLL_MS,
    appName: 'tidewheel:dev',
  })
}

/** Founds the set, or tells it that its only member has moved to another port. */
async function configure(admin: Db, replSet: string, host: string): Promise<void> {
  const member = { _id: 0, host }
  const config = await storedConfig(admin)
  if (!config) {
    await admin.command({ replSetInitiate: { _id: replSet, members: [member] } })
  } else if (config.members.length !== 1 || config.members[0]?.host !== host) {
    // By force, since a member that is not in its own set cannot become the primary that changes it otherwise.
    const moved = { ...config, version: config.version + 1, members: [{ ...config.members[0], ...member }] }
    await admin.command({ replSetReconfig: moved, force: true })
  }
}

interface ReplicaSetConfig {
  readonly version: number
  readonly members: readonly { readonly _id: number; readonly host: string }[]
}

async function storedConfig(admin: Db): Promise<ReplicaSetConfig | undefined> {
  try {
    return (await admin.command({ replSetGetConfig: 1 })).config
  } catch (error) {
    if (error instanceof MongoServerError && error.codeName === 'NotYetInitialized') return undefined
    throw error
  }
}

/** `wanted` if nothing listens there, else a port that the system gives. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer()
  try {
    return await new Promise<number>((done, fail) => {
      server.on('error', fail)
      server.listen({ port: wanted, host: '127.0.0.1' }, () => done((server.address() as AddressInfo).port))
    })
  } catch (error) {
    if (wanted === 0) throw error
    return await freePort()
  } finally {
    await new Promise(closed => server.close(closed))
  }
}

async function recall(dataDir: string): Promise<Remembered> {
  try {
    return JSON.parse(await readFile(join(dataDir, 'mongod.json'), 'utf8'))
  } catch {
    return {}
  }
}

const now = (): number => monotonicNow(systemClock)
const pause = (ms: number): Promise<unknown> => firstValueFrom(timer(ms, systemClock))

const isFolderInUse = ({ why }: MongodExit): boolean => /Another mongod instance/.test(why)
const isPortInUse = ({ why }: MongodExit): boolean => /Address already in use/.test(why)

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function folderInUse(dataDir: string): Promise<TidewheelError> {
  const pid = (await readFile(join(dataDir, 'db', 'mongod.lock'), 'utf8').catch(() => '')).trim()
  const message = `The data folder ${dataDir} is in use by another mongod${pid && ` (process ${pid})`}. Stop that one, or choose another folder.`
  return new TidewheelError('conflict', message, { dataDir, pid: Number(pid) || null })
}

function didNotStart(exit: MongodExit, dataDir: string, port: number): TidewheelError {
  if (isPortInUse(exit)) {
    return new TidewheelError('conflict', `Port ${port} is taken by another program. Choose another port.`, { port })
  }
  const how = exit.signal ?? `exit ${exit.code}`
  const message = `mongod ended at once (${how}): ${exit.why}. More is in ${join(dataDir, 'mongod.log')}.`
  return new TidewheelError('unreachable', message, { dataDir, port, ...exit })
}
