/** Connection: opens MongoDB for a node or a client, and says in one sentence why it cannot.
 *  In: a connection string or a client of the user's, and a database name. Out: the database, a second small client for the
 *  change stream, and a way to close what was opened here. A server that is no replica set has no change streams: an error. */
import { connect as connectSocket } from 'node:net'
import { networkInterfaces } from 'node:os'
import {
  type Db,
  type DbOptions,
  MongoClient,
  MongoClientClosedError,
  type MongoClientOptions,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoOperationTimeoutError,
  MongoParseError,
  MongoServerClosedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoSystemError,
  MongoTopologyClosedError,
  ReadConcern,
} from 'mongodb'
import { wait } from '../clock.ts'
import { type ErrorCode, TidewheelError } from '../errors.ts'
import { isLoopback } from '../loopback.ts'
import { refused } from '../options/option.ts'
import { OPTIONS } from '../options/table.ts'
import { databaseProblem } from '../options/values.ts'
import { isOfSocket, PASSING, singleErrors } from '../pace/passing.ts'
import type { CollectionNames } from './ensure.ts'
import { unstick } from './unstick.ts'

/** Where the database is: what nodes and clients have in common. Either `uri` or `client` is needed. */
export interface ConnectionOptions {
  /** Connection string of MongoDB, a replica set: `mongodb://127.0.0.1:27017/tidewheel`. Default: none, `client` is given. */
  readonly uri?: string
  /** A MongoClient of yours instead of `uri`; it stays open. Default: one is made from `uri`. */
  readonly client?: MongoClient
  /** The database, but not `admin`, `local` or `config`. Default: the connection string's, else `tidewheel`. */
  readonly db?: string
  /** Other names of the collections, all different. Default: `jobs`, `executions`, `nodes`, `users`. */
  readonly collections?: CollectionNames
  /** Milliseconds (from 1) for which a server is looked for; a node's start is given up when the database is silent for three
   *  times as long. Default: 5000. */
  readonly connectTimeout?: number
}

export interface Connection {
  readonly client: MongoClient
  readonly db: Db
  /** A client of its own for the change stream, where the connection string is known; else the same. */
  readonly streamDb: Db
  /** Connections that the server takes for nobody's any more (their user was dropped and made again) stay so for good: all that
   *  were opened here are made anew, until it takes them. A client of the user's is left alone. */
  readonly renew: () => void
  /** Why that has not succeeded yet. */
  readonly trouble: () => string | undefined
  /** Has this done before the connections end: what is open on them is to be closed first. Answers how to take it back. */
  readonly beforeClose: (work: () => Promise<void>) => () => void
  readonly close: () => Promise<void>
}

const CONNECT_TIMEOUT_MS = OPTIONS.connectTimeout.default
/** A killed primary otherwise silences the stream for the driver's default of 30 s. */
const STREAM_SELECTION_MS = 5_000
const SOCKET_TIMEOUT_MS = 15_000
/** Members tell at once when something changes; who is silent is found out by the two above, and the stream's own watch. */
const STREAM_HEARTBEAT_MS = 60_000
const RENEW_PAUSE_MS = 1_000
const UNAUTHORISED: ReadonlySet<unknown> = new Set([11, 13, 18, 8000])
/** What a connection string or a client of the user's asks for is not for us: nodes decide by what the primary has now (where it
 *  has to be the majority's, the reading says so), and by values as JavaScript has them. */
const OURS: DbOptions = {
  readPreference: 'primary',
  readConcern: new ReadConcern('local'),
  writeConcern: { w: 'majority' },
  raw: false,
  promoteValues: true,
  promoteLongs: true,
  promoteBuffers: false,
  useBigInt64: false,
  bsonRegExp: false,
}

/** Opens what options name that were checked before. `appName` is what the server knows the connections by; after one that ends
 *  with a colon comes this machine's address.
 *  Throws `invalid_option`, `unreachable`, `not_replica_set` or `unauthorised`. */
export async function open(options: ConnectionOptions, appName = 'tidewheel'): Promise<Connection> {
  const { uri, client: given, connectTimeout = CONNECT_TIMEOUT_MS } = options
  const make = (name: string) =>
    clientOf(uri as string, {
      appName: name,
      serverSelectionTimeoutMS: connectTimeout,
      connectTimeoutMS: connectTimeout,
    })
  const first = given ?? make(appName)
  const dbName = databaseNameOf(first, uri, options.db)
  const isUnnamed = given === undefined && appName.endsWith(':')
  const name = isUnnamed ? `${appName}${await addressBy(first, uri)}` : appName
  const client = isUnnamed ? make(name) : first
  let stream: MongoClient | undefined
  const unsticking = [unstick(client)]
  const own = () => [...(stream === undefined ? [] : [stream]), ...(given === undefined ? [client] : [])]
  const closeOwn = async () => {
    for (const each of own()) await each.close()
  }
  let closed = false
  let renewing: Promise<void> | undefined
  let trouble: string | undefined
  const again = async () => {
    while (!closed) {
      try {
        await closeOwn()
        await Promise.all(own().map(each => each.connect()))
        trouble = undefined
        return
      } catch (error) {
        trouble = databaseError(error).message
        await wait(RENEW_PAUSE_MS)
      }
    }
  }
  const renew = () => {
    renewing ??= again().finally(() => {
      renewing = undefined
    })
  }
  const works = new Set<() => Promise<void>>()
  const beforeClose = (work: () => Promise<void>) => {
    works.add(work)
    return () => void works.delete(work)
  }
  const close = async () => {
    closed = true
    await Promise.all([...works].map(work => work()))
    await renewing
    await closeOwn()
    for (const each of unsticking) each.unsubscribe()
  }
  try {
    const db = client.db(dbName, OURS)
    await connected(client, uri)
    if (uri === undefined) return { client, db, streamDb: db, renew, trouble: () => trouble, beforeClose, close }
    stream = clientOf(uri, {
      appName: name,
      serverSelectionTimeoutMS: Math.min(connectTimeout, STREAM_SELECTION_MS),
      connectTimeoutMS: Math.min(connectTimeout, STREAM_SELECTION_MS),
      socketTimeoutMS: SOCKET_TIMEOUT_MS,
      heartbeatFrequencyMS: STREAM_HEARTBEAT_MS,
      maxPoolSize: 4,
    })
    unsticking.push(unstick(stream))
    const streamDb = stream.db(dbName, OURS)
    return { client, db, streamDb, renew, trouble: () => trouble, beforeClose, close }
  } catch (error) {
    await close().catch(() => {})
    throw databaseError(error)
  }
}

const AWAY_CLASSES = [
  MongoNetworkError,
  MongoSystemError,
  MongoNotConnectedError,
  MongoTopologyClosedError,
  MongoServerClosedError,
  MongoClientClosedError,
  MongoOperationTimeoutError,
]
/** Of the driver's pool; their classes are not public. */
const AWAY_NAMES: ReadonlySet<string> = new Set(['MongoPoolClosedError', 'MongoWaitQueueTimeoutError'])
const TOO_LARGE = 10334

/** Whether the driver says so of a connection or of finding a server: what was asked may be all right. */
function isAway(error: unknown): boolean {
  if (!(error instanceof MongoError)) return isOfSocket(error)
  if (AWAY_CLASSES.some(one => error instanceof one) || AWAY_NAMES.has(error.name)) return true
  if (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('TransientTransactionError')) return true
  if (!(error instanceof MongoServerError)) return false
  // What ended a whole bulk (no connection, no server in time) comes as an error of the server without a code.
  const isWhole = error.code === undefined && singleErrors(error).length === 0
  return isWhole || PASSING.has(error.code)
}

/** What was thrown, as an error of ours: `unauthorised`; `unreachable` where the driver says so of connections and servers;
 *  else what was asked is wrong (a filter, a name, a value, a size), which is `refused`, with the server's or the driver's sentence. */
export function databaseError(
  error: unknown,
  refused: Extract<ErrorCode, 'invalid_option' | 'invalid_job'> = 'invalid_option',
): TidewheelError {
  if (error instanceof TidewheelError) return error
  const cause = causeOf(error)
  if (error instanceof MongoServerError && UNAUTHORISED.has(error.code)) {
    return new TidewheelError('unauthorised', `the database refused these credentials: ${cause.message}`, {}, { cause })
  }
  if (isAway(cause)) {
    return new TidewheelError('unreachable', `the database does not answer: ${cause.message}`, {}, { cause })
  }
  const isLarge = cause instanceof RangeError || (error instanceof MongoServerError && error.code === TOO_LARGE)
  const reason = isLarge ? `the document is larger than MongoDB takes, 16 MiB (${cause.message})` : cause.message
  const isTheirs = isLarge || error instanceof MongoError || cause.name.startsWith('BSON')
  return new TidewheelError(refused, isTheirs ? `refused by MongoDB: ${reason}` : reason, {}, { cause })
}

/** Anything can be thrown, also what has no words for itself. */
function causeOf(error: unknown): Error {
  try {
    const cause = error instanceof Error ? error : new Error(String(error))
    return typeof cause.message === 'string' ? cause : new Error('an error without a message')
  } catch {
    return new Error('a thrown value that cannot be put into words')
  }
}

/** Asks the database; what it throws becomes an error of ours. */
export async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw databaseError(error)
  }
}

function clientOf(uri: string, options: MongoClientOptions): MongoClient {
  try {
    return new MongoClient(uri, { retryWrites: true, ...options })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `uri: not a connection string (${reason}); expected one such as mongodb://127.0.0.1:27017/tidewheel?replicaSet=rs0`
    throw new TidewheelError('invalid_option', message, { path: 'uri' }, { cause })
  }
}

/** Throws where it is none that may be used. */
function databaseNameOf(client: MongoClient, uri: string | undefined, wanted: string | undefined): string {
  const { dbName } = client.options
  // The driver says `test` where nobody named one.
  const isUnnamed = uri === undefined ? dbName === 'test' : !NAMED.test(uri)
  const name = wanted ?? (isUnnamed ? OPTIONS.db.fallback : dbName)
  const problem = databaseProblem('db', name)
  if (problem !== undefined) throw refused(problem)
  return name
}

/** A connection string with a database in its path. */
const NAMED = /^[^:]+:\/\/[^/]+\/[^?]/

/** This machine's address, by a client that ends with it: a client cannot be renamed. */
async function addressBy(client: MongoClient, uri: string | undefined): Promise<string> {
  try {
    await connected(client, uri)
    return await ownAddress(client)
  } finally {
    await client.close()
  }
}

async function connected(client: MongoClient, uri: string | undefined): Promise<void> {
  const where = uri === undefined ? 'the server' : redacted(uri)
  try {
    await client.connect()
    const hello = await client.db('admin').command({ hello: 1 })
    if (hello.setName !== undefined || hello.msg === 'isdbgrid') return
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (cause instanceof MongoServerError && UNAUTHORISED.has(cause.code)) {
      throw new TidewheelError('unauthorised', `${where} refused these credentials: ${reason}`, {}, { cause })
    }
    if (cause instanceof MongoParseError)
      throw new TidewheelError('invalid_option', `uri: ${reason}`, { path: 'uri' }, { cause })
    if (cause instanceof MongoServerSelectionError || cause instanceof MongoNetworkError) {
      throw new TidewheelError('unreachable', `cannot reach MongoDB at ${where}: ${reason}`, {}, { cause })
    }
    throw new TidewheelError(databaseError(cause).code, `cannot use MongoDB at ${where}: ${reason}`, {}, { cause })
  }
  const repair = 'start it with --replSet rs0 and run rs.initiate() in mongosh once'
  throw new TidewheelError(
    'not_replica_set',
    `${where} is a standalone server, and change streams need a replica set: ${repair}`,
  )
}

/** A connection string without what is secret in it. Where a password breaks it into pieces, all of them are left out. */
export const redacted = (uri: string) =>
  uri
    .replace(/^(mongodb(?:\+srv)?:\/\/)(.*)@/s, (_, scheme, login) => `${scheme}${String(login).split(':')[0]}:***@`)
    .replace(/([?&](?:\w+password|authMechanismProperties)=)[^&]*/gi, '$1***')

/** The address other machines would know this one by: the local end of a connection to MongoDB, unless that is loopback. */
export async function ownAddress(client: MongoClient): Promise<string> {
  const hello = await client.db('admin').command({ hello: 1 })
  const hosts: readonly string[] = hello.hosts ?? client.options.hosts.map(host => String(host))
  const local = await localEndOf(hello.me ?? hosts[0] ?? '127.0.0.1:27017')
  if (local !== undefined && !isLoopback(local)) return local
  const external = Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .find(address => address.family === 'IPv4' && !address.internal)
  const allHere = hosts.every(host => isLoopback(host.replace(/:\d+$/, '')))
  return allHere || external === undefined ? '127.0.0.1' : external.address
}

function localEndOf(address: string): Promise<string | undefined> {
  const [, host = '127.0.0.1', port = '27017'] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(address) ?? []
  return new Promise(resolve => {
    const socket = connectSocket({ host, port: Number(port), timeout: 2_000 })
    const done = (local?: string) => {
      socket.destroy()
      resolve(local?.replace(/^::ffff:/, ''))
    }
    socket.on('connect', () => done(socket.localAddress))
    socket.on('timeout', () => done())
    socket.on('error', () => done())
  })
}
