/** Guards: the filters and updates of a claim, as data.
 *  In: an order and who asks. Out: what findOneAndUpdate gets. Classic operators only: a pipeline update is logged as a diff,
 *  which would hide `touch` from the streams' filter. An absent field is asked for by `$exists`, a null one by `$type`:
 *  plain null matches both, and would act on a job that a person just changed. Pure. */
import { JOB_DEFAULTS, type RunningEntry } from '../job/job.ts'
import type { Entry } from '../wheel/entry.ts'
import type { Order } from './order.ts'

/** Who claims: the node's ip and the incarnation that holds its lease. */
export interface Claimant {
  readonly ip: string
  readonly incarnation: string
}

type Document = Record<string, unknown>

/** NaN stands for what JavaScript has no date for. */
export const isExactly = (stored: number | null | undefined): unknown =>
  stored === undefined
    ? { $exists: false }
    : stored === null
      ? { $type: 'null' }
      : Number.isNaN(stored)
        ? { $ne: null, $not: { $gte: new Date(-LAST_DATE), $lte: new Date(LAST_DATE) } }
        : new Date(stored)

/** The first and the last date are so many ms from the epoch. */
const LAST_DATE = 8.64e15

/** Holds for the document that memory has in mind, before anybody changed it. */
export function guardOf(order: Order, ip: string): Document {
  const { entry, kind } = order
  const guard: Document = { _id: entry.id, ip }
  if (kind === 'extra') guard.run_at = new Date(order.to)
  else {
    // Of a queued run it says that nobody paused the job meanwhile.
    guard.next_run_time = isExactly(entry.stored)
  }
  if (kind === 'waiting') guard['state.waiting.run_time'] = new Date(order.to)
  if (kind === 'schedule') {
    // Armed for a time that the document does not say: true only as long as the trigger is the one it was computed from.
    if (entry.stored !== entry.due && entry.trigger !== undefined) guard.trigger = entry.trigger.stored
    // An earlier time that a person set makes due again what memory may not know to be claimed; only that time itself may be.
    if (!entry.ordered || order.to !== entry.due) guard['state.claimed_to'] = { $not: { $gte: new Date(order.to) } }
  }
  return guard
}

/** With room for one more run, by the `max_instances` that the document itself has. */
export function roomOf(entry: Entry): Document {
  const places = entry.maxInstances ?? JOB_DEFAULTS.max_instances
  return {
    max_instances: entry.maxInstances === undefined ? { $exists: false } : entry.maxInstances,
    [`state.running.${places - 1}`]: { $exists: false },
  }
}

/** Moves the schedule on (or takes the extra or queued run away) and says that it was done.
 *  `queue`: the run time waits in `state.waiting` for a place. */
export function settleUpdate(order: Order, touch: string, queue = false): Document {
  const { entry, kind, next } = order
  const to = { $max: { 'state.claimed_to': new Date(order.to) } }
  const waiting = queue && { 'state.waiting': { run_time: new Date(order.to), ...ofRun(order) } }
  const mine = { touch, 'state.job': entry.id, ...waiting }
  if (kind === 'extra') return { $set: mine, $pull: { run_at: new Date(order.to) } }
  if (kind === 'waiting') return { $set: mine, $unset: { 'state.waiting': '' } }
  const trigger = entry.trigger?.fingerprint
  if (next === null || next === undefined) {
    return {
      $set: { ...mine, next_run_time: null, 'state.planned': { next_run_time: null, trigger }, 'state.over': true },
      ...to,
    }
  }
  const at = new Date(next)
  return {
    $set: {
      ...mine,
      next_run_time: at,
      'state.planned': { next_run_time: at, trigger },
      ...(entry.pausedBy !== undefined && { 'state.failures': 0 }),
    },
    $unset: { 'state.over': '', 'state.error': '', 'state.paused_by': '' },
    ...to,
  }
}

/** What the order tells of its run, as far as it is not usual. */
const ofRun = ({ scheduled, coalesced }: Order) => ({
  ...(!scheduled && { ordered: true }),
  ...(coalesced > 1 && { coalesced }),
})

/** The entry of a run that this order claims. */
export const runningOf = (order: Order, by: Claimant, run_id: string, claimed: Date): RunningEntry => ({
  run_id,
  job: order.entry.id,
  run_time: new Date(order.runTime ?? order.to),
  claimed,
  node: by.ip,
  incarnation: by.incarnation,
  attempt: 1,
  ...ofRun(order),
})

/** The claim itself: settles the order and enters the run. */
export function claimUpdate(order: Order, touch: string, running: RunningEntry): Document {
  return {
    ...settleUpdate(order, touch),
    $push: { 'state.running': running },
    $inc: { 'state.runs': 1 },
    $currentDate: { 'state.fence': { $type: 'timestamp' } },
  }
}

/** The state of a job whose own one is of no use: copied from elsewhere, or malformed. */
export const freshState = (id: string): Document => ({ job: id })
