/** Recovery: what becomes of entries in `state.running` whose runs no longer go on.
 *  In: a document of this node, or of one that is dead. Out: what followed for each dead entry: taken out, interrupted, or claimed once more (an attempt that
 *  waited for its retry, or a run whose owner asked for `on_interrupt: "rerun"`), by one guarded update each, so that of many
 *  takers one wins. A run that keeps killing its node is given up after three reruns, and its job is paused. */
import { type Collection, Timestamp } from 'mongodb'
import type { Execution } from '../history/rows.ts'
import type { Job, RunningEntry } from '../job/job.ts'
import type { Outcome } from '../job/outcome.ts'
import { type Dead, deadEntries, type SweepContext } from './sweep.ts'

export interface RecoveryContext extends SweepContext {
  readonly jobs: Collection<Job>
  readonly executions: Collection<Execution>
  readonly freshTouch: () => string
  readonly newRunId: () => string
  readonly forgetRun: (runId: string) => void
}

export type Recovered =
  /** Only the entry went: its run had ended, or it was copied from another job. */
  | { readonly type: 'cleared' }
  /** To be stored like any other end of a run. */
  | { readonly type: 'interrupted'; readonly outcome: Outcome }
  /** Claimed once more: to be performed at `at`. */
  | {
      readonly type: 'again'
      readonly job: Job
      readonly entry: RunningEntry
      readonly at: number
      readonly fence: bigint
    }

const MOST_RERUNS = 3

export async function recover(job: Job, context: RecoveryContext): Promise<readonly Recovered[]> {
  const recovered: Recovered[] = []
  for (const dead of await deadEntries(job, context)) recovered.push(...(await recoverOne(job, dead, context)))
  return recovered
}

async function recoverOne(
  job: Job,
  { entry, finished, copied }: Dead,
  context: RecoveryContext,
): Promise<readonly Recovered[]> {
  if (finished || copied) {
    await clear(job, entry, context)
    return [{ type: 'cleared' }]
  }
  // What is to run once more is left to the node that gets the job; only we can tell that a run of ours is none.
  const owned = job.ip === context.ip
  const ours = entry.incarnation === context.incarnation()
  if (!owned && !ours && (entry.retry_at !== undefined || job.on_interrupt === 'rerun')) return []
  // Between two attempts nothing ran: nothing was interrupted.
  if (owned && entry.retry_at !== undefined) {
    const again = await claimAgain(job, entry, context, entry.retry_at)
    return again === undefined ? [] : [again]
  }
  const reruns = rerunsOf(entry)
  const rerun = owned && job.on_interrupt === 'rerun' && reruns < MOST_RERUNS
  const again = rerun ? await claimAgain(job, { ...entry, reruns: reruns + 1 } as RunningEntry, context) : undefined
  if (rerun && again === undefined) return []
  if (owned && job.on_interrupt === 'rerun' && !rerun) await giveUp(job, context)
  return [
    { type: 'interrupted', outcome: interrupted(job, entry, again !== undefined, context) },
    ...(again ? [again] : []),
  ]
}

async function clear(job: Job, { run_id }: RunningEntry, { jobs, freshTouch }: RecoveryContext): Promise<void> {
  const update = { $pull: { 'state.running': { run_id } }, $set: { touch: freshTouch() } }
  await jobs.updateOne({ _id: job._id, 'state.running.run_id': run_id } as never, update as never)
}

/** Takes a dead entry over, to be run `at` that time or else as soon as it is due; undefined: somebody else did. */
async function claimAgain(
  job: Job,
  dead: RunningEntry,
  context: RecoveryContext,
  at?: Date,
): Promise<Recovered | undefined> {
  const { jobs, ip, incarnation, now, newRunId, forgetRun, freshTouch } = context
  const entry: RunningEntry = {
    ...dead,
    run_id: newRunId(),
    claimed: new Date(now()),
    node: ip,
    incarnation: incarnation(),
  }
  const guard = {
    _id: job._id,
    ip,
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
        .findOne({ _id: job._id, 'state.running.run_id': entry.run_id } as never)
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
  // Not before its time: it may have been claimed by a clock that was ahead.
  const soonest = Math.max(now(), entry.run_time.getTime())
  return { type: 'again', job: after, entry, at: at?.getTime() ?? soonest, fence }
}

async function giveUp(job: Job, { jobs, ip, freshTouch }: RecoveryContext): Promise<void> {
  const reason = `on_interrupt: its node died ${MOST_RERUNS + 1} times while it ran`
  const update = { $set: { next_run_time: null, 'state.paused_by': reason, touch: freshTouch() } }
  const { next_run_time } = job
  if (next_run_time instanceof Date) await jobs.updateOne({ _id: job._id, ip, next_run_time }, update as never)
}

const rerunsOf = (entry: RunningEntry) => (typeof entry.reruns === 'number' ? entry.reruns : 0)

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
  }
}
