/** A replica set of several members on this machine, whose members can be killed, paused and brought back.
 *  Elections are quick (2 s without a heartbeat), so that a test waits for them in seconds.
 *  Needs no test runner: benchmarks and long checks use it too. No member outlives this process. */
import { join } from 'node:path'
import { type Document, MongoClient, MongoServerError } from 'mongodb'
import { firstValueFrom, timer } from 'rxjs'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { directClient, freePort } from '../../src/dev/mongod.ts'
import { type MongodProcess, spawnMongod } from '../../src/dev/spawn-mongod.ts'

export interface ReplicaSetOptions {
  /** Default 3. */
  readonly members?: number
  /** Holds a folder for each member. */
  readonly dataDir: string
  /** Where the members listen; default: free ones. */
  readonly ports?: readonly number[]
  /** The addresses by which members and clients know each member, e.g. of proxies; default: where they listen. */
  readonly hosts?: readonly string[]
  readonly binary?: string
  /** Further arguments of each mongod. */
  readonly args?: readonly string[]
  /** Added to the environment of a member, e.g. to give it another clock. */
  readonly env?: (member: number) => Readonly<Record<string, string>>
  /** Settings of the set; default: an election after 2 s, heartbeats each 500 ms. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface ReplicaSet {
  /** Without a database; names all members. */
  readonly uri: string
  readonly ports: readonly number[]
  pid(member: number): number
  /** The number of the member that is the primary now; waits for one. */
  primary(): Promise<number>
  /** Sends a signal; after SIGKILL and SIGTERM it resolves when the member is gone. SIGSTOP pauses, SIGCONT goes on. */
  kill(member: number, signal?: NodeJS.Signals): Promise<void>
  /** Starts a member that is gone, on its old data and port; resolves when it serves again. */
  restart(member: number): Promise<void>
  /** The primary gives up and does not stand again for `seconds`; resolves when there is another. */
  stepDown(seconds?: number): Promise<void>
  /** Forbids a member to become primary for `seconds`; 0 allows it again. */
  freeze(member: number, seconds: number): Promise<void>
  /** Ends all members; their folders stay. */
  stop(): Promise<void>
}

const NAME = 'tidewheel-set'
const SETTINGS = { electionTimeoutMillis: 2_000, heartbeatIntervalMillis: 500 }
const START_MS = 60_000

export async function startReplicaSet(options: ReplicaSetOptions): Promise<ReplicaSet> {
  const { members: count = 3, dataDir, args = [], env = () => ({}), settings = SETTINGS } = options
  const binary = options.binary ?? (await findMongodBinary()).path
  const ports = options.ports ?? (await Promise.all(Array.from({ length: count }, () => freePort())))
  const hosts = options.hosts ?? ports.map(port => `127.0.0.1:${port}`)
  const uri = `mongodb://${hosts.join(',')}/?replicaSet=${NAME}`
  const members: MongodProcess[] = []

  const spawn = async (member: number): Promise<void> => {
    const folder = join(dataDir, `member-${member}`)
    const port = ports[member] ?? 0
    members[member] = await spawnMongod({ binary, dataDir: folder, port, replSet: NAME, args, env: env(member) })
  }
  const of = (member: number): MongodProcess => {
    const found = members[member]
    if (!found) throw new RangeError(`there is no member ${member}`)
    return found
  }

  const set: ReplicaSet = {
    uri,
    ports,
    pid: member => of(member).pid,
    async primary() {
      await using client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: START_MS })
      return hosts.indexOf((await client.db('admin').command({ hello: 1 })).me)
    },
    async kill(member, signal = 'SIGKILL') {
      of(member).kill(signal)
      if (signal === 'SIGKILL' || signal === 'SIGTERM') await of(member).exited
    },
    async restart(member) {
      await spawn(member)
      await serves(of(member))
    },
    async stepDown(seconds = 10) {
      const old = await set.primary()
      await stepDown(of(old).port, seconds)
      await until(async () => (await set.primary()) !== old)
    },
    async freeze(member, seconds) {
      await using client = directClient(of(member).port, START_MS)
      await client.db('admin').command({ replSetFreeze: seconds })
    },
    async stop() {
      // A hard end: a clean one would hand over the primary's place from member to member, a second each.
      for (const { kill } of members) kill('SIGKILL')
      await Promise.all(members.map(({ exited }) => exited))
    },
  }
  try {
    await Promise.all(ports.map((_, member) => spawn(member)))
    await found(of(0), hosts, settings)
    await Promise.all(members.map(serves))
    await set.primary()
    return set
  } catch (error) {
    await set.stop()
    throw error
  }
}

/** Founds the set on its first member, once all others can be reached. */
async function found(first: MongodProcess, hosts: readonly string[], settings: object): Promise<void> {
  const members = hosts.map((host, _id) => ({ _id, host }))
  await repeat(first.port, 'NodeNotFound', { replSetInitiate: { _id: NAME, members, settings } })
}

/** Resolves when the member is the primary or a secondary that can be read. */
async function serves(member: MongodProcess): Promise<void> {
  await using client = directClient(member.port, START_MS)
  const ended = member.exited.then(({ why }) => {
    throw new Error(`a member ended at once: ${why}`)
  })
  const ready = until(async () => {
    const { isWritablePrimary, secondary } = await client.db('admin').command({ hello: 1 })
    return isWritablePrimary || secondary
  })
  await Promise.race([ready, ended])
}

/** A secondary that lags refuses to take over for a moment. */
async function stepDown(port: number, seconds: number): Promise<void> {
  const secondaryCatchUpPeriodSecs = Math.min(5, seconds - 1)
  await repeat(port, 'ExceededTimeLimit', { replSetStepDown: seconds, secondaryCatchUpPeriodSecs })
}

/** Gives a member a command, again and again while it refuses with this one error. */
async function repeat(port: number, refusal: string, command: Document): Promise<void> {
  await using client = directClient(port, START_MS)
  await until(async () => {
    try {
      await client.db('admin').command(command)
      return true
    } catch (error) {
      if (error instanceof MongoServerError && error.codeName === refusal) return false
      throw error
    }
  })
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + START_MS
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`still not so after ${START_MS} ms: ${holds}`)
    await firstValueFrom(timer(50))
  }
}
