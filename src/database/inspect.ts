/** Inspect: what of a database is not as it should be?
 *  In: a database that is open. Out: findings about the server, its replica set, the oplog, the clock, and what ensure.ts creates.
 *  It only reads. What this user may not see is a note: it says nothing of what would be found. */
import type { Db, Document } from 'mongodb'
import { type Clock, monotonicNow } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import { type Connection, databaseError } from './connection.ts'
import { type CollectionNames, EXPIRY, INDEXES, namesOf, readOptions, titleOf, VALIDATORS } from './ensure.ts'

export interface Finding {
  /** What was looked at. */
  readonly check: string
  /** `note`: worth knowing, not wrong. */
  readonly status: 'ok' | 'note' | 'wrong'
  readonly found: string
  /** What to do. */
  readonly advice?: string
}

/** Before it the server does not say which rule a refused document breaks. */
const LEAST_MAJOR = 5
const SECOND_MS = 1_000
/** Clocks that are further apart make runs late or early. */
const MOST_OFFSET_MS = SECOND_MS
const HOUR_S = 3_600
/** Whoever was away for longer reads everything anew. */
const LEAST_WINDOW_S = HOUR_S
const GOOD_WINDOW_S = 24 * HOUR_S
/** From here on the oplog drops its oldest entries. */
const FULL = 0.95
const MB = 1_048_576
const INIT = 'tidewheel init puts that right.'

export interface InspectOptions {
  readonly collections?: CollectionNames | undefined
  readonly clock: Clock
}

export async function inspect(connection: Connection, options: InspectOptions): Promise<readonly Finding[]> {
  const { client, db } = connection
  const names = namesOf(options.collections)
  const admin = client.db('admin')
  const hello = await admin.command({ hello: 1 })
  const looks: readonly (readonly [check: string, look: () => Promise<readonly Finding[]>])[] = [
    ['server', () => serverVersion(admin)],
    ['replica set', () => members(admin, hello)],
    ['oplog', () => oplog(client.db('local'), hello)],
    ['clock', () => clockOffset(admin, options.clock)],
    ['validator', async () => [await validator(db, names.jobs, 'jobs'), await validator(db, names.nodes, 'nodes')]],
    ['index', async () => [await indexes(db, names.jobs, 'jobs'), await indexes(db, names.executions, 'executions')]],
  ]
  const findings: Finding[] = []
  for (const [check, look] of looks) findings.push(...(await looked(check, look)))
  return findings
}

/** What a look finds; that this user may not take it is a note. */
export async function looked(check: string, look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await look()
  } catch (error) {
    const known = databaseError(error)
    if (!(known instanceof TidewheelError) || known.code !== 'unauthorised') throw known
    return [{ check, status: 'note', found: 'this user may not see it', advice: 'An administrator may.' }]
  }
}

async function serverVersion(admin: Db): Promise<readonly Finding[]> {
  const { version } = await admin.command({ buildInfo: 1 })
  const found = `MongoDB ${version}`
  if (Number.parseInt(version, 10) >= LEAST_MAJOR) return [{ check: 'server', status: 'ok', found }]
  const advice = `Use ${LEAST_MAJOR}.0 or newer: an older one does not say why it refuses a document.`
  return [{ check: 'server', status: 'wrong', found, advice }]
}

const GOOD_STATES: readonly unknown[] = ['PRIMARY', 'SECONDARY', 'ARBITER']

async function members(admin: Db, hello: Document): Promise<readonly Finding[]> {
  const check = 'replica set'
  if (hello.msg === 'isdbgrid') return [{ check, status: 'ok', found: 'a sharded cluster' }]
  const { hosts = [], arbiters = [], setName } = hello
  const size = `${setName}, ${counted(hosts.length, 'member')}`
  const arbiter: readonly Finding[] =
    arbiters.length === 0
      ? []
      : [{ check, status: 'note', found: 'has an arbiter: while a member is down, majority writes wait' }]
  const { members: all } = await admin.command({ replSetGetStatus: 1 })
  const bad = (all as readonly Document[]).filter(({ stateStr }) => !GOOD_STATES.includes(stateStr))
  const wrong = bad.map(({ name, stateStr }): Finding => {
    return {
      check,
      status: 'wrong',
      found: `member ${name} is ${stateStr}`,
      advice: 'See to it: rs.status() in mongosh.',
    }
  })
  return wrong.length > 0 ? [...wrong, ...arbiter] : [{ check, status: 'ok', found: size }, ...arbiter]
}

/** How far a stream may have fallen behind before it has to read everything anew. */
async function oplog(local: Db, hello: Document): Promise<readonly Finding[]> {
  const check = 'oplog'
  if (hello.msg === 'isdbgrid') return [{ check, status: 'note', found: 'cannot be seen through mongos' }]
  const entries = local.collection('oplog.rs')
  const edge = async (order: 1 | -1) => {
    const [entry] = await entries
      .find({}, { projection: { ts: 1 } })
      .sort({ $natural: order })
      .limit(1)
      .toArray()
    return Number(entry?.ts?.getHighBits() ?? 0)
  }
  const seconds = (await edge(-1)) - (await edge(1))
  const [stats] = await entries.aggregate([{ $collStats: { storageStats: {} } }]).toArray()
  const { size = 0, maxSize = 0 } = stats?.storageStats ?? {}
  return [oplogFinding({ seconds, size, maxSize })]
}

export interface Oplog {
  /** From its first to its last entry. */
  readonly seconds: number
  /** Bytes. */
  readonly size: number
  readonly maxSize: number
}

export function oplogFinding({ seconds, size, maxSize }: Oplog): Finding {
  const check = 'oplog'
  const hours = Math.round((seconds / HOUR_S) * 10) / 10
  const reach = `reaches back ${hours} h, ${Math.round(size / MB)} of ${Math.round(maxSize / MB)} MB`
  if (size < maxSize * FULL) return { check, status: 'ok', found: `${reach}, not full yet` }
  const advice = 'Make it larger: db.adminCommand({replSetResizeOplog: 1, size: Double(MEGABYTES)}) in mongosh.'
  if (seconds < LEAST_WINDOW_S) {
    return { check, status: 'wrong', found: `${reach}: a node that is away for longer reads everything anew`, advice }
  }
  return seconds < GOOD_WINDOW_S
    ? { check, status: 'note', found: reach, advice }
    : { check, status: 'ok', found: reach }
}

/** The server's clock is read about half-way between question and answer. */
async function clockOffset(admin: Db, clock: Clock): Promise<readonly Finding[]> {
  const sent = clock.now()
  const began = monotonicNow(clock)
  const { localTime } = await admin.command({ hello: 1 })
  const half = (monotonicNow(clock) - began) / 2
  return [clockFinding("this machine's clock", sent + half - localTime.getTime())]
}

/** `offset`: milliseconds ahead of the server's. */
export function clockFinding(whose: string, offset: number): Finding {
  const ms = Math.round(offset)
  const found = `${whose} is ${Math.abs(ms).toLocaleString('en')} ms ${ms < 0 ? 'behind' : 'ahead of'} the server's`
  if (Math.abs(ms) <= MOST_OFFSET_MS) return { check: 'clock', status: 'ok', found }
  return { check: 'clock', status: 'wrong', found, advice: 'Set it by NTP: run times go by the clock of their node.' }
}

async function validator(db: Db, name: string, of: keyof typeof VALIDATORS): Promise<Finding> {
  const check = 'validator'
  const present = await readOptions(db, name)
  if (present === undefined) return { check, status: 'wrong', found: `there is no collection ${name}`, advice: INIT }
  const ours = titleOf(VALIDATORS[of])
  const theirs = titleOf(present.validator)
  if (ours === undefined || theirs?.of !== ours.of) {
    const found = `${name} has ${present.validator === undefined ? 'none' : 'one that is not ours'}`
    const advice =
      present.validator === undefined ? INIT : 'Each node checks by itself; take yours away, then tidewheel init.'
    return { check, status: 'wrong', found, advice }
  }
  if (theirs.version > ours.version) {
    const advice = 'Update this tidewheel.'
    return { check, status: 'note', found: `${name} has version ${theirs.version}, newer than ours`, advice }
  }
  if (theirs.version < ours.version) {
    return {
      check,
      status: 'wrong',
      found: `${name} has version ${theirs.version}, ours is ${ours.version}`,
      advice: INIT,
    }
  }
  const { level, action } = present
  if (level !== 'moderate' || action !== 'error') {
    return { check, status: 'wrong', found: `${name}: level ${level}, action ${action}`, advice: INIT }
  }
  return { check, status: 'ok', found: `${name}, version ${ours.version}` }
}

async function indexes(db: Db, name: string, of: keyof typeof INDEXES): Promise<Finding> {
  const check = 'index'
  if ((await readOptions(db, name)) === undefined) {
    return { check, status: 'wrong', found: `there is no collection ${name}`, advice: INIT }
  }
  const present = await db.collection(name).indexes()
  const has = (key: object, fits: (index: Document) => boolean) =>
    present.some(index => JSON.stringify(index.key) === JSON.stringify(key) && fits(index))
  const lacks = INDEXES[of]
    .filter(({ key, options: { partialFilterExpression: part } = {} }) => {
      return !has(key, index => JSON.stringify(index.partialFilterExpression) === JSON.stringify(part))
    })
    .map(({ key }): object => key)
  if (of === 'executions' && !has(EXPIRY, index => index.expireAfterSeconds !== undefined)) lacks.push(EXPIRY)
  if (lacks.length === 0) return { check, status: 'ok', found: `${name}: all are there` }
  const keys = lacks.map(key => JSON.stringify(key)).join(', ')
  return { check, status: 'wrong', found: `${name} lacks ${keys}`, advice: INIT }
}

export const counted = (count: number, what: string) => `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
