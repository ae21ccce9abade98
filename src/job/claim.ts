/** Claim: a run that a node has won, from the write that entered it into the document until its end is stored.
 *  In: the document as that write left it, and the entry in it. Out: the one value that goes from stage to stage; the outcome, the row
 *  and the events are made from it. What the entry tells is told there alone. Pure. */
import type { Job, RunningEntry } from './job.ts'

export interface Claim {
  /** The document as it was at the claim, or moments after it: the run goes by it, whatever is edited meanwhile. */
  readonly job: Job
  /** As it stands in `state.running`. */
  readonly entry: RunningEntry
  /** When it starts: its run time and jitter, or the instant of a next attempt; epoch ms. */
  readonly at: number
  /** How late it may start, in ms; null: however late. */
  readonly grace: number | null
  /** Where a place is kept for it. */
  readonly executor: string
  /** Rises with every claim of the job. */
  readonly fence: bigint
  /** An edit that became known after this mark of memory may take it back, until it starts; absent: none does. */
  readonly since?: number
  /** Of one of many: when `job` was read at the earliest, in epoch ms; what was acknowledged before is in it. */
  readonly seen?: number
  /** What takes it back beside a delete: a claim of the schedule is by a pause, a later time or another trigger, too. */
  readonly by?: 'schedule' | 'person'
  /** The fingerprint of the trigger that the claim asked for: `job` may have been read after the claim, and have another by then. */
  readonly trigger?: string
  /** Why it does not start, where `job` shows an edit already that takes it back. */
  readonly takenBack?: string
}

/** What an entry of a document tells of its run, be it in `state.running` or in `state.unrecorded`. */
export interface RunEntry {
  readonly run_id: string
  /** The job's `_id`: elsewhere it is a copy, which says nothing. */
  readonly job: string
  readonly run_time: Date
  readonly node: string
  readonly incarnation: string
  /** Absent: the first. */
  readonly attempt?: number
  /** A person ordered it; absent: the trigger caused it. */
  readonly ordered?: boolean
  /** How many due times it stands for; absent: one. */
  readonly coalesced?: number
  readonly claimed?: Date
}

/** What an entry tells of the run itself. */
export type RunFacts = Omit<RunEntry, 'job' | 'node' | 'incarnation'>

/** The same with what is absent. */
export const factsOf = ({ run_id, run_time, attempt = 1, ordered = false, coalesced = 1, claimed }: RunFacts) => ({
  run_id,
  run_time,
  attempt,
  scheduled: !ordered,
  coalesced,
  ...(claimed !== undefined && { claimed }),
})

/** What every event of a run names. */
export const runOf = ({ job, entry }: { readonly job: Pick<Job, '_id'>; readonly entry: RunEntry }) => ({
  run_id: entry.run_id,
  job_id: job._id,
  run_time: entry.run_time,
})

/** How many starts of it have died. */
export const rerunsOf = (entry: RunEntry): number => {
  const { reruns } = entry as { readonly reruns?: unknown }
  return typeof reruns === 'number' ? reruns : 0
}

/** The fence of the latest claim of a job. */
export const fenceOf = ({ state }: Pick<Job, 'state'>): bigint => state?.fence?.toBigInt?.() ?? 0n
