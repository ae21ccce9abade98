/** Entry: what memory keeps of a job, and what can follow from a change to it.
 *  An entry is plain data that only the roster writes; an effect is plain data that the node carries out.
 *  Nothing of the document is kept that a run needs: a run uses the document its claim returned. Pure. */
import type { Source } from '../change/change.ts'
import type { Problem } from '../errors.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import type { Plan } from '../job/plan.ts'
import type { Malformed } from '../job/sound.ts'
import { jitterMs } from '../trigger/trigger.ts'
import type { KnownTrigger } from './known-triggers.ts'

/** A queued run. */
export interface Waiting {
  readonly run_time: number
  readonly ordered: boolean
  readonly coalesced: number
}

/** A due run that a new trigger dropped, and the document that said so. */
export interface Dropped {
  readonly job: Job
  readonly due: number
}

/** What memory keeps of a job. What no other entry has in common with it, and is rarely there, has a value in `newEntry` that is the
 *  same object each time: entries like that lie in columns. */
export interface Entry {
  readonly id: string
  state: Plan['state']
  /** `next_run_time` as the document has it: ms, null, or undefined where it is absent. */
  stored: number | null | undefined
  /** Run time it is armed for, without jitter. */
  due: number | undefined
  /** When that run starts, jitter included. */
  at: number | undefined
  ordered: boolean
  /** `state.planned.next_run_time`: tells a person's edit from a node's write. */
  planned: number | undefined
  /** `state.planned.ordered`: a person set that time, and a node acknowledged it. */
  acknowledged: boolean
  /** Extra runs (`run_at`), earliest first. */
  extra: readonly number[]
  /** A run that waits for another one to end, when `overlap` queued it. */
  waiting: Waiting | undefined
  claimedTo: number | undefined
  trigger: KnownTrigger | undefined
  /** The document does not say what memory planned. */
  unwritten: boolean
  /** To be told as missed by the write that really moves the schedule: a claim of it may be under way. */
  dropped: Dropped | undefined
  func: string
  executor: string
  /** As the document has it; absent: the default. */
  maxInstances: number | undefined
  graceMs: number | null
  coalesce: boolean
  /** The document has no state: its first write is logged as a whole field, and the stream hands it back. */
  bare: boolean
  /** What `touch` that write may have, until it came back: a plan and a claim may be under way at once. */
  echoes: readonly string[]
  /** `state.paused_by` stands in the document. */
  pausedBy: string | undefined
  /** The state came with a copied document: it is started afresh before the first claim. */
  copied: boolean
  /** It was overdue when it was read, and memory cannot say that this run time was not claimed before: it may be an old copy. */
  unproven: boolean
  /** Of an unproven time: the fence of the latest claim that its document knew of, in digits; a later claim tells an old copy. */
  knownFence: string | undefined
  /** Of an unproven time: a person ordered it although the document knew it to be claimed. Only a later claim tells that it is old. */
  isRepeat: boolean
  /** The executor in which a place is kept for it while its claim is under way; a new `executor` counts from the next claim on. */
  place: string | undefined
  /** A run of the job ended while its claim was under way: what waits for that run is claimed again at once. */
  woken: boolean
  /** Claims in a row that were refused although memory thought otherwise; the next one waits longer. */
  refused: number
  /** Plans in a row that may not have been written. */
  refusedPlans: number
  /** Repairs in a row that were asked for and did not come: one that cannot be made is not asked for again and again. */
  repairs: number
  /** Not to be handed out before this instant; 0: whenever it is due. */
  notBefore: number
  /** Changes so far; an answer to a question asked at an earlier count is out of date. */
  version: number
  /** Somebody edited it and the document is about to be read. */
  edited: boolean
  /** Which change made the entry, and which was the last that was not an answer to a claim of ours: of all that memory has seen. */
  readonly bornAt: number
  changedAt: number
  problems: readonly Problem[]
  /** The reading of everything in which it was last seen. */
  seen: number
}

/** A plan to write back, guarded by what it was computed from. */
export interface PlanWrite {
  readonly id: string
  readonly version: number
  readonly stored: number | null | undefined
  /** As stored; undefined: it is not one of ours, and nothing is armed by it. */
  readonly trigger: Job['trigger'] | undefined
  /** To arm for; undefined: leave `next_run_time` and `planned` alone. */
  readonly due?: number
  readonly ordered?: boolean
  readonly fingerprint?: string
  /** Up to when memory knows run times to be claimed: a document that was written back from an old copy learns it again. */
  readonly claimedTo?: number | undefined
  /** Why the job is not schedulable; null: it is, an earlier `state.error` goes. */
  readonly error: string | null
  readonly copied: boolean
  /** It was paused by the node and is armed again: its failures are counted anew. */
  readonly unpaused: boolean
  readonly dropped?: Dropped | undefined
}

export type Effect =
  | { readonly type: 'news'; readonly news: News }
  /** The plan of this entry is to be written back (`planOf`). */
  | { readonly type: 'write'; readonly id: string }
  | { readonly type: 'read'; readonly id: string }
  /** Parts of the document's state are malformed: they are to be taken away, and what is left is read. */
  | { readonly type: 'repair'; readonly job: Job; readonly malformed: readonly Malformed[] }
  /** Over, and nothing runs any more: the document may go. */
  | { readonly type: 'over'; readonly job: Job }
  /** The document was read as a whole: look for dead entries and requests in it. */
  | { readonly type: 'seen'; readonly job: Job; readonly from: Source }
  | { readonly type: 'cancel'; readonly id: string; readonly run: string; readonly at?: bigint }

/** The fixed delay of a run, in ms; none for times that a person set. */
export function jitterOf(entry: Entry, run_time: number): number {
  const jitter = entry.trigger?.parsed.jitter ?? 0
  if (jitter === 0 || (entry.ordered && run_time === entry.due)) return 0
  return jitterMs(entry.id, run_time, jitter)
}

/** Where a place is kept for an entry that was handed out. */
export const placeOf = (entry: Entry): string => entry.place ?? entry.executor

export const NO_TIMES: readonly number[] = []
export const NO_ECHOES: readonly string[] = []
export const NO_PROBLEMS: readonly Problem[] = []

export function newEntry(id: string, bornAt = 0): Entry {
  return {
    id,
    state: 'paused',
    stored: undefined,
    due: undefined,
    at: undefined,
    ordered: false,
    planned: undefined,
    acknowledged: false,
    extra: NO_TIMES,
    waiting: undefined,
    claimedTo: undefined,
    trigger: undefined,
    unwritten: false,
    dropped: undefined,
    func: '',
    executor: 'default',
    maxInstances: undefined,
    graceMs: null,
    coalesce: true,
    bare: true,
    echoes: NO_ECHOES,
    pausedBy: undefined,
    copied: false,
    unproven: false,
    knownFence: undefined,
    isRepeat: false,
    place: undefined,
    woken: false,
    refused: 0,
    refusedPlans: 0,
    repairs: 0,
    notBefore: 0,
    version: 0,
    edited: false,
    bornAt,
    changedAt: bornAt,
    problems: NO_PROBLEMS,
    seen: 0,
  }
}
