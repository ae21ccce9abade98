/** Real: what the nodes really send, for models of plain data.
 *  In: what a node has seen, as plain data. Out: its entry in memory (the real roster and plan), and the commands of the real
 *  stages: claims, plans, finishes, recoveries, adoptions. Their asynchronous ones are run against a collection that notes
 *  what it is asked and answers that all went well, so that a model can let the command arrive when it likes.
 *  So whoever weakens a guard in the source sees a model fail. */
import type { Change } from '../../src/change/change.ts'
import { begin } from '../../src/claim/begin.ts'
import type { Claim } from '../../src/claim/claimed.ts'
import { claimUpdate, guardOf, roomOf, runningOf, settleUpdate } from '../../src/claim/guards.ts'
import { type Order, orderOf } from '../../src/claim/order.ts'
import { Plans } from '../../src/claim/plans.ts'
import { Adoption } from '../../src/cluster/adoption.ts'
import { type Recovered, recover } from '../../src/cluster/recovery.ts'
import { Finishes } from '../../src/history/finish.ts'
import type { Job } from '../../src/job/job.ts'
import type { Actor, Outcome } from '../../src/job/outcome.ts'
import type { Entry, PlanWrite } from '../../src/wheel/entry.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { FakeClock } from '../support/clock.ts'
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
  const roster = new Roster({ ip, timezone: 'UTC', check: () => [], lead: () => 0, now: Number(minute(0)) })
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
  const { version, seen, notBefore, ...rest } = entry
  return `${ip} ${JSON.stringify(rest)}`
}
const shortest = new Map<string, readonly Seen[]>()
const shorter = new WeakMap<readonly Seen[], readonly Seen[]>()
const NOTHING_SEEN = fixed<readonly Seen[]>([])

const memories = new WeakMap<readonly Seen[], Readonly<Record<string, ReturnType<typeof memoryOf>>>>()

const noJitter = () => 0

/** What memory claims at a minute; undefined: nothing is due. */
export function orderAt(entry: Entry, at: number): Order | undefined {
  const now = Number(minute(at))
  const wakes = [entry.at, entry.extra[0], entry.waiting?.runTime].some(time => time !== undefined && time <= now)
  return wakes && entry.state !== 'invalid' && !entry.copied ? orderOf(entry, now, noJitter) : undefined
}

/** The claim as it goes out, or where nothing is to run the write that moves the schedule on. */
export function claimOf(order: Order, by: Actor, at: number, run_id: string, touch: string): Command {
  const guard = guardOf(order, by.ip)
  if (order.runTime === undefined) return { filter: guard, update: settleUpdate(order, touch) }
  const running = runningOf(order, by, run_id, minute(at))
  return { filter: { ...guard, ...roomOf(order.entry) }, update: claimUpdate(order, touch, running) }
}

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

const nothing = () => {}
const never = () => new Promise<never>(nothing)

/** How a plan goes out. */
export async function planWrite(write: PlanWrite, ip: string, touch: string): Promise<Command> {
  const { commands, collection } = noting()
  const skipping = () => ({
    by: { ip, incarnation: ip },
    now: Number(minute(0)),
    newRunId: () => touch,
    jitterOf: noJitter,
  })
  const context = { wrote: nothing, overtaken: nothing, wait: never, pause: never, skipping, forgetRun: nothing }
  const plans = new Plans({ ...context, jobs: collection, ip, freshTouch: () => touch, planOf: () => write })
  plans.push(write.id)
  await plans.idle()
  return commands[0] as Command
}

/** What is written at the end of a run: the row, then these. */
export async function finishWrites(outcome: Outcome, touch: string, isOver = false): Promise<readonly Command[]> {
  const { commands, collection } = noting()
  const waits = { storeRows: async () => {}, wait: never, pause: never, isBurst: () => false }
  const context = { ...waits, paused: nothing, refused: nothing }
  const overBy = ({ trigger, state }: Outcome['job']) => (isOver || state?.over === true ? trigger : undefined)
  const actor = () => ({ ip: 'a', incarnation: 'a1' })
  await new Finishes({ ...context, jobs: collection, freshTouch: () => touch, overBy, actor }).push(outcome)
  return commands
}

/** What a run that waited writes before it starts. */
export async function beginWrite(job: Job, run_id: string, incarnation: string, touch: string): Promise<Command> {
  const { commands, collection } = noting()
  const context = { jobs: collection, incarnation, freshTouch: () => touch }
  await begin(context, [{ job, run_id } as Claim])
  return commands[0] as Command
}

/** How a node without further ado takes a job that has none. */
export async function adoptionWrite(id: string, ip: string): Promise<Command> {
  const { commands, collection } = noting()
  const context = { clock: new FakeClock(), living: () => [ip], pause: never }
  new Adoption({ ...context, jobs: collection, ip, freshTouch: () => ip }).offer(id)
  await new Promise(resolve => setImmediate(resolve))
  return commands[0] as Command
}

export interface Owner extends Actor {
  /** Current incarnations, by ip. */
  readonly incarnations: Readonly<Record<string, string>>
  /** Runs with a final row, or such rows. */
  readonly rows: readonly (string | Plain)[]
  /** Runs that this process performs. */
  readonly mine: readonly string[]
  readonly newRun: string
}

/** What an owner that reads this document writes and says about dead entries; of a guarded update it is told that it lost. */
export async function recovery(job: Job, owner: Owner): Promise<{ commands: Command[]; said: readonly Recovered[] }> {
  const nodes = noting(Object.entries(owner.incarnations).map(([_id, incarnation]) => ({ _id, incarnation })))
  const rows = noting(owner.rows.map(row => (typeof row === 'string' ? { _id: row, status: 'executed' } : row)))
  const { commands, collection } = noting()
  const recovered = recover(job, {
    jobs: collection,
    nodes: nodes.collection,
    executions: rows.collection,
    ip: owner.ip,
    incarnation: owner.incarnation,
    isMine: id => owner.mine.includes(id),
    now: () => Number(minute(0)),
    freshTouch: () => owner.ip,
    newRunId: () => owner.newRun,
    forgetRun: nothing,
    mayRun: () => true,
  })
  const said: Recovered[] = []
  for await (const one of recovered) said.push(one)
  return { commands, said }
}
