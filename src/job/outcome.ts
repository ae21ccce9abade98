/** Outcome: how a run (or an attempt of it, or a due time that never ran) ended, as plain data.
 *  In: what the claim and the run know. Out: the one value from which the history row, the end in the document and the news are made.
 *  A failing function is an outcome, never an error of ours. Pure. */
import type { Failure, News } from '../event.ts'
import { factsOf, type RunEntry, type RunFacts, runOf } from './claim.ts'
import type { Job, RunningEntry } from './job.ts'

/** How a run ends, or why it does not begin. */
export const STATUSES = ['executed', 'error', 'missed', 'max_instances', 'timeout', 'interrupted', 'cancelled'] as const
export type Status = (typeof STATUSES)[number]

export interface Outcome {
  /** The document as it was at the claim. */
  readonly job: Pick<Job, '_id' | 'func' | 'name' | 'trigger' | 'state' | 'pause_after_failures'>
  readonly entry: RunEntry
  /** Where the document names the run, until its end is stored there too; absent: nowhere, the end is a row and news only. */
  readonly stands?: 'running' | 'unrecorded'
  readonly status: Status
  readonly fence?: bigint
  readonly started?: Date
  readonly finished: Date
  /** In ms; 0 where nothing ran. */
  readonly duration: number
  /** How late the start was, in ms after the run time and its jitter. */
  readonly late: number
  readonly result?: unknown
  readonly error?: Failure
  /** The last lines it logged. */
  readonly log?: string
  /** For `interrupted`: its node died. */
  readonly lost?: boolean
  /** For `interrupted`: it is run once more. */
  readonly rerun?: boolean
  /** It goes on later: its entry becomes that of its next start. */
  readonly next?: Next
  /** It is not run again, though its job asked for that: why the job is to be paused. */
  readonly given_up?: string
}

/** A run's next start: another attempt or, with `reruns` (how many of its starts have died by now), the same one once more. */
export interface Next {
  readonly run_id: string
  readonly at: Date
  readonly reruns?: number
}

/** What `state.unrecorded` keeps of a run, or of a due time that did not run, until its row is stored. */
export interface Unrecorded extends RunEntry {
  readonly status: Status
}

/** Who acts for an ip: the node, and the incarnation that holds its lease. */
export interface Actor {
  readonly ip: string
  readonly incarnation: string
}

/** The entry of `state.unrecorded`; `by` stores its row. */
export function unrecordedOf(jobId: string, of: RunFacts, status: Status, by: Actor): Unrecorded {
  const { run_id, run_time, attempt, scheduled, coalesced } = factsOf(of)
  return {
    run_id,
    job: jobId,
    run_time,
    status,
    ...(!scheduled && { ordered: true }),
    ...(coalesced > 1 && { coalesced }),
    ...(attempt > 1 && { attempt }),
    node: by.ip,
    incarnation: by.incarnation,
  }
}

/** What waits in a document for its row. Whoever wrote it may have written anything. */
export function unrecordedIn({ state }: Pick<Job, 'state'>): readonly Unrecorded[] {
  const entries: readonly unknown[] = Array.isArray(state?.unrecorded) ? state.unrecorded : []
  return entries.filter(isUnrecorded)
}

/** All runs that a document still names: those that go on, and those whose row is to be stored. */
export function entriesIn(job: Pick<Job, 'state'>): readonly RunEntry[] {
  const running: readonly (RunningEntry | null)[] = Array.isArray(job.state?.running) ? job.state.running : []
  return [...running.filter(entry => entry !== null), ...unrecordedIn(job)]
}

function isUnrecorded(entry: unknown): entry is Unrecorded {
  const { run_id, run_time, status } = (entry ?? {}) as Partial<Unrecorded>
  return typeof run_id === 'string' && typeof status === 'string' && run_time instanceof Date
}

/** What an entry of `state.unrecorded` tells, told again. */
export const recordedAgain = (entry: Unrecorded, job: Outcome['job'], now: number): Outcome => ({
  job,
  entry,
  stands: 'unrecorded',
  status: entry.status,
  finished: new Date(now),
  duration: 0,
  late: Math.max(0, now - entry.run_time.getTime()),
})

/** A run that failed counts towards `pause_after_failures`. */
export const isFailure = (status: Status) => status === 'error' || status === 'timeout' || status === 'interrupted'

/** What the outcome is news of. */
export function newsOf(outcome: Outcome): News {
  const { entry, duration, late, status } = outcome
  const run = runOf(outcome)
  const { attempt, coalesced } = factsOf(entry)
  const error = outcome.error ?? { name: 'Error', message: status }
  switch (status) {
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
    case 'interrupted': {
      const lost_node = outcome.lost === true ? entry.node : ''
      return { type: 'run.interrupted', ...run, attempt, lost_node, rerun: outcome.rerun ?? false }
    }
  }
}
