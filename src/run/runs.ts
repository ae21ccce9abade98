/** Runs: performs what was claimed, and sees to it that each end is told and stored.
 *  In: claims whose time has come, and ends of runs that others know of (a due time that was skipped, a run whose node died).
 *  Out: events, and ends in the history and in the document; a run that goes on after its end waits in the book for its next start. */
import { type Clock, turnOver } from '../clock.ts'
import type { News } from '../event.ts'
import type { Executor } from '../executor/executor.ts'
import { unknownExecutor } from '../executor/executors.ts'
import { type RunLog, runLog } from '../executor/run-log.ts'
import type { Finishes } from '../history/finish.ts'
import type { Live } from '../history/live.ts'
import { type Claim, factsOf, rerunsOf, runOf } from '../job/claim.ts'
import { JOB_DEFAULTS } from '../job/job.ts'
import { newsOf, type Outcome } from '../job/outcome.ts'
import { GIVEN_UP, rerunsAfter, retryAt } from '../job/retry.ts'
import { type Logger, runLogger } from '../log.ts'
import { beginWrite } from '../protocol/claim.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Memory } from '../wheel/memory.ts'
import type { Book } from './book.ts'
import { Instants } from './instants.ts'
import type { Places } from './places.ts'
import { perform, startOf } from './run.ts'
import type { TakeBack } from './take-back.ts'

export interface RunsOptions {
  readonly book: Book
  readonly places: Pick<Places, 'admit' | 'dismiss' | 'take' | 'leave'>
  readonly executors: ReadonlyMap<string, Executor>
  readonly lease: { held(): boolean }
  readonly takeBack: Pick<TakeBack, 'reason' | 'looked'>
  readonly writer: Pick<Writer, 'send' | 'findAll' | 'by'>
  readonly finishes: Pick<Finishes, 'push'>
  readonly live: Pick<Live, 'started' | 'ended'>
  readonly memory: Pick<Memory, 'wake'>
  readonly follower: { read(id: string): void }
  /** Due times are judged by it. */
  readonly clock: Clock
  readonly logger: Logger
  readonly emit: (news: News) => void
}

/** A run whose start could not be asked for waits so long before it is asked for again. */
const AGAIN_MS = 2_000

export class Runs {
  readonly #options: RunsOptions
  readonly #instants: Instants

  constructor(options: RunsOptions) {
    this.#options = options
    this.#instants = new Instants(options.clock)
  }

  /** Performs a claimed run, at its time. */
  start(claim: Claim): void {
    const { attempt, coalesced, scheduled } = factsOf(claim.entry)
    const { fence } = claim
    if (attempt === 1) this.#options.emit({ type: 'run.claimed', ...runOf(claim), fence, coalesced, scheduled })
    void this.#perform(this.#placed(claim))
  }

  /** Performs runs that waited, for a next attempt or a second start, and whose time has come: once their documents say that they start,
   *  so that the death of this node interrupts them. */
  async begin(now: number): Promise<void> {
    const { book, clock, follower, places } = this.#options
    const claims = book.takeDue(now)
    if (claims.length === 0) return
    const begun = await this.#begun(claims)
    for (const claim of claims) {
      const { run_id } = claim.entry
      if (begun?.has(run_id) === true) {
        this.start(claim)
        continue
      }
      places.dismiss(claim.executor)
      if (begun === undefined) {
        book.wait({ ...claim, at: clock.now() + AGAIN_MS })
        continue
      }
      book.forget(run_id)
      // What stands there instead is perhaps for this node to deal with.
      follower.read(claim.job._id)
    }
  }

  /** Tells how a run ended, and has it stored. */
  settle(outcome: Outcome): void {
    const { book, emit, finishes, live, memory } = this.#options
    const { run_id } = outcome.entry
    live.ended(run_id)
    emit(newsOf(outcome))
    const stored = finishes.push(outcome)
    book.ended(run_id, outcome.job._id, stored)
    void stored.then(() => {
      book.stored(run_id)
      if (outcome.stands !== 'running') return
      memory.wake(outcome.job._id)
    })
  }

  async #perform(claim: Claim): Promise<void> {
    const { book, clock, emit, executors, lease, live, places, takeBack } = this.#options
    const executor = executors.get(claim.executor) ?? unknownExecutor(claim.executor)
    const signal = book.enter(claim)
    const performing = { clock, instants: this.#instants, executor, book, places, lease, takeBack, signal }
    let outcome = await startOf(claim, performing)
    if (!('status' in outcome)) {
      const started = outcome
      emit({ type: 'run.started', ...runOf(claim), attempt: factsOf(claim.entry).attempt, late: started.late })
      const log = this.#logOf(claim)
      live.started(claim, started.late, log)
      outcome = await perform(claim, started, log, performing)
      // Others that are due now start before this end is told and stored.
      await turnOver()
    }
    this.#end(claim, outcome)
  }

  /** The end of a claimed run: another may be claimed in its stead, and it may go on later. */
  #end(claim: Claim, ended: Outcome): void {
    const { book, emit, places } = this.#options
    const next = this.#nextOf(claim, ended)
    const outcome = { ...ended, ...next?.end }
    this.settle(outcome)
    places.dismiss(claim.executor)
    const again = next?.claim
    if (again === undefined) return
    void book.storing(claim.job._id)?.then(() => {
      // The document knows of it now.
      if (again.entry.attempt > claim.entry.attempt) {
        const error = outcome.error ?? { name: 'Error', message: 'failed' }
        const { attempt } = again.entry
        emit({ type: 'run.retrying', ...runOf(again), attempt, retry_at: new Date(again.at), error })
      }
      book.wait(again)
    })
  }

  /** A failed attempt names the next one, and an interrupted run its next start, if its job asks for that. Where this node does not come
   *  to it, the entry waits for the next owner. */
  #nextOf(
    claim: Claim,
    { status, started }: Outcome,
  ): { readonly end: Partial<Outcome>; readonly claim?: Claim } | undefined {
    const { book, clock } = this.#options
    const { job, entry } = claim
    const now = clock.now()
    const at = retryAt(job, { ...entry, status }, now)
    if (at !== undefined) {
      const run_id = book.newId()
      const again = { ...unrevoked(claim), at, entry: { ...entry, run_id, attempt: entry.attempt + 1 } }
      return { end: { next: { run_id, at: new Date(at) } }, claim: again }
    }
    if (status !== 'interrupted' || job.on_interrupt !== 'rerun') return undefined
    const reruns = rerunsAfter(rerunsOf(entry), started !== undefined)
    if (reruns === undefined) return { end: { given_up: GIVEN_UP } }
    const run_id = book.newId()
    const soonest = Math.max(now, claim.at)
    const again = { ...unrevoked(claim), at: soonest, entry: { ...entry, run_id, reruns } }
    return { end: { rerun: true, next: { run_id, at: new Date(soonest), reruns } }, claim: again }
  }

  /** Somebody may have given the job another executor before the claim: its run is admitted there then, also where it is one too many,
   *  for it is claimed. */
  #placed(claim: Claim): Claim {
    const { places } = this.#options
    const executor = claim.job.executor ?? JOB_DEFAULTS.executor
    if (executor === claim.executor) return claim
    places.admit(executor)
    places.dismiss(claim.executor)
    return { ...claim, executor }
  }

  /** Of claims that waited, those whose documents say that they start; undefined: the database does not tell. */
  async #begun(claims: readonly Claim[]): Promise<ReadonlySet<string> | undefined> {
    const { writer } = this.#options
    const runs = claims.map(({ entry }) => entry.run_id)
    const writes = claims.map(({ job, entry }) => beginWrite(job._id, entry.run_id, writer.by))
    const sent = await writer.send(writes)
    if (sent.failure !== undefined) return undefined
    if (sent.matched === claims.length) return new Set(runs)
    try {
      const found = await writer.findAll({
        _id: { $in: claims.map(claim => claim.job._id) },
        'state.running.run_id': { $in: runs },
      })
      const entries = found.flatMap(job => job.state?.running ?? [])
      return new Set(entries.filter(entry => entry.incarnation === writer.by.incarnation).map(entry => entry.run_id))
    } catch {
      // Asked again with the next try of the same start.
      return undefined
    }
  }

  #logOf({ job, entry: { run_id } }: Claim): RunLog {
    return runLog(keep => runLogger(this.#options.logger, { job_id: job._id, run_id }, keep))
  }
}

/** A next start may be late, and no edit takes it back: its run has started before. */
function unrevoked({ since: _, seen: __, by: ___, ...claim }: Claim): Claim {
  return { ...claim, grace: null }
}
