/** Takeover: what the living do about the dead.
 *  In: the registry at each heartbeat. Out: leases that ended closed, jobs moved to their standby nodes, ends of runs that died
 *  with their node, and news of jobs that nobody can run. One node, the keeper, does this for the cluster, and the next in rank
 *  goes on where it dies: everything is found in the database anew, nothing is remembered but what was told already.
 *  Always holds: a lease that ended is seen twice before it is closed, and nothing moves before it is closed. */
import type { Collection } from 'mongodb'
import { type Clock, monotonicNow } from '../clock.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import type { NodeInfo } from './lease.ts'
import { evacuate, place } from './moves.ts'
import { rankOf } from './placement.ts'
import {
  closeEnded,
  forget,
  hasEnded,
  isClosed,
  isForgotten,
  isLiving,
  readRegistry,
  type Seen,
  staysClosed,
  takesJobs,
} from './registry.ts'

export interface TakeoverContext {
  readonly jobs: Collection<Job>
  readonly nodes: Collection<NodeInfo>
  readonly ip: string
  readonly leaseMs: number
  readonly clock: Clock
  /** Whether this process holds its lease. */
  readonly mayAct: () => boolean
  /** People want this node to give its jobs away. */
  readonly draining: () => boolean
  readonly freshTouch: () => string
  /** Deals with entries of dead runs in a job that is not this node's. */
  readonly bury: (job: Job) => Promise<unknown>
  readonly emit: (news: News) => void
}

interface Suspect {
  readonly incarnation: string | undefined
  readonly since: number
}

/** A lease that ended may be renewed late, or judged by a new primary whose clock is ahead: it gets this much time, at most. */
const DOUBT_MS = 1_000
const TIMER_SLACK_MS = 5
/** Looking after the jobs of dead nodes may take one part in so many of the time. */
const SHARE = 20
/** In leases: a little less than three heartbeats. */
const KEEP_EVERY = 0.9
const BATCH = 500

/** The living are ranked for it as for a job. */
const KEEPER = 'keeper'

export class Takeover {
  readonly #context: TakeoverContext
  /** Leases that ended, and since when that is known here. */
  #suspects: ReadonlyMap<string, Suspect> = new Map()
  /** Incarnations of nodes that are closed. */
  #closed: ReadonlySet<unknown> = new Set()
  /** Jobs that were told as stranded, by their ip. */
  readonly #stranded = new Map<string, ReadonlySet<string>>()
  #known: readonly Seen[] = []
  #keepAt = Number.NEGATIVE_INFINITY
  #work: Promise<void> | undefined

  constructor(context: TakeoverContext) {
    this.#context = context
  }

  /** Hears what the registry says now; answers in how many ms to look again, where that is before the next heartbeat. */
  look(known: readonly Seen[]): number | undefined {
    const { ip, clock, leaseMs } = this.#context
    this.#known = known
    const others = known.filter(node => node._id !== ip)
    const closed = others.filter(isClosed).map(node => node.incarnation)
    if (closed.some(incarnation => !this.#closed.has(incarnation))) this.#keepAt = Number.NEGATIVE_INFINITY
    this.#closed = new Set(closed)

    const now = monotonicNow(clock)
    const third = leaseMs / 3
    const patience = Math.min(DOUBT_MS, third) + this.#rank() * third
    const suspects = new Map<string, Suspect>()
    const ended: Seen[] = []
    let again = Math.min(...others.filter(node => node.left > 0).map(node => node.left))
    for (const node of others.filter(hasEnded)) {
      const before = this.#suspects.get(node._id)
      const since = before?.incarnation === node.incarnation ? (before?.since ?? now) : now
      suspects.set(node._id, { incarnation: node.incarnation, since })
      const wait = since + patience - now
      if (wait <= 0) ended.push(node)
      else again = Math.min(again, wait)
    }
    this.#suspects = suspects
    this.#work ??= this.#act(ended).finally(() => {
      this.#work = undefined
    })
    return again < third ? again + TIMER_SLACK_MS : undefined
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#work
  }

  /** What fails is done at a later heartbeat. */
  async #act(ended: readonly Seen[]): Promise<void> {
    const { ip, nodes, mayAct, draining } = this.#context
    try {
      for (const node of ended) {
        if (!mayAct() || !(await closeEnded(nodes, node))) continue
        this.#known = await readRegistry(nodes)
        this.#keepAt = Number.NEGATIVE_INFINITY
      }
      if (draining()) await this.#giveAway()
      else this.#stranded.delete(ip)
      if (this.#rank() === 0) await this.#keep()
      else this.#forgetAllBut(ip)
    } catch {}
  }

  /** Once a lease: looks after jobs that no living node has, and forgets nodes that nobody misses. */
  async #keep(): Promise<void> {
    const { clock, freshTouch, ip, jobs, nodes, leaseMs, mayAct } = this.#context
    const began = monotonicNow(clock)
    if (!mayAct() || began < this.#keepAt) return
    const groups = await jobs.aggregate([{ $sort: { ip: 1 } }, { $group: { _id: '$ip' } }]).toArray()
    const used = new Set(groups.map(({ _id }) => _id as string | null))
    const known = new Map(this.#known.map(node => [node._id, node]))
    for (const owner of used) {
      const node = owner === null ? undefined : known.get(owner)
      if (owner === null) await place(this.#targets(), { jobs, freshTouch })
      else if (node?.incarnation === undefined) await this.#strand(owner, true)
      else if (isClosed(node)) await this.#clear(node)
      else if (owner !== ip) this.#stranded.delete(owner)
    }
    for (const owner of this.#stranded.keys()) if (!used.has(owner)) this.#stranded.delete(owner)
    for (const node of this.#known) if (isForgotten(node) && !used.has(node._id)) await forget(nodes, node)
    const took = monotonicNow(clock) - began
    this.#keepAt = began + Math.max(leaseMs * KEEP_EVERY, took * SHARE)
  }

  /** The jobs of a node that was closed: they move, or stay without anyone to run them. */
  async #clear(node: Seen): Promise<void> {
    const { jobs, nodes, freshTouch, mayAct } = this.#context
    const goOn = async () => mayAct() && (await staysClosed(nodes, node))
    await evacuate(node._id, this.#targets(), { jobs, freshTouch, goOn })
    if (await goOn()) await this.#strand(node._id, true)
  }

  /** This node's own jobs, as people want it to drain. */
  async #giveAway(): Promise<void> {
    const { jobs, ip, freshTouch, mayAct, draining } = this.#context
    await evacuate(ip, this.#targets(), { jobs, freshTouch, goOn: async () => mayAct() && draining() })
    if (draining()) await this.#strand(ip, false)
  }

  /** Tells, once, of each job that stays where nobody runs it; runs of it that died are stored as such. */
  async #strand(ip: string, dead: boolean): Promise<void> {
    const { jobs, emit, mayAct, bury } = this.#context
    const told = this.#stranded.get(ip)
    const now = new Set<string>()
    const running: string[] = []
    for await (const job of jobs.find({ ip }, { projection: { 'state.running.run_id': 1 }, batchSize: BATCH })) {
      now.add(job._id)
      if (told?.has(job._id) !== true) emit({ type: 'job.stranded', job_id: job._id, ip })
      if (dead && (job.state?.running?.length ?? 0) > 0) running.push(job._id)
    }
    this.#stranded.set(ip, now)
    for (const _id of running) {
      const job = mayAct() ? await jobs.findOne({ _id, ip }) : null
      if (job !== null) await bury(job)
    }
  }

  #forgetAllBut(ip: string): void {
    this.#keepAt = Number.NEGATIVE_INFINITY
    for (const owner of this.#stranded.keys()) if (owner !== ip) this.#stranded.delete(owner)
  }

  #rank(): number {
    const { ip } = this.#context
    const living = this.#known.filter(node => node._id === ip || isLiving(node)).map(node => node._id)
    return rankOf(KEEPER, living, ip)
  }

  #targets(): readonly string[] {
    return this.#known.filter(takesJobs).map(node => node._id)
  }
}
