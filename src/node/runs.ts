/** Runs: what this node claimed, until its end is stored.
 *  In: won claims, runs that waited for their second start, documents with entries of runs that no longer go on, requests to
 *  abort. Out: news and outcomes; the outcomes come back by `settle`, which has them stored.
 *  Holds: a place is taken before a run starts and given back when it ends; what is `mine` is no dead entry; a job's run counts
 *  as open until its end is stored. */
import { ObjectId } from 'mongodb'
import { EMPTY, from, map, mergeMap, type Observable } from 'rxjs'
import { begin } from '../claim/begin.ts'
import type { Claim, Claimed } from '../claim/claimed.ts'
import { type Clock, monotonicNow, systemClock, wait } from '../clock.ts'
import type { Lease } from '../cluster/lease.ts'
import { GIVEN_UP, type Recovered, recover, rerunsAfter, rerunsOf } from '../cluster/recovery.ts'
import type { Seen } from '../cluster/registry.ts'
import type { Collections } from '../database/database.ts'
import type { News } from '../event.ts'
import type { Executor } from '../executor/executor.ts'
import { problemsOf, unknownExecutor } from '../executor/executors.ts'
import { runLog } from '../executor/run-log.ts'
import { Finishes } from '../history/finish.ts'
import { Live } from '../history/live.ts'
import { rowOf, startedRow, storeRows } from '../history/rows.ts'
import { JOB_DEFAULTS, type Job } from '../job/job.ts'
import { type Entered, enteredIn, newsOf, type Outcome } from '../job/outcome.ts'
import { retryAt } from '../job/retry.ts'
import { type Logger, runLogger } from '../log.ts'
import { Later } from '../run/later.ts'
import { Places } from '../run/places.ts'
import { type Abort, GoingRuns, perform } from '../run/run.ts'

export interface RunsOptions {
  readonly collections: Collections
  readonly ip: string
  /** As one incarnation holds it: never that of a later one of the same process. */
  readonly lease: Pick<Lease, 'incarnation' | 'held'>
  readonly executors: ReadonlyMap<string, Executor>
  /** Due times are judged by it. */
  readonly clock: Clock
  readonly logger: Logger
  readonly emit: (news: News) => void
  readonly freshTouch: () => string
  /** Waits before a failed write is tried again; rejects when the node ends. */
  readonly pause: (attempt: number) => Promise<void>
  /** Has the document read again. */
  readonly reread: (id: string) => void
  /** Something may be due earlier than it was. */
  readonly poke: () => void
  /** A place is free again. */
  readonly freed: () => void
  /** The end of a run of the job is stored: what waited for it may have room. */
  readonly ended: (id: string) => void
  readonly isBurst: () => boolean
  readonly isHeld: (id: string) => boolean
  readonly overBy: (job: Outcome['job']) => Job['trigger'] | undefined
}

/** A run whose start could not be asked for waits so long before it is asked for again. */
const AGAIN_MS = 2_000
/** So long after a claim was given up what came of it is looked at once more; while its job is not there, less and less often. */
const DOUBT_MS = 10_000
const LONGEST_DOUBT_MS = 600_000

/** A request to abort runs of a job, and how many run ids had been made here when it became known. */
interface Request {
  readonly run: string
  readonly made: number
}

export class Runs {
  readonly #options: RunsOptions
  readonly #going = new GoingRuns()
  readonly #places: Places
  readonly #finishes: Finishes
  readonly #live: Live
  readonly #later: Later<Claim>
  /** Claimed by this process, and their end is not stored. */
  readonly #mine = new Map<string, number>()
  /** Run ids that were made so far: `#mine` says of each which one it is. */
  #made = 0
  /** Next attempts, by the run whose end is being stored. */
  readonly #attempts = new Map<string, Claim>()
  /** Performed here and not stored, and how many there are of each job. */
  readonly #counted = new Set<string>()
  readonly #open = new Map<string, { readonly runs: number; readonly since: number }>()
  /** Entries of other incarnations in jobs of this node, as their documents showed them last. */
  readonly #others = new Map<string, readonly Entered[]>()
  /** The latest sweep of each job that is under way. */
  readonly #sweeps = new Map<string, Promise<boolean>>()
  /** What jobs' documents ask to abort, from when that is known here until it is known to be gone from there. */
  readonly #requests = new Map<string, Request>()
  /** Oldest runs whose abort is being asked for. */
  readonly #asking = new Set<string>()
  #quiet: (() => void)[] = []
  #closed = false

  constructor(options: RunsOptions) {
    const { collections, clock, executors, ip, lease, reread } = options
    this.#options = options
    this.#places = new Places(new Map([...executors].map(([name, executor]) => [name, executor.places])))
    this.#finishes = new Finishes({
      ...options,
      jobs: collections.jobs,
      wait,
      storeRows: outcomes =>
        storeRows(
          collections.executions,
          outcomes.map(outcome => rowOf(outcome, outcome.lost_node ?? ip, new Date(clock.now()))),
        ),
      paused: reread,
      refused: (id, error) => this.#refused(id, error),
      actor: () => ({ ip, incarnation: lease.incarnation }),
    })
    this.#live = new Live(collections.executions, clock)
    this.#later = new Later(clock.now())
  }

  /** How many go on. */
  get size(): number {
    return this.#going.size
  }

  free(executor: string): number {
    return this.#places.free(executor)
  }

  take(executor: string): void {
    this.#places.take(executor)
  }

  release(executor: string): void {
    this.#places.release(executor)
    this.#options.freed()
    if (this.#going.size > 0 || this.#places.taken > 0) return
    for (const done of this.#quiet.splice(0)) done()
  }

  /** Until it is forgotten, an entry of it in a document is not a dead one. */
  newId(): string {
    const id = new ObjectId().toHexString()
    this.#mine.set(id, this.#made++)
    return id
  }

  forget(runId: string): void {
    this.#mine.delete(runId)
  }

  /** Runs of the job that are claimed and whose end is not stored, and when the latest came. */
  open(id: string): { readonly runs: number; readonly since: number } {
    return this.#open.get(id) ?? { runs: 0, since: 0 }
  }

  /** Resolves when the ends of the job's runs are stored; undefined: none is being stored. */
  finishing(id: string): Promise<void> | undefined {
    return this.#finishes.of(id)
  }

  /** When a run that was claimed before starts next. */
  nextAt(): number | null {
    return this.#later.nextAt()
  }

  /** Runs that were claimed before and start now; a place is kept for each. */
  due(now: number): Observable<Claimed> {
    const claims = this.#later.takeDue(now, executor => this.free(executor))
    for (const claim of claims) this.take(claim.executor)
    return claims.length === 0 ? EMPTY : from(this.#begin(claims)).pipe(mergeMap(begun => from(begun)))
  }

  async #begin(claims: readonly Claim[]): Promise<readonly Claimed[]> {
    const { clock, collections, lease } = this.#options
    try {
      const context = { jobs: collections.jobs, incarnation: lease.incarnation, freshTouch: this.#options.freshTouch }
      const begun = await begin(context, claims)
      for (const { run_id, executor, job } of claims) {
        if (begun.has(run_id)) continue
        this.#mine.delete(run_id)
        this.release(executor)
        // What stands there instead is perhaps for this node to deal with.
        this.#options.reread(job._id)
      }
      return claims.filter(claim => begun.has(claim.run_id)).map(claim => ({ type: 'claim', claim }))
    } catch {
      for (const claim of claims) {
        this.release(claim.executor)
        this.#wait({ ...claim, at: clock.now() + AGAIN_MS })
      }
      return []
    }
  }

  perform(claimed: Claimed) {
    if (claimed.type === 'news') return from([claimed.news])
    if (claimed.type === 'outcome') return from([claimed.outcome])
    const claim = this.#placed(claimed.claim)
    const { run_id, job, runTime, fence, coalesced, scheduled } = claim
    this.#counted.add(run_id)
    this.#count(job._id, 1)
    if (claim.attempt === 1) {
      this.#options.emit({
        type: 'run.claimed',
        run_id,
        job_id: job._id,
        run_time: runTime,
        fence,
        coalesced,
        scheduled,
      })
    }
    return this.#run(claim)
  }

  /** Somebody may have given the job another executor before the claim: its run has a place there then, one too many where all are
   *  taken, for it is claimed. */
  #placed(claim: Claim): Claim {
    const executor = claim.job.executor ?? JOB_DEFAULTS.executor
    if (executor === claim.executor) return claim
    this.take(executor)
    this.release(claim.executor)
    return { ...claim, executor }
  }

  /** Takes what `perform` gave: news are told, ends are stored. */
  settle(happened: News | Outcome): void {
    if ('type' in happened) return this.#options.emit(happened)
    this.#live.ended(happened.run_id)
    this.#options.emit(newsOf(happened))
    const stored = this.#finishes.push(happened)
    const { job, run_id, entered } = happened
    void stored.then(() => {
      this.#mine.delete(run_id)
      if (!entered) return
      if (this.#counted.delete(run_id)) this.#count(job._id, -1)
      this.#next(happened)
      this.#options.ended(job._id)
    })
  }

  /** Aborts runs of a job that go on or wait here, and takes the request away when it is served. What is claimed from now on is
   *  not meant, however often the request is `seen` in the document until then. */
  cancel(id: string, run: string, { seen = false } = {}): void {
    if (seen && this.#requests.get(id)?.run === run) return
    const request = { run, made: this.#made }
    this.#requests.set(id, request)
    void this.#serve(id, request).finally(() => {
      if (this.#requests.get(id) === request) this.#requests.delete(id)
    })
  }

  /** Ends when the request is known to be gone from the document, or to be another node's. */
  async #serve(id: string, request: Request): Promise<void> {
    let aborted = false
    for (let attempt = 0; this.#requests.get(id) === request; attempt++) {
      // What was being claimed or prepared goes on only now.
      aborted = this.#abortAsked(id, request) || aborted
      if (!aborted && !this.#options.isHeld(id)) return
      try {
        if (await this.#isServed(id, request, aborted)) return
      } catch {}
      try {
        await this.#options.pause(attempt)
      } catch {
        return
      }
    }
  }

  #isMeant(runId: string, { run, made }: Request): boolean {
    return run === runId || (run === '*' && (this.#mine.get(runId) ?? 0) < made)
  }

  /** Aborts what is meant and goes on or waits here; answers whether there was anything. */
  #abortAsked(id: string, request: Request): boolean {
    const why = { status: 'cancelled', message: 'cancelled by request' } as const
    const going = this.#going.of(id).filter(claim => this.#isMeant(claim.run_id, request))
    for (const claim of going) this.#going.abort(claim.run_id, why)
    const waiting = this.#later.remove(id, runId => this.#isMeant(runId, request))
    for (const claim of waiting) {
      const { job, runTime: run_time, run_id, scheduled, attempt, coalesced, fence, claimed } = claim
      const error = { name: 'Aborted', message: why.message }
      const finished = new Date(this.#options.clock.now())
      const ended = { run_id, job, run_time, scheduled, attempt, coalesced, fence, claimed, finished, error }
      this.settle({ ...ended, status: why.status, duration: 0, late: 0, entered: true })
    }
    return going.length + waiting.length > 0
  }

  /** Whether the request is gone from the document, taken away now or before. Where nothing was aborted here it stays as long as
   *  an entry stands there that it may mean: of another node, or of a run that is just beginning or ending. */
  async #isServed(id: string, request: Request, aborted: boolean): Promise<boolean> {
    const { collections, freshTouch } = this.#options
    const { run } = request
    const since = [...this.#mine.keys()].filter(runId => !this.#isMeant(runId, request))
    const meant = { run_id: run === '*' ? { $nin: since } : run }
    const guard = { _id: id, cancel: run, ...(!aborted && { 'state.running': { $not: { $elemMatch: meant } } }) }
    const served = { $unset: { cancel: '' }, $set: { touch: freshTouch() } }
    const { matchedCount } = await collections.jobs.updateOne(guard as never, served as never)
    if (matchedCount > 0) return true
    return (await collections.jobs.findOne({ _id: id, cancel: run }, { projection: { _id: 1 } })) === null
  }

  /** Aborts the oldest run of the job, wherever it is. */
  cancelOldest(job: Job): void {
    const oldest = job.state?.running?.[0]
    if (oldest === undefined) return
    const why = { status: 'cancelled', message: 'cancelled by the next run (overlap: cancel_other)' } as const
    if (this.#going.abort(oldest.run_id, why) || this.#asking.has(oldest.run_id)) return
    this.#asking.add(oldest.run_id)
    void this.#askToAbort(job._id, oldest.run_id).finally(() => this.#asking.delete(oldest.run_id))
  }

  /** Asks the node of a run to abort it; a request of a person that stands there is served first. */
  async #askToAbort(id: string, run_id: string): Promise<void> {
    const { collections, freshTouch, pause } = this.#options
    const entered = { _id: id, 'state.running.run_id': run_id }
    for (let attempt = 0; ; attempt++) {
      try {
        const request = { $set: { cancel: run_id, touch: freshTouch() } }
        const guard = { ...entered, cancel: { $exists: false } }
        if ((await collections.jobs.updateOne(guard as never, request as never)).matchedCount > 0) return
        const other = { ...entered, cancel: { $ne: run_id } }
        if ((await collections.jobs.findOne(other as never, { projection: { _id: 1 } })) === null) return
      } catch {}
      try {
        await pause(attempt)
      } catch {
        return
      }
    }
  }

  /** Takes note of entries of other incarnations in a document of this node. */
  note(job: Job): void {
    const { _id } = job
    const { ip, lease } = this.#options
    const others = enteredIn(job).filter(entry => entry.node !== ip || entry.incarnation !== lease.incarnation)
    if (others.length > 0) this.#others.set(_id, others)
    else this.#others.delete(_id)
  }

  /** Hears who has which ip now: jobs with runs of an incarnation that is over are looked at until those are gone. */
  looked(known: readonly Seen[]): void {
    const current = new Map(known.map(({ _id, incarnation }) => [_id, incarnation]))
    for (const [id, entries] of this.#others) {
      if (!this.#options.isHeld(id)) this.#others.delete(id)
      else if (entries.some(entry => current.get(entry.node) !== entry.incarnation)) this.#options.reread(id)
    }
  }

  /** Deals with entries of runs that no longer go on, in a job of this node or of a dead one; answers whether there were any.
   *  Rejects where the lease is not held: who may have been replaced judges nobody. */
  sweep(job: Job): Promise<boolean> {
    // What an earlier one deals with is read again after it: this document is older than that.
    const before = this.#sweeps.get(job._id)?.catch(() => false) ?? Promise.resolve(false)
    const sweep = before.then(found => found || this.#sweep(job))
    this.#sweeps.set(job._id, sweep)
    const done = () => {
      if (this.#sweeps.get(job._id) === sweep) this.#sweeps.delete(job._id)
    }
    sweep.then(done, done)
    return sweep
  }

  async #sweep(job: Job): Promise<boolean> {
    const { collections, clock, executors, freshTouch, ip, lease, reread } = this.#options
    if (!lease.held()) throw new Error('the lease is not held')
    let found = 0
    try {
      for await (const one of recover(job, {
        ...collections,
        ip,
        incarnation: lease.incarnation,
        isMine: id => this.#mine.has(id),
        now: () => clock.now(),
        freshTouch,
        newRunId: () => this.newId(),
        forgetRun: id => this.forget(id),
        mayRun: job => problemsOf(job, executors).length === 0,
      })) {
        found++
        if ('outcome' in one) this.settle(one.outcome)
        if (one.type === 'again') this.#wait(againOf(one))
      }
    } finally {
      if (found > 0) {
        await this.#finishes.of(job._id)
        reread(job._id)
      }
    }
    return found > 0
  }

  /** A claim that came after all has an entry whose run nobody performs, also when the job has left this node meanwhile; one that
   *  is not there may have been renamed away, or come back from a backup. */
  doubted(id: string, ms = DOUBT_MS): void {
    const again = (next: number) => {
      if (!this.#closed && next <= LONGEST_DOUBT_MS) this.doubted(id, next)
    }
    void wait(ms)
      .then(async () => {
        const job = this.#closed ? null : await this.#options.collections.jobs.findOne({ _id: id })
        if (job === null) again(2 * ms)
        else await this.sweep(job)
      })
      .catch(() => again(ms))
  }

  abort(runId: string, why: Abort): void {
    this.#going.abort(runId, why)
  }

  abortAll(why: Abort): void {
    this.#going.abortAll(why)
  }

  /** Resolves when no run is going on and every end is stored. */
  async idle(): Promise<void> {
    if (this.#going.size > 0 || this.#places.taken > 0) await new Promise<void>(resolve => this.#quiet.push(resolve))
    await this.#finishes.idle()
  }

  /** Gives up what waits for the database. */
  close(): void {
    this.#closed = true
    this.#live.close()
  }

  #run(claim: Claim) {
    const executor = this.#options.executors.get(claim.executor) ?? unknownExecutor(claim.executor)
    return from(
      perform(claim, {
        clock: this.#options.clock,
        executor,
        log: () => this.#logOf(claim),
        mayStart: () => this.#options.lease.held(),
        going: this.#going,
        release: () => this.release(claim.executor),
      }),
    ).pipe(map(happened => ('type' in happened ? happened : this.#tryAgain(claim, happened))))
  }

  /** A failed attempt names the next one, and an interrupted run its next start, if its job asks for that. Where this node does
   *  not come to it the entry waits for the next owner. */
  #tryAgain(claim: Claim, outcome: Outcome): Outcome {
    const now = this.#options.clock.now()
    const at = retryAt(claim.job, outcome, now)
    if (at !== undefined) {
      const attempt = { ...claim, run_id: this.newId(), at, attempt: claim.attempt + 1 }
      this.#attempts.set(claim.run_id, attempt)
      return { ...outcome, retry: { run_id: attempt.run_id, at: new Date(at) } }
    }
    if (outcome.status !== 'interrupted' || claim.job.on_interrupt !== 'rerun') return outcome
    const reruns = rerunsAfter(claim.reruns ?? 0, outcome.started !== undefined)
    if (reruns === undefined) return { ...outcome, given_up: GIVEN_UP }
    const again = { ...claim, run_id: this.newId(), at: Math.max(now, claim.at), reruns }
    this.#attempts.set(claim.run_id, again)
    return { ...outcome, rerun: true, retry: { run_id: again.run_id, at: new Date(again.at), reruns } }
  }

  #count(id: string, more: number): void {
    const { runs, since } = this.#open.get(id) ?? { runs: 0, since: 0 }
    if (runs + more > 0) this.#open.set(id, { runs: runs + more, since: more > 0 ? monotonicNow(systemClock) : since })
    else this.#open.delete(id)
  }

  /** The next start waits for its time, now that the document knows of it. */
  #next({ run_id, job, run_time, retry, error }: Outcome): void {
    const claim = this.#attempts.get(run_id)
    if (claim === undefined || retry === undefined) return
    this.#attempts.delete(run_id)
    if (retry.reruns !== undefined) return this.#wait(claim)
    const why = error ?? { name: 'Error', message: 'failed' }
    const next = {
      run_id: retry.run_id,
      job_id: job._id,
      run_time,
      attempt: claim.attempt,
      retry_at: retry.at,
      error: why,
    }
    this.#options.emit({ type: 'run.retrying', ...next })
    this.#wait(claim)
  }

  /** The log of a run that starts now; from here on it may have a row that says it goes on. */
  #logOf(claim: Claim) {
    const { logger, ip, clock } = this.#options
    const { run_id, job, runTime: run_time, scheduled, attempt, coalesced, claimed, fence, at } = claim
    const log = runLog(keep => runLogger(logger, { job_id: job._id, run_id }, keep))
    const now = clock.now()
    const run = { run_id, job, run_time, scheduled, attempt, coalesced, late: Math.max(0, now - at) }
    const row = () => startedRow(run, claimed, fence, ip, new Date(now))
    this.#live.started({ run_id, row, tail: () => log.tail() })
    return log
  }

  /** Performs a claimed run at its time. */
  #wait(claim: Claim): void {
    this.#later.put(claim)
    this.#options.poke()
  }

  #refused(id: string, error: Error): void {
    const problems = [{ path: 'state', message: `state: the end of a run could not be stored (${error.message})` }]
    this.#options.emit({ type: 'job.invalid', job_id: id, problems })
  }
}

/** A run that is claimed once more, as a claim. */
function againOf({ job, entry, at, fence }: Extract<Recovered, { type: 'again' }>): Claim {
  const { run_id, run_time, claimed, attempt } = entry
  const scheduled = entry.ordered !== true
  const executor = job.executor ?? JOB_DEFAULTS.executor
  return {
    run_id,
    job,
    runTime: run_time,
    at,
    scheduled,
    ordered: !scheduled,
    executor,
    coalesced: entry.coalesced ?? 1,
    claimed,
    attempt,
    reruns: rerunsOf(entry),
    fence,
  }
}
