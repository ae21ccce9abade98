/** Run: performs what was claimed.
 *  In: a claim. Out: its outcome, never a rejection. A run is one value through named steps:
 *  wait for the start → take a place → look at edits, lease and lateness once more → perform → judge how it ended.
 *  It knows neither the database nor the schedule. */
import { after, breathe, type Clock, monotonicNow } from '../clock.ts'
import type { Executor, Run } from '../executor/executor.ts'
import { KILL_AFTER_MS } from '../executor/executor.ts'
import { failureOf } from '../executor/failure.ts'
import type { RunLog } from '../executor/run-log.ts'
import { type Claim, factsOf } from '../job/claim.ts'
import { isFailure, type Outcome } from '../job/outcome.ts'
import { type SpanEnd, type SpanFacts, traced } from '../tracing.ts'
import type { Abort, Book } from './book.ts'
import type { Instants } from './instants.ts'
import type { Places } from './places.ts'
import type { TakeBack } from './take-back.ts'

export interface Performing {
  readonly clock: Clock
  readonly instants: Pick<Instants, 'until'>
  readonly executor: Executor
  readonly book: Pick<Book, 'abort'>
  readonly places: Pick<Places, 'take' | 'leave'>
  /** Aborts when the run is to end. */
  readonly signal: AbortSignal
  readonly lease: { held(): boolean }
  /** Knows whether an edit takes the run back. */
  readonly takeBack: Pick<TakeBack, 'reason' | 'looked'>
}

/** The run has started: it is told, and from here on its lines are kept. */
export interface Started {
  readonly at: number
  /** In ms after the claim's time. */
  readonly late: number
}

/** An edit that was acknowledged so long before the due time counts, however late the stream tells of it. */
const COUNTS_MS = 50
/** The document of a run that was claimed before that is read so long before its time. */
const LOOK_MS = 45

/** The claim as its document is shortly before its time, where what the claim knows of it is older than the edits that count. */
async function lookedAt(claim: Claim, { instants, signal, takeBack }: Performing): Promise<Claim> {
  if (claim.seen === undefined || claim.seen >= claim.at - COUNTS_MS) return claim
  await instants.until(claim.at - LOOK_MS, signal)
  return signal.aborted ? claim : await takeBack.looked(claim)
}

/** Waits for the start, for which it takes a place; the outcome of a run that does not start, or when it did. */
export async function startOf(claimed: Claim, performing: Performing): Promise<Started | Outcome> {
  const { clock, instants, places, signal, takeBack } = performing
  const claim = await lookedAt(claimed, performing)
  await instants.until(claim.at, signal)
  // In a crowd, too, an edit that has come is heard before the start.
  await breathe()
  const place = places.take(claim.executor, signal)
  // Neither is awaited where there is nothing to wait for: between the last look and the start no event may come.
  if (place !== true && !(await place)) return unstarted(claim, signal.reason as Abort, clock.now())
  // Whoever has lost the lease asks for no edits: its run is another one's business by now.
  let refused = refusal(claim, performing)
  const reason = refused === undefined ? takeBack.reason(claim, signal) : undefined
  const message = reason && (await reason)
  if (message !== undefined) refused = unstarted(claim, { status: 'cancelled', message }, clock.now())
  refused ??= refusal(claim, performing)
  if (refused !== undefined) {
    places.leave(claim.executor)
    return refused
  }
  const now = clock.now()
  return { at: now, late: Math.max(0, now - claim.at) }
}

/** Performs a run that has started, until it ends or is left behind, and gives its place back. */
export async function perform(
  claim: Claim,
  started: Started,
  log: RunLog,
  { clock, executor, book, places, signal }: Performing,
): Promise<Outcome> {
  const { job, entry } = claim
  const run: Run = {
    id: entry.run_id,
    job,
    args: job.args ?? [],
    kwargs: job.kwargs ?? {},
    runTime: entry.run_time,
    attempt: factsOf(entry).attempt,
    signal,
    get log() {
      return log.logger
    },
    fence: claim.fence,
  }
  const { timeout } = job
  const tooLong = { status: 'timeout', message: `ran longer than its timeout of ${timeout} s` } as const
  const timer = timeout == null ? undefined : after(clock, timeout * 1000, () => book.abort(entry.run_id, tooLong))
  const begun = monotonicNow(clock)
  const ended = await traced(
    () => spanOf(claim, started),
    () => finish(executor, run, signal, clock),
    spanEndOf,
  )
  timer?.unsubscribe()
  const duration = Math.max(0, Math.round((monotonicNow(clock) - begun) * 1000) / 1000)
  places.leave(claim.executor, duration)
  const tail = log.tail()
  return {
    ...endOf(claim),
    ...ended,
    started: new Date(started.at),
    finished: new Date(clock.now()),
    duration,
    late: started.late,
    ...(tail !== '' && { log: tail }),
  }
}

/** What its trace says of a run that has started. */
const spanOf = ({ job, entry }: Claim, { late }: Started): SpanFacts => ({
  name: `run ${job.func}`,
  attributes: {
    'tidewheel.job.id': job._id,
    'tidewheel.run.id': entry.run_id,
    'tidewheel.run.attempt': factsOf(entry).attempt,
    'tidewheel.run.late_ms': late,
    'tidewheel.node.ip': entry.node,
  },
})

const spanEndOf = ({ status, error }: Ended): SpanEnd => ({
  attributes: { 'tidewheel.run.outcome': status },
  failure: isFailure(status) ? error : undefined,
})

/** The end of a claimed run that did not start. */
export const unstarted = (claim: Claim, { status, message }: Abort, now: number): Outcome => ({
  ...endOf(claim),
  status,
  error: { name: 'Aborted', message },
  finished: new Date(now),
  duration: 0,
  late: Math.max(0, now - claim.at),
})

const endOf = ({ job, entry, fence }: Claim) => ({ job, entry, fence, stands: 'running' as const })

/** The last look before the function starts. */
function refusal(claim: Claim, { clock, lease, signal }: Performing): Outcome | undefined {
  const isHeld = lease.held()
  // A process that was stopped before the lease was asked tells when it found out.
  const now = clock.now()
  if (signal.aborted) return unstarted(claim, signal.reason as Abort, now)
  if (!isHeld) {
    const message = 'the node lost its lease between the claim and the start'
    return { ...unstarted(claim, { status: 'interrupted', message }, now), error: { name: 'LeaseLost', message } }
  }
  const late = Math.max(0, now - claim.at)
  if (claim.grace === null || late <= claim.grace) return undefined
  return { ...endOf(claim), status: 'missed', finished: new Date(now), duration: 0, late }
}

type Ended = Pick<Outcome, 'status' | 'result' | 'error'>

/** How the function ended; one that was aborted, does not end and cannot be killed is left behind after a while. */
async function finish(executor: Executor, run: Run, signal: AbortSignal, clock: Clock): Promise<Ended> {
  let leave: { unsubscribe(): void } | undefined
  const abandoned = new Promise<never>((_, reject) => {
    if (executor.kills) return
    signal.addEventListener('abort', () => {
      leave = clock.schedule(() => reject(new Error('did not end after it was aborted')), KILL_AFTER_MS)
    })
  })
  try {
    const result = await Promise.race([executor.perform(run), abandoned])
    if (!signal.aborted) return { status: 'executed', result }
  } catch (error) {
    if (!signal.aborted) return { status: 'error', error: failureOf(error) }
  } finally {
    leave?.unsubscribe()
  }
  const { status, message } = signal.reason as Abort
  return { status, error: { name: status === 'timeout' ? 'Timeout' : 'Aborted', message } }
}
