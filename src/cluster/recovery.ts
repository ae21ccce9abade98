/** Recovery: what becomes of entries in `state.running` whose runs no longer go on.
 *  In: a document of this node, or of one that is dead. Out: what followed for each dead entry, as it comes: taken out, interrupted,
 *  or claimed once more (an attempt that waited for its retry or was due one, or a run whose owner asked for `on_interrupt: "rerun"`),
 *  by one guarded update each, so that of many takers one wins. What is to go on waits for a node that has the job and can run it.
 *  A run that keeps killing its node is given up after three reruns, and its job is paused; what only waited has not died. */
import { type Collection, Timestamp } from 'mongodb'
import type { Execution } from '../history/rows.ts'
import type { Job, RunningEntry } from '../job/job.ts'
import { type Outcome, recordedAgain, recordedOf, type Unrecorded, unrecordedIn } from '../job/outcome.ts'
import { retryAt } from '../job/retry.ts'
import { soundOf } from '../job/sound.ts'
import { type Dead, deadEntries, isOurs, type SweepContext } from './sweep.ts'

export interface RecoveryContext extends SweepContext {
  readonly jobs: Collection<Job>
  readonly executions: Collection<Execution>
  readonly freshTouch: () => string
  readonly newRunId: () => string
  readonly forgetRun: (runId: string) => void
  /** Whether this node has what the job needs to run. */
  readonly mayRun: (job: Job) => boolean
}

export type Recovered =
  /** Only the entry went: its run had ended, or it was copied from another job. */
  | { readonly type: 'cleared' }
  /** To be stored like any other end of a run. */
  | { readonly type: 'interrupted' | 'unrecorded'; readonly outcome: Outcome }
  /** Claimed once more: to be performed at `at`. */
  | {
      readonly type: 'again'
      readonly job: Job
      readonly entry: RunningEntry
      readonly at: number
      readonly fence: bigint
    }

/** How a dead entry goes on. */
interface Next {
  readonly attempt: number
  readonly reruns: number
  /** Absent: as soon as it is due. */
  readonly at?: Date
}

const MOST_RERUNS = 3
export const GIVEN_UP = `on_interrupt: its node died ${MOST_RERUNS + 1} times while it ran`

/** How many starts of a run have died when it starts once more; undefined: it is given up. */
export function rerunsAfter(reruns: number, died: boolean): number | undefined {
  if (!died) return reruns
  return reruns < MOST_RERUNS ? reruns + 1 : undefined
}

export const rerunsOf = (entry: RunningEntry | undefined): number =>
  typeof entry?.reruns === 'number' ? entry.reruns : 0

/** One entry after the other; what fails with one keeps no other, and is thrown at the end. */
export async function* recover(document: Job, context: RecoveryContext): AsyncGenerator<Recovered> {
  const { job } = soundOf(document)
  const errors: unknown[] = []
  for (const dead of await deadEntries(job, job.state?.running ?? [], context)) {
    try {
      yield* recoverOne(job, dead, context)
    } catch (error) {
      errors.push(error)
    }
  }
  for (const dead of await deadEntries(job, unrecordedIn(job), context)) {
    try {
      yield await recordOne(job, dead, context)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

/** A row that nobody stores any more is stored by us, unless it is there. */
async function recordOne(
  job: Job,
  { entry, row, copied }: Dead<Unrecorded>,
  context: RecoveryContext,
): Promise<Recovered> {
  const { jobs, freshTouch, now } = context
  if (!copied && row === undefined) return { type: 'unrecorded', outcome: recordedAgain(entry, job, now()) }
  const { filter, update } = recordedOf(job._id, entry.run_id, freshTouch())
  await jobs.updateOne(filter as never, update as never)
  return { type: 'cleared' }
}

async function* recoverOne(job: Job, dead: Dead, context: RecoveryContext): AsyncGenerator<Recovered> {
  const { entry, row, copied } = dead
  const ours = isOurs(entry, context)
  const next = copied ? undefined : nextOf(job, dead, ours, context.now())
  if (next !== undefined) {
    // It waits for the node that gets the job, and has what it needs; only we can tell that a run of ours is none.
    if ((job.ip !== context.ip && !ours) || !context.mayRun(job)) return
    let again: Recovered | undefined
    let failure: unknown
    try {
      again = await claimAgain(job, entry, next, ours, context)
      if (again === undefined) return
    } catch (error) {
      failure = error
    }
    // Between two starts nothing ran: nothing was interrupted. Where the write may still come the entry is the new run's then, which
    // tells nothing of this one; where it does not, the entry and its row say what is to be done.
    if (row === undefined && entry.retry_at === undefined)
      yield { type: 'interrupted', outcome: interrupted(job, entry, true, context) }
    if (again === undefined) throw failure
    yield again
  } else if (copied || row !== undefined) {
    await clear(job, entry, context)
    yield { type: 'cleared' }
  } else yield { type: 'interrupted', outcome: interrupted(job, entry, false, context) }
}

/** How the entry goes on; undefined: its run is over. */
function nextOf(job: Job, { entry, row }: Dead, ours: boolean, now: number): Next | undefined {
  const { attempt, retry_at, run_id } = entry
  const reruns = rerunsOf(entry)
  if (row === undefined && retry_at !== undefined) return { attempt, reruns, at: retry_at }
  // Its node died, or said how it ended and died before it could say that it goes on.
  if (row !== undefined && row.status !== 'interrupted') {
    const at = retryAt(job, { status: row.status, attempt, run_id }, row.finished?.getTime() ?? now)
    return at === undefined ? undefined : { attempt: attempt + 1, reruns, at: new Date(at) }
  }
  if (job.on_interrupt !== 'rerun') return undefined
  // What this process claimed and does not run, and of which it has told nothing, never started.
  const after = rerunsAfter(reruns, !ours || row !== undefined)
  return after === undefined ? undefined : { attempt, reruns: after }
}

async function clear(job: Job, { run_id }: RunningEntry, { jobs, freshTouch }: RecoveryContext): Promise<void> {
  const update = { $pull: { 'state.running': { run_id } }, $set: { touch: freshTouch() } }
  await jobs.updateOne({ _id: job._id, 'state.running.run_id': run_id } as never, update as never)
}

/** Takes a dead entry over, to be run at its time; undefined: somebody else did, or the job has changed. */
async function claimAgain(
  job: Job,
  dead: RunningEntry,
  { attempt, reruns, at }: Next,
  ours: boolean,
  context: RecoveryContext,
): Promise<Recovered | undefined> {
  const { jobs, ip, incarnation, now, newRunId, forgetRun, freshTouch } = context
  // Not before its time: it may have been claimed by a clock that was ahead.
  const soonest = () => Math.max(now(), dead.run_time.getTime())
  const entry = {
    ...dead,
    run_id: newRunId(),
    claimed: new Date(now()),
    node: ip,
    incarnation,
    attempt,
    // Until it starts its node may die without interrupting anything.
    retry_at: at ?? new Date(soonest()),
    ...(reruns > 0 && { reruns }),
  } as RunningEntry
  const guard = {
    _id: job._id,
    // A run that was claimed here goes on here, wherever its job is now.
    ...(!ours && { ip }),
    executor: job.executor === undefined ? { $exists: false } : job.executor,
    'state.running': { $elemMatch: { run_id: dead.run_id, incarnation: dead.incarnation } },
  }
  const update = {
    $set: { 'state.running.$': entry, touch: freshTouch() },
    $currentDate: { 'state.fence': { $type: 'timestamp' } },
  }
  const after = await jobs
    .findOneAndUpdate(guard as never, update as never, { returnDocument: 'after' })
    .catch(async (error: unknown) => {
      // The answer was lost: the entry tells whether the write came. Until somebody knows, it is nobody's.
      const found = await jobs
        .findOne({ _id: job._id, 'state.running.run_id': entry.run_id } as never, {
          readConcern: { level: 'majority' },
        })
        .catch(() => null)
      if (found !== null) return found
      forgetRun(entry.run_id)
      throw error
    })
  if (after === null) {
    forgetRun(entry.run_id)
    return undefined
  }
  const fence = after.state?.fence instanceof Timestamp ? after.state.fence.toBigInt() : 0n
  return { type: 'again', job: after, entry, at: at?.getTime() ?? soonest(), fence }
}

function interrupted(job: Job, entry: RunningEntry, rerun: boolean, context: RecoveryContext): Outcome {
  const { run_id, run_time, claimed, attempt, node } = entry
  return {
    run_id,
    job,
    status: 'interrupted',
    run_time,
    scheduled: entry.ordered !== true,
    attempt,
    coalesced: entry.coalesced ?? 1,
    claimed,
    finished: new Date(context.now()),
    duration: 0,
    late: 0,
    error: { name: 'Interrupted', message: `node ${node} ended while the run went on` },
    lost_node: node,
    rerun,
    // After a rerun the entry is the new run's.
    entered: !rerun,
    ...(!rerun && job.on_interrupt === 'rerun' && { given_up: GIVEN_UP }),
  }
}
