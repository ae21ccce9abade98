/** Skips: due times that a write settles without a run of theirs.
 *  In: an order and what becomes of it, or a plan that drops a due run. Out: the entries that this very write puts into
 *  `state.unrecorded`, so that each has its row whoever stores it, and the outcome from which row and news are made. Pure. */
import type { Job } from '../job/job.ts'
import { type Actor, type Outcome, recordedAgain, type Status, type Unrecorded, unrecordedOf } from '../job/outcome.ts'
import type { Dropped } from '../wheel/entry.ts'
import type { Fields } from './write.ts'

/** A due time that does not run, and how late that was told. */
export interface Skip {
  readonly entry: Unrecorded
  /** In ms after the run time and its jitter. */
  readonly late: number
  /** The document that tells of it, where that is not the one after the write. */
  readonly job?: Job
}

/** Who notes a skip, and when. */
export interface Noting {
  readonly by: Actor
  readonly now: number
  readonly newRunId: () => string
}

/** A due time that does not run. */
export interface Unrun {
  readonly time: number
  readonly status: Extract<Status, 'missed' | 'max_instances'>
  readonly scheduled: boolean
  readonly coalesced: number
}

export const skipOf = (
  jobId: string,
  { time, status, scheduled, coalesced }: Unrun,
  { by, newRunId }: Noting,
): Unrecorded =>
  unrecordedOf(jobId, { run_id: newRunId(), run_time: new Date(time), ordered: !scheduled, coalesced }, status, by)

/** A due run that a new trigger dropped. */
export function droppedSkip({ job, due }: Dropped, noting: Noting): Skip {
  const unrun = { time: due, status: 'missed', scheduled: true, coalesced: 1 } as const
  return { entry: skipOf(job._id, unrun, noting), late: noting.now - due, job }
}

/** The end of a due time that did not run; `after`: the document as the write left it. */
export const skipped = ({ entry, late, job }: Skip, after: Job, now: number): Outcome => ({
  ...recordedAgain(entry, job ?? after, now),
  late,
})

/** So many are kept in a document: the oldest go where no history takes rows for very long, before the document is full. */
const MOST_UNRECORDED = 10_000

/** What a `$push` is given to note them. */
export const noted = (entries: readonly Unrecorded[]): Fields => ({
  'state.unrecorded': { $each: entries, $slice: -MOST_UNRECORDED },
})
