/** Recovery: what becomes of entries in `state.running` whose runs no longer go on.
 *  In: a document of this node, or of one that is dead. Out: what followed for each dead entry, as it comes: taken out, interrupted,
 *  or claimed once more (an attempt that waited for its retry or was due one, or a run whose owner asked for `on_interrupt: "rerun"`),
 *  by one guarded update each, so that of many takers one wins. What is to go on waits for a node that has the job and can run it.
 *  A run that keeps killing its node is given up after three reruns, and its job is paused; what only waited has not died. */
import type { Executor } from '../executor/executor.ts'
import { problemsOf } from '../executor/executors.ts'
import { type Claim, fenceOf, rerunsOf } from '../job/claim.ts'
import { JOB_DEFAULTS, type Job, type RunningEntry } from '../job/job.ts'
import { type Outcome, recordedAgain, type Unrecorded, unrecordedIn } from '../job/outcome.ts'
import { GIVEN_UP, rerunsAfter, retryAt } from '../job/retry.ts'
import { soundOf } from '../job/sound.ts'
import { clearWrite, recordedWrite, rerunWrite } from '../protocol/end.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Book } from '../run/book.ts'
import { type Dead, deadEntries, isOurs, type SweepContext } from './dead-entries.ts'

export interface RecoveryContext extends Omit<SweepContext, 'by'> {
  readonly writer: Pick<Writer, 'take' | 'write' | 'find' | 'by'>
  readonly book: Pick<Book, 'has' | 'newId' | 'forget'>
  /** What this node has to run a job. */
  readonly executors: ReadonlyMap<string, Executor>
}

export type Recovered =
  /** Only the entry went: its run had ended, or it was copied from another job. */
  | { readonly type: 'cleared' }
  /** To be stored like any other end of a run. */
  | { readonly type: 'interrupted' | 'unrecorded'; readonly outcome: Outcome }
  /** Claimed once more. */
  | { readonly type: 'again'; readonly claim: Claim }

/** How a dead entry goes on. */
interface Next {
  readonly attempt: number
  readonly reruns: number
  /** Absent: as soon as it is due. */
  readonly at?: Date
}

/** One entry after the other; what fails with one keeps no other, and is thrown at the end. */
export async function* recover(document: Job, context: RecoveryContext): AsyncGenerator<Recovered> {
  const { job } = soundOf(document)
  const sweep = { ...context, by: context.writer.by }
  const errors: unknown[] = []
  for (const dead of await deadEntries(job, job.state?.running ?? [], sweep)) {
    try {
      yield* recoverOne(job, dead, context)
    } catch (error) {
      errors.push(error)
    }
  }
  for (const dead of await deadEntries(job, unrecordedIn(job), sweep)) {
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
  { clock, writer }: RecoveryContext,
): Promise<Recovered> {
  if (!copied && row === undefined) return { type: 'unrecorded', outcome: recordedAgain(entry, job, clock.now()) }
  await writer.write(recordedWrite(job._id, entry.run_id))
  return { type: 'cleared' }
}

async function* recoverOne(job: Job, dead: Dead, context: RecoveryContext): AsyncGenerator<Recovered> {
  const { clock, executors, writer } = context
  const { entry, row, copied } = dead
  const ours = isOurs(entry, writer.by)
  const next = copied ? undefined : nextOf(job, dead, ours, clock.now())
  if (next !== undefined) {
    // It waits for the node that gets the job, and has what it needs; only we can tell that a run of ours is none.
    if ((job.ip !== writer.by.ip && !ours) || problemsOf(job, executors).length > 0) return
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
      yield { type: 'interrupted', outcome: interrupted(job, entry, true, clock.now()) }
    if (again === undefined) throw failure
    yield again
  } else if (copied || row !== undefined) {
    await writer.write(clearWrite(job._id, entry.run_id))
    yield { type: 'cleared' }
  } else yield { type: 'interrupted', outcome: interrupted(job, entry, false, clock.now()) }
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
  // A run that this process claimed and does not perform, and of which it has told nothing, never started.
  const after = rerunsAfter(reruns, !ours || row !== undefined)
  return after === undefined ? undefined : { attempt, reruns: after }
}

/** Takes a dead entry over, to be run at its time; undefined: somebody else did, or the job has changed. */
async function claimAgain(
  job: Job,
  dead: RunningEntry,
  { attempt, reruns, at }: Next,
  ours: boolean,
  { book, clock, writer }: RecoveryContext,
): Promise<Recovered | undefined> {
  const { ip, incarnation } = writer.by
  // Not before its time: it may have been claimed by a clock that was ahead.
  const soonest = () => Math.max(clock.now(), dead.run_time.getTime())
  const entry = {
    ...dead,
    run_id: book.newId(),
    claimed: new Date(clock.now()),
    node: ip,
    incarnation,
    attempt,
    // Until it starts its node may die without interrupting anything.
    retry_at: at ?? new Date(soonest()),
    ...(reruns > 0 && { reruns }),
  } as RunningEntry
  // A run that was claimed here goes on here, wherever its job is now.
  const taken = await writer.take(rerunWrite(job, dead, entry, ours ? undefined : ip))
  const after = taken.type === 'done' ? taken.job : await found(job._id, entry.run_id, writer)
  if (after !== null) {
    const executor = after.executor ?? JOB_DEFAULTS.executor
    const start = at?.getTime() ?? soonest()
    return { type: 'again', claim: { job: after, entry, at: start, grace: null, executor, fence: fenceOf(after) } }
  }
  book.forget(entry.run_id)
  if (taken.type === 'done') return undefined
  throw taken.error
}

/** The answer was lost: the entry tells whether the write came. Until somebody knows, it is nobody's. */
async function found(jobId: string, run_id: string, writer: RecoveryContext['writer']): Promise<Job | null> {
  try {
    return await writer.find({ _id: jobId, 'state.running.run_id': run_id })
  } catch {
    return null
  }
}

const interrupted = (job: Job, entry: RunningEntry, rerun: boolean, now: number): Outcome => ({
  job,
  entry,
  status: 'interrupted',
  finished: new Date(now),
  duration: 0,
  late: 0,
  error: { name: 'Interrupted', message: `node ${entry.node} ended while the run went on` },
  lost: true,
  rerun,
  // After a rerun the entry is the new run's.
  ...(!rerun && { stands: 'running' as const }),
  ...(!rerun && job.on_interrupt === 'rerun' && { given_up: GIVEN_UP }),
})
