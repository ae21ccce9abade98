/** Node: one process that runs the jobs of one ip. Joins connection, membership and stages, and owns the order of start and stop.
 *  Modes: stopped → starting → standby | active ⇄ paused → draining → stopped; `close` ends it for good. `#become` alone sets it.
 *  Holds: start and stop may be called in any order and twice; what was added before the start is stored at the start. */

import { type MongoClient, ObjectId } from 'mongodb'
import { defer, Observable, Subject } from 'rxjs'
import { Active } from './active.ts'
import { watchJobs } from './change/watch.ts'
import { after, type Clock, systemClock, wait } from './clock.ts'
import { Lease, type NodeInfo } from './cluster/lease.ts'
import { Membership } from './cluster/membership.ts'
import { type Nodes, nodesOf } from './cluster/nodes.ts'
import { correctionOf, judging, stepping } from './cluster/server-time.ts'
import { Takeover } from './cluster/takeover.ts'
import { type Collections, collectionsOf } from './collections.ts'
import { CONNECT_TIMEOUT_MS, type Connection, databaseError, isNobody, open, ownAddress } from './connection.ts'
import { nearest, TidewheelError } from './errors.ts'
import type { News, TidewheelEvent } from './event.ts'
import { type History, historyOf } from './history/history.ts'
import { type CollectionNames, ensureCollections } from './job/collections.ts'
import type { FlatJob, Job, JobInput } from './job/job.ts'
import { type Jobs, jobsOf } from './job/jobs.ts'
import { parseJobInput } from './job/parse.ts'
import { type Logger, logEvent, silent } from './log.ts'
import type { Executor, Task } from './run/executor.ts'
import { type ExecutorsOption, makeExecutors } from './run/executors.ts'
import { type PipelineRun, runsOf } from './run/pipeline.ts'
import { Tasks } from './run/tasks.ts'
import { VERSION } from './version.ts'

export interface NodeOptions {
  /** Connection string; or give `client`. */
  readonly uri?: string
  /** A MongoClient of yours; it stays open. */
  readonly client?: MongoClient
  /** Database; default: the connection string's, else `tidewheel`. */
  readonly db?: string
  /** The node's name: jobs with this `ip` run here. Default: this machine's address as MongoDB sees it. */
  readonly ip?: string
  /** Functions by name. */
  readonly tasks?: Readonly<Record<string, Task>>
  /** A folder of modules; each exported function is the task `module:export`. */
  readonly tasksDir?: string
  /** A folder of executable files, for jobs of the executor `script`. */
  readonly workspace?: string
  /** How many runs at once, and pools of your own: `{process: {workers: 3}, reports: {type: 'process', workers: 1}}`. */
  readonly executors?: ExecutorsOption
  /** What jobs added through this node get for absent fields. */
  readonly jobDefaults?: Partial<JobInput>
  /** Added at the start; an unchanged one keeps its `next_run_time`. */
  readonly jobs?: readonly (JobInput | FlatJob)[]
  /** For triggers and dates that name no zone; default UTC. */
  readonly timezone?: string
  /** Milliseconds after which a silent node counts as dead; default 15,000. */
  readonly lease?: number
  /** Most milliseconds before its due time at which a run is claimed; default 50, 0 turns it off. */
  readonly claimLead?: number
  /** Milliseconds for which history is kept; default 7 days. */
  readonly historyTtl?: number
  readonly collections?: CollectionNames
  /** pino; default: silent. */
  readonly logger?: Logger
  /** For tests: a clock that is moved by hand. */
  readonly clock?: Clock
  /** How long to look for a server, in ms; default 5,000. `start` gives up when the database is silent for three times as long. */
  readonly connectTimeout?: number
}

export type NodeState = 'stopped' | 'starting' | 'standby' | 'active' | 'paused' | 'draining' | 'closed'

export interface NodeStatus {
  readonly ip: string | undefined
  readonly state: NodeState
  /** Jobs of this ip, whether armed, paused or invalid. */
  readonly jobs: number
  readonly armed: number
  readonly running: number
}

export interface TidewheelNode extends AsyncDisposable {
  /** Known from the start on. */
  readonly ip: string | undefined
  readonly jobs: Jobs
  readonly history: History
  readonly nodes: Nodes
  /** Hot, no replay; never errors, completes after `close`. */
  readonly events$: Observable<TidewheelEvent>
  /** Resolves when the node is active or stands by. Throws what a connection throws. */
  start(options?: { readonly paused?: boolean }): Promise<void>
  /** Takes no new runs; `wait` (default) waits for those going on, `timeout` ms at most, then aborts them. */
  stop(options?: { readonly wait?: boolean; readonly timeout?: number }): Promise<void>
  /** No run is taken until `resume`; due times are made up then, by the misfire rule. */
  pause(): void
  resume(): void
  /** Stops for good: connections end, `events$` completes. */
  close(): Promise<void>
  /** Registers a function; with `job` the job is stored too, now or at the start. Throws `conflict`. */
  task(name: string, fn: Task, job?: Omit<JobInput, 'func'>): Promise<void>
  /** Due runs of a function as a stream: each ends with `run.complete(value)` or `run.fail(error)`, and keeps its place in the
   *  executor until then. One subscriber a function; one that leaves ends its open runs as cancelled. */
  runs$(func: string): Observable<PipelineRun>
  status(): NodeStatus
}

const LEASE_MS = 15_000
const CLAIM_LEAD_MS = 50
/** A start is given up when nothing came for so many times the time that a connection may take: an election is waited for. */
const PATIENCE = 3
/** A stop with a time limit waits so much longer for a database that does not take the ends of runs. */
const STORING_MS = 5_000
/** What the database does not answer to a start that has failed is waited for so long. */
const PARTING_MS = 1_000
/** A clock that is further off is worth a warning. */
const WARNED_OFFSET_MS = 500
const OPTIONS = [
  'uri',
  'client',
  'db',
  'ip',
  'tasks',
  'tasksDir',
  'workspace',
  'executors',
  'jobDefaults',
  'jobs',
  'timezone',
  'lease',
  'claimLead',
  'historyTtl',
  'collections',
  'logger',
  'clock',
  'http',
  'connectTimeout',
]

/** Makes a node; nothing happens before `start`. Throws `invalid_option`. */
export function createNode(options: NodeOptions): TidewheelNode {
  for (const name of Object.keys(options)) {
    if (OPTIONS.includes(name)) continue
    const near = nearest(name, OPTIONS)
    throw new TidewheelError(
      'invalid_option',
      `${name}: there is no such option${near === undefined ? '' : `; did you mean ${near}?`}`,
      { path: name },
    )
  }
  if (options.ip !== undefined && (!/^\S+$/.test(options.ip) || options.ip === 'any')) {
    throw new TidewheelError(
      'invalid_option',
      `ip: expected a name without whitespace (not "any"), found ${JSON.stringify(options.ip)}`,
      { path: 'ip' },
    )
  }
  return new Node(options)
}

class Node implements TidewheelNode {
  readonly jobs: Jobs
  readonly history: History
  readonly nodes: Nodes
  readonly events$: Observable<TidewheelEvent>
  readonly #options: NodeOptions
  readonly #events = new Subject<TidewheelEvent>()
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #timezone: string
  readonly #tasks = new Tasks()
  readonly #executors: ReadonlyMap<string, Executor>
  #state: NodeState = 'stopped'
  /** Start and stop follow one another. */
  #turn: Promise<void> = Promise.resolve()
  #kept: { readonly job: JobInput | FlatJob; readonly options: { readonly replace?: boolean } }[] = []
  #ip: string | undefined
  #connection: Connection | undefined
  #collections: Collections | undefined
  #membership: Membership | undefined
  #takeover: Takeover | undefined
  #active: Active | undefined
  /** `pause` was called. */
  #paused = false
  /** What people want of the node (`wanted` in the registry), which counts beside it. */
  #wanted: NodeInfo['wanted']
  #stopping = false
  /** The clock's offset that was told last. */
  #told = 0
  /** Steps of the clock whose offset is being measured. */
  #jumps = 0

  constructor(options: NodeOptions) {
    this.#options = options
    this.#ip = options.ip
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent()
    this.#timezone = options.timezone ?? 'UTC'
    this.events$ = this.#events.asObservable()
    for (const [name, task] of Object.entries(options.tasks ?? {})) this.#tasks.add(name, task)
    this.#executors = makeExecutors({ ...options, tasks: this.#tasks })
    this.#kept = (options.jobs ?? []).map((job, i) => {
      if (('_id' in job && job._id !== undefined) || ('id' in job && job.id !== undefined))
        return { job, options: { replace: true } }
      // It would be another job at each start.
      throw new TidewheelError('invalid_option', `jobs[${i}]._id: expected an id, such as nightly-report; found none`, {
        path: `jobs.${i}._id`,
      })
    })
    this.jobs = jobsOf({
      collection: () => {
        return this.#opened().collections.jobs
      },
      watch: query => defer(() => watchJobs(this.#opened().connection.client, this.#opened().collections.jobs, query)),
      timezone: this.#timezone,
      defaults: () => ({ ...this.#options.jobDefaults, ...(this.#ip !== undefined && { ip: this.#ip }) }),
      keep: (job, how) => {
        if (this.#collections !== undefined || this.#state === 'closed') return undefined
        const named = { _id: new ObjectId().toHexString(), ...parseJobInput(job, { timezone: this.#timezone }) } as Job
        this.#kept.push({ job: { ...job, ...('id' in job ? { id: named._id } : { _id: named._id }) }, options: how })
        return named
      },
    })
    this.history = historyOf({
      executions: () => this.#opened().collections.executions,
      jobs: () => this.#opened().collections.jobs,
    })
    this.nodes = nodesOf({
      nodes: () => this.#opened().collections.nodes,
      jobs: () => this.#opened().collections.jobs,
    })
  }

  get ip(): string | undefined {
    return this.#ip
  }

  status(): NodeStatus {
    const { jobs = 0, armed = 0, running = 0 } = this.#active ?? {}
    return { ip: this.#ip, state: this.#state, jobs, armed, running }
  }

  start({ paused = false } = {}): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'closed') throw new TidewheelError('closed', 'the node is closed; create a new one')
      if (this.#state !== 'stopped') return
      this.#become('starting')
      this.#paused = paused
      this.#wanted = undefined
      this.#told = 0
      try {
        await this.#open()
      } catch (error) {
        await this.#abandon()
        this.#become('stopped')
        throw databaseError(error)
      }
    })
  }

  stop({ wait = true, timeout }: { wait?: boolean; timeout?: number } = {}): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'stopped' || this.#state === 'closed') return
      this.#stopping = true
      this.#become('draining')
      const active = this.#active
      if (active !== undefined) {
        this.#emit({ type: 'node.draining', running: active.running })
        active.take(false)
        void this.#membership?.say().catch(() => {})
        await this.#drain(active, wait ? timeout : 0)
      }
      this.#active = undefined
      await this.#membership?.leave().catch(() => {})
      this.#membership = undefined
      await this.#takeover?.idle()
      this.#takeover = undefined
      await Promise.all([...this.#executors.values()].map(executor => executor.close()))
      await this.#disconnect()
      this.#become('stopped')
      this.#stopping = false
      this.#emit({ type: 'node.stopped' })
    })
  }

  async close(): Promise<void> {
    await this.stop()
    if (this.#state === 'closed') return
    this.#become('closed')
    this.#events.complete()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#obey()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#obey()
  }

  async task(name: string, fn: Task, job?: Omit<JobInput, 'func'>): Promise<void> {
    this.#tasks.add(name, fn)
    this.#active?.recheck(name)
    if (job !== undefined) await this.jobs.add({ ...job, func: name } as JobInput, { replace: true })
  }

  runs$(func: string): Observable<PipelineRun> {
    return runsOf(func, {
      register: (name, task) => {
        this.#tasks.add(name, task)
        this.#active?.recheck(name)
      },
      unregister: name => {
        this.#tasks.remove(name)
        this.#active?.recheck(name)
      },
      cancel: (id, message) => this.#active?.abort(id, { status: 'cancelled', message }),
    })
  }

  #opened(): { readonly connection: Connection; readonly collections: Collections } {
    const [connection, collections] = [this.#connection, this.#collections]
    if (connection === undefined || collections === undefined)
      throw new TidewheelError('closed', 'the node is not started')
    return { connection, collections }
  }

  /** The only place that sets the mode. */
  #become(state: NodeState): void {
    this.#state = state
  }

  get #asked(): 'active' | 'paused' | 'draining' {
    if (this.#wanted === 'draining') return 'draining'
    return this.#paused || this.#wanted === 'paused' ? 'paused' : 'active'
  }

  /** Turns a node that works to what its process and people ask of it. */
  #obey(): void {
    const mode = this.#asked
    const works = this.#state === 'active' || this.#state === 'paused' || this.#state === 'draining'
    if (!works || this.#stopping || mode === this.#state) return
    this.#become(mode)
    this.#active?.take(mode === 'active')
    this.#tellMode(mode)
    void this.#membership?.say().catch(() => {})
  }

  #tellMode(mode: 'active' | 'paused' | 'draining'): void {
    if (mode === 'active') this.#emit({ type: 'node.resumed' })
    else if (mode === 'paused') this.#emit({ type: 'node.paused' })
    else this.#emit({ type: 'node.draining', running: this.status().running })
  }

  /** What a heartbeat brought. */
  #heard({ wanted, offset }: Lease): void {
    if (this.#jumps === 0) this.#measured(offset)
    if (wanted === this.#wanted) return
    this.#wanted = wanted
    if (wanted === 'active' && this.#state !== 'starting') this.#paused = false
    this.#obey()
  }

  /** A clock that tests move by hand is off by design. */
  get #isReal(): boolean {
    return this.#options.clock === undefined
  }

  #measured(offset: number): void {
    if (!this.#isReal || Math.abs(offset - this.#told) <= WARNED_OFFSET_MS) return
    this.#told = offset
    this.#emit({ type: 'clock.jumped', by: 0, offset: Math.round(offset) })
  }

  /** The wall clock was set: the next heartbeat, now, tells by how much it is off. */
  async #jumped(by: number, lease: Lease): Promise<void> {
    const jumped = { type: 'clock.jumped', by: Math.round(by) } as const
    if (!this.#isReal) return this.#emit(jumped)
    this.#jumps++
    try {
      await this.#membership?.say()
    } finally {
      this.#jumps--
    }
    this.#told = lease.offset
    this.#emit({ ...jumped, offset: Math.round(lease.offset) })
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #open(): Promise<void> {
    const { tasksDir, lease: leaseMs = LEASE_MS } = this.#options
    if (tasksDir !== undefined) await this.#tasks.load(tasksDir)
    const connection = await open(this.#options, `tidewheel:${this.#ip ?? ''}`)
    this.#connection = connection
    this.#ip ??= await ownAddress(connection.client)
    const collections = collectionsOf(connection.db, this.#options.collections)
    await this.#prepare(connection)
    this.#collections = collections
    // One that is refused fails this start, and the next one too.
    for (let first = this.#kept[0]; first !== undefined; first = this.#kept[0]) {
      await this.jobs.add(first.job, first.options)
      this.#kept.shift()
    }
    const ip = this.#ip
    const shared = { nodes: collections.nodes, ip, leaseMs, clock: this.#clock }
    const lease = new Lease({ ...shared, version: VERSION, timezone: this.#timezone })
    let opening: Promise<void> | undefined
    this.#membership = new Membership({
      ...shared,
      lease,
      report: () => this.#report(),
      won: () => {
        opening = this.#activate(lease, connection, collections, ip, leaseMs)
        opening.catch(error => this.#emit({ type: 'stream.interrupted', reason: String(error) }))
      },
      waiting: reason => {
        if (this.#state !== 'starting') return
        this.#become('standby')
        this.#emit({ type: 'node.standby', reason })
      },
      lost: (reason, replaced) => this.#fenced((replaced ? undefined : connection.trouble()) ?? reason, replaced),
      regained: () => {
        if (this.#state !== 'active') return
        this.#active?.take(true)
        this.#emit({ type: 'node.resumed' })
      },
      failed: error => {
        if (isNobody(error)) connection.renew()
      },
      heard: () => this.#heard(lease),
      looked: known => this.#takeover?.look(known),
      joined: other => this.#emit({ type: 'node.joined', ip: other }),
      left: other => this.#emit({ type: 'node.lost', ip: other }),
    })
    await this.#membership.join()
    if (opening !== undefined) await this.#patiently(opening)
  }

  /** Resolves with the opening; rejects when the database has gone away meanwhile, and no job came for long. */
  async #patiently(opening: Promise<void>): Promise<void> {
    const { connectTimeout = CONNECT_TIMEOUT_MS } = this.#options
    let why = 'no answer'
    const news = this.#events.subscribe(event => {
      if (event.type === 'stream.interrupted') why = event.reason
    })
    let timer: { unsubscribe(): void } | undefined
    const silence = new Promise<never>((_, reject) => {
      const look = (before: number) => {
        const { jobs } = this.status()
        if (jobs === before) {
          const message = `the database went away while the jobs were read: ${why}`
          return reject(new TidewheelError('unreachable', message))
        }
        timer = after(systemClock, connectTimeout * PATIENCE, () => look(jobs))
      }
      look(-1)
    })
    try {
      await Promise.race([opening, silence])
    } finally {
      timer?.unsubscribe()
      news.unsubscribe()
    }
  }

  /** After a start that failed: ends what it began, and gives the lease back where the database still answers. */
  async #abandon(): Promise<void> {
    const [active, membership] = [this.#active, this.#membership]
    this.#active = undefined
    this.#membership = undefined
    await Promise.race([Promise.all([active?.end(), membership?.leave().catch(() => {})]), wait(PARTING_MS)])
    await this.#disconnect()
  }

  async #activate(
    lease: Lease,
    connection: Connection,
    collections: Collections,
    ip: string,
    leaseMs: number,
  ): Promise<void> {
    const correction = () => (this.#isReal ? correctionOf(lease.offset) : 0)
    const active = new Active({
      connection,
      collections,
      prepare: () => this.#prepare(connection),
      ip,
      timezone: this.#timezone,
      lease,
      takers: () => this.#membership?.takers ?? [ip],
      mayAdopt: () => !this.#stopping && this.#wanted !== 'draining',
      executors: this.#executors,
      clock: judging(this.#clock, correction),
      steppingClock: stepping(this.#clock, correction),
      jumped: by => this.#jumped(by, lease),
      claimLead: this.#options.claimLead ?? CLAIM_LEAD_MS,
      logger: this.#logger,
      emit: news => this.#emit(news),
    })
    this.#active = active
    await active.open()
    if (this.#active !== active || this.#stopping) return
    let touches = 0
    this.#takeover = new Takeover({
      ...collections,
      ip,
      leaseMs,
      clock: this.#clock,
      mayAct: () => this.#active === active && lease.held(),
      draining: () => this.#wanted === 'draining' && !this.#stopping,
      freshTouch: () => `${lease.incarnation.slice(-12)}-${(touches++).toString(36)}`,
      bury: job => active.sweep(job),
      emit: news => this.#emit(news),
    })
    const mode = this.#asked
    this.#become(mode)
    this.#emit({ type: 'node.started', incarnation: lease.incarnation })
    active.take(mode === 'active')
    if (mode === 'active') return
    this.#tellMode(mode)
    void this.#membership?.say().catch(() => {})
  }

  #fenced(reason: string, replaced: boolean): void {
    this.#emit({ type: 'node.fenced', reason })
    const active = this.#active
    active?.take(false)
    if (!replaced) return
    active?.abortAll({ status: 'interrupted', message: reason })
    this.#active = undefined
    this.#takeover = undefined
    this.#become('standby')
    void active?.drained().finally(() => active.end())
    this.#emit({ type: 'node.standby', reason })
  }

  /** Waits for runs to end, `timeout` ms at most; then aborts them and waits until their ends are stored, unless there is no
   *  database to store them in: then the next owner finds them. */
  async #drain(active: Active, timeout: number | undefined): Promise<void> {
    const drained = active.drained()
    if (timeout === undefined) await drained
    else await this.#drainWithin(timeout, active, drained)
    await active.end()
  }

  async #drainWithin(timeout: number, active: Active, drained: Promise<void>): Promise<void> {
    let storing: { unsubscribe(): void } | undefined
    const late = this.#clock.schedule(
      () => active.abortAll({ status: 'interrupted', message: 'the node stopped' }),
      timeout,
    )
    const unstored = new Promise<void>(resolve => {
      storing = this.#clock.schedule(() => resolve(), timeout + STORING_MS)
    })
    await Promise.race([drained, unstored])
    late.unsubscribe()
    storing?.unsubscribe()
  }

  async #prepare(connection: Connection): Promise<void> {
    const { collections, historyTtl } = this.#options
    const { warnings } = await ensureCollections(connection.db, {
      ...(collections && { collections }),
      ...(historyTtl !== undefined && { historyTtlMs: historyTtl }),
    })
    for (const warning of warnings) this.#logger.warn(warning)
  }

  async #disconnect(): Promise<void> {
    this.#collections = undefined
    await this.#connection?.close()
    this.#connection = undefined
  }

  #report() {
    const { jobs, running, state } = this.status()
    const status = state === 'paused' || state === 'draining' ? state : ('active' as const)
    return { status, jobs, running }
  }

  #emit(news: News): void {
    if (!this.#events.observed && this.#logger.level === 'silent') return
    const event = { ...news, at: new Date(this.#clock.now()), node: this.#ip ?? '' } as TidewheelEvent
    logEvent(this.#logger, event)
    this.#events.next(event)
  }
}

/** A node as a cold stream of its events: subscribing starts one, unsubscribing drains and stops it.
 *  A failed start is the stream's error; nothing later is. */
export function schedule$(options: NodeOptions): Observable<TidewheelEvent> {
  return new Observable(subscriber => {
    const node = createNode(options)
    subscriber.add(node.events$.subscribe(event => subscriber.next(event)))
    node.start().catch(error => subscriber.error(error))
    return () => void node.close()
  })
}
