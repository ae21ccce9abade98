/** Outcome: how a run (or an attempt of it, or a due time that never ran) ended, as plain data.
 *  In: what the claim and the run know. Out: the one value from which the history row, the `$pull` of the entry and the
 *  news are made. A failing function is an outcome, never an error of ours. Pure. */
import type { Failure, News } from '../event.ts'
import type { Job, RunningEntry } from './job.ts'

export type Status = 'executed' | 'error' | 'missed' | 'max_instances' | 'timeout' | 'interrupted' | 'cancelled'

export interface Outcome {
  readonly run_id: string
  /** The document as it was at the claim. */
  readonly job: Pick<Job, '_id' | 'func' | 'name' | 'trigger' | 'state' | 'pause_after_failures'>
  readonly status: Status
  readonly run_time: Date
  readonly scheduled: boolean
  readonly attempt: number
  readonly coalesced: number
  readonly fence?: bigint
  readonly claimed?: Date
  readonly started?: Date
  readonly finished: Date
  /** Run time in ms; 0 where nothing ran. */
  readonly duration: number
  /** How late the start was, in ms after the run time and its jitter. */
  readonly late: number
  readonly result?: unknown
  readonly error?: Failure
  /** The last lines it logged. */
  readonly log?: string
  /** For `interrupted`: the node that died. */
  readonly lost_node?: string
  /** For `interrupted`: it is run once more. */
  readonly rerun?: boolean
  /** It goes on later: its entry becomes the next attempt's or, with `reruns` (how many of its starts have died by now), that of
   *  the same attempt once more. */
  readonly retry?: { readonly run_id: string; readonly at: Date; readonly reruns?: number }
  /** It is not run again, though its job asked for that: why the job is to be paused. */
  readonly given_up?: string
  /** The run stands in `state.running` and is to be taken out. */
  readonly entered: boolean
  /** It stands in `state.unrecorded` until its row is stored. */
  readonly noted?: boolean
}

/** What `state.unrecorded` keeps of a run, or of a due time that did not run, until its row is stored. */
export interface Unrecorded {
  readonly run_id: string
  /** The job's `_id`: elsewhere it is a copy, which says nothing. */
  readonly job: string
  readonly run_time: Date
  readonly status: Status
  /** A person ordered it. */
  readonly ordered?: true
  /** How many due times it stands for, where that is more than one. */
  readonly coalesced?: number
  /** Where it is not the first. */
  readonly attempt?: number
  /** Who is to store the row. */
  readonly node: string
  readonly incarnation: string
}

/** Who acts for an ip: the node and the incarnation that holds its lease. */
export interface Actor {
  readonly ip: string
  readonly incarnation: string
}

type Named = Pick<Outcome, 'run_id' | 'status' | 'run_time' | 'scheduled' | 'coalesced' | 'attempt'>

/** The entry of `state.unrecorded`. */
export const unrecordedOf = (jobId: string, what: Named, { ip, incarnation }: Actor): Unrecorded => ({
  run_id: what.run_id,
  job: jobId,
  run_time: what.run_time,
  status: what.status,
  ...(!what.scheduled && { ordered: true as const }),
  ...(what.coalesced > 1 && { coalesced: what.coalesced }),
  ...(what.attempt > 1 && { attempt: what.attempt }),
  node: ip,
  incarnation,
})

/** So many are kept in a document: the oldest go where no history takes rows for very long, before the document is full. */
const MOST_UNRECORDED = 10_000

/** What waits in a document for its row. Whoever wrote it may have written anything. */
export function unrecordedIn({ state }: Pick<Job, 'state'>): readonly Unrecorded[] {
  const entries: readonly unknown[] = Array.isArray(state?.unrecorded) ? state.unrecorded : []
  return entries.filter(isUnrecorded)
}

/** Who sees to an entry of a document's state. */
export type Entered = Pick<RunningEntry, 'run_id' | 'job' | 'node' | 'incarnation'>

/** All that a node still has to see to in a document: runs, and rows to be stored. */
export function enteredIn(job: Pick<Job, 'state'>): readonly Entered[] {
  const running: readonly (RunningEntry | null)[] = Array.isArray(job.state?.running) ? job.state.running : []
  return [...running.filter(entry => entry !== null), ...unrecordedIn(job)]
}

function isUnrecorded(entry: unknown): entry is Unrecorded {
  const { run_id, run_time, status } = (entry ?? {}) as Partial<Unrecorded>
  return typeof run_id === 'string' && typeof status === 'string' && run_time instanceof Date
}

/** What a `$push` is given to enter them. */
export const noting = (entries: readonly Unrecorded[]) => ({
  'state.unrecorded': { $each: entries, $slice: -MOST_UNRECORDED },
})

/** Takes an entry of `state.unrecorded` out. */
export const recordedOf = (_id: string, run_id: string, touch: string) => ({
  filter: { _id, 'state.unrecorded.run_id': run_id },
  update: { $pull: { 'state.unrecorded': { run_id } }, $set: { touch } },
})

/** What an entry of `state.unrecorded` tells, told again. */
export function recordedAgain(entry: Unrecorded, job: Outcome['job'], now: number): Outcome {
  const { run_id, status, run_time, ordered, coalesced = 1, attempt = 1 } = entry
  return {
    run_id,
    job,
    status,
    run_time,
    scheduled: ordered !== true,
    attempt,
    coalesced,
    finished: new Date(now),
    duration: 0,
    late: Math.max(0, now - run_time.getTime()),
    entered: false,
    noted: true,
  }
}

/** A run that failed counts towards `pause_after_failures`. */
export const isFailure = (status: Status) => status === 'error' || status === 'timeout' || status === 'interrupted'

/** What the outcome is news of. */
export function newsOf(outcome: Outcome): News {
  const { run_id, run_time, attempt, duration, late, coalesced } = outcome
  const run = { run_id, job_id: outcome.job._id, run_time }
  const error = outcome.error ?? { name: 'Error', message: outcome.status }
  switch (outcome.status) {
    case 'executed':
      return { type: 'run.executed', ...run, attempt, duration, result: outcome.result }
    case 'error':
      return { type: 'run.error', ...run, attempt, duration, error }
    case 'timeout':
      return { type: 'run.timeout', ...run, attempt, duration, error }
    case 'cancelled':
      return { type: 'run.cancelled', ...run, attempt, duration, reason: error.message }
    case 'missed':
      return { type: 'run.missed', ...run, late, coalesced }
    case 'max_instances':
      return { type: 'run.max_instances', ...run, coalesced }
    case 'interrupted':
      return {
        type: 'run.interrupted',
        ...run,
        attempt,
        lost_node: outcome.lost_node ?? '',
        rerun: outcome.rerun ?? false,
      }
  }
}
