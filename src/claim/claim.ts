/** Claim: takes a run by one atomic write that also writes the next run time back.
 *  In: orders. Out: for each, won (with the document as it was claimed), lost, or refused as malformed. Many orders go out as
 *  one unordered bulkWrite of the same guarded updates, whose winners are found by run id.
 *  Always holds: nothing is called won on a guess. A write whose answer was lost is looked up by its run id, with majority,
 *  until the database says what became of it. */
import { type Collection, type Long, MongoBulkWriteError, MongoError, MongoServerError, type Timestamp } from 'mongodb'
import type { Job, RunningEntry } from '../job/job.ts'
import { type Claimant, claimUpdate, guardOf, roomOf, runningOf, settleUpdate } from './guards.ts'
import type { Order } from './order.ts'

export type Answer =
  /** `job` is the document after the claim; `running` names the run, absent where nothing was to run. */
  | { readonly order: Order; readonly type: 'won'; readonly job: Job; readonly running?: RunningEntry }
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
  readonly claimant: () => Claimant
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

/** Claims one order; with `how` it only moves the schedule on, whatever runs: the run time is skipped, or queued. */
export async function claimOne(context: ClaimContext, order: Order, how?: 'skip' | 'queue'): Promise<Answer> {
  const running = how === undefined && order.runTime !== undefined ? enter(context, order) : undefined
  const { filter, update, touch } = commandOf(context, order, running, how === 'queue')
  const began = context.monotonic()
  try {
    const job = await context.jobs.findOneAndUpdate(filter, update, {
      returnDocument: 'after',
      maxTimeMS: MAX_TIME_MS,
      ...MAJORITY,
    })
    context.took(context.monotonic() - began)
    return answerOf(context, order, running, job)
  } catch (error) {
    if (isMalformed(error)) {
      if (running !== undefined) context.forgetRun(running.run_id)
      return { order, type: 'malformed', error: error as Error }
    }
    return await lookUp(context, order, running, touch)
  }
}

/** Claims many orders in one round trip and a look at who won. Only orders that run something. */
export async function claimMany(context: ClaimContext, orders: readonly Order[]): Promise<readonly Answer[]> {
  const claims = orders.map(order => {
    const running = enter(context, order)
    return { order, running, ...commandOf(context, order, running) }
  })
  const operations = claims.map(({ filter, update }) => ({ updateOne: { filter, update } }))
  const malformed = new Map<number, Error>()
  const began = context.monotonic()
  try {
    await context.jobs.bulkWrite(operations as never, { ordered: false, maxTimeMS: MAX_TIME_MS, ...MAJORITY } as never)
  } catch (error) {
    const failed = error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []
    if (failed.length === 0 || failed.some(({ code }) => !MALFORMED.has(code)))
      return await eachLookedUp(context, claims)
    for (const { index, errmsg } of failed) malformed.set(index, new Error(errmsg))
  }
  const ids = claims.map(claim => claim.order.entry.id)
  const runs = claims.map(claim => claim.running.run_id)
  let found: readonly Job[]
  try {
    found = await context.jobs
      .find({ _id: { $in: ids }, 'state.running.run_id': { $in: runs } } as never, {
        readConcern: { level: 'majority' },
      })
      .toArray()
  } catch {
    return await eachLookedUp(context, claims)
  }
  context.took(context.monotonic() - began)
  const byRun = new Map(found.flatMap(job => (job.state?.running ?? []).map(entry => [entry?.run_id, job] as const)))
  return claims.map(({ order, running }, index): Answer => {
    const error = malformed.get(index)
    if (error === undefined) return answerOf(context, order, running, byRun.get(running.run_id) ?? null)
    context.forgetRun(running.run_id)
    return { order, type: 'malformed', error }
  })
}

function answerOf(context: ClaimContext, order: Order, running: RunningEntry | undefined, job: Job | null): Answer {
  if (job !== null) return { order, type: 'won', job, ...(running !== undefined && { running }) }
  if (running !== undefined) context.forgetRun(running.run_id)
  return { order, type: 'lost' }
}

/** The run's fence as a number that rises with every claim of the job. */
export const fenceOf = (job: Job): bigint => {
  const fence = job.state?.fence as Timestamp | Long | undefined
  return fence === undefined ? 0n : fence.toBigInt()
}

const enter = (context: ClaimContext, order: Order): RunningEntry =>
  runningOf(order, context.claimant(), context.newRunId(), new Date(context.now()))

function commandOf(context: ClaimContext, order: Order, running: RunningEntry | undefined, queue = false) {
  const touch = context.freshTouch(order.entry.id)
  const guard = guardOf(order, context.claimant().ip)
  const filter = running === undefined ? guard : { ...guard, ...roomOf(order.entry) }
  const update = running === undefined ? settleUpdate(order, touch, queue) : claimUpdate(order, touch, running)
  return { filter: filter as never, update: update as never, touch }
}

function isMalformed(error: unknown): boolean {
  return error instanceof MongoServerError && MALFORMED.has(error.code)
}

function eachLookedUp(
  context: ClaimContext,
  claims: readonly { readonly order: Order; readonly running: RunningEntry; readonly touch: string }[],
): Promise<readonly Answer[]> {
  return Promise.all(claims.map(({ order, running, touch }) => lookUp(context, order, running, touch)))
}

/** What became of a write whose answer was lost: the run's entry (or, where nothing runs, our `touch`) tells. */
async function lookUp(
  context: ClaimContext,
  order: Order,
  running: RunningEntry | undefined,
  touch: string,
): Promise<Answer> {
  let missedAt: number | undefined
  const mark = running === undefined ? { touch } : { 'state.running.run_id': running.run_id }
  for (let attempt = 0; ; attempt++) {
    await context.pause(attempt)
    try {
      const filter = { _id: order.entry.id, ...mark } as never
      const job = await context.jobs.findOne(filter, { readConcern: { level: 'majority' }, maxTimeMS: MAX_TIME_MS })
      if (job !== null) return answerOf(context, order, running, job)
      // A server that was frozen begins with the write when it answers again, and gives it up after this time.
      missedAt ??= context.monotonic()
      if (context.monotonic() - missedAt <= MAX_TIME_MS) continue
      context.doubted(order.entry.id)
      return answerOf(context, order, running, null)
    } catch (error) {
      if (!(error instanceof MongoError)) throw error
    }
  }
}
