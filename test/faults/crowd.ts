/** Crowd: many jobs due once, all at one second, and people who edit them just before that and while they are claimed.
 *  In: a client, how many, the nodes. Out: lines in the history: what was stored, and each edit with the span of the server's time
 *  in which its documents were written. Job i is in group i % 8; the groups' names say what becomes of them. */
import type { ClientSession, Collection, Document, MongoClient, Timestamp } from 'mongodb'
import { type History, sleep, trueNow, until } from './history.ts'
import { DB } from './node-slot.ts'
import { random } from './plan.ts'

type Loose = Document & { _id: string }

export interface Crowd {
  readonly client: MongoClient
  readonly id: number
  readonly count: number
  /** How long each run takes, in ms. Default 0. */
  readonly bodyMs?: number
  readonly ips: readonly string[]
  readonly history: History
}

/** `kept` runs; a new trigger of the others is due soon (`retimed`, `last-moment`) or in two days (`far`). */
const GROUPS = ['kept', 'kept', 'tomorrow', 'paused', 'deleted', 'retimed', 'last-moment', 'far'] as const
type Group = (typeof GROUPS)[number]

const MAJORITY = { writeConcern: { w: 'majority' as const } }
const DAY_MS = 86_400_000
/** The second time of those that get a new one soon, where runs end at once. */
const LATER_MS = 4_000
/** A node may have so many turns of a crowd's runs to make before its executor is free. */
const TURNS = 5
const SLICES = 5
/** A job is stored within this time, all of them before the first is due. */
const STORE_MS = 1

export async function crowd({ client, id, count, bodyMs = 0, ips, history }: Crowd): Promise<void> {
  const jobs: Collection<Loose> = client.db(DB).collection<Loose>('jobs')
  const r = random(id * 7_919 + count)
  const due = Math.ceil((trueNow() + 2_500 + count * STORE_MS) / 1_000) * 1_000
  const later = LATER_MS + TURNS * bodyMs
  const name = (i: number) => `crowd-${id}-${String(i).padStart(5, '0')}`
  history.write({ f: 'crowd', id, due, count, ips, groups: GROUPS })
  const documents = Array.from({ length: count }, (_, i) => ({
    _id: name(i),
    func: 'witness:note',
    ip: ips[i % ips.length] as string,
    trigger: { type: 'date', run_date: new Date(due) },
    kwargs: { ms: bodyMs },
    misfire_grace_time: null,
  }))
  await jobs.insertMany(documents, { ordered: false, ...MAJORITY })
  history.write({ f: 'crowd-stored', id })

  const edits = GROUPS.flatMap((group, g) =>
    group === 'kept'
      ? []
      : Array.from({ length: SLICES }, (_, k) => {
          const [from, to] = [Math.floor((count * k) / SLICES), Math.floor((count * (k + 1)) / SLICES)]
          const offset = group === 'last-moment' ? -r.between(1, 4) : r.between(-500, 700)
          return { group, g, from, to, at: due + offset }
        }),
  )
  await Promise.all(
    edits.map(async ({ group, g, from, to, at }) => {
      const ids = Array.from({ length: to - from }, (_, i) => from + i)
        .filter(i => i % GROUPS.length === g)
        .map(name)
      const toTime = timeOf(group, due, later)
      const session = client.startSession()
      const line = { f: 'crowd-edit', id, group: g, name: group, from, to, to_time: toTime }
      await sleep(Math.max(0, at - 60 - trueNow()))
      try {
        await client.db(DB).command({ ping: 1 }, { session })
        const before = session.operationTime
        await sleep(Math.max(0, at - trueNow()))
        const lo = trueNow()
        const told = { ...line, lo, op_lo: plainTime(before) }
        try {
          const matched = await write(jobs, ids, group, toTime, session)
          history.write({ ...told, type: 'ok', hi: trueNow(), op_hi: plainTime(session.operationTime), matched })
        } catch (error) {
          history.write({ ...told, type: 'info', hi: trueNow(), op_hi: null, why: String(error) })
        }
      } catch (error) {
        history.write({ ...line, type: 'skip', why: String(error) })
      } finally {
        await session.endSession().catch(() => {})
      }
    }),
  )
  await sleep(Math.max(0, due + later + 1_000 - trueNow()))
  const kept = documents.map(({ _id }) => _id).filter((_, i) => GROUPS[i % GROUPS.length] === 'kept')
  const left = { _id: { $in: kept } }
  await until(
    async () => (await jobs.countDocuments(left, { limit: 1 })) === 0,
    30_000,
    'each job of the crowd that nobody edited has run',
  )
  history.write({ f: 'crowd-done', id })
}

const plainTime = (op: Timestamp | undefined) => op && [op.getHighBits() >>> 0, op.getLowBits() >>> 0]

/** When a job of the group is due after its edit; null: never. */
function timeOf(group: Group, due: number, later: number): number | null {
  switch (group) {
    case 'tomorrow':
      return due + DAY_MS
    case 'far':
      return due + 2 * DAY_MS
    case 'retimed':
    case 'last-moment':
      return due + later
    default:
      return null
  }
}

/** Answers how many documents it found. */
async function write(
  jobs: Collection<Loose>,
  ids: readonly string[],
  group: Group,
  time: number | null,
  session: ClientSession,
): Promise<number> {
  const those = { _id: { $in: [...ids] } }
  const options = { ...MAJORITY, session }
  if (group === 'deleted') return (await jobs.deleteMany(those, options)).deletedCount
  const next = group === 'tomorrow' || group === 'paused'
  const set = next
    ? { next_run_time: time === null ? null : new Date(time) }
    : { trigger: { type: 'date', run_date: new Date(time ?? 0) } }
  return (await jobs.updateMany(those, { $set: set }, options)).matchedCount
}
