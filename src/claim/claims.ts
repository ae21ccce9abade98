/** Claims: from due entries to won runs.
 *  In: entries whose time has come. Out: runs to perform, outcomes of due times that do not run, and news. A refused claim
 *  means: read the document, apply it as a change, and decide by it (out of date, no room, malformed).
 *  Holds: every entry that comes in is settled once, whatever the database answers; nothing here rejects. */
import { ObjectId } from 'mongodb'
import { from, merge, mergeAll, mergeMap, type Observable } from 'rxjs'
import type { Change } from '../change/change.ts'
import type { News } from '../event.ts'
import { JOB_DEFAULTS, type Job, maxInstancesOf, type RunningEntry } from '../job/job.ts'
import type { Outcome } from '../job/outcome.ts'
import type { Entry } from '../wheel/entry.ts'
import { type Answer, type ClaimContext, claimMany, claimOne, fenceOf } from './claim.ts'
import { freshState } from './guards.ts'
import { type Order, orderOf } from './order.ts'

/** A won run, as the claim hands it on. */
export interface Claim {
  readonly run_id: string
  readonly job: Job
  readonly runTime: Date
  /** The start: run time and jitter, in epoch ms. */
  readonly at: number
  readonly scheduled: boolean
  /** Up to an hour late is no misfire. */
  readonly ordered: boolean
  /** Where a place is kept for it. */
  readonly executor: string
  readonly coalesced: number
  readonly claimed: Date
  readonly attempt: number
  readonly fence: bigint
}

export type Claimed =
  | { readonly type: 'claim'; readonly claim: Claim }
  | { readonly type: 'outcome'; readonly outcome: Outcome }
  | { readonly type: 'news'; readonly news: News }

export interface ClaimsContext extends ClaimContext {
  /** Applies what a read or a claim showed. */
  readonly apply: (change: Change) => void
  /** Has the document read again: something came in between. */
  readonly reread: (id: string) => void
  /** The entry waits for its next time again, not before `notBefore`. */
  readonly settle: (entry: Entry, notBefore?: number) => void
  /** A place that was kept for a run is free again. */
  readonly release: (executor: string) => void
  /** How far ahead of its time a run is claimed, in ms. */
  readonly lead: () => number
  readonly jitterOf: (entry: Entry, runTime: number) => number
  /** Whether claims may be made: the lease is held. */
  readonly mayClaim: () => boolean
  /** Resolves when this node's finishes of the job are stored; undefined: there are none. */
  readonly finishing: (id: string) => Promise<void> | undefined
  /** Takes entries of dead runs out of the document; answers whether there were any. */
  readonly sweep: (job: Job) => Promise<boolean>
  /** Aborts the oldest run of the job, wherever it is. */
  readonly cancelOldest: (job: Job) => void
  /** The plan of a copied document has to be written before it can be claimed. */
  readonly planned: () => Promise<void>
}

/** From so many on a burst goes out in bulk. */
const BULK_FROM = 6
const BULK = 100
const BULKS_AT_ONCE = 4
const SOON_MS = 20
const RETRY_MS = 100
/** A queued run is tried again by itself: the run it waits for may end on another node. */
const WAITING_MS = 1_000
const LONGEST_RETRY_MS = 5_000

export function claimAll(entries: readonly Entry[], context: ClaimsContext): Observable<Claimed> {
  const singles: Entry[] = []
  const many: Entry[] = []
  for (const entry of entries) (orderNow(entry, context)?.runTime === undefined ? singles : many).push(entry)
  if (many.length < BULK_FROM) singles.push(...many.splice(0))
  const chunks = Array.from({ length: Math.ceil(many.length / BULK) }, (_, i) => many.slice(i * BULK, (i + 1) * BULK))
  return merge(
    from(singles).pipe(mergeMap(entry => safely([entry], context, one))),
    from(chunks).pipe(mergeMap(chunk => safely(chunk, context, bulk), BULKS_AT_ONCE)),
  ).pipe(mergeAll())
}

type Claiming = (entries: readonly Entry[], context: ClaimsContext) => Promise<readonly Claimed[]>

/** Only the end of the node stops a claim half-way; then its entries are let go. */
async function safely(
  entries: readonly Entry[],
  context: ClaimsContext,
  claiming: Claiming,
): Promise<readonly Claimed[]> {
  try {
    return await claiming(entries, context)
  } catch {
    for (const entry of entries) if (entry.busy) letGo(entry, context, RETRY_MS)
    return []
  }
}

/** What to claim, as memory has it at this moment: an edit that arrived while the entry waited counts. */
function orderNow(entry: Entry, context: ClaimsContext): Order | undefined {
  if (entry.copied || entry.state === 'invalid' || !context.mayClaim()) return undefined
  return orderOf(entry, context.now(), runTime => context.jitterOf(entry, runTime), context.lead())
}

async function one([entry]: readonly Entry[], context: ClaimsContext): Promise<readonly Claimed[]> {
  if (entry === undefined) return []
  const order = orderNow(entry, context)
  if (order === undefined) return await notNow(entry, context)
  const version = entry.version
  return await settled(await claimOne(context, order), version, context)
}

async function bulk(entries: readonly Entry[], context: ClaimsContext): Promise<readonly Claimed[]> {
  const orders: Order[] = []
  const late: Entry[] = []
  for (const entry of entries) {
    const order = orderNow(entry, context)
    if (order?.runTime === undefined) late.push(entry)
    else orders.push(order)
  }
  const versions = orders.map(order => order.entry.version)
  const answers = orders.length === 0 ? [] : await claimMany(context, orders)
  const won = answers.map((answer, i) =>
    safely([answer.order.entry], context, () => settled(answer, versions[i] ?? -1, context)),
  )
  const rest = late.map(entry => safely([entry], context, one))
  return (await Promise.all([...won, ...rest])).flat()
}

/** Not to be claimed now: its plan comes first, the lease is not held, or nothing is due any more. */
async function notNow(entry: Entry, context: ClaimsContext): Promise<readonly Claimed[]> {
  if (entry.copied) await context.planned()
  letGo(entry, context, entry.copied || !context.mayClaim() ? RETRY_MS : 0)
  return []
}

function letGo(entry: Entry, context: ClaimsContext, afterMs = 0): void {
  context.release(entry.executor)
  context.settle(entry, afterMs === 0 ? 0 : context.now() + afterMs)
}

async function settled(answer: Answer, version: number, context: ClaimsContext): Promise<readonly Claimed[]> {
  const { order } = answer
  switch (answer.type) {
    case 'won':
      return won(order, answer.job, answer.running, version, context)
    case 'lost':
      return await lost(order, version, context)
    case 'malformed':
      return await malformed(order, answer.error, context)
  }
}

function won(
  order: Order,
  job: Job,
  running: RunningEntry | undefined,
  version: number,
  context: ClaimsContext,
): readonly Claimed[] {
  const { entry } = order
  const ordered = entry.ordered && order.kind === 'schedule' && order.runTime === entry.due
  const stale = entry.version !== version
  entry.refused = 0
  show(entry, job, version, context)
  if (running === undefined) context.release(entry.executor)
  context.settle(entry, stale ? context.now() + SOON_MS : 0)
  const missed = order.missed.length === 0 ? [] : missedOf(order, job, context)
  if (running === undefined) return missed
  const claim: Claim = {
    run_id: running.run_id,
    job,
    runTime: running.run_time,
    at: order.at,
    scheduled: order.scheduled,
    ordered,
    executor: entry.executor,
    coalesced: order.coalesced,
    claimed: running.claimed,
    attempt: running.attempt,
    fence: fenceOf(job),
  }
  return [...missed, { type: 'claim', claim }]
}

/** Memory takes over what the database answered, unless an event came in between: then the document is read again. */
function show(entry: Entry, job: Job | null, version: number, context: ClaimsContext): void {
  if (entry.version !== version) context.reread(entry.id)
  else if (job === null) context.apply({ type: 'gone', id: entry.id, reason: 'deleted' })
  else context.apply({ type: 'put', job, from: 'claim' })
}

async function lost(order: Order, version: number, context: ClaimsContext): Promise<readonly Claimed[]> {
  const { entry } = order
  const job = await read(entry.id, context)
  show(entry, job, version, context)
  const again = job === null ? undefined : orderNow(entry, context)
  const full = job !== null && (job.state?.running?.length ?? 0) >= maxInstancesOf(job)
  if (job !== null && again?.runTime !== undefined && full) return await refused(again, job, context)
  // Out of date is put right by what was just read; what is refused again and again is left alone for longer and longer.
  entry.refused++
  letGo(entry, context, entry.refused < 3 ? 0 : Math.min(2 ** entry.refused * 10, LONGEST_RETRY_MS))
  return []
}

async function read(id: string, context: ClaimsContext): Promise<Job | null> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await context.jobs.findOne({ _id: id })
    } catch {
      await context.pause(attempt)
    }
  }
}

/** `max_instances` are running: room may come by itself, else `overlap` decides. */
async function refused(first: Order, job: Job, context: ClaimsContext): Promise<readonly Claimed[]> {
  const { entry } = first
  const finishing = context.finishing(entry.id)
  if (finishing !== undefined) {
    await finishing
    letGo(entry, context)
    return []
  }
  if (await context.sweep(job)) {
    letGo(entry, context, SOON_MS)
    return []
  }
  const now = context.now()
  // The queued run goes on waiting; what is due meanwhile is decided beside it.
  const order =
    first.kind === 'waiting' ? orderOf({ ...entry, waiting: undefined }, now, at => context.jitterOf(entry, at)) : first
  if (order === undefined || now < order.at) {
    letGo(
      entry,
      context,
      Math.min(order === undefined ? WAITING_MS : order.at - now, entry.waiting === undefined ? Infinity : WAITING_MS),
    )
    return []
  }
  const overlap = job.overlap ?? JOB_DEFAULTS.overlap
  if (overlap === 'cancel_other') context.cancelOldest(job)
  const queue = overlap !== 'skip' && order.runTime !== undefined && job.state?.waiting === undefined
  const version = entry.version
  const answer = await claimOne(context, order, queue ? 'queue' : 'skip')
  if (answer.type !== 'won') {
    letGo(entry, context, SOON_MS)
    return []
  }
  show(entry, answer.job, version, context)
  letGo(entry, context)
  if (order.runTime === undefined) return missedOf(order, answer.job, context)
  if (queue) return []
  const outcome = notRun(order, order.to, answer.job, 'max_instances', order.coalesced, context)
  return [{ type: 'outcome', outcome }]
}

/** The document would not take the claim: its state is started afresh, so that its next time finds it well. */
async function malformed(order: Order, error: Error, context: ClaimsContext): Promise<readonly Claimed[]> {
  const { entry } = order
  const id = entry.id
  entry.refused++
  const problems = [
    { path: 'state', message: `state: the document refused the claim (${error.message}); it is started afresh` },
  ]
  const touch = context.freshTouch()
  await context.jobs
    .updateOne({ _id: id, ip: context.claimant().ip }, { $set: { state: freshState(id), touch } } as never)
    .catch(() => {})
  context.reread(id)
  letGo(entry, context, Math.min(2 ** entry.refused * 10, LONGEST_RETRY_MS))
  return entry.refused > 1 ? [] : [{ type: 'news', news: { type: 'job.invalid', job_id: id, problems } }]
}

/** With `coalesce` one row stands for all; without, each run time has its own. */
function missedOf(order: Order, job: Job, context: ClaimsContext): readonly Claimed[] {
  const { entry, missed } = order
  const times = entry.coalesce ? missed.slice(-1) : missed
  const coalesced = entry.coalesce ? order.coalesced : 1
  return times.map(time => ({ type: 'outcome', outcome: notRun(order, time, job, 'missed', coalesced, context) }))
}

function notRun(
  order: Order,
  time: number,
  job: Job,
  status: 'missed' | 'max_instances',
  coalesced: number,
  context: ClaimsContext,
): Outcome {
  const finished = new Date(context.now())
  return {
    run_id: new ObjectId().toHexString(),
    job,
    status,
    run_time: new Date(time),
    scheduled: order.scheduled,
    attempt: 1,
    coalesced,
    finished,
    duration: 0,
    late: Math.max(0, finished.getTime() - time - context.jitterOf(order.entry, time)),
    entered: false,
  }
}
