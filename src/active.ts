/** Active: the stages joined, for as long as a node holds the lease of its ip.
 *  follow → roster → tick → claim → run → finish. In: a connection, a lease, executors. Out: events, and the ways to stop.
 *  Every write of a node is made here or in a stage, guarded by what it was computed from. */
import { ObjectId } from 'mongodb'
import { EMPTY, from, map, merge, mergeMap, type Observable, Subscription } from 'rxjs'
import type { Change } from './change/change.ts'
import { type FollowNews, follow } from './change/follow.ts'
import { begin } from './claim/begin.ts'
import type { Claim, Claimed, ClaimsContext } from './claim/claimed.ts'
import { Claims } from './claim/claims.ts'
import { Lead } from './claim/lead.ts'
import { Plans } from './claim/plans.ts'
import { droppedOf } from './claim/refused.ts'
import { type Clock, monotonicNow, section, systemClock, WATCHFUL_SLEEP_MS, wait } from './clock.ts'
import { Adoption } from './cluster/adoption.ts'
import type { Lease } from './cluster/lease.ts'
import { type Recovered, recover } from './cluster/recovery.ts'
import type { Collections } from './collections.ts'
import type { Connection } from './connection.ts'
import type { Problem } from './errors.ts'
import type { News } from './event.ts'
import { Finishes, overGuard } from './history/finish.ts'
import { Live } from './history/live.ts'
import { claimedRuns, rowOf, startedRow, storeRows } from './history/rows.ts'
import { JOB_DEFAULTS, type Job } from './job/job.ts'
import { newsOf, type Outcome } from './job/outcome.ts'
import { type Logger, runLogger } from './log.ts'
import type { Executor } from './run/executor.ts'
import { Places } from './run/places.ts'
import { retryAt } from './run/retry.ts'
import { type Abort, GoingRuns, perform } from './run/run.ts'
import { runLog } from './run/run-log.ts'
import type { Effect, Entry } from './wheel/entry.ts'
import { Later } from './wheel/later.ts'
import { Roster } from './wheel/roster.ts'
import { type Tick, ticker } from './wheel/ticker.ts'

export interface ActiveOptions {
  readonly connection: Connection
  readonly collections: Collections
  /** Creates what is missing in the database. */
  readonly prepare: () => Promise<void>
  readonly ip: string
  readonly timezone: string
  readonly lease: Lease
  /** Ips of living nodes that jobs may be given to. */
  readonly takers: () => readonly string[]
  /** Whether jobs without a node may come here. */
  readonly mayAdopt: () => boolean
  readonly executors: ReadonlyMap<string, Executor>
  /** Due times are judged by it. */
  readonly clock: Clock
  /** The same, for the one who looks for steps of the wall clock. */
  readonly steppingClock: Clock
  /** The wall clock moved by so many ms: resolves when its offset to the server's is known again. */
  readonly jumped: (by: number) => Promise<void>
  /** Most milliseconds before its due time at which a run is claimed. */
  readonly claimLead: number
  readonly logger: Logger
  readonly emit: (news: News) => void
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
/** So long after a claim was given up what came of it is looked at once more. */
const DOUBT_MS = 10_000
/** Attempts after which a pause is at its longest. */
const SEVERAL = 6

export class Active {
  readonly #options: ActiveOptions
  readonly #roster: Roster
  readonly #going = new GoingRuns()
  readonly #places: Places
  readonly #plans: Plans
  readonly #finishes: Finishes
  readonly #adoption: Adoption
  readonly #follower: ReturnType<typeof follow>
  readonly #ticker: ReturnType<typeof ticker>
  readonly #lead: Lead
  readonly #subscription = new Subscription()
  /** Runs this process claimed and whose end is not stored. */
  readonly #mine = new Set<string>()
  /** Next attempts, by the run whose end is being stored. */
  readonly #attempts = new Map<string, Claim>()
  readonly #claims: Claims
  readonly #later: Later<Claim>
  /** Runs that were performed here and whose end is not stored, and how many there are of each job. */
  readonly #counted = new Set<string>()
  readonly #open = new Map<string, { readonly runs: number; readonly since: number }>()
  readonly #live: Live
  #touches = 0
  #taking = false
  /** Steps of the wall clock that nobody has measured yet: what is due cannot be told. */
  #unmeasured = 0
  #ended = false
  #quiet: (() => void)[] = []

  constructor(options: ActiveOptions) {
    const { clock, collections, connection, executors, ip, timezone } = options
    this.#options = options
    this.#lead = new Lead(options.claimLead)
    this.#places = new Places(new Map([...executors].map(([name, executor]) => [name, executor.places])))
    this.#roster = new Roster({
      ip,
      timezone,
      check: job => this.#check(job),
      lead: () => this.#lead.value,
      now: clock.now(),
    })
    const shared = { jobs: collections.jobs, freshTouch: this.#freshTouch, pause: this.#pause }
    this.#plans = new Plans({
      ...shared,
      ip,
      wait,
      planOf: id => this.#roster.planOf(id),
      wrote: write => {
        this.#roster.wrote(write)
        if (write.dropped !== undefined) this.#settle(droppedOf(write.dropped, clock.now()))
      },
      overtaken: id => this.#follower.read(id),
    })
    this.#finishes = new Finishes({
      ...shared,
      storeRows: outcomes =>
        storeRows(
          collections.executions,
          outcomes.map(outcome => rowOf(outcome, outcome.lost_node ?? ip, new Date(clock.now()))),
        ),
      isBurst: () => this.#claims.isBurst,
      isOver: id => this.#roster.get(id)?.state === 'over',
      wait,
      paused: id => this.#follower.read(id),
      refused: (id, error) => this.#refused(id, error),
    })
    this.#adoption = new Adoption({
      ...shared,
      ip,
      clock,
      living: options.takers,
      mayAdopt: options.mayAdopt,
    })
    this.#follower = follow({
      db: connection.streamDb,
      collection: collections.jobs.collectionName,
      ip,
      holds: id => this.#roster.holds(id),
      isEcho: (id, touch) => this.#roster.isEcho(id, touch),
      prepare: options.prepare,
      memory: this.#roster,
    })
    this.#claims = new Claims(this.#claimsContext())
    this.#later = new Later(clock.now())
    this.#live = new Live(collections.executions, clock)
    this.#ticker = ticker(() => this.#nextLook(), options.steppingClock)
  }

  get jobs(): number {
    return this.#roster.size
  }

  get armed(): number {
    return this.#roster.armed
  }

  get running(): number {
    return this.#going.size
  }

  get nextAt(): number | null {
    return this.#roster.nextAt()
  }

  /** Opens the stream; resolves when all jobs are in memory. */
  async open(): Promise<void> {
    const opened = new Promise<void>(resolve => {
      this.#subscription.add(
        this.#follower.changes$.subscribe(change => {
          this.#take(change)
          if (change.type === 'stream.opened') resolve()
        }),
      )
    })
    const due$ = this.#ticker.ticks$.pipe(mergeMap(tick => this.#due(tick)))
    const runs$ = merge(this.#claims.claimed$, due$).pipe(mergeMap(claimed => this.#perform(claimed)))
    this.#subscription.add(runs$.subscribe(happened => this.#settle(happened)))
    await opened
  }

  /** Whether due runs are taken; off while the node is paused, drains, or does not hold its lease. */
  take(taking: boolean): void {
    this.#taking = taking
    if (taking) this.#ticker.poke(true)
  }

  /** A task became known or went: jobs that name it are looked at again. */
  recheck(func: string): void {
    for (const entry of this.#roster.entries()) if (entry.func === func) this.#follower.read(entry.id)
  }

  abort(runId: string, why: Abort): void {
    this.#going.abort(runId, why)
  }

  abortAll(why: Abort): void {
    this.#going.abortAll(why)
  }

  /** Resolves when no run is going on and every end is stored. */
  async drained(): Promise<void> {
    if (this.#going.size > 0 || this.#places.taken > 0) await new Promise<void>(resolve => this.#quiet.push(resolve))
    await this.#finishes.idle()
    await this.#plans.idle()
  }

  /** Gives up whatever is still waiting for the database; resolves when the stream is closed there too. */
  end(): Promise<void> {
    this.#ended = true
    this.#taking = false
    this.#subscription.unsubscribe()
    this.#live.close()
    return this.#follower.closed()
  }

  #take(change: Change | FollowNews): void {
    switch (change.type) {
      case 'stream.opened':
      case 'stream.interrupted':
      case 'stream.resumed':
      case 'stream.resynced':
        return this.#options.emit(change)
      case 'put':
        if (change.job.ip === undefined || change.job.ip === null) this.#adoption.offer(change.job._id)
    }
    this.#apply(change)
  }

  #apply(change: Change): void {
    for (const effect of this.#roster.apply(change, this.#options.clock.now())) this.#carryOut(effect)
    this.#ticker.poke()
  }

  #carryOut(effect: Effect): void {
    const { emit, collections } = this.#options
    switch (effect.type) {
      case 'news':
        return emit(effect.news)
      case 'write':
        return this.#plans.push(effect.id)
      case 'read':
        return this.#follower.read(effect.id)
      case 'over':
        return void collections.jobs.deleteOne(overGuard(effect.job) as never).catch(() => {})
      case 'cancel':
        return this.#cancel(effect.id, effect.run)
      case 'seen': {
        const { job, from } = effect
        if (job.cancel !== undefined && from !== 'claim') this.#cancel(job._id, job.cancel)
        // What a claim shows is this node's own, save runs of another that had the job before.
        const running = job.state?.running ?? []
        const doubtful = from === 'claim' ? running.some(entry => entry.node !== this.#options.ip) : running.length > 0
        if (doubtful) void this.sweep(job).catch(() => this.#readLater(job._id))
      }
    }
  }

  /** What is to be claimed, or was claimed before and starts now; a place is kept for each. */
  #due(tick: Tick): Observable<Claimed> {
    if (tick.type === 'jump') void this.#measure(tick.by)
    if (tick.type === 'jump' || !this.#mayClaim()) return EMPTY
    const free = (executor: string) => this.#places.free(executor)
    const claims = this.#later.takeDue(tick.now, free)
    for (const claim of claims) this.#places.take(claim.executor)
    const entries = section('tidewheel.due', () => this.#roster.takeDue(tick.now, free))
    for (const entry of entries) this.#places.take(entry.executor)
    this.#claims.offer(entries)
    return claims.length === 0 ? EMPTY : from(this.#begin(claims)).pipe(mergeMap(begun => from(begun)))
  }

  async #begin(claims: readonly Claim[]): Promise<readonly Claimed[]> {
    const { clock, collections, lease } = this.#options
    try {
      const context = { jobs: collections.jobs, incarnation: lease.incarnation, freshTouch: this.#freshTouch }
      const begun = await begin(context, claims)
      for (const { run_id, executor } of claims) {
        if (begun.has(run_id)) continue
        this.#mine.delete(run_id)
        this.#release(executor)
      }
      return claims.filter(claim => begun.has(claim.run_id)).map(claim => ({ type: 'claim', claim }))
    } catch {
      for (const claim of claims) {
        this.#release(claim.executor)
        this.#wait({ ...claim, at: clock.now() + LONGEST_PAUSE_MS })
      }
      return []
    }
  }

  #perform(claimed: Claimed) {
    if (claimed.type === 'news') return from([claimed.news])
    if (claimed.type === 'outcome') return from([claimed.outcome])
    const { claim } = claimed
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

  #run(claim: Claim) {
    const executor = this.#options.executors.get(claim.executor) as Executor
    return from(
      perform(claim, {
        clock: this.#options.clock,
        executor,
        log: () => this.#logOf(claim),
        mayStart: () => this.#options.lease.held(),
        going: this.#going,
        release: () => this.#release(claim.executor),
      }),
    ).pipe(map(happened => ('type' in happened ? happened : this.#tryAgain(claim, happened))))
  }

  /** A failed attempt names the next one, if its job asks for that. */
  #tryAgain(claim: Claim, outcome: Outcome): Outcome {
    const { clock } = this.#options
    const at = retryAt(claim.job, outcome, clock.now())
    if (at === undefined) return outcome
    const run_id = this.#newRunId()
    this.#attempts.set(claim.run_id, { ...claim, run_id, at, attempt: claim.attempt + 1 })
    return { ...outcome, retry: { run_id, at: new Date(at) } }
  }

  #settle(happened: News | Outcome): void {
    if ('type' in happened) return this.#options.emit(happened)
    this.#live.ended(happened.run_id)
    this.#options.emit(newsOf(happened))
    const stored = this.#finishes.push(happened)
    if (!happened.entered) return
    const { job, run_id } = happened
    void stored.then(() => {
      this.#mine.delete(run_id)
      if (this.#counted.delete(run_id)) this.#count(job._id, -1)
      this.#next(happened)
      this.#roster.wake(job._id)
      this.#ticker.poke()
    })
  }

  #count(id: string, more: number): void {
    const { runs, since } = this.#open.get(id) ?? { runs: 0, since: 0 }
    if (runs + more > 0) this.#open.set(id, { runs: runs + more, since: more > 0 ? monotonicNow(systemClock) : since })
    else this.#open.delete(id)
  }

  /** The next attempt waits for its time, now that the document knows of it. */
  #next({ run_id, job, run_time, retry, error }: Outcome): void {
    const claim = this.#attempts.get(run_id)
    if (claim === undefined || retry === undefined) return
    this.#attempts.delete(run_id)
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

  #release(executor: string): void {
    this.#places.release(executor)
    if (this.#taking) this.#ticker.poke(true)
    if (this.#going.size > 0 || this.#places.taken > 0) return
    for (const done of this.#quiet.splice(0)) done()
  }

  /** When something may be due next. While nothing may be claimed what is due waits, without a tick for each millisecond. */
  #nextLook(): number | null {
    const at = earliest(this.#roster.nextAt(), this.#later.nextAt())
    if (at === null || this.#mayClaim()) return at
    return Math.max(at, this.#options.clock.now() + WATCHFUL_SLEEP_MS)
  }

  #mayClaim = () => this.#taking && this.#unmeasured === 0 && this.#options.lease.held()

  async #measure(by: number): Promise<void> {
    this.#unmeasured++
    for (let attempt = 0; !this.#ended; ) {
      try {
        await this.#options.jumped(by)
        break
      } catch {
        await this.#pause(attempt++).catch(() => {})
      }
    }
    this.#unmeasured--
    this.#ticker.poke(true)
  }

  #freshTouch = (id?: string) => {
    const touch = `${this.#options.lease.incarnation.slice(-12)}.${(this.#touches++).toString(36)}`
    if (id !== undefined) this.#roster.writes(id, touch)
    return touch
  }

  #newRunId = () => {
    const id = new ObjectId().toHexString()
    this.#mine.add(id)
    return id
  }

  /** Waits longer each time, by the machine's clock, also in a test that moves time by hand: the database keeps real time.
   *  Rejects when the node ends. */
  #pause = (attempt: number) =>
    new Promise<void>((resolve, reject) => {
      const ms = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS)
      systemClock.schedule(() => (this.#ended ? reject(new Error('the node has ended')) : resolve()), ms)
    })

  /** What the database would not answer is asked for again. */
  async #readLater(id: string): Promise<void> {
    await this.#pause(SEVERAL).then(
      () => this.#follower.read(id),
      () => {},
    )
  }

  /** A claim that came after all has an entry whose run nobody performs, also when the job has left this node meanwhile. */
  #doubted = (id: string): void => {
    void wait(DOUBT_MS)
      .then(async () => {
        const job = this.#ended ? null : await this.#options.collections.jobs.findOne({ _id: id })
        if (job !== null) await this.sweep(job)
      })
      .catch(() => this.#ended || this.#doubted(id))
  }

  /** What the claim stage works with. */
  #claimsContext(): ClaimsContext {
    const { clock, collections, ip, lease } = this.#options
    return {
      jobs: collections.jobs,
      claimant: () => ({ ip, incarnation: lease.incarnation }),
      now: () => clock.now(),
      freshTouch: this.#freshTouch,
      newRunId: this.#newRunId,
      forgetRun: (id: string) => void this.#mine.delete(id),
      took: (ms: number) => this.#lead.add(ms),
      monotonic: () => monotonicNow(systemClock),
      wait,
      pause: this.#pause,
      doubted: this.#doubted,
      apply: (change: Change) => this.#apply(change),
      reread: (id: string) => this.#follower.read(id),
      settle: (entry: Parameters<Roster['settle']>[0], notBefore?: number) => {
        this.#roster.settle(entry, notBefore)
        this.#ticker.poke()
      },
      release: (executor: string) => this.#release(executor),
      jitterOf: (entry: Parameters<Roster['jitterOf']>[0], runTime: number) => this.#roster.jitterOf(entry, runTime),
      lead: () => this.#lead.value,
      mayClaim: this.#mayClaim,
      open: (id: string) => this.#open.get(id) ?? { runs: 0, since: 0 },
      finishing: (id: string) => this.#finishes.of(id),
      claimedBefore: (entries: readonly Entry[]) =>
        claimedRuns(
          collections.executions,
          entries.map(entry => ({ job_id: entry.id, run_time: new Date(entry.due ?? 0) })),
        ),
      claimed: (entry: Entry, to: Date | undefined) => this.#roster.claimed(entry, to),
      proven: (entry: Entry, claimed: boolean) => this.#roster.proven(entry, claimed),
      sweep: (job: Job) => this.sweep(job),
      cancelOldest: (job: Job) => this.#cancelOldest(job),
      planned: () => this.#plans.idle(),
    }
  }

  #check(job: Job): readonly Problem[] {
    const name = job.executor ?? 'default'
    const executor = this.#options.executors.get(name)
    if (executor !== undefined) {
      const message = executor.problem(job.func)
      return message === undefined ? [] : [{ path: 'func', message }]
    }
    const known = [...this.#options.executors.keys()].join(', ')
    return [{ path: 'executor', message: `executor: this node has none named "${name}"; known here: ${known}` }]
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

  /** Aborts runs of a job that go on or wait here, and takes the request away when it is served. */
  #cancel(id: string, run: string): void {
    const { collections, clock } = this.#options
    const why = { status: 'cancelled', message: 'cancelled by request' } as const
    const going = this.#going.of(id).filter(claim => run === '*' || claim.run_id === run)
    for (const claim of going) this.#going.abort(claim.run_id, why)
    const waiting = this.#later.remove(id, run)
    for (const claim of waiting) {
      const { job, runTime: run_time, run_id, scheduled, attempt, coalesced, fence, claimed } = claim
      const error = { name: 'Aborted', message: why.message }
      const finished = new Date(clock.now())
      const ended = { run_id, job, run_time, scheduled, attempt, coalesced, fence, claimed, finished, error }
      this.#settle({ ...ended, status: why.status, duration: 0, late: 0, entered: true })
    }
    const nothing = going.length + waiting.length === 0
    if (nothing && !this.#roster.holds(id)) return
    const guard = { _id: id, cancel: run, ...(nothing && { 'state.running.0': { $exists: false } }) }
    const served = { $unset: { cancel: '' }, $set: { touch: this.#freshTouch() } }
    void collections.jobs.updateOne(guard as never, served as never).catch(() => {})
  }

  #cancelOldest(job: Job): void {
    const oldest = job.state?.running?.[0]
    if (oldest === undefined) return
    if (
      this.#going.abort(oldest.run_id, {
        status: 'cancelled',
        message: 'cancelled by the next run (overlap: cancel_other)',
      })
    )
      return
    const request = { $set: { cancel: oldest.run_id, touch: this.#freshTouch() } }
    void this.#options.collections.jobs.updateOne({ _id: job._id }, request as never).catch(() => {})
  }

  /** Deals with entries of runs that no longer go on, in a job of this node or of a dead one; answers whether there were any. */
  async sweep(job: Job): Promise<boolean> {
    const { collections, clock, ip, lease } = this.#options
    const recovered = await recover(job, {
      ...collections,
      ip,
      incarnation: () => lease.incarnation,
      isMine: id => this.#mine.has(id),
      now: () => clock.now(),
      freshTouch: this.#freshTouch,
      newRunId: this.#newRunId,
      forgetRun: id => void this.#mine.delete(id),
    })
    for (const found of recovered) {
      if (found.type === 'interrupted') this.#settle(found.outcome)
      if (found.type === 'again') this.#wait(againOf(found))
    }
    if (recovered.length === 0) return false
    await this.#finishes.of(job._id)
    this.#follower.read(job._id)
    return true
  }

  /** Performs a claimed run at its time. */
  #wait(claim: Claim): void {
    this.#later.put(claim)
    this.#ticker.poke()
  }

  #refused(id: string, error: Error): void {
    // Without an id it was a whole write: no job of it can be named.
    const problems = [{ path: 'state', message: `state: the end of a run could not be stored (${error.message})` }]
    this.#options.emit({ type: 'job.invalid', job_id: id, problems })
  }
}

const earliest = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.min(a, b))

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
    fence,
  }
}
