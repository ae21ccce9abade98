/** Claim: what a node writes to a job from its plan to the start of a run, as pure pairs of filter and update.
 *  In: what memory has in mind (an order, a plan, a malformed document) and who asks. Out: writes. Every guard has a model in
 *  test/protocol that goes wrong without it. */
import { JOB_DEFAULTS, type Job, type RunningEntry } from '../job/job.ts'
import type { Actor, Unrecorded } from '../job/outcome.ts'
import type { Malformed } from '../job/sound.ts'
import type { Dropped, Entry, PlanWrite } from '../wheel/entry.ts'
import { noted, type Skip } from './skips.ts'
import { type Fields, freshState, isExactly, isField, type Write } from './write.ts'

/** Which run an entry is due for, and what the schedule says after it. */
export interface Order {
  readonly entry: Entry
  /** What it serves: the schedule, an extra run (`run_at`), or a run that `overlap` queued. */
  readonly kind: 'schedule' | 'extra' | 'waiting'
  /** The run to claim, in epoch ms; undefined: nothing runs, `missed` is told and the schedule moves on. */
  readonly run_time: number | undefined
  /** The start: the run time and its jitter. */
  readonly at: number
  readonly scheduled: boolean
  /** A time that a person set is among those that the run stands for: none is a misfire as long as that one is not. */
  readonly ordered?: boolean
  /** Due times that the run, or what is told as missed, stands for. */
  readonly coalesced: number
  readonly missed: readonly number[]
  /** What a new trigger dropped and no plan has told yet: the claim moves the schedule past it. */
  readonly dropped?: Dropped | undefined
  /** The new `next_run_time`; null: the schedule is over; undefined: it is not touched. */
  readonly next: number | null | undefined
  /** The latest run time that this settles. */
  readonly to: number
}

/** An order of a document, and the fence of the last claim that the document knows: whether a later one had it. */
export interface ClaimedOrder {
  readonly job_id: string
  readonly kind: 'waiting' | 'extra'
  readonly run_time: Date
  readonly after: bigint
}

/** Takes the run of an order: moves the schedule on (or takes the extra or queued run away) and enters the run, where there is room. */
export function claimWrite(order: Order, ip: string, running: RunningEntry, skips: readonly Skip[] = []): Write {
  return {
    filter: { ...guardOf(order, ip), ...roomFor(order.entry) },
    update: {
      ...moved(order),
      $push: { 'state.running': running, ...(skips.length > 0 && noted(skips.map(skip => skip.entry))) },
      $inc: { 'state.runs': 1 },
      $currentDate: { 'state.fence': { $type: 'timestamp' } },
    },
  }
}

/** Settles an order without a run of its own: its due time is noted among `skips` or, with the run id `queued`, waits for room. */
export function skipWrite(order: Order, ip: string, skips: readonly Skip[] = [], queued?: string): Write {
  const update = moved(order, queued)
  const entries = skips.map(skip => skip.entry)
  return { filter: guardOf(order, ip), update: entries.length === 0 ? update : { ...update, $push: noted(entries) } }
}

/** The entry of the run that an order claims. */
export const runningOf = (order: Order, by: Actor, run_id: string, claimed: Date): RunningEntry => ({
  run_id,
  job: order.entry.id,
  run_time: new Date(order.run_time ?? order.to),
  claimed,
  node: by.ip,
  incarnation: by.incarnation,
  attempt: 1,
  ...unusual(order),
})

/** Holds for the document that memory has in mind, before anybody changed it. */
function guardOf(order: Order, ip: string): Write['filter'] {
  const { entry, kind } = order
  const guard: Record<string, unknown> & { _id: string } = { _id: entry.id, ip }
  if (kind === 'extra') guard.run_at = new Date(order.to)
  else {
    // Of a queued run it says that nobody paused the job meanwhile.
    guard.next_run_time = isExactly(entry.stored)
  }
  if (kind === 'waiting') guard['state.waiting.run_time'] = new Date(order.to)
  if (kind === 'schedule') {
    // A job that was paused for its failures has them counted anew from here, and no other one has.
    guard['state.paused_by'] = { $exists: entry.pausedBy !== undefined }
    // The run time, or the one after it, is true only as long as the trigger is the one it was computed from.
    if (entry.trigger !== undefined) guard.trigger = entry.trigger.stored
    // A person who sets an earlier time makes due again what memory may not know to be claimed; no run but that one may be claimed twice.
    if (!entry.ordered || order.to !== entry.due) guard['state.claimed_to'] = { $not: { $gte: new Date(order.to) } }
  }
  return guard
}

/** With room for one more run, by the `max_instances` that the document itself has. */
function roomFor(entry: Entry): Fields {
  const places = entry.maxInstances ?? JOB_DEFAULTS.max_instances
  return { max_instances: isField(entry.maxInstances), [`state.running.${places - 1}`]: { $exists: false } }
}

/** The schedule moves past the order's due time. */
function moved(order: Order, queued?: string): Fields {
  const { entry, kind, next } = order
  const to = { $max: { 'state.claimed_to': new Date(order.to) } }
  const waiting = queued !== undefined && {
    'state.waiting': { run_id: queued, run_time: new Date(order.to), ...unusual(order) },
  }
  const mine = { 'state.job': entry.id, ...waiting }
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

/** What an entry of the document tells of an order's run where it is not usual. */
const unusual = ({ scheduled, coalesced }: Order) => ({
  ...(!scheduled && { ordered: true }),
  ...(coalesced > 1 && { coalesced }),
})

/** Writes back what memory planned, guarded by what it was computed from; `skip`: the due run that the plan drops. */
export function planWrite(plan: PlanWrite, ip: string, skip?: Skip): Write {
  const { id, stored, trigger, due, ordered, claimedTo, fingerprint, error, copied, unpaused } = plan
  const filter = { _id: id, ip, next_run_time: isExactly(stored), ...(trigger !== undefined && { trigger }) }
  const at = due === undefined ? undefined : new Date(due)
  const planned = at && { next_run_time: at, trigger: fingerprint, ...(ordered === true && { ordered }) }
  const next = at && { next_run_time: at }
  if (copied) {
    const state = { ...freshState(id), ...(planned && { planned }), ...(error !== null && { error }) }
    return { filter: { ...filter, 'state.job': { $ne: id } }, update: { $set: { ...next, state } } }
  }
  const $set = {
    ...next,
    'state.job': id,
    ...(unpaused && { 'state.failures': 0 }),
    ...(planned && { 'state.planned': planned }),
    ...(error !== null && { 'state.error': error }),
  }
  const $unset = {
    ...(error === null && { 'state.error': '' }),
    ...(at && { 'state.over': '', 'state.paused_by': '' }),
  }
  // A pause for failures that memory does not know yet is read first: whoever ends that pause counts the failures anew.
  const paused = at && { 'state.paused_by': { $exists: unpaused } }
  // A plan that waited may come after the claim of what it plans, which can leave the same next_run_time: none.
  const unclaimed = at && ordered !== true && { 'state.claimed_to': { $not: { $gte: at } } }
  const $max = claimedTo !== undefined && { 'state.claimed_to': new Date(claimedTo) }
  const $push = skip && noted([skip.entry])
  const more = { ...($max && { $max }), ...($push && { $push }) }
  return {
    filter: { ...filter, ...paused, ...unclaimed },
    update: { $set, ...(Object.keys($unset).length > 0 && { $unset }), ...more },
  }
}

/** A run that waited (for its next attempt, or its second start) starts: from here on the death of its node interrupts it. It matches
 *  no entry that another process has taken over. */
export const beginWrite = (jobId: string, run_id: string, { incarnation }: Actor): Write => ({
  filter: { _id: jobId, 'state.running': { $elemMatch: { run_id, incarnation } } },
  update: { $unset: { 'state.running.$.retry_at': '' } },
})

/** Puts right what is malformed in a document of the node `ip`, as long as it is what was read. */
export function repairWrite(job: Job, malformed: readonly Malformed[], ip: string): Write {
  const guards = malformed.map(({ path, found }) => [path, { $exists: true, ...(!isBeyond(found) && { $eq: found }) }])
  const gone = malformed.filter(({ kept }) => kept === undefined).map(({ path }) => [path, ''])
  const kept = malformed.filter(({ kept }) => kept !== undefined).map(({ path, kept }) => [path, kept])
  // A value that cannot be said again is compared by the mark that every write of a node renews.
  const mark = malformed.some(({ found }) => isBeyond(found)) && { touch: isField(job.touch) }
  return {
    filter: { _id: job._id, ip, ...Object.fromEntries(guards), ...mark },
    update: { $set: Object.fromEntries(kept), ...(gone.length > 0 && { $unset: Object.fromEntries(gone) }) },
  }
}

/** Starts the whole state of a document afresh, where nothing in it is malformed as far as this version can tell. */
export const freshWrite = (job: Job, ip: string): Write =>
  repairWrite(job, [{ path: 'state', found: job.state, kept: freshState(job._id) }], ip)

/** Whether it holds a date that MongoDB can store and JavaScript cannot. */
function isBeyond(value: unknown): boolean {
  if (value instanceof Date) return Number.isNaN(value.getTime())
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(isBeyond)
}

/** Takes an order out of an old copy of a document: the run that waits for a place, or an extra one, which was claimed. */
export const takenWrite = ({ job_id: _id, kind, run_time }: ClaimedOrder): Write =>
  kind === 'waiting'
    ? { filter: { _id, 'state.waiting.run_time': run_time }, update: { $unset: { 'state.waiting': '' } } }
    : { filter: { _id, run_at: run_time }, update: { $pull: { run_at: run_time } } }

/** What tells that a write of a claim came, where its answer was lost: an own end in between replaces its `touch`, so the document is
 *  asked for a run id; `touch` alone marks a write that names none. */
export function markOf({
  running,
  queued,
  skip,
  touch,
}: {
  readonly running?: RunningEntry | undefined
  readonly queued?: string | undefined
  readonly skip?: Unrecorded | undefined
  readonly touch: string
}): Fields {
  if (running !== undefined) return { 'state.running.run_id': running.run_id }
  if (queued !== undefined) return { 'state.waiting.run_id': queued }
  return skip === undefined ? { touch } : { 'state.unrecorded.run_id': skip.run_id }
}
