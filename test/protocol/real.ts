/** Real: what the nodes really send, for models of plain data.
 *  In: what a node has seen, as plain data. Out: its entry in memory (the real roster and plan), and the writes that the source makes
 *  of it, each with its mark, so that a model can let them arrive when it likes. What is asked of the database in between, by a
 *  recovery, is answered by what the model has in mind.
 *  So whoever weakens a guard in the source sees a model fail. */
import type { Change } from '../../src/change/change.ts'
import { orderOf } from '../../src/claim/order.ts'
import { type Recovered, recover } from '../../src/cluster/recovery.ts'
import type { FinalRow } from '../../src/history/rows.ts'
import type { Job } from '../../src/job/job.ts'
import type { Actor, Outcome } from '../../src/job/outcome.ts'
import { beginWrite, claimWrite, type Order, planWrite, runningOf, skipWrite } from '../../src/protocol/claim.ts'
import { endWrite, removeLastWrite, removeWrite } from '../../src/protocol/end.ts'
import { placeWrite } from '../../src/protocol/place.ts'
import { droppedSkip } from '../../src/protocol/skips.ts'
import type { Write as Pure } from '../../src/protocol/write.ts'
import type { Entry, PlanWrite } from '../../src/wheel/entry.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { NO_LEAD } from '../support/jobs.ts'
import type { Plain } from './document.ts'
import { fixed } from './explore.ts'

export interface Command {
  readonly filter: Plain
  /** Absent: the document is deleted. */
  readonly update?: Plain
}

/** The instant of a minute of the model. */
export const minute = (n: number): Date => new Date(Date.UTC(2026, 0, 1, 0, n))
export const minuteOf = (date: Date | number): number => (Number(date) - Number(minute(0))) / 60_000

/** What a node's memory went through, with the minute at which it did. */
export type Seen =
  | { readonly at: number; readonly change: Change }
  | { readonly at: number; readonly wrote: PlanWrite }
  /** An answer that came too late to be believed still tells what is claimed. */
  | { readonly at: number; readonly claimed: number }

/** Memory after all that was seen (a list that never changes); no entry: the job is not held. */
export function memoryOf(ip: string, seen: readonly Seen[]): { entry: Entry | undefined; plan: PlanWrite | undefined } {
  const known = memories.get(seen)?.[ip]
  if (known !== undefined) return known
  const roster = new Roster({ ip, timezone: 'UTC', check: () => [], lead: NO_LEAD, now: Number(minute(0)) })
  for (const one of seen) {
    if ('change' in one) roster.apply(one.change, Number(minute(one.at)))
    else if ('wrote' in one) roster.wrote({ ...one.wrote, version: roster.get(one.wrote.id)?.version ?? -1 })
    else for (const entry of roster.entries()) roster.claimed(entry, new Date(one.claimed))
  }
  const [entry] = [...roster.entries()]
  const plan = entry && roster.planOf(entry.id)
  const made = { entry, plan: plan && fixed({ ...plan, version: 0 }) }
  memories.set(seen, { ...memories.get(seen), [ip]: made })
  return made
}

/** The first list that led to the same memory: what comes after it leads to the same, too. */
export function shortened(ip: string, seen: readonly Seen[]): readonly Seen[] {
  const { entry } = memoryOf(ip, seen)
  if (entry === undefined) return NOTHING_SEEN
  const done = shorter.get(seen)
  if (done !== undefined) return done
  const text = textOf(ip, entry)
  // A document mostly says all that memory keeps.
  const alone = fixed(seen.slice(-1))
  const last = memoryOf(ip, alone).entry
  const made = shortest.get(text) ?? (last !== undefined && textOf(ip, last) === text ? alone : seen)
  shortest.set(text, made)
  shorter.set(seen, made)
  return made
}

function textOf(ip: string, entry: Entry): string {
  const { version, seen, notBefore, bornAt, changedAt, ...rest } = entry
  return `${ip} ${JSON.stringify(rest)}`
}
const shortest = new Map<string, readonly Seen[]>()
const shorter = new WeakMap<readonly Seen[], readonly Seen[]>()
const NOTHING_SEEN = fixed<readonly Seen[]>([])

const memories = new WeakMap<readonly Seen[], Readonly<Record<string, ReturnType<typeof memoryOf>>>>()

/** What memory claims at a minute; undefined: nothing is due. */
export function orderAt(entry: Entry, at: number): Order | undefined {
  const now = Number(minute(at))
  const wakes = [entry.at, entry.extra[0], entry.waiting?.run_time].some(time => time !== undefined && time <= now)
  return wakes && entry.state !== 'invalid' && !entry.copied ? orderOf(entry, now) : undefined
}

/** A write as the writer sends it. */
const stamped = ({ filter, update }: Pure, touch: string): Command =>
  fixed({
    filter: filter as Plain,
    ...(update && { update: { ...update, $set: { ...(update.$set as Plain), touch } } }),
  })

/** The claim as it goes out, or where nothing is to run the write that moves the schedule on. */
export function claimOf(order: Order, by: Actor, at: number, run_id: string, touch: string): Command {
  if (order.run_time === undefined) return stamped(skipWrite(order, by.ip), touch)
  return stamped(claimWrite(order, by.ip, runningOf(order, by, run_id, minute(at))), touch)
}

/** The write that lets an order's run wait for room. */
export const queueOf = (order: Order, ip: string, run_id: string): Command =>
  stamped(skipWrite(order, ip, [], run_id), run_id)

/** A guard without some of its conditions. */
export const without = (filter: Plain, conditions: readonly string[] = []): Plain =>
  Object.fromEntries(Object.entries(filter).filter(([path]) => !conditions.some(one => path.startsWith(one))))

type Write = { readonly updateOne?: Command; readonly deleteOne?: { readonly filter: Plain } }

/** A collection that notes what is written; `found` by each find, `after` by each findOneAndUpdate. */
export function noting(found: readonly Plain[] = [], after: Plain | null = null) {
  const commands: Command[] = []
  const collection = {
    bulkWrite: async (writes: readonly Write[]) => {
      for (const { updateOne, deleteOne } of writes) commands.push((updateOne ?? deleteOne) as Command)
      return { matchedCount: writes.length, modifiedCount: 0 }
    },
    updateOne: async (filter: Plain, update: Plain) => {
      commands.push({ filter, update })
      return { matchedCount: 1 }
    },
    findOneAndUpdate: async (filter: Plain, update: Plain) => {
      commands.push({ filter, update })
      return after
    },
    find: () => ({
      toArray: async () => found,
      close: async () => {},
      async *[Symbol.asyncIterator]() {
        yield* found
      },
    }),
  }
  return { commands, collection: collection as never }
}

/** How a plan goes out. */
export function planOf(plan: PlanWrite, ip: string, touch: string): Command {
  const noting = { by: { ip, incarnation: ip }, now: Number(minute(0)), newRunId: () => touch }
  return stamped(planWrite(plan, ip, plan.dropped && droppedSkip(plan.dropped, noting)), touch)
}

/** What is written at the end of a run: the row, then these. */
export function endsOf(outcome: Outcome, touch: string): readonly [Command, ...Command[]] {
  const { job } = outcome
  const { _id, trigger, state } = job
  const end = stamped(endWrite(outcome), touch)
  return state?.over === true ? [end, stamped(removeWrite({ _id, trigger, touch }), touch)] : [end]
}

/** The same for the last run of a job that is over, in one write. */
export const lastOf = ({ job, entry }: Outcome): Command =>
  stamped(removeLastWrite({ _id: job._id, trigger: job.trigger }, entry.run_id), '')

/** What a run that waited writes before it starts. */
export const beginOf = (job: Job, run_id: string, incarnation: string, touch: string): Command =>
  stamped(beginWrite(job._id, run_id, { ip: job.ip ?? '', incarnation }), touch)

/** How a node without further ado takes a job that has none. */
export const adoptionOf = (id: string, ip: string): Command => stamped(placeWrite(id, ip), ip)

export interface Owner extends Actor {
  /** Current incarnations, by ip. */
  readonly incarnations: Readonly<Record<string, string>>
  /** Runs with a final row, or such rows. */
  readonly rows: readonly (string | Plain)[]
  /** Runs that this process performs. */
  readonly mine: readonly string[]
  readonly newRun: string
}

/** Performs whatever it is given. */
const ANYTHING = { places: 1, problem: () => undefined, perform: async () => {}, close: async () => {} }

/** What an owner that reads this document writes and says about dead entries; of a guarded update it is told that it lost. */
export async function recovery(job: Job, owner: Owner): Promise<{ commands: Command[]; said: readonly Recovered[] }> {
  const nodes = noting(Object.entries(owner.incarnations).map(([_id, incarnation]) => ({ _id, incarnation })))
  const rows = owner.rows.map(row => (typeof row === 'string' ? { _id: row, status: 'executed' } : row))
  const final = new Map(rows.map(row => [row._id as string, row as unknown as FinalRow]))
  const commands: Command[] = []
  const send = (write: Pure) => commands.push(stamped(write, owner.ip))
  const recovered = recover(job, {
    nodes: nodes.collection,
    rows: { final: async runIds => new Map([...final].filter(([id]) => runIds.includes(id))) },
    writer: {
      by: { ip: owner.ip, incarnation: owner.incarnation },
      take: async write => {
        send(write)
        return { type: 'done', job: null }
      },
      write: async write => {
        send(write)
        return true
      },
      find: async () => null,
    },
    book: { has: id => owner.mine.includes(id), newId: () => owner.newRun, forget: () => {} },
    executors: new Map([['default', ANYTHING]]),
    clock: { now: () => Number(minute(0)) } as never,
  })
  const said: Recovered[] = []
  for await (const one of recovered) said.push(one)
  return { commands, said }
}
