/** Skips: due times that a write settles without a run of theirs.
 *  In: an order and what becomes of it, or a plan that drops a due run. Out: the entries that this very write puts into
 *  `state.unrecorded`, so that each has its row whoever stores it, and the outcome from which row and news are made. Pure. */
import type { Job } from '../job/job.ts'
import { type Actor, type Outcome, recordedAgain, type Unrecorded, unrecordedOf } from '../job/outcome.ts'
import type { Order } from './order.ts'

/** A due time that does not run, and how late that was told. */
export interface Skip {
  readonly entry: Unrecorded
  /** In ms after the run time and its jitter. */
  readonly late: number
  /** The document that tells of it, where that is not the one after the write. */
  readonly job?: Job
}

/** What becomes of an order's run: it goes on, is skipped for want of room, or waits for room. */
export type How = 'run' | 'skip' | 'queue'

/** Who notes a skip, and when. */
export interface Noting {
  readonly by: Actor
  readonly now: number
  readonly newRunId: () => string
}

export interface SkipContext extends Noting {
  readonly jitterOf: (runTime: number) => number
}

/** With `coalesce` one entry stands for all times that are too late; without, each has its own. */
export function skipsOf(order: Order, how: How, context: SkipContext): readonly Skip[] {
  const { entry, missed, dropped, coalesced, runTime, scheduled, to } = order
  const { now, jitterOf } = context
  const skip = (time: number, status: 'missed' | 'max_instances', count: number): Skip => ({
    entry: unrecorded(entry.id, { time, status, scheduled, coalesced: count }, context),
    late: Math.max(0, now - time - jitterOf(time)),
  })
  const times = entry.coalesce ? missed.slice(-1) : missed
  return [
    ...(dropped === undefined ? [] : [droppedSkip(dropped, context)]),
    ...times.map(time => skip(time, 'missed', entry.coalesce ? coalesced : 1)),
    ...(how === 'skip' && runTime !== undefined ? [skip(to, 'max_instances', coalesced)] : []),
  ]
}

/** A due run that a new trigger dropped. */
export function droppedSkip({ job, due }: { readonly job: Job; readonly due: number }, context: Noting): Skip {
  const what = { time: due, status: 'missed', scheduled: true, coalesced: 1 } as const
  return { entry: unrecorded(job._id, what, context), late: context.now - due, job }
}

/** The end of a due time that did not run; `after`: the document as the write left it. */
export const skipped = ({ entry, late, job }: Skip, after: Job, now: number): Outcome => ({
  ...recordedAgain(entry, job ?? after, now),
  late,
})

function unrecorded(
  jobId: string,
  what: Pick<Outcome, 'status' | 'scheduled' | 'coalesced'> & { readonly time: number },
  { newRunId, by }: Noting,
): Unrecorded {
  const { time, ...rest } = what
  return unrecordedOf(jobId, { ...rest, run_id: newRunId(), run_time: new Date(time), attempt: 1 }, by)
}
