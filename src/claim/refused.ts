/** Refused: what to do when a claim did not win.
 *  In: the order and the document as it is. Out: the entry let go until the right moment, and outcomes of due times that do not run.
 *  Out of date is put right by reading; no room is decided by `overlap`; a document that takes no claim is repaired.
 *  Holds: the entry is let go exactly once. */
import { ObjectId } from 'mongodb'
import { JOB_DEFAULTS, type Job, maxInstancesOf } from '../job/job.ts'
import type { Outcome } from '../job/outcome.ts'
import { repairOf, soundOf } from '../job/sound.ts'
import type { Dropped, Entry } from '../wheel/entry.ts'
import { claimOne } from './claim.ts'
import type { Claimed, ClaimsContext } from './claimed.ts'
import { freshState } from './guards.ts'
import { type Order, orderOf } from './order.ts'

export const SOON_MS = 20
export const RETRY_MS = 100
/** A queued run is tried again by itself: the run it waits for may end on another node. */
const WAITING_MS = 1_000
const LONGEST_RETRY_MS = 5_000

/** What to claim, as memory has it at this moment: an edit that arrived while the entry waited counts. */
export function orderNow(entry: Entry, context: ClaimsContext): Order | undefined {
  if (entry.copied || entry.state === 'invalid' || !context.mayClaim()) return undefined
  return orderOf(entry, context.now(), runTime => context.jitterOf(entry, runTime), context.lead())
}

/** Not to be claimed now: its plan comes first, the lease is not held, or nothing is due any more. */
export async function notNow(entry: Entry, context: ClaimsContext): Promise<void> {
  if (entry.copied) await context.planned()
  letGo(entry, context, entry.copied || !context.mayClaim() ? RETRY_MS : 0)
}

/** Brief waits are for the database and go by the machine's clock; an edit cuts a long one short. */
export function letGo(entry: Entry, context: ClaimsContext, afterMs = 0): void {
  context.release(entry.executor)
  if (afterMs === 0) context.settle(entry)
  else if (afterMs > RETRY_MS) context.settle(entry, context.now() + afterMs)
  else void context.wait(afterMs).then(() => context.settle(entry))
}

/** Memory takes over what the database answered, unless an event came in between: then the document is read again. */
export function show(entry: Entry, job: Job | null, version: number, context: ClaimsContext): void {
  if (entry.version !== version) {
    context.claimed(entry, job?.state?.claimed_to)
    context.reread(entry.id)
  } else if (job === null) context.apply({ type: 'gone', id: entry.id, reason: 'deleted' })
  else context.apply({ type: 'put', job, from: 'claim' })
}

export async function lost(order: Order, version: number, context: ClaimsContext): Promise<readonly Claimed[]> {
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
  const missed = missedOf(order, answer.job, context)
  if (order.runTime === undefined || queue) return missed
  return [...missed, outcomeOf(order, order.to, answer.job, 'max_instances', order.coalesced, context)]
}

/** The document would not take the claim: what is malformed in its state goes, so that its next time finds it well.
 *  Where nothing is, as far as this version can tell, only starting the state afresh is left. */
export async function malformed(order: Order, error: Error, context: ClaimsContext): Promise<readonly Claimed[]> {
  const { entry } = order
  const id = entry.id
  entry.refused++
  const problems = [
    { path: 'state', message: `state: the document refused the claim (${error.message}); it is repaired` },
  ]
  await repair(id, context).catch(() => {})
  context.reread(id)
  letGo(entry, context, Math.min(2 ** entry.refused * 10, LONGEST_RETRY_MS))
  return entry.refused > 1 ? [] : [{ type: 'news', news: { type: 'job.invalid', job_id: id, problems } }]
}

/** Guarded by what was read: a write that comes in between is not undone. */
async function repair(id: string, context: ClaimsContext): Promise<void> {
  const { ip } = context.claimant()
  const job = await context.jobs.findOne({ _id: id })
  if (job === null || job.state === undefined) return
  const found = soundOf(job).malformed
  const all = [{ path: 'state', found: job.state, kept: freshState(id) }]
  const { filter, update } = repairOf(job, found.length > 0 ? found : all, ip, context.freshTouch())
  await context.jobs.updateOne(filter as never, update as never)
}

/** With `coalesce` one row stands for all; without, each run time has its own. */
export function missedOf(order: Order, job: Job, context: ClaimsContext): readonly Claimed[] {
  const { entry, missed, dropped } = order
  const times = entry.coalesce ? missed.slice(-1) : missed
  const coalesced = entry.coalesce ? order.coalesced : 1
  const late = times.map(time => outcomeOf(order, time, job, 'missed', coalesced, context))
  return dropped === undefined ? late : [{ type: 'outcome', outcome: droppedOf(dropped, context.now()) }, ...late]
}

/** The end of a due run that a new trigger dropped. */
export const droppedOf = ({ job, due }: Dropped, now: number): Outcome =>
  notRun({ job, status: 'missed', run_time: new Date(due), scheduled: true, coalesced: 1, late: now - due }, now)

function outcomeOf(
  order: Order,
  time: number,
  job: Job,
  status: 'missed' | 'max_instances',
  coalesced: number,
  context: ClaimsContext,
): Claimed {
  const now = context.now()
  const late = Math.max(0, now - time - context.jitterOf(order.entry, time))
  const run_time = new Date(time)
  return {
    type: 'outcome',
    outcome: notRun({ job, status, run_time, scheduled: order.scheduled, coalesced, late }, now),
  }
}

const notRun = (
  what: Pick<Outcome, 'job' | 'status' | 'run_time' | 'scheduled' | 'coalesced' | 'late'>,
  now: number,
): Outcome => ({
  run_id: new ObjectId().toHexString(),
  attempt: 1,
  duration: 0,
  finished: new Date(now),
  entered: false,
  ...what,
})
