/** Node: one process that runs the jobs of one ip, as an application holds it.
 *  In: options, and what the application asks of it. Out: handles for people's work with jobs, history and nodes; events.
 *  What goes on between start and stop is a Life; what stays from one to the next is here: tasks, executors, the ip, jobs that wait.
 *  Holds: start and stop may be called in any order and twice; what was added before the start is stored at the start. */
import { ObjectId } from 'mongodb'
import { Observable, Subject } from 'rxjs'
import type { Served } from '../api/serve.ts'
import { type Client, handlesOf } from '../client/connect.ts'
import { givenFields, givenSpan, givenSwitch, givenSwitches } from '../client/given.ts'
import type { History } from '../client/history.ts'
import type { Jobs } from '../client/jobs.ts'
import type { Nodes } from '../client/nodes.ts'
import { databaseError } from '../database/connection.ts'
import type { Database } from '../database/database.ts'
import { TidewheelError } from '../errors.ts'
import type { News, TidewheelEvent } from '../event.ts'
import type { Executor, Task } from '../executor/executor.ts'
import { makeExecutors } from '../executor/executors.ts'
import { Tasks } from '../executor/tasks.ts'
import type { WorkspaceFile } from '../executor/workspace.ts'
import type { NodeStatus } from '../health/status.ts'
import { type Job, type JobInput, present } from '../job/job.ts'
import { parseJobInput } from '../job/parse.ts'
import { logEvent } from '../log.ts'
import { type PipelineRun, runsOf } from '../run/pipeline.ts'
import { Life } from './life.ts'
import { Mode } from './mode.ts'
import { type CheckedOptions, checkOptions, type NodeOptions } from './options.ts'
import { serveNode } from './served.ts'
import type { Stages } from './stages.ts'

/** One process that runs the jobs of one ip, as an application holds it. It may be started again after a stop, not after `close`;
 *  `await using` closes it. */
export interface TidewheelNode extends AsyncDisposable {
  /** Known from the start on. */
  readonly ip: string | undefined
  /** The jobs of the database, of all nodes. Before the start `add` keeps a job and stores it at the start; all else is `closed`. */
  readonly jobs: Jobs
  readonly history: History
  readonly nodes: Nodes
  /** The same `jobs`, `history` and `nodes`, and what happens on all nodes and overviews besides, over this node's own connection: for
   *  doors that take a client. Closing it does nothing. */
  readonly client: Client
  /** Hot, no replay; never errors, completes after `close`. */
  readonly events$: Observable<TidewheelEvent>
  /** Resolves when the node is active or stands by. Throws what a connection throws. */
  start(options?: { readonly paused?: boolean }): Promise<void>
  /** Takes no new runs; `wait` (default) waits for those going on, `timeout` ms at most, then aborts them. It resolves when their
   *  ends are stored: without `timeout` it waits for a database that is away, with one 5 s longer than that. */
  stop(options?: { readonly wait?: boolean; readonly timeout?: number }): Promise<void>
  /** No run is taken until `resume`; due times are made up then, by the misfire rule. */
  pause(): void
  /** Takes runs again. */
  resume(): void
  /** Stops for good: waits for runs that go on, `timeout` ms at most (default: as long as they take), then aborts them; connections
   *  end, `events$` completes. */
  close(options?: { readonly timeout?: number }): Promise<void>
  /** Registers a function; with `job` the job is stored too, now or at the start: where it is refused, the function is not registered
   *  either. Throws `conflict`, `invalid_job`. */
  task(name: string, fn: Task, job?: Omit<JobInput, 'func'>): Promise<void>
  /** Due runs of a function as a stream: each ends with `run.complete(value)` or `run.fail(error)`, and keeps its place in the
   *  executor until then. One subscriber a function; one that leaves ends its open runs as cancelled. */
  runs$(func: string): Observable<PipelineRun>
  /** The files of its workspace that may be run, by path; 10,000 at most, without hidden ones and `node_modules`; none where it has
   *  no workspace. */
  workspace(): Promise<readonly WorkspaceFile[]>
  /** What it does at this moment; asks no database. */
  status(): NodeStatus
}

/** Makes a node; nothing happens before `start`. Throws `invalid_option`. */
export function createNode(options: NodeOptions): TidewheelNode {
  return new Node(checkOptions(options), options.timezone)
}

/** What `createNode` makes. */
export class Node implements TidewheelNode {
  readonly jobs: Jobs
  readonly history: History
  readonly nodes: Nodes
  readonly client: Client
  readonly events$: Observable<TidewheelEvent>
  readonly #options: CheckedOptions
  readonly #events = new Subject<TidewheelEvent>()
  readonly #tasks = new Tasks()
  readonly #executors: ReadonlyMap<string, Executor>
  readonly #mode = new Mode()
  /** Start and stop follow one another. */
  #turn: Promise<void> = Promise.resolve()
  /** Jobs that wait for the start, and how they are added then. */
  readonly #kept: Parameters<Jobs['add']>[]
  #ip: string | undefined
  /** From an open database to the end of a stop. */
  #life: Life | undefined
  /** From the first start to the close, where the options name an address. */
  #served: Pick<Served, 'close'> | undefined

  /** `timezone`: the one that was given, if one was. */
  constructor(options: CheckedOptions, timezone: string | undefined) {
    const { ip, jobDefaults } = options
    this.#options = options
    this.#ip = ip
    this.events$ = this.#events.asObservable()
    for (const [name, task] of Object.entries(options.tasks ?? {})) this.#tasks.add(name, task)
    this.#executors = makeExecutors({ ...options, tasks: this.#tasks })
    this.#kept = (options.jobs ?? []).map(job => [job, { replace: true }])
    const handles = handlesOf(() => this.#database(), {
      timezone,
      clock: options.clock,
      collections: options.collections,
      defaults: () => ({ ...jobDefaults, ...(this.#ip !== undefined && { ip: this.#ip }) }),
      keep: (...added) => this.#keep(...added),
    })
    this.jobs = handles.jobs
    this.history = handles.history
    this.nodes = handles.nodes
    this.client = { ...handles, close: async () => {}, [Symbol.asyncDispose]: async () => {} }
  }

  get ip(): string | undefined {
    return this.#ip
  }

  /** What its jobs are doing, while they are followed: for one who moves its time by hand. */
  get stages(): Stages | undefined {
    return this.#life?.stages
  }

  status(): NodeStatus {
    const { jobs = 0, armed = 0, running = 0, claiming = 0, claimingFor = 0, stream } = this.#life?.stages ?? {}
    const { lease, offset } = this.#life ?? {}
    return { ip: this.#ip, state: this.#mode.state, jobs, armed, running, claiming, claimingFor, lease, stream, offset }
  }

  async start(options?: { readonly paused?: boolean }): Promise<void> {
    const { paused } = givenSwitches(options, 'node.start', 'paused')
    await this.#inTurn(async () => {
      if (this.#mode.state === 'closed') throw new TidewheelError('closed', 'the node is closed; create a new one')
      if (this.#mode.state !== 'stopped') return
      this.#mode.begin(paused)
      const served = this.#served
      try {
        this.#served ??= await serveNode(this, this.#options)
        await this.#begin()
      } catch (error) {
        await this.#life?.abandon()
        await this.#over()
        if (served === undefined) await this.#unserve()
        throw databaseError(error)
      }
    })
  }

  async stop(options?: { readonly wait?: boolean; readonly timeout?: number }): Promise<void> {
    const { wait = true, timeout } = givenFields(
      options,
      'node.stop',
      ['wait', 'timeout'],
      ', such as {timeout: 30000}',
    )
    givenSwitch(wait, 'node.stop', 'wait')
    const most = givenSpan(timeout, 'node.stop', 'timeout')
    await this.#inTurn(async () => {
      if (this.#life === undefined) return
      this.#mode.become('ending')
      await this.#life.end(wait ? most : 0)
      await this.#over()
      this.#emit({ type: 'node.stopped' })
    })
  }

  async close(options?: { readonly timeout?: number }): Promise<void> {
    const { timeout } = givenFields(options, 'node.close', ['timeout'], ', such as {timeout: 30000}')
    const most = givenSpan(timeout, 'node.close', 'timeout')
    await this.stop(present({ timeout: most }))
    if (this.#mode.state === 'closed') return
    this.#mode.become('closed')
    await this.#unserve()
    this.#events.complete()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  pause(): void {
    this.#mode.pause()
    this.#life?.obey()
  }

  resume(): void {
    this.#mode.resume()
    this.#life?.obey()
  }

  async task(name: string, fn: Task, job?: Omit<JobInput, 'func'>): Promise<void> {
    const isNew = this.#tasks.get(name) === undefined
    this.#register(name, fn)
    if (job === undefined) return
    try {
      await this.jobs.add({ ...job, func: name } as JobInput, { replace: true })
    } catch (error) {
      if (isNew) this.#unregister(name)
      throw error
    }
  }

  runs$(func: string): Observable<PipelineRun> {
    return runsOf(func, {
      register: (name, task) => this.#register(name, task),
      unregister: name => this.#unregister(name),
      cancel: (id, message) => this.#life?.stages?.abort(id, { status: 'cancelled', message }),
    })
  }

  async workspace(): Promise<readonly WorkspaceFile[]> {
    return (await this.#executors.get('script')?.files?.()) ?? []
  }

  #register(name: string, task: Task): void {
    this.#tasks.add(name, task)
    this.#life?.recheck(name)
  }

  #unregister(name: string): void {
    this.#tasks.remove(name)
    this.#life?.recheck(name)
  }

  #database(): Database {
    if (this.#life === undefined) throw new TidewheelError('closed', 'the node is not started')
    return this.#life.database
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #begin(): Promise<void> {
    const options = this.#options
    if (options.tasksDir !== undefined) await this.#tasks.load(options.tasksDir)
    const life = await Life.open({
      options,
      ip: this.#ip,
      mode: this.#mode,
      executors: this.#executors,
      tasks: this.#tasks,
      emit: news => this.#emit(news),
    })
    this.#ip = life.ip
    this.#life = life
    await this.#storeKept()
    await life.join()
  }

  async #unserve(): Promise<void> {
    const served = this.#served
    this.#served = undefined
    await served?.close()
  }

  /** From now on what is added is kept again. */
  async #over(): Promise<void> {
    const life = this.#life
    this.#life = undefined
    try {
      await life?.close()
    } finally {
      this.#mode.become('stopped')
    }
  }

  /** Takes a job that is added before the start; undefined: it can be stored. */
  #keep(...[job, how]: Parameters<Jobs['add']>): Job | undefined {
    if (this.#life !== undefined || this.#mode.state === 'closed') return undefined
    const { timezone } = this.#options
    const named = { _id: new ObjectId().toHexString(), ...parseJobInput(job, { timezone }) } as Job
    this.#kept.push([{ ...job, ...('id' in job ? { id: named._id } : { _id: named._id }) }, how])
    return named
  }

  /** One that is refused fails this start, and the next one too. */
  async #storeKept(): Promise<void> {
    for (let first = this.#kept[0]; first !== undefined; first = this.#kept[0]) {
      await this.jobs.add(...first)
      this.#kept.shift()
    }
  }

  #emit(news: News): void {
    const { clock, logger } = this.#options
    if (!this.#events.observed && logger.level === 'silent') return
    const event = { ...news, at: new Date(clock.now()), node: this.#ip ?? '' } as TidewheelEvent
    logEvent(logger, event)
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
