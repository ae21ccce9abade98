/** Claim: takes a run by one atomic write that also writes the next run time back.
 *  In: orders. Out: for each, won (with the document as it was claimed), lost, or refused as malformed. Many orders go out as
 *  one unordered bulkWrite of the same guarded updates, whose winners are found by run id.
 *  Always holds: nothing is called won on a guess. A write whose answer was lost is looked up by its run id, with majority,
 *  until the database says what became of it. */
import {
  type Collection,
  type Document,
  type Long,
  MongoBulkWriteError,
  MongoServerError,
  type Timestamp,
} from 'mongodb'
import type { Job, RunningEntry } from '../job/job.ts'
import type { Actor } from '../job/outcome.ts'
import type { Entry } from '../wheel/entry.ts'
import { claimUpdate, guardOf, roomOf, runningOf, settleUpdate } from './guards.ts'
import type { Order } from './order.ts'
import { type How, type Skip, skipsOf } from './skips.ts'

export type Answer =
  /** `job` is the document after the claim; `running` names the run, absent where nothing was to run; `skips`: what does not run. */
  | {
      readonly order: Order
      readonly type: 'won'
      readonly job: Job
      readonly running?: RunningEntry
      readonly skips: readonly Skip[]
    }
  | { readonly order: Order; readonly type: 'lost' }
  /** The document does not let itself be written: its `state` is not ours, or the validator is newer than it. */
  | { readonly order: Order; readonly type: 'malformed'; readonly error: Error }

/** The server ends a write that waits for a lock after this time. */
const MAX_TIME_MS = 1_000
const MAJORITY = { writeConcern: { w: 'majority' as const }, readConcern: { level: 'majority' as const } }

/** The document cannot take the update: bad value, conflict in `state`, not viable path, refused by the validator. */
const MALFORMED: ReadonlySet<unknown> = new Set([2, 14, 28, 121])

export interface ClaimContext {
  readonly jobs: Collection<Job>
  readonly claimant: () => Actor
  readonly jitterOf: (entry: Entry, runTime: number) => number
  readonly now: () => number
  /** For a write to the job of that id. */
  readonly freshTouch: (id?: string) => string
  /** Milliseconds that never step. */
  readonly monotonic: () => number
  /** How long a claim took that the database answered. */
  readonly took: (ms: number) => void
  /** A new run id; until it is forgotten, an entry of it in a document is not a dead one. */
  readonly newRunId: () => string
  readonly forgetRun: (runId: string) => void
  /** A write to the job counts as lost, though it may still come: the document is to be looked at later. */
  readonly doubted: (id: string) => void
  /** Waits before the database is asked again about a claim whose answer was lost; rejects when the node ends. */
  readonly pause: (attempt: number) => Promise<void>
}

/** One write of a claim, and how to tell that it came. */
interface Command {
  readonly order: Order
  readonly filter: Document
  readonly update: Document
  /** Absent where nothing is to run. */
  readonly running?: RunningEntry
  readonly skips: readonly Skip[]
  /** What the document holds after this write and no other; an own end in between replaces its `touch`. */
  readonly mark: Document
  /** Run ids that are given back when it comes to nothing. */
  readonly runs: readonly string[]
}

/** Claims one order; unless it is to run it only moves the schedule on, whatever runs: the run time is skipped, or queued. */
export async function claimOne(context: ClaimContext, order: Order, how: How = 'run'): Promise<Answer> {
  const command = commandOf(context, order, how)
  const { filter, update } = command
  const began = context.monotonic()
  try {
    const job = await context.jobs.findOneAndUpdate(filter as never, update as never, {
      returnDocument: 'after',
      maxTimeMS: MAX_TIME_MS,
      ...MAJORITY,
    })
    context.took(context.monotonic() - began)
    return answerOf(context, command, job)
  } catch (error) {
    return isMalformed(error) ? malformed(context, command, error as Error) : await lookUp(context, command)
  }
}

/** Claims many orders in one round trip and a look at who won. Only orders that run something. */
export async function claimMany(context: ClaimContext, orders: readonly Order[]): Promise<readonly Answer[]> {
  const commands = orders.map(order => commandOf(context, order, 'run'))
  const operations = commands.map(({ filter, update }) => ({ updateOne: { filter, update } }))
  const refused = new Map<number, Error>()
  const began = context.monotonic()
  let matched: number
  try {
    const options = { ordered: false, maxTimeMS: MAX_TIME_MS, ...MAJORITY }
    matched = (await context.jobs.bulkWrite(operations as never, options as never)).matchedCount
  } catch (error) {
    const failed = error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []
    if (failed.length === 0 || failed.some(({ code }) => !MALFORMED.has(code)))
      return await eachLookedUp(context, commands)
    for (const { index, errmsg } of failed) refused.set(index, new Error(errmsg))
    matched = (error as MongoBulkWriteError).result.matchedCount
  }
  const ids = commands.map(({ order }) => order.entry.id)
  const runs = commands.flatMap(({ running }) => running?.run_id ?? [])
  let found: readonly Job[]
  try {
    found = await context.jobs
      .find({ _id: { $in: ids }, 'state.running.run_id': { $in: runs } } as never, {
        readConcern: { level: 'majority' },
      })
      .toArray()
  } catch {
    return await eachLookedUp(context, commands)
  }
  context.took(context.monotonic() - began)
  const byRun = new Map(found.flatMap(job => (job.state?.running ?? []).map(entry => [entry?.run_id, job] as const)))
  // A primary that was elected in between may not know yet what the majority has: then who is not found may have won all the same.
  const all = matched <= found.length
  return await Promise.all(
    commands.map((command, index) => {
      const error = refused.get(index)
      if (error !== undefined) return malformed(context, command, error)
      const job = byRun.get(command.running?.run_id ?? '')
      return job === undefined && !all ? lookUp(context, command) : answerOf(context, command, job ?? null)
    }),
  )
}

function answerOf(context: ClaimContext, { order, running, skips, runs }: Command, job: Job | null): Answer {
  if (job !== null) return { order, type: 'won', job, skips, ...(running !== undefined && { running }) }
  for (const run of runs) context.forgetRun(run)
  return { order, type: 'lost' }
}

function malformed(context: ClaimContext, { order, runs }: Command, error: Error): Answer {
  for (const run of runs) context.forgetRun(run)
  return { order, type: 'malformed', error }
}

/** The run's fence as a number that rises with every claim of the job. */
export const fenceOf = (job: Job): bigint => {
  const fence = job.state?.fence as Timestamp | Long | undefined
  return fence === undefined ? 0n : fence.toBigInt()
}

function commandOf(context: ClaimContext, order: Order, how: How): Command {
  const { entry } = order
  const touch = context.freshTouch(entry.id)
  const by = context.claimant()
  const now = context.now()
  const runs: string[] = []
  const newRunId = () => {
    const id = context.newRunId()
    runs.push(id)
    return id
  }
  const skips = skipsOf(order, how, { by, now, newRunId, jitterOf: time => context.jitterOf(entry, time) })
  const filter = guardOf(order, by.ip)
  if (how === 'run' && order.runTime !== undefined) {
    const running = runningOf(order, by, newRunId(), new Date(now))
    const update = claimUpdate(order, touch, running, skips)
    const mark = { 'state.running.run_id': running.run_id }
    return { order, filter: { ...filter, ...roomOf(entry) }, update, running, skips, mark, runs }
  }
  const queued = how === 'queue' ? newRunId() : undefined
  const [first] = skips
  const mark =
    queued !== undefined
      ? { 'state.waiting.run_id': queued }
      : first !== undefined
        ? { 'state.unrecorded.run_id': first.entry.run_id }
        : { touch }
  return { order, filter, update: settleUpdate(order, touch, { queued, skips }), skips, mark, runs }
}

function isMalformed(error: unknown): boolean {
  return error instanceof MongoServerError && MALFORMED.has(error.code)
}

const eachLookedUp = (context: ClaimContext, commands: readonly Command[]): Promise<readonly Answer[]> =>
  Promise.all(commands.map(command => lookUp(context, command)))

/** Waits no longer than after so many times between two questions. */
const SEVERAL = 3

/** What became of a write whose answer was lost: the document tells by its mark. Where the primary has it and a majority has not, that
 *  lags behind, and is waited for; only what neither has is lost. */
async function lookUp(context: ClaimContext, command: Command): Promise<Answer> {
  const { order, mark } = command
  const filter = { _id: order.entry.id, ...mark } as never
  let missedAt: number | undefined
  for (let attempt = 0; ; attempt++) {
    await context.pause(Math.min(attempt, SEVERAL))
    try {
      const ask = { maxTimeMS: MAX_TIME_MS, readPreference: 'primary' as const }
      const job = await context.jobs.findOne(filter, { ...ask, readConcern: { level: 'majority' } })
      if (job !== null) return answerOf(context, command, job)
      // A server that was frozen begins with the write when it answers again, and gives it up after this time.
      missedAt ??= context.monotonic()
      if (context.monotonic() - missedAt <= MAX_TIME_MS) continue
      if ((await context.jobs.findOne(filter, { ...ask, readConcern: { level: 'local' } })) !== null) continue
      context.doubted(order.entry.id)
      return answerOf(context, command, null)
    } catch {
      // Whatever kept it from being told, a broken socket too, it is asked again.
    }
  }
}
