/** Life: a node from an open database to its end; each start begins another one.
 *  In: options, a mode that is `starting`, executors. Out: membership and, while the lease is held, the stages at work
 *  (`active`) and the takeover of others' jobs; everything that happens, as news.
 *  open → join → end, or → abandon where joining failed; `close` is last. The mode says what goes on, this carries it out.
 *  Holds: there is an Active from the moment the lease is won until it is lost to another process or given back. */

import { patiently, wait } from '../clock.ts'
import { Lease, type Report } from '../cluster/lease.ts'
import { Membership } from '../cluster/membership.ts'
import { ServerTime } from '../cluster/server-time.ts'
import { Takeover } from '../cluster/takeover.ts'
import { CONNECT_TIMEOUT_MS, isNobody, ownAddress } from '../database/connection.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { HISTORY_TTL_MS } from '../database/ensure.ts'
import { TidewheelError } from '../errors.ts'
import type { News } from '../event.ts'
import type { Executor } from '../executor/executor.ts'
import { VERSION } from '../version.ts'
import { Active } from './active.ts'
import { drain } from './drain.ts'
import type { Mode, Work } from './mode.ts'
import type { CheckedOptions } from './options.ts'

export interface LifeOptions {
  readonly options: CheckedOptions
  /** Undefined: this machine's address. */
  readonly ip: string | undefined
  readonly mode: Mode
  readonly executors: ReadonlyMap<string, Executor>
  readonly emit: (news: News) => void
}

/** A start is given up when nothing came for so many times the time that a connection may take: an election is waited for. */
const PATIENCE = 3
/** What the database does not answer to a start that has failed is waited for so long. */
const PARTING_MS = 1_000

export class Life {
  readonly ip: string
  readonly database: Database
  readonly #options: LifeOptions
  readonly #lease: Lease
  readonly #membership: Membership
  readonly #time: ServerTime
  #active: Active | undefined
  #takeover: Takeover | undefined
  /** Resolves when the jobs are in memory, after the lease was won. */
  #opening: Promise<void> | undefined
  /** Why the jobs' stream broke off last. */
  #interruption = 'no answer'

  /** Opens the database and creates what is missing there. Throws what a connection throws. */
  static async open(options: LifeOptions): Promise<Life> {
    const { historyTtl = HISTORY_TTL_MS } = options.options
    const database = await openDatabase({ ...options.options, historyTtl }, `tidewheel:${options.ip ?? ''}`)
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
    this.ip = ip
    const shared = { nodes: database.collections.nodes, ip, leaseMs, clock }
    this.#lease = new Lease({ ...shared, version: VERSION, timezone })
    this.#membership = new Membership({
      ...shared,
      lease: this.#lease,
      report: () => this.#report(),
      won: () => {
        // The ip was lost and won again while the last runs end.
        if (options.mode.isEnding) return
        this.#opening = this.#activate()
        this.#opening.catch(error => this.#emit({ type: 'stream.interrupted', reason: String(error) }))
      },
      waiting: reason => this.#waiting(reason),
      lost: (reason, replaced) =>
        this.#fenced((replaced ? undefined : database.connection.trouble()) ?? reason, replaced),
      regained: () => this.#regained(),
      failed: error => {
        if (isNobody(error)) database.connection.renew()
      },
      heard: () => this.#heard(),
      looked: known => {
        this.#active?.looked(known)
        return this.#takeover?.look(known)
      },
      joined: other => this.#emit({ type: 'node.joined', ip: other }),
      left: other => this.#emit({ type: 'node.lost', ip: other }),
    })
    this.#time = new ServerTime({
      clock,
      offset: () => this.#lease.offset,
      measure: () => this.#membership.say(),
      emit: news => this.#emit(news),
    })
  }

  /** The stages, while they work. */
  get active(): Active | undefined {
    return this.#active
  }

  /** Resolves when the node works or stands by. Rejects when the database has gone away. */
  async join(): Promise<void> {
    await this.#membership.join()
    if (this.#opening === undefined) return
    const { connectTimeout = CONNECT_TIMEOUT_MS } = this.#options.options
    if (await patiently(this.#opening, connectTimeout * PATIENCE, () => this.#active?.jobs ?? 0)) return
    const message = `the database went away while the jobs were read: ${this.#interruption}`
    throw new TidewheelError('unreachable', message)
  }

  /** Carries out what was asked of the node. */
  obey(): void {
    const work = this.#options.mode.obey()
    if (work !== undefined) this.#turn(work)
  }

  /** Takes no new runs, waits for those going on, `timeout` ms at most, and gives the lease back. */
  async end(timeout: number | undefined): Promise<void> {
    const active = this.#active
    if (active !== undefined) {
      this.#emit({ type: 'node.draining', running: active.running })
      active.take(false)
      this.#say()
      await drain(active, timeout, this.#options.options.clock)
    }
    this.#active = undefined
    await this.#membership.leave().catch(() => {})
    await this.#takeover?.end()
    await Promise.all([...this.#options.executors.values()].map(executor => executor.close()))
  }

  /** After a start that failed: ends what it began, and gives the lease back where the database still answers. */
  async abandon(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    await Promise.race([Promise.all([active?.end(), this.#membership.leave().catch(() => {})]), wait(PARTING_MS)])
  }

  async close(): Promise<void> {
    await this.database.connection.close()
  }

  #waiting(reason: string): void {
    const { mode } = this.#options
    if (mode.state !== 'starting') return
    mode.become('standby')
    this.#emit({ type: 'node.standby', reason })
  }

  #regained(): void {
    if (this.#options.mode.state !== 'active') return
    this.#active?.take(true)
    this.#emit({ type: 'node.resumed' })
  }

  /** A heartbeat got through. */
  #heard(): void {
    this.#time.measured()
    this.#options.mode.want(this.#lease.wanted)
    this.obey()
  }

  #fenced(reason: string, replaced: boolean): void {
    this.#emit({ type: 'node.fenced', reason })
    const active = this.#active
    active?.take(false)
    if (!replaced) return
    active?.abortAll({ status: 'interrupted', message: reason })
    this.#active = undefined
    void this.#takeover?.end()
    this.#takeover = undefined
    this.#options.mode.become('standby')
    void active?.drained().finally(() => active.end())
    this.#emit({ type: 'node.standby', reason })
  }

  async #activate(): Promise<void> {
    const { options, mode, executors } = this.#options
    const lease = this.#asHeldNow()
    const active = new Active({
      ...this.database,
      prepare: () => this.#prepare(),
      ip: this.ip,
      timezone: options.timezone,
      lease,
      takers: () => this.#membership.takers,
      mayAdopt: () => mode.mayAdopt,
      executors,
      clock: this.#time.judging(),
      steppingClock: this.#time.stepping(),
      jumped: by => this.#time.jumped(by),
      claimLead: options.claimLead,
      logger: options.logger,
      emit: news => this.#emit(news),
    })
    this.#active = active
    await active.open()
    if (this.#active !== active || mode.isEnding) return
    this.#takeover = this.#takeoverBeside(active, lease)
    const work = mode.work()
    this.#emit({ type: 'node.started', incarnation: lease.incarnation })
    if (work === 'active') active.take(true)
    else this.#turn(work)
  }

  /** The lease for as long as this incarnation has it: once it was replaced it is not held any more, though this process may win
   *  the ip again as another incarnation. */
  #asHeldNow(): Pick<Lease, 'incarnation' | 'held'> {
    const { incarnation } = this.#lease
    return { incarnation, held: () => this.#lease.incarnation === incarnation && this.#lease.held() }
  }

  #takeoverBeside(active: Active, lease: Pick<Lease, 'incarnation' | 'held'>): Takeover {
    const { options, mode } = this.#options
    let touches = 0
    return new Takeover({
      ...this.database.collections,
      ip: this.ip,
      leaseMs: options.lease,
      clock: options.clock,
      mayAct: () => this.#active === active && lease.held(),
      draining: () => mode.givesAway,
      freshTouch: () => `${lease.incarnation.slice(-12)}-${(touches++).toString(36)}`,
      bury: job => active.sweep(job),
      endLeft: node => active.endLeft(node),
      emit: news => this.#emit(news),
    })
  }

  #turn(work: Work): void {
    this.#active?.take(work === 'active')
    if (work === 'active') this.#emit({ type: 'node.resumed' })
    else if (work === 'paused') this.#emit({ type: 'node.paused' })
    else this.#emit({ type: 'node.draining', running: this.#active?.running ?? 0 })
    this.#say()
  }

  /** Says what the node does now, without waiting for the next heartbeat. */
  #say(): void {
    void this.#membership.say().catch(() => {})
  }

  #report(): Report {
    const { state } = this.#options.mode
    const { jobs = 0, running = 0 } = this.#active ?? {}
    return { status: state === 'paused' || state === 'draining' ? state : 'active', jobs, running }
  }

  async #prepare(): Promise<void> {
    for (const warning of await this.database.prepare()) this.#options.options.logger.warn(warning)
  }

  #emit(news: News): void {
    if (news.type === 'stream.interrupted') this.#interruption = news.reason
    this.#options.emit(news)
  }
}
