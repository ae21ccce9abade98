/** Active: the stages joined, for as long as a node holds the lease of its ip.
 *  follow → roster → tick → claim → runs. In: a connection, a lease, executors. Out: events, and the ways to stop.
 *  Every write of a node is made here, in `runs` or in a stage, guarded by what it was computed from. */
import { EMPTY, merge, mergeMap, type Observable, Subscription } from 'rxjs'
import type { Change } from '../change/change.ts'
import { type FollowNews, follow } from '../change/follow.ts'
import type { Claimed, ClaimsContext } from '../claim/claimed.ts'
import { Claims } from '../claim/claims.ts'
import { Lead } from '../claim/lead.ts'
import { Plans } from '../claim/plans.ts'
import { skipped } from '../claim/skips.ts'
import { type Clock, monotonicNow, section, systemClock, WATCHFUL_SLEEP_MS, wait } from '../clock.ts'
import { Adoption } from '../cluster/adoption.ts'
import type { Seen } from '../cluster/registry.ts'
import type { Connection } from '../database/connection.ts'
import { problemsOf } from '../executor/executors.ts'
import { failureOf } from '../executor/failure.ts'
import { overGuard } from '../history/finish.ts'
import { claimedTo, endLeft } from '../history/rows.ts'
import type { Job } from '../job/job.ts'
import { enteredIn } from '../job/outcome.ts'
import { type Malformed, repairOf } from '../job/sound.ts'
import type { Abort } from '../run/run.ts'
import { type Effect, placeOf } from '../wheel/entry.ts'
import { Roster } from '../wheel/roster.ts'
import { type Tick, ticker } from '../wheel/ticker.ts'
import { Runs, type RunsOptions } from './runs.ts'

type Shared = 'collections' | 'ip' | 'lease' | 'executors' | 'clock' | 'logger' | 'emit'

export interface ActiveOptions extends Pick<RunsOptions, Shared> {
  readonly connection: Connection
  /** Creates what is missing in the database. */
  readonly prepare: () => Promise<void>
  readonly timezone: string
  /** Ips of living nodes that jobs may be given to. */
  readonly takers: () => readonly string[]
  /** Whether jobs without a node may come here. */
  readonly mayAdopt: () => boolean
  /** As `clock`, for the one who looks for steps of the wall clock. */
  readonly steppingClock: Clock
  /** The wall clock moved by so many ms: resolves when its offset to the server's is known again. */
  readonly jumped: (by: number) => Promise<void>
  /** Most milliseconds before its due time at which a run is claimed. */
  readonly claimLead: number
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
/** Attempts after which a pause is at its longest. */
const SEVERAL = 6

export class Active {
  readonly #options: ActiveOptions
  readonly #roster: Roster
  readonly #plans: Plans
  readonly #adoption: Adoption
  readonly #follower: ReturnType<typeof follow>
  readonly #ticker: ReturnType<typeof ticker>
  readonly #lead: Lead
  readonly #subscription = new Subscription()
  readonly #claims: Claims
  readonly #runs: Runs
  #touches = 0
  #taking = false
  /** Steps of the wall clock that nobody has measured yet: what is due cannot be told. */
  #unmeasured = 0
  #ended = false

  constructor(options: ActiveOptions) {
    const { clock, collections, connection, executors, ip, timezone } = options
    this.#options = options
    this.#lead = new Lead(options.claimLead)
    this.#roster = new Roster({
      ip,
      timezone,
      check: job => problemsOf(job, executors),
      lead: () => this.#lead.value,
      now: clock.now(),
    })
    const shared = { jobs: collections.jobs, freshTouch: this.#freshTouch, pause: this.#pause }
    this.#plans = new Plans({
      ...shared,
      ip,
      wait,
      planOf: id => this.#roster.planOf(id),
      wrote: (write, skip) => {
        this.#roster.wrote(write)
        if (skip?.job !== undefined) this.#runs.settle(skipped(skip, skip.job, clock.now()))
      },
      skipping: () => ({ by: this.#actor(), now: clock.now(), newRunId: () => this.#runs.newId() }),
      forgetRun: id => this.#runs.forget(id),
      overtaken: id => {
        if (this.#roster.overtaken(id)) this.#follower.read(id)
      },
    })
    this.#runs = new Runs({
      ...options,
      freshTouch: this.#freshTouch,
      pause: this.#pause,
      reread: id => this.#follower.read(id),
      poke: () => this.#ticker.poke(),
      freed: () => {
        if (this.#taking) this.#ticker.poke(true)
      },
      ended: id => {
        this.#roster.wake(id)
        this.#ticker.poke()
      },
      isBurst: () => this.#claims.isBurst,
      isHeld: id => this.#roster.holds(id),
      overBy: job => this.#roster.overBy(job),
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
    this.#ticker = ticker(() => this.#nextLook(), options.steppingClock)
  }

  get jobs(): number {
    return this.#roster.size
  }

  get armed(): number {
    return this.#roster.armed
  }

  get running(): number {
    return this.#runs.size
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
    const runs$ = merge(this.#claims.claimed$, due$).pipe(mergeMap(claimed => this.#runs.perform(claimed)))
    this.#subscription.add(runs$.subscribe(happened => this.#runs.settle(happened)))
    await opened
    // Before this process runs anything: what is told as going on here is of an earlier one. No start fails for the history's sake.
    await this.endLeft(this.#options.ip).catch(() => {})
  }

  /** Ends what is told as going on on a node whose process has ended, where no document names it any more. */
  async endLeft(node: string): Promise<void> {
    const { clock, collections, emit } = this.#options
    const left = await endLeft(collections.executions, collections.jobs, node, new Date(clock.now()))
    for (const { _id, job_id, run_time, attempt } of left)
      emit({ type: 'run.interrupted', run_id: _id, job_id, run_time, attempt, lost_node: node, rerun: false })
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

  /** Deals with entries of runs that no longer go on, in a job of this node or of a dead one; answers whether there were any. */
  sweep(job: Job): Promise<boolean> {
    return this.#runs.sweep(job)
  }

  /** Hears who has which ip now. */
  looked(known: readonly Seen[]): void {
    this.#runs.looked(known)
  }

  abort(runId: string, why: Abort): void {
    this.#runs.abort(runId, why)
  }

  abortAll(why: Abort): void {
    this.#runs.abortAll(why)
  }

  /** Resolves when no run is going on and every end is stored. */
  async drained(): Promise<void> {
    await this.#runs.idle()
    await this.#plans.idle()
  }

  /** Gives up whatever is still waiting for the database; resolves when the stream is closed there too. */
  end(): Promise<void> {
    this.#ended = true
    this.#taking = false
    this.#subscription.unsubscribe()
    this.#adoption.end()
    this.#runs.close()
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
        if (change.job.ip == null && typeof change.job._id === 'string') this.#adoption.offer(change.job._id)
    }
    this.#apply(change)
  }

  #apply(change: Change): void {
    for (const effect of this.#roster.apply(change, this.#options.clock.now())) {
      try {
        this.#carryOut(effect)
      } catch (error) {
        this.#options.emit({ type: 'job.invalid', job_id: idOf(effect), problems: [unreadable(error)] })
      }
    }
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
      case 'repair':
        return void this.#repair(effect.job, effect.malformed)
      case 'over':
        return void collections.jobs.deleteOne(overGuard(effect.job) as never).catch(() => {})
      case 'cancel':
        return this.#runs.cancel(effect.id, effect.run)
      case 'seen': {
        const { job, from } = effect
        this.#runs.note(job)
        if (from === 'given' && job.state?.assigned === this.#options.ip) void this.#keepHere(job)
        if (typeof job.cancel === 'string' && from !== 'claim') this.#runs.cancel(job._id, job.cancel, { seen: true })
        // What a claim shows is this node's own, save runs of another that had the job before.
        const entered = enteredIn(job)
        const doubtful = from === 'claim' ? entered.some(entry => entry.node !== this.#options.ip) : entered.length > 0
        if (doubtful) void this.#runs.sweep(job).catch(() => this.#readLater(job._id))
      }
    }
  }

  /** A person gave the job to this node, where one of ours had put it before: it is the person's place now, and no rebalancing
   *  takes the job from here. */
  async #keepHere({ _id }: Job): Promise<void> {
    const { collections, ip } = this.#options
    const update = { $set: { 'state.assigned': '', touch: this.#freshTouch() }, $unset: { 'state.home': '' } }
    await collections.jobs.updateOne({ _id, ip, 'state.assigned': ip } as never, update as never).catch(() => {})
  }

  /** Takes away what is malformed in a document of this node, and has it read again, also when somebody was quicker. */
  async #repair(job: Job, malformed: readonly Malformed[]): Promise<void> {
    const { collections, ip } = this.#options
    try {
      const { filter, update } = repairOf(job, malformed, ip, this.#freshTouch())
      await collections.jobs.updateOne(filter as never, update as never)
      this.#follower.read(job._id)
    } catch {
      await this.#readLater(job._id)
    }
  }

  /** What is to be claimed, or was claimed before and starts now; a place is kept for each. */
  #due(tick: Tick): Observable<Claimed> {
    if (tick.type === 'jump') void this.#measure(tick.by)
    if (tick.type === 'jump' || !this.#mayClaim()) return EMPTY
    const begun$ = this.#runs.due(tick.now)
    const entries = section('tidewheel.due', () =>
      this.#roster.takeDue(tick.now, executor => this.#runs.free(executor)),
    )
    for (const entry of entries) this.#runs.take(placeOf(entry))
    this.#claims.offer(entries)
    return begun$
  }

  /** When something may be due next. While nothing may be claimed what is due waits, without a tick for each millisecond. */
  #nextLook(): number | null {
    const at = earliest(this.#roster.nextAt(), this.#runs.nextAt())
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

  #actor = () => ({ ip: this.#options.ip, incarnation: this.#options.lease.incarnation })

  #freshTouch = (id?: string) => {
    const touch = `${this.#options.lease.incarnation.slice(-12)}.${(this.#touches++).toString(36)}`
    if (id !== undefined) this.#roster.writes(id, touch)
    return touch
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

  /** What the claim stage works with. */
  #claimsContext(): ClaimsContext {
    const { clock, collections } = this.#options
    return {
      jobs: collections.jobs,
      claimant: this.#actor,
      now: () => clock.now(),
      freshTouch: this.#freshTouch,
      newRunId: () => this.#runs.newId(),
      forgetRun: id => this.#runs.forget(id),
      took: ms => this.#lead.add(ms),
      monotonic: () => monotonicNow(systemClock),
      wait,
      pause: this.#pause,
      doubted: id => this.#runs.doubted(id),
      apply: change => this.#apply(change),
      reread: id => this.#follower.read(id),
      settle: (entry, notBefore) => {
        this.#roster.settle(entry, notBefore)
        this.#ticker.poke()
      },
      release: entry => this.#runs.release(placeOf(entry)),
      jitterOf: (entry, runTime) => this.#roster.jitterOf(entry, runTime),
      lead: () => this.#lead.value,
      mayClaim: this.#mayClaim,
      open: id => this.#runs.open(id),
      finishing: id => this.#runs.finishing(id),
      claimedBefore: entries =>
        claimedTo(
          collections.executions,
          entries.map(({ id, due = 0, knownFence, isRepeat }) => {
            const fence = knownFence === undefined ? undefined : BigInt(knownFence)
            return { job_id: id, run_time: new Date(due), ...(isRepeat ? { after: fence ?? 0n } : { known: fence }) }
          }),
        ),
      claimed: (entry, to) => this.#roster.claimed(entry, to),
      proven: (entry, to) => this.#roster.proven(entry, to),
      sweep: job => this.#runs.sweep(job),
      cancelOldest: job => this.#runs.cancelOldest(job),
      planned: () => this.#plans.idle(),
    }
  }
}

const idOf = (effect: Effect) =>
  'id' in effect ? effect.id : 'job' in effect ? effect.job._id : 'job_id' in effect.news ? effect.news.job_id : ''

const unreadable = (error: unknown) => ({
  path: '',
  message: `the document cannot be served (${failureOf(error).message})`,
})

const earliest = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.min(a, b))
