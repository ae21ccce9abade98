/** Kept: what memory keeps of a document, and what it can say of it again.
 *  In: a document, or an entry. Out: the entry's fields; whether both say the same; the plan as it is to be written;
 *  as much of the document as memory has. Pure: the roster alone decides when. */
import type { Shown } from '../change/change.ts'
import { graceMs, JOB_DEFAULTS, type Job } from '../job/job.ts'
import { ownState } from '../job/plan.ts'
import { type Entry, NO_TIMES, type PlanWrite, type Waiting } from './entry.ts'
import { exactly } from './known-triggers.ts'

/** The schedule as a person wrote it. */
export const keptOf = (job: Shown) => ({
  stored: storedOf(job.next_run_time),
  func: job.func,
  executor: job.executor ?? JOB_DEFAULTS.executor,
  maxInstances: job.max_instances,
  graceMs: graceMs(job),
  coalesce: job.coalesce ?? JOB_DEFAULTS.coalesce,
  extra: job.run_at?.length ? job.run_at.map(Number).sort((a, b) => a - b) : NO_TIMES,
})

/** NaN: something is there that is no date, or none that JavaScript can hold. */
export const storedOf = (next: Job['next_run_time']) =>
  next === null || next === undefined ? next : next instanceof Date ? next.getTime() : Number.NaN

/** Whether it says when the job runs next: a date, null for paused, or nothing. */
export const isTime = (next: unknown): next is Job['next_run_time'] =>
  next === null || next === undefined || (next instanceof Date && !Number.isNaN(next.getTime()))

/** What nodes wrote, as far as memory needs to know it. */
export function keepState(entry: Entry, job: Job): void {
  const state = ownState(job)
  entry.planned = state?.planned?.next_run_time?.getTime()
  entry.acknowledged = state?.planned?.ordered === true
  entry.claimedTo = maxOf(entry.claimedTo, state?.claimed_to?.getTime())
  entry.bare = job.state === undefined
  entry.pausedBy = state?.paused_by
  entry.copied = job.state !== undefined && state === undefined
  entry.waiting = waitingOf(state)
}

function waitingOf(state: Job['state']): Waiting | undefined {
  const { run_time, ordered = false, coalesced = 1 } = state?.waiting ?? {}
  return run_time && { run_time: run_time.getTime(), ordered, coalesced }
}

/** Whether the document says what memory has, as far as that can be told. */
export function isKept(entry: Entry, job: Shown): boolean {
  // Of what is not schedulable memory keeps too little to tell, and a request to abort waits to be served.
  if (entry.state === 'invalid' || entry.trigger === undefined || job.cancel !== undefined) return false
  if (job.run_at !== undefined && !(Array.isArray(job.run_at) && job.run_at.every(isTime))) return false
  const { extra, ...plain } = keptOf(job)
  const same = Object.entries(plain).every(([field, value]) => entry[field as keyof typeof plain] === value)
  return same && extra.join() === entry.extra.join() && exactly(job.trigger) === entry.trigger.key
}

/** The plan as it is to be written; undefined: the document says it already. */
export function planWriteOf(entry: Entry): PlanWrite | undefined {
  if (!entry.unwritten) return undefined
  const { id, version, stored, trigger, due, ordered, claimedTo, copied, pausedBy, dropped } = entry
  const planned = entry.state === 'armed' &&
    due !== undefined && { due, ordered, claimedTo, fingerprint: trigger?.fingerprint ?? '' }
  return {
    id,
    version,
    stored,
    trigger: trigger?.stored,
    error: errorOf(entry) ?? null,
    copied,
    unpaused: pausedBy !== undefined && planned !== false,
    dropped,
    ...planned,
  }
}

/** What `state.error` is to say. */
export const errorOf = (entry: Entry) =>
  entry.state === 'invalid' ? entry.problems.map(problem => problem.message).join('; ') : undefined

/** As much of the document as memory has, with the `next_run_time` that an event told. */
export function documentOf(entry: Entry, next: Date | null | undefined): Job {
  const { id, func, planned, acknowledged, claimedTo, trigger } = entry
  const by = planned !== undefined && {
    planned: { next_run_time: new Date(planned), trigger: trigger?.fingerprint, ordered: acknowledged },
  }
  const job = {
    _id: id,
    func,
    trigger: trigger?.stored,
    state: { ...by, ...(claimedTo !== undefined && { claimed_to: new Date(claimedTo) }) },
    ...(next !== undefined && { next_run_time: next }),
  }
  return job as unknown as Job
}

export const maxOf = (a: number | undefined, b: number | undefined) =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)
