/** Run: performs what was claimed.
 *  In: a claim. Out: the news that it started, then its outcome, never a rejection. A run is one value through named steps:
 *  wait for the start → look at lease and lateness once more → perform → settle.
 *  States: claimed → started → executed | error | timeout | cancelled | interrupted, or claimed → missed | cancelled.
 *  It knows neither the database nor the schedule. */
import type { Claim } from '../claim/claimed.ts'
import { after, type Clock, monotonicNow } from '../clock.ts'
import type { News } from '../event.ts'
import { type Executor, KILL_AFTER_MS, type Run } from '../executor/executor.ts'
import { failureOf } from '../executor/failure.ts'
import type { RunLog } from '../executor/run-log.ts'
import { graceMs, orderedGraceMs } from '../job/job.ts'
import type { Outcome, Status } from '../job/outcome.ts'

/** Why a run is aborted. */
export interface Abort {
  readonly status: Extract<Status, 'timeout' | 'cancelled' | 'interrupted'>
  readonly message: string
}

export interface RunContext {
  readonly clock: Clock
  readonly executor: Executor
  readonly log: () => RunLog
  /** Whether this node still holds its lease. */
  readonly mayStart: () => boolean
  readonly going: GoingRuns
  /** Gives the run's place back; called once, when the outcome was told. */
  readonly release: () => void
}

export async function* perform(claim: Claim, context: RunContext): AsyncGenerator<News | Outcome> {
  const { clock, going } = context
  const abort = going.enter(claim)
  try {
    await until(claim.at, clock, abort.signal)
    let outcome = refusal(claim, context, abort.signal)
    if (outcome === undefined) {
      const started = clock.now()
      const late = Math.max(0, started - claim.at)
      yield { type: 'run.started', ...identity(claim), attempt: claim.attempt, late }
      outcome = await settled(claim, context, abort, started)
    }
    yield outcome
  } finally {
    going.leave(claim.run_id)
    context.release()
  }
}

const identity = (claim: Claim) => ({ run_id: claim.run_id, job_id: claim.job._id, run_time: claim.runTime })

/** A clock that is set meanwhile counts after so long: what is claimed is due within moments. */
const WATCHFUL_MS = 100

/** Resolves at `at` by the clock, not before; at once when aborted. */
async function until(at: number, clock: Clock, signal: AbortSignal): Promise<void> {
  while (clock.now() < at && !signal.aborted) {
    await new Promise<void>(resolve => {
      const timer = clock.schedule(() => done(), Math.min(at - clock.now(), WATCHFUL_MS))
      const done = () => {
        timer.unsubscribe()
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done)
    })
  }
}

/** The last look before the function starts. */
function refusal(claim: Claim, context: RunContext, signal: AbortSignal): Outcome | undefined {
  const now = context.clock.now()
  const late = Math.max(0, now - claim.at)
  const unstarted = { ...base(claim), finished: new Date(now), duration: 0, late }
  if (signal.aborted) {
    const { status, message } = signal.reason as Abort
    return { ...unstarted, status, error: { name: 'Aborted', message } }
  }
  if (!context.mayStart()) {
    const message = 'the node lost its lease between the claim and the start'
    return { ...unstarted, status: 'interrupted', error: { name: 'LeaseLost', message } }
  }
  const grace = graceMs(claim.job)
  const allowed = claim.ordered ? orderedGraceMs(grace) : grace
  // What starts once more was in time when it started first.
  if ((claim.scheduled || claim.ordered) && claim.attempt === 1 && claim.reruns === undefined) {
    if (allowed !== null && late > allowed) return { ...unstarted, status: 'missed' }
  }
  return undefined
}

async function settled(claim: Claim, context: RunContext, abort: AbortController, started: number): Promise<Outcome> {
  const { clock } = context
  const { job } = claim
  const log = context.log()
  const run: Run = {
    id: claim.run_id,
    job,
    args: job.args ?? [],
    kwargs: job.kwargs ?? {},
    runTime: claim.runTime,
    attempt: claim.attempt,
    signal: abort.signal,
    get log() {
      return log.logger
    },
    fence: claim.fence,
  }
  const timeout = job.timeout
  const tooLong = { status: 'timeout', message: `ran longer than its timeout of ${timeout} s` }
  const timer = timeout == null ? undefined : after(clock, timeout * 1000, () => abort.abort(tooLong))
  const begun = monotonicNow(clock)
  const ended = await finish(context.executor, run, abort.signal, clock)
  timer?.unsubscribe()
  const duration = Math.max(0, Math.round((monotonicNow(clock) - begun) * 1000) / 1000)
  const tail = log.tail()
  return {
    ...base(claim),
    ...ended,
    started: new Date(started),
    finished: new Date(clock.now()),
    duration,
    late: Math.max(0, started - claim.at),
    ...(tail !== '' && { log: tail }),
  }
}

/** How the function ended; one that was aborted, does not end and cannot be killed is left behind after a while. */
async function finish(
  executor: Executor,
  run: Run,
  signal: AbortSignal,
  clock: Clock,
): Promise<Pick<Outcome, 'status' | 'result' | 'error'>> {
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

const base = (claim: Claim) => ({
  run_id: claim.run_id,
  job: claim.job,
  run_time: claim.runTime,
  scheduled: claim.scheduled,
  attempt: claim.attempt,
  coalesced: claim.coalesced,
  fence: claim.fence,
  claimed: claim.claimed,
  entered: true,
})

/** The runs going on here: who they are, and the handle that aborts them. */
export class GoingRuns {
  readonly #runs = new Map<string, { readonly claim: Claim; readonly abort: AbortController }>()

  get size(): number {
    return this.#runs.size
  }

  has(runId: string): boolean {
    return this.#runs.has(runId)
  }

  enter(claim: Claim): AbortController {
    const abort = new AbortController()
    this.#runs.set(claim.run_id, { claim, abort })
    return abort
  }

  leave(runId: string): void {
    this.#runs.delete(runId)
  }

  /** Runs of one job, longest going first. */
  of(jobId: string): readonly Claim[] {
    return [...this.#runs.values()].filter(run => run.claim.job._id === jobId).map(run => run.claim)
  }

  /** Aborts one run; false: it is not going on here. */
  abort(runId: string, why: Abort): boolean {
    const run = this.#runs.get(runId)
    if (run === undefined) return false
    if (!run.abort.signal.aborted) run.abort.abort(why)
    return true
  }

  abortAll(why: Abort): void {
    for (const id of [...this.#runs.keys()]) this.abort(id, why)
  }
}
