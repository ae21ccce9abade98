/** Stages: all that a node does with jobs while it holds the lease of its ip, joined.
 *  follow → memory → tick → claim → run → store. In: a database, a lease, executors. Out: events, and the ways to stop.
 *  Here the collaborators meet, and what follows from a change is carried out; each of them does its own work. */
import { type Filter, ObjectId } from 'mongodb'
import { Subscription } from 'rxjs'
import type { Change, StreamState } from '../change/change.ts'
import { type Follower, type FollowNews, follow } from '../change/follow.ts'
import { Claims } from '../claim/claims.ts'
import { Commands } from '../claim/commands.ts'
import { Doubts } from '../claim/doubts.ts'
import { HandOut } from '../claim/hand-out.ts'
import { Lead } from '../claim/lead.ts'
import { Permit } from '../claim/permit.ts'
import { Plans } from '../claim/plans.ts'
import { Refusals } from '../claim/refusals.ts'
import { type Clock, monotonicNow, section, systemClock, WATCHFUL_SLEEP_MS } from '../clock.ts'
import { Adoption } from '../cluster/adoption.ts'
import type { Lease } from '../cluster/lease.ts'
import type { Membership } from '../cluster/membership.ts'
import type { Owners, Seen } from '../cluster/registry.ts'
import type { ServerTime } from '../cluster/server-time.ts'
import { Sweeper } from '../cluster/sweeper.ts'
import { Takeover } from '../cluster/takeover.ts'
import type { Database } from '../database/database.ts'
import type { News } from '../event.ts'
import type { Executor } from '../executor/executor.ts'
import { problemsOf } from '../executor/executors.ts'
import { failureOf } from '../executor/failure.ts'
import { Finishes } from '../history/finish.ts'
import { Live } from '../history/live.ts'
import { Rows } from '../history/rows.ts'
import type { Job } from '../job/job.ts'
import type { Logger } from '../log.ts'
import { Patience } from '../pace/patience.ts'
import { repairWrite } from '../protocol/claim.ts'
import { keepWrite } from '../protocol/place.ts'
import { Writer } from '../protocol/writer.ts'
import { type Abort, Book } from '../run/book.ts'
import { Cancels } from '../run/cancels.ts'
import { Places } from '../run/places.ts'
import { Runs } from '../run/runs.ts'
import { TakeBack } from '../run/take-back.ts'
import type { Effect, Entry } from '../wheel/entry.ts'
import { errorOf } from '../wheel/kept.ts'
import { Memory } from '../wheel/memory.ts'
import { Roster } from '../wheel/roster.ts'
import { type Tick, type Ticker, ticker } from '../wheel/ticker.ts'
import type { Mode } from './mode.ts'

export interface StagesOptions {
  readonly database: Database
  /** Creates what is missing in the database. */
  readonly prepare: () => Promise<void>
  readonly ip: string
  /** As one incarnation holds it: never that of a later one of the same process. */
  readonly lease: Pick<Lease, 'incarnation' | 'held'>
  readonly leaseMs: number
  readonly mode: Mode
  readonly membership: Pick<Membership, 'takers'>
  readonly executors: ReadonlyMap<string, Executor>
  /** The machine's clock, and what is known of its error. */
  readonly clock: Clock
  readonly time: ServerTime
  readonly timezone: string
  /** Most milliseconds before its due time at which a run is claimed. */
  readonly claimLead: number
  readonly logger: Logger
  readonly emit: (news: News) => void
}

export class Stages {
  readonly #options: StagesOptions
  readonly #patience: Patience
  readonly #roster: Roster
  readonly #ticker: Ticker
  readonly #memory: Memory
  readonly #book: Book
  readonly #places: Places
  readonly #writer: Writer
  readonly #follower: Follower
  readonly #finishes: Finishes
  readonly #live: Live
  readonly #runs: Runs
  readonly #cancels: Cancels
  readonly #sweeper: Sweeper
  readonly #plans: Plans
  readonly #handOut: HandOut
  readonly #permit: Permit
  readonly #claims: Claims
  readonly #adoption: Adoption
  readonly #takeover: Takeover
  readonly #subscription = new Subscription()
  /** All jobs are in memory: from here on this node looks after those of others, too. */
  #isOpen = false

  constructor(options: StagesOptions) {
    const { database, emit, executors, ip, lease, leaseMs, membership, mode, time, timezone } = options
    const { jobs, executions, nodes } = database.collections
    this.#options = options
    const clock = time.judging()
    const now = clock.now()
    const by = { ip, incarnation: lease.incarnation }
    const patience = new Patience({ emit, lastingMs: leaseMs })
    const lead = new Lead(options.claimLead)
    const check = (job: Job) => problemsOf(job, executors)
    const roster = new Roster({ ip, timezone, check, lead, now })
    const ticks = ticker(() => this.#nextLook(clock.now()), time.stepping())
    const memory = new Memory({ roster, ticker: ticks, clock })
    const places = new Places({ executors, ticker: ticks })
    const book = new Book({
      places,
      ticker: ticks,
      newId: () => new ObjectId().toHexString(),
      monotonic: () => monotonicNow(systemClock),
      now,
    })
    const writer = new Writer({ jobs, by, stamped: roster })
    const adoption = new Adoption({ writer, clock, membership, mode, check, patience, emit })
    const follower = follow({
      db: database.connection.streamDb,
      collection: jobs.collectionName,
      ip,
      prepare: options.prepare,
      memory: roster,
      unable: adoption.unable,
      serverNow: () => time.serverNow(),
    })
    const rows = new Rows(executions, ip, () => clock.now())
    const finishes = new Finishes({ writer, rows, patience, roster, follower, emit })
    const live = new Live({ executions, ip, clock, patience })
    const takeBack = new TakeBack({ roster, writer, patience, timezone, clock })
    const runs = new Runs({ ...options, clock, book, places, writer, finishes, live, memory, follower, takeBack })
    const cancels = new Cancels({ book, writer, runs, roster, patience, clock })
    const recovering = { nodes, rows, writer, book, executors, clock }
    const sweeper = new Sweeper({ ...recovering, runs, lease, roster, follower, patience })
    const permit = new Permit({ lease, lead, clock })
    const plans = new Plans({ roster, writer, book, runs, follower, permit, patience, clock })
    const handOut = new HandOut({ roster, memory, places, book, follower, clock })
    const commands = new Commands({ writer, book, lead, patience, clock })
    const claiming = { commands, handOut, permit, roster, book, runs, follower, patience }
    const refusals = new Refusals({ ...claiming, cancels, sweeper, writer, clock, emit })
    const doubts = new Doubts({ rows, book, roster, writer, patience })
    this.#claims = new Claims({ ...claiming, doubts, refusals, plans, takeBack })
    this.#adoption = adoption
    const keeping = { jobs, nodes, writer, leaseMs, lease, mode, sweeper, rows, patience, emit }
    this.#takeover = new Takeover({ ...keeping, clock: options.clock.heartbeats ?? options.clock })
    this.#patience = patience
    this.#roster = roster
    this.#ticker = ticks
    this.#memory = memory
    this.#book = book
    this.#places = places
    this.#writer = writer
    this.#follower = follower
    this.#finishes = finishes
    this.#live = live
    this.#runs = runs
    this.#cancels = cancels
    this.#sweeper = sweeper
    this.#plans = plans
    this.#handOut = handOut
    this.#permit = permit
  }

  get jobs(): number {
    return this.#roster.size
  }

  get armed(): number {
    return this.#roster.armed
  }

  /** How many runs go on. While none is taken any more, also those that are claimed and start yet: a node with 0 starts nothing. */
  get running(): number {
    return this.#permit.isTaking ? this.#places.performed : this.#book.going
  }

  /** Due runs whose claim is asked for, or waits until it can be. */
  get claiming(): number {
    return this.#claims.inFlight
  }

  /** Milliseconds for which due runs have waited without a claim's being made or answered; 0: none waits, or none may be claimed. */
  get claimingFor(): number {
    const at = this.#permit.isGiven ? this.#roster.nextAt() : null
    const overdue = at === null ? 0 : this.#options.time.judging().now() - at
    return Math.round(Math.max(this.#claims.silentFor, overdue, 0))
  }

  get stream(): StreamState {
    return this.#follower.state()
  }

  /** When something is due next, as memory knows; null: nothing is. */
  get nextAt(): number | null {
    return earliest(this.#roster.nextAt(), this.#book.nextAt())
  }

  /** What is still open at the moment; undefined: memory has all jobs as the database has them, whatever is due by `now` has run, and
   *  everything is stored. */
  async unsettled(now: number): Promise<string | undefined> {
    if (!this.#book.isIdle) return 'runs go on, or their ends are being stored'
    await this.#finishes.idle()
    await this.#plans.idle()
    const { ip, database } = this.#options
    const jobs = await database.collections.jobs.find({ ip: { $in: [ip, null] } } as Filter<Job>).toArray()
    const unknown = jobs.find(job => !this.#isKnown(job))
    if (unknown !== undefined) return `job ${unknown._id} is not in memory as the database has it`
    if (jobs.filter(job => job.ip === ip).length !== this.#roster.size) return 'jobs that are gone are in memory still'
    for (const entry of this.#permit.isGiven ? this.#roster.entries() : []) {
      if (isDue(entry, now)) return `job ${entry.id} is due and has not run`
      if (entry.state === 'over' && this.#book.runsOf(entry.id, 'waiting').length === 0)
        return `job ${entry.id} is over and was not removed`
    }
    return this.#book.isIdle ? undefined : 'runs go on, or their ends are being stored'
  }

  /** Whether memory has a job as this document says, or has nothing to do with it. */
  #isKnown(job: Job): boolean {
    if (job.ip == null) return this.#adoption.unable.has(job._id)
    const entry = this.#roster.get(job._id)
    if (entry?.state === 'invalid') return job.state?.error === errorOf(entry)
    return this.#roster.agrees(job) && entry?.unwritten === false
  }

  /** Opens the stream; resolves when all jobs are in memory. */
  async open(): Promise<void> {
    this.#subscription.add(this.#memory.effects$.subscribe(effect => this.#carryOut(effect)))
    const opened = new Promise<void>(resolve => {
      this.#subscription.add(
        this.#follower.changes$.subscribe(change => {
          this.#take(change)
          if (change.type === 'stream.opened') resolve()
        }),
      )
    })
    this.#subscription.add(this.#ticker.ticks$.subscribe(tick => this.#due(tick)))
    await opened
    // Before this process runs anything: what is told as going on here is of an earlier one. No start fails for the history's sake.
    await this.#patience.once('end rows of an earlier process', () => this.#takeover.endLeft(this.#options.ip))
    this.#isOpen = true
  }

  /** Whether due runs are taken; off while the node is paused, drains, or does not hold its lease. */
  take(taking: boolean): void {
    this.#permit.take(taking)
    if (taking) this.#ticker.poke(true)
  }

  /** A task became known or went: jobs that name it are looked at again. */
  recheck(func: string): void {
    for (const id of this.#roster.idsOf(func)) this.#follower.read(id)
    for (const [id, needed] of this.#adoption.unable) if (needed === func) this.#follower.read(id)
  }

  /** Whether it wants to hear which ips jobs have, with who has which. */
  get keeps(): boolean {
    return this.#isOpen && this.#takeover.keeps
  }

  /** Hears who has which ip now; answers in how many ms to look again, where that is before the next heartbeat. */
  looked(known: readonly Seen[], owners?: Owners): number | undefined {
    this.#sweeper.looked(known)
    return this.#isOpen ? this.#takeover.look(known, owners) : undefined
  }

  abort(runId: string, why: Abort): void {
    this.#book.abort(runId, why)
  }

  abortAll(why: Abort): void {
    this.#book.abortAll(why)
  }

  /** Resolves when no run is going on and every end is stored. */
  async drained(): Promise<void> {
    await this.#places.quiet()
    await this.#finishes.idle()
    await this.#plans.idle()
  }

  /** Does nothing for others any more; resolves when nothing of it is under way. */
  endTakeover(): Promise<void> {
    return this.#takeover.end()
  }

  /** Gives up whatever is still waiting for the database; resolves when the stream is closed there too. */
  end(): Promise<void> {
    this.#permit.take(false)
    this.#patience.end()
    this.#subscription.unsubscribe()
    this.#adoption.end()
    this.#plans.end()
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
        if (change.job.ip == null && typeof change.job._id === 'string') this.#adoption.offer(change.job)
    }
    this.#memory.apply(change)
  }

  /** What follows from a change; where it throws, that is told of its own job. */
  #carryOut(effect: Effect): void {
    try {
      this.#follow(effect)
    } catch (error) {
      const message = `the document cannot be served (${failureOf(error).message})`
      this.#options.emit({ type: 'job.invalid', job_id: idOf(effect), problems: [{ path: '', message }] })
    }
  }

  #follow(effect: Effect): void {
    switch (effect.type) {
      case 'news':
        return this.#options.emit(effect.news)
      case 'write':
        return this.#plans.push(effect.id)
      case 'read':
        return this.#follower.read(effect.id)
      case 'cancel':
        return this.#cancels.cancel(effect.id, effect.run, { at: effect.at })
      case 'repair':
        return void this.#repair(effect)
      case 'over':
        return void this.#finishes.removeOver(effect.job)
      case 'seen':
        return this.#see(effect)
    }
  }

  /** A document was read as a whole. */
  #see({ job, from }: Extract<Effect, { type: 'seen' }>): void {
    const { ip } = this.#options
    if (from === 'given' && job.state?.assigned === ip)
      void this.#patience.once('keep jobs that people gave', () => this.#writer.write(keepWrite(job._id, ip)))
    if (typeof job.cancel === 'string' && from !== 'claim') this.#cancels.cancel(job._id, job.cancel, { seen: true })
    this.#sweeper.see(job, from === 'claim')
  }

  /** Takes away what is malformed in a document of this node, and has it read again, also when somebody was quicker. */
  async #repair({ job, malformed }: Extract<Effect, { type: 'repair' }>): Promise<void> {
    try {
      await this.#patience.until('repair jobs', () => this.#writer.write(repairWrite(job, malformed, this.#options.ip)))
      this.#follower.read(job._id)
    } catch {
      // The node has ended: its successor repairs it.
    }
  }

  /** What is to be claimed, or was claimed before and starts now. */
  #due(tick: Tick): void {
    if (tick.type === 'jump') return void this.#measure(tick.by)
    if (!this.#permit.isGiven) return
    void this.#runs.begin(tick.now)
    this.#claims.offer(section('tidewheel.due', () => this.#handOut.take(tick.now)))
  }

  /** When something may be due next. While nothing may be claimed what is due waits, without a tick for each millisecond. */
  #nextLook(now: number): number | null {
    const at = earliest(this.#roster.nextAt(), this.#book.nextAt())
    if (at === null || this.#permit.isGiven) return at
    return Math.max(at, now + WATCHFUL_SLEEP_MS)
  }

  /** The wall clock was set: nothing is claimed until its error is known. */
  async #measure(by: number): Promise<void> {
    const measured = this.#patience.until('measure the clock', () => this.#options.time.jumped(by))
    await this.#permit.whileMeasuring(measured.catch(() => {}))
    this.#ticker.poke(true)
  }
}

/** Handed out or due. */
const isDue = ({ place, state, at, extra }: Entry, now: number) =>
  place !== undefined || (state !== 'invalid' && Math.min(at ?? now + 1, extra[0] ?? now + 1) <= now)

const idOf = (effect: Effect) =>
  'id' in effect ? effect.id : 'job' in effect ? effect.job._id : 'job_id' in effect.news ? effect.news.job_id : ''

const earliest = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.min(a, b))
