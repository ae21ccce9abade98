/** Harm: what a fault does to the database itself, as a person with a shell could: streams killed, the oplog rolled, the jobs
 *  collection renamed or dropped, a disk filled, thousands of jobs due at one second.
 *  In: a client of the whole set. Out: promises that resolve when it is done. */
import { writeFileSync } from 'node:fs'
import type { Collection, Document, MongoClient } from 'mongodb'
import { directClient } from '../../src/dev/mongod.ts'
import type { ReplicaSet } from '../support/replica-set.ts'
import { type History, sleep, trueNow, until } from './history.ts'
import { DB } from './node-slot.ts'

type Loose = Document & { _id: string }

const MAJORITY = { writeConcern: { w: 'majority' as const } }
const AWAY = 'jobs_away'

const jobsOf = (client: MongoClient): Collection<Loose> => client.db(DB).collection<Loose>('jobs')

/** Kills the cursors and running getMores of a node's change streams. */
export async function killStreams(client: MongoClient, ip: string): Promise<void> {
  const admin = client.db('admin')
  const stages = [
    { $currentOp: { allUsers: true, idleCursors: true } },
    { $match: { appName: `tidewheel:${ip}`, ns: `${DB}.jobs`, 'cursor.tailable': true } },
  ]
  for (const op of await admin.aggregate(stages).toArray()) {
    const id = op.cursor?.cursorId
    if (op.opid !== undefined) await admin.command({ killOp: 1, op: op.opid }).catch(() => {})
    if (id !== undefined)
      await client
        .db(DB)
        .command({ killCursors: 'jobs', cursors: [id] })
        .catch(() => {})
  }
}

/** Writes until the oplog has forgotten what is there now, which it does up to the last checkpoint only (`CHECKPOINT_S`). */
export async function rollOplog(client: MongoClient): Promise<void> {
  const oplog = client.db('local').collection('oplog.rs')
  const ts = async (way: 1 | -1) => (await oplog.find().sort({ $natural: way }).limit(1).next())?.ts
  const before = await ts(-1)
  const noise = client.db('noise').collection('noise')
  const filler = 'x'.repeat(1_000_000)
  const limit = performance.now() + 60_000
  while (performance.now() < limit) {
    try {
      await noise.insertMany(
        Array.from({ length: 8 }, () => ({ filler })),
        { writeConcern: { w: 'majority' } },
      )
      await noise.deleteMany({})
      const first = await ts(1)
      if (first?.greaterThan(before)) return
    } catch {
      // An election comes in between.
      await sleep(500)
    }
  }
  throw new Error('the oplog did not roll over within a minute')
}

export function fill(file: string): void {
  const block = Buffer.alloc(1024 * 1024, 1)
  for (const size of [block.length, 4_096]) {
    try {
      for (;;) writeFileSync(file, block.subarray(0, size), { flag: 'a' })
    } catch {}
  }
}

/** Has a member lead. */
export async function lead(set: ReplicaSet, member: number): Promise<void> {
  await using client = directClient(set.ports[member] ?? 0, 10_000)
  const leads = async () => {
    await client
      .db('admin')
      .command({ replSetStepUp: 1 })
      .catch(() => {})
    return (await set.primary()) === member
  }
  await until(leads, 30_000, `member ${member} leads`)
}

/** Has both secondaries, or one, apply nothing for a while; resolves when they have what the primary had then. Nobody is elected. */
export async function lagging(set: ReplicaSet, ms: number, count: number): Promise<void> {
  const primary = await set.primary()
  const others = [0, 1, 2].filter(member => member !== primary).slice(0, count)
  const [well] = [0, 1, 2].filter(member => member !== primary && !others.includes(member))
  if (well !== undefined) await follows(set, well, primary)
  const turn = (mode: 'alwaysOn' | 'off') =>
    Promise.all(
      others.map(async member => {
        await using client = directClient(set.ports[member] ?? 0, 10_000)
        await client.db('admin').command({ configureFailPoint: 'rsSyncApplyStop', mode })
      }),
    )
  try {
    await turn('alwaysOn')
    await sleep(ms)
  } finally {
    await turn('off')
  }
  await using client = directClient(set.ports[primary] ?? 0, 10_000)
  const optimes = async (): Promise<readonly Date[]> => {
    const { members } = await client.db('admin').command({ replSetGetStatus: 1 })
    return members.map((member: Document) => member.optimeDate)
  }
  const then = (await optimes())[primary] as Date
  await until(async () => (await optimes()).every(at => at >= then), 30_000, 'the secondaries have caught up')
}

/** Has a secondary follow the primary itself: by MongoDB's own choice it may follow another secondary, and lag with that one. */
async function follows(set: ReplicaSet, member: number, primary: number): Promise<void> {
  const host = `127.0.0.1:${set.ports[primary]}`
  await using client = directClient(set.ports[member] ?? 0, 10_000)
  const admin = client.db('admin')
  await admin.command({ replSetSyncFrom: host })
  const isFollowing = async () => (await admin.command({ replSetGetStatus: 1 })).syncSourceHost === host
  await until(isFollowing, 30_000, `member ${member} follows ${host}`)
}

/** Gives the jobs collection another name for a while; living nodes make a new one meanwhile, which goes. */
export async function renameAway(client: MongoClient, meanwhile: () => Promise<void>): Promise<void> {
  await jobsOf(client).rename(AWAY)
  await meanwhile()
  await client.db(DB).collection(AWAY).rename('jobs', { dropTarget: true })
}

/** Drops the jobs collection, and puts the very documents back after a while, as from a backup. */
export async function dropAndRestore(client: MongoClient, meanwhile: () => Promise<void>): Promise<void> {
  const jobs = jobsOf(client)
  const backup = await jobs.find({}, { promoteValues: false, readConcern: { level: 'majority' } }).toArray()
  await jobs.drop(MAJORITY)
  await meanwhile()
  await jobs.insertMany(backup, { ordered: false, ...MAJORITY })
}

export interface Burst {
  readonly client: MongoClient
  readonly id: number
  readonly count: number
  readonly ips: readonly string[]
  readonly history: History
}

const BATCH = 1_000
/** A job of a burst is stored within this time, all of them before the first is due. */
const STORE_MS = 0.6

/** Stores jobs that are due once, all at the same second; resolves when each has run. */
export async function burst({ client, id, count, ips, history }: Burst): Promise<void> {
  if (count === 0) return
  const jobs = jobsOf(client)
  const due = Math.ceil((trueNow() + 3_000 + count * STORE_MS) / 1_000) * 1_000
  const name = (i: number) => `burst-${id}-${String(i).padStart(5, '0')}`
  const place = (i: number) => ips[i % ips.length] as string
  history.write({ f: 'burst', id, due, count, ips })
  for (let from = 0; from < count; from += BATCH) {
    const documents = Array.from({ length: Math.min(BATCH, count - from) }, (_, k) => ({
      _id: name(from + k),
      func: 'witness:note',
      ip: place(from + k),
      trigger: { type: 'date', run_date: new Date(due) },
      kwargs: { ms: 0 },
      misfire_grace_time: null,
    }))
    await jobs.insertMany(documents, { ordered: false, ...MAJORITY })
  }
  history.write({ f: 'burst-stored', id })
  const unrun = { $or: [{ 'state.over': { $ne: true } }, { 'state.running.0': { $exists: true } }] }
  const left = { _id: { $gte: name(0), $lt: `burst-${id}.` }, ...unrun }
  await until(
    async () => (await jobs.countDocuments(left, { limit: 1 })) === 0,
    90_000,
    'each job of the burst has run',
  )
}
