/** Life: a node from an open database to its end; each start begins another one.
 *  In: options, a mode that is `starting`, executors. Out: membership and, while the lease is held, the stages at
 *  work; everything that happens, as news.
 *  open → join → end, or → abandon where joining failed; `close` is last. The mode says what goes on, this carries it out.
 *  Holds: there are stages from the moment the lease is won until it is lost to another process or given back. */
import { patiently, wait } from '../clock.ts'
import { Lease, NO_STREAM, type Report } from '../cluster/lease.ts'
import { Membership, type Told } from '../cluster/membership.ts'
import type { Owners, Seen } from '../cluster/registry.ts'
import { ServerTime } from '../cluster/server-time.ts'
import { answeringDatabase } from '../database/answering.ts'
import { ownAddress } from '../database/connection.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { TidewheelError } from '../errors.ts'
import type { News } from '../event.ts'
import type { Executor } from '../executor/executor.ts'
import { abilitiesOf } from '../executor/executors.ts'
import type { Tasks } from '../executor/tasks.ts'
import { isNobody } from '../pace/passing.ts'
import { Patience } from '../pace/patience.ts'
import { loadTracing } from '../tracing.ts'
import { VERSION } from '../version.ts'
import { drain } from './drain.ts'
import type { Mode, Work } from './mode.ts'
import type { CheckedOptions } from './options.ts'
import { Stages } from './stages.ts'

export interface LifeOptions {
  readonly options: CheckedOptions
  /** Undefined: this machine's address. */
  readonly ip: string | undefined
  readonly mode: Mode
  readonly executors: ReadonlyMap<string, Executor>
  readonly tasks: Tasks
  readonly emit: (news: News) => void
}

/** A start is given up when nothing came for so many times the time that a connection may take: an election is waited for. */
const PATIENCE = 3
/** What the database does not answer to a start that has failed is waited for so long. */
const PARTING_MS = 1_000

export class Life {
  readonly ip: string
  readonly database: Database
  /** The same for the node itself. */
  readonly #answering: Database
  readonly #options: LifeOptions
  readonly #lease: Lease
  readonly #membership: Membership
  readonly #time: ServerTime
  readonly #patience: Patience
  #stages: Stages | undefined
  /** Resolves when the jobs are in memory, after the lease was won. */
  #opening: Promise<void> | undefined
  /** Why the jobs' stream broke off last. */
  #interruption = 'no answer'

  /** Opens the database and creates what is missing there. Throws what a connection throws. */
  static async open(options: LifeOptions): Promise<Life> {
    // Beside the connection, which takes as long.
    const tracing = loadTracing()
    const database = await openDatabase(options.options, `tidewheel:${options.ip ?? ''}`)
    await tracing
    try {
      const ip = options.ip ?? (await ownAddress(database.connection.client))
      const life = new Life(options, database, ip)
      await life.#prepare()
      return life
    } catch (error) {
      await database.connection.close()
      throw error
    }
  }

  constructor(options: LifeOptions, database: Database, ip: string) {
    const { clock, timezone, lease: leaseMs } = options.options
    this.#options = options
    this.database = database
    this.#answering = answeringDatabase(database)
    const { jobs, nodes } = this.#answering.collections
    this.ip = ip
    this.#patience = new Patience({ emit: news => this.#emit(news), lastingMs: leaseMs })
    const shared = { nodes, ip, leaseMs, clock: clock.heartbeats ?? clock }
    const abilities = () => abilitiesOf(options.tasks, options.executors)
    this.#lease = new Lease({ ...shared, version: VERSION, timezone, abilities })
    this.#membership = new Membership({
      ...shared,
      lease: this.#lease,
      report: () => this.#report(),
      owned: () => (this.#stages?.keeps ? jobs : undefined),
      tell: told => this.#hear(told),
    })
    this.#time = new ServerTime({
      clock,
      offset: () => this.#lease.offset,
      measure: () => this.#membership.say(),
      emit: news => this.#emit(news),
    })
  }

  /** The stages, while they work. */
  get stages(): Stages | undefined {
    return this.#stages
  }

  /** How old the lease is, and what is left of it; undefined: it is not held, and never was since it was lost. */
  get lease(): { readonly age: number; readonly left: number } | undefined {
    const { age } = this.#lease
    if (age === Number.POSITIVE_INFINITY) return undefined
    return { age: Math.round(age), left: Math.max(0, Math.round(this.#options.options.lease - age)) }
  }

  /** Milliseconds by which this machine's clock is ahead of the server's, as last measured. */
  get offset(): number {
    return Math.round(this.#lease.offset)
  }

  /** Resolves when the node works or stands by. Rejects when the database has gone away. */
  async join(): Promise<void> {
    await this.#membership.join()
    if (this.#opening === undefined) return
    const { connectTimeout } = this.#options.options
    if (await patiently(this.#opening, connectTimeout * PATIENCE, () => this.#stages?.jobs ?? 0)) return
    const message = `the database went away while the jobs were read: ${this.#interruption}`
    throw new TidewheelError('unreachable', message)
  }

  /** A task became known or went. */
  recheck(func: string): void {
    if (this.#stages === undefined) return
    this.#stages.recheck(func)
    this.#say()
  }

  /** Carries out what was asked of the node. */
  obey(): void {
    const work = this.#options.mode.obey()
    if (work !== undefined) this.#turn(work)
  }

  /** Takes no new runs, waits for those going on, `timeout` ms at most, and gives the lease back. */
  async end(timeout: number | undefined): Promise<void> {
    const stages = this.#stages
    if (stages !== undefined) {
      this.#emit({ type: 'node.draining', running: stages.running })
      stages.take(false)
      this.#say()
      await drain(stages, timeout, this.#options.options.clock)
    }
    this.#stages = undefined
    await this.#leave()
    await stages?.endTakeover()
    await Promise.all([...this.#options.executors.values()].map(executor => executor.close()))
  }

  /** After a start that failed: ends what it began, and gives the lease back where the database still answers. */
  async abandon(): Promise<void> {
    const stages = this.#stages
    this.#stages = undefined
    await Promise.race([Promise.all([stages?.end(), this.#leave()]), wait(PARTING_MS)])
  }

  /** A lease that cannot be given back ends by itself. */
  async #leave(): Promise<void> {
    await this.#patience.once('give the lease back', () => this.#membership.leave())
  }

  async close(): Promise<void> {
    await this.database.connection.close()
  }

  #hear(told: Told): void {
    switch (told.type) {
      case 'won':
        return this.#won()
      case 'waiting':
        return this.#waiting(told.reason)
      case 'lost':
        return this.#fenced(told)
      case 'regained':
        return this.#regained()
      case 'failed':
        if (isNobody(told.error)) this.database.connection.renew()
        return this.#patience.failed('renew the lease', told.error)
      case 'heard':
        return this.#heard()
      case 'looked':
        return this.#looked(told.known, told.owners)
      case 'joined':
        return this.#emit({ type: 'node.joined', ip: told.ip })
      case 'left':
        return this.#emit({ type: 'node.lost', ip: told.ip })
    }
  }

  #won(): void {
    // The ip was lost and won again while the last runs end.
    if (this.#options.mode.isEnding) return
    this.#opening = this.#activate()
    this.#opening.catch(error => this.#emit({ type: 'stream.interrupted', reason: String(error) }))
  }

  #looked(known: readonly Seen[], owners: Owners | undefined): void {
    const again = this.#stages?.looked(known, owners)
    if (again !== undefined) this.#membership.glance(again)
  }

  #waiting(reason: string): void {
    const { mode } = this.#options
    if (mode.state !== 'starting') return
    mode.become('standby')
    this.#emit({ type: 'node.standby', reason })
  }

  #regained(): void {
    if (this.#options.mode.state !== 'active') return
    this.#stages?.take(true)
    this.#emit({ type: 'node.resumed' })
  }

  /** A heartbeat got through. */
  #heard(): void {
    this.#patience.succeeded('renew the lease')
    this.#time.measured()
    this.#options.mode.want(this.#lease.wanted)
    this.obey()
  }

  #fenced({ reason: heard, replaced }: Extract<Told, { type: 'lost' }>): void {
    const reason = (replaced ? undefined : this.database.connection.trouble()) ?? heard
    this.#emit({ type: 'node.fenced', reason })
    const stages = this.#stages
    stages?.take(false)
    if (!replaced) return
    stages?.abortAll({ status: 'interrupted', message: reason })
    this.#stages = undefined
    if (stages !== undefined) void this.#endReplaced(stages)
    this.#options.mode.become('standby')
    this.#emit({ type: 'node.standby', reason })
  }

  /** Another process has the ip: what goes on here is aborted, and its ends are stored still. */
  async #endReplaced(stages: Stages): Promise<void> {
    void stages.endTakeover()
    await stages.drained().finally(() => stages.end())
  }

  async #activate(): Promise<void> {
    const { options, mode, executors } = this.#options
    const lease = this.#asHeldNow()
    const stages = new Stages({
      ...options,
      database: this.#answering,
      prepare: () => this.#prepare(),
      ip: this.ip,
      lease,
      leaseMs: options.lease,
      mode,
      membership: this.#membership,
      executors,
      time: this.#time,
      emit: news => this.#emit(news),
    })
    this.#stages = stages
    await stages.open()
    if (this.#stages !== stages || mode.isEnding) return
    const work = mode.work()
    this.#emit({ type: 'node.started', incarnation: lease.incarnation })
    if (work === 'active') stages.take(true)
    else this.#turn(work)
  }

  /** The lease for as long as this incarnation has it: once it was replaced it is not held any more, though this process may win
   *  the ip again as another incarnation. */
  #asHeldNow(): Pick<Lease, 'incarnation' | 'held'> {
    const { incarnation } = this.#lease
    return { incarnation, held: () => this.#lease.incarnation === incarnation && this.#lease.held() }
  }

  #turn(work: Work): void {
    this.#stages?.take(work === 'active')
    if (work === 'active') this.#emit({ type: 'node.resumed' })
    else if (work === 'paused') this.#emit({ type: 'node.paused' })
    else this.#emit({ type: 'node.draining', running: this.#stages?.running ?? 0 })
    this.#say()
  }

  /** Says what the node does now, without waiting for the next heartbeat. */
  #say(): void {
    void this.#patience.once('say what the node does', () => this.#membership.say())
  }

  #report(): Report {
    const { state } = this.#options.mode
    const { jobs = 0, running = 0, stream = NO_STREAM } = this.#stages ?? {}
    return { status: state === 'paused' || state === 'draining' ? state : 'active', jobs, running, stream }
  }

  async #prepare(): Promise<void> {
    for (const warning of await this.database.prepare()) this.#options.options.logger.warn(warning)
  }

  #emit(news: News): void {
    if (news.type === 'stream.interrupted') this.#interruption = news.reason
    this.#options.emit(news)
  }
}
