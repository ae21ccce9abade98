/** Refused: what to do when a claim did not win.
 *  In: the order and the document as it is. Out: the entry let go until the right moment, and outcomes of due times that do not run.
 *  Out of date is put right by reading; no room is decided by `overlap`; a document that takes no claim is repaired.
 *  Holds: the entry is let go exactly once. */
import { JOB_DEFAULTS, type Job, maxInstancesOf } from '../job/job.ts'
import { repairOf, soundOf } from '../job/sound.ts'
import type { Entry } from '../wheel/entry.ts'
import { type Answer, claimOne } from './claim.ts'
import type { Claimed, ClaimsContext } from './claimed.ts'
import { freshState } from './guards.ts'
import { type Order, orderOf } from './order.ts'
import { skipped } from './skips.ts'

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
  context.release(entry)
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
  // A run that was claimed ahead and has not begun keeps its place until it does: what is due before it waits, and is not refused.
  const ahead = (job.state?.running ?? []).map(entry => entry.run_time.getTime()).filter(time => time > now)
  if (ahead.length > 0) {
    letGo(entry, context, Math.min(Math.max(SOON_MS, Math.min(...ahead) - now), WAITING_MS))
    return []
  }
  // The queued run goes on waiting; what is due meanwhile is decided beside it.
  const order =
    first.kind === 'waiting' ? orderOf({ ...entry, waiting: undefined }, now, at => context.jitterOf(entry, at)) : first
  if (order === undefined || now < order.at) {
    // Until what is due next, or until the run that it waits for may have ended on another node.
    const at = order?.at ?? Math.min(entry.at ?? Number.POSITIVE_INFINITY, entry.extra[0] ?? Number.POSITIVE_INFINITY)
    const wait = Math.max(at - now, SOON_MS)
    letGo(entry, context, entry.waiting === undefined ? wait : Math.min(wait, WAITING_MS))
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
  return skippedOf(answer, context)
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

/** What a write that was done settled without a run. */
export const skippedOf = (
  { skips, job }: Extract<Answer, { type: 'won' }>,
  context: ClaimsContext,
): readonly Claimed[] => skips.map(skip => ({ type: 'outcome', outcome: skipped(skip, job, context.now()) }))
