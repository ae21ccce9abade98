/** Outcome: how a run (or an attempt of it, or a due time that never ran) ended, as plain data.
 *  In: what the claim and the run know. Out: the one value from which the history row, the `$pull` of the entry and the
 *  news are made. A failing function is an outcome, never an error of ours. Pure. */
import type { Failure, News } from '../event.ts'
import type { Job } from './job.ts'

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
