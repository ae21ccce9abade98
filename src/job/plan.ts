/** Plan: when is a job due next, as its document says?
 *  In: the document, its parsed trigger and the time. Out: armed for a run time, paused, over, or not schedulable.
 *  The outcome depends on the document (and on what memory knows to be claimed), never on which event brought it,
 *  so a restart, a lost event and one that comes twice all lead to the same plan. Pure. */
import type { Problem } from '../errors.ts'
import { fingerprint, type ParsedTrigger } from '../trigger/trigger.ts'
import { isObject, type Job } from './job.ts'

export type Plan =
  | {
      readonly state: 'armed'
      /** The run time, in epoch ms, without jitter. */
      readonly due: number
      /** Set by a person: no jitter, and up to an hour in the past is no misfire. */
      readonly ordered: boolean
      /** The document does not say so yet: `next_run_time` or `state.planned` is to be written. */
      readonly unwritten: boolean
      /** A due run that a new trigger dropped; it is reported as missed. */
      readonly dropped?: number
    }
  | { readonly state: 'paused' }
  /** No further run time; the document goes when its last run has ended. */
  | { readonly state: 'over' }
  | { readonly state: 'invalid'; readonly problems: readonly Problem[] }

export interface Planned {
  readonly job: Job
  readonly trigger: ParsedTrigger
  readonly fingerprint: string
  readonly now: number
  /** The latest run time that memory knows to be claimed. */
  readonly claimedTo?: number | undefined
}

/** A fingerprint of another version says nothing: an upgrade must not drop a due run. */
const differs = (a: string, b: string) => a !== b && version(a) === version(b)
const version = (fingerprint: string) => fingerprint.split(':', 1)[0]

/** State that came with a document copied from elsewhere counts for nothing. */
export const ownState = (job: Pick<Job, '_id' | 'state'>): NonNullable<Job['state']> | undefined =>
  isObject(job.state) && (job.state.job === undefined || job.state.job === job._id) ? job.state : undefined

/** Whether the document says that the schedule is over, and nobody has given it another trigger since. */
export function isOver(job: Pick<Job, '_id' | 'trigger' | 'state'>, timezone: string): boolean {
  const state = ownState(job)
  if (state?.over !== true || state.planned?.trigger === undefined) return false
  return !differs(state.planned.trigger, fingerprint(job.trigger, timezone))
}

export function plan({ job, trigger, fingerprint, now, claimedTo: remembered }: Planned): Plan {
  const state = ownState(job)
  const claimedTo = latest(state?.claimed_to?.getTime(), remembered)
  const next = job.next_run_time
  const planned = state?.planned
  const edited = planned?.trigger !== undefined && differs(planned.trigger, fingerprint)
  if (next === null) {
    if (state?.over !== true) return { state: 'paused' }
    return edited ? anew(trigger, now, claimedTo) : { state: 'over' }
  }
  if (next === undefined) return anew(trigger, now, claimedTo)

  const due = next.getTime()
  const byNode = planned?.next_run_time instanceof Date && planned.next_run_time.getTime() === due
  if (!byNode) return { state: 'armed', due, ordered: true, unwritten: true }
  const ordered = planned.ordered === true
  // An old copy of the document was written back: this run time is claimed already, and the schedule goes on after it.
  // A person may order an earlier time, but not with a document that does not know of the latest claim.
  const known = state?.claimed_to?.getTime() ?? 0
  const isCopy = claimedTo !== undefined && due <= claimedTo && (!ordered || known < claimedTo)
  if (edited) {
    const fresh = anew(trigger, now, claimedTo)
    return fresh.state === 'armed' && due <= now && !isCopy ? { ...fresh, dropped: due } : fresh
  }
  if (isCopy) return armed(trigger.seek(due, claimedTo + 1))
  return { state: 'armed', due, ordered, unwritten: state?.error !== undefined }
}

/** The first run time from now on, strictly after every one that was claimed. */
function anew(trigger: ParsedTrigger, now: number, claimedTo: number | undefined): Plan {
  let due = trigger.next(null, claimedTo === undefined ? now : Math.max(now, claimedTo + 1))
  if (due !== null && claimedTo !== undefined && due <= claimedTo) due = trigger.next(claimedTo, claimedTo)
  return armed(due)
}

function armed(due: number | null): Plan {
  if (due !== null) return { state: 'armed', due, ordered: false, unwritten: true }
  return {
    state: 'invalid',
    problems: [{ path: 'trigger', message: 'trigger: its schedule is over, it has no further run time' }],
  }
}

const latest = (a: number | undefined, b: number | undefined) =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)
