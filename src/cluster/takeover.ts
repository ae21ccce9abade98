/** Takeover: what the living do about the dead.
 *  In: the registry at each heartbeat. Out: leases that ended closed, jobs moved to their standby nodes, ends of runs that died
 *  with their node, and news of jobs that nobody can run. One node, the keeper, does this for the cluster, and the next in rank
 *  goes on where it dies: everything is found in the database anew, nothing is remembered but what was told already.
 *  Always holds: a lease that ended is seen twice before it is closed, and nothing moves before it is closed. */
import type { Collection } from 'mongodb'
import { type Clock, monotonicNow } from '../clock.ts'
import type { News } from '../event.ts'
import type { Rows } from '../history/rows.ts'
import type { Job } from '../job/job.ts'
import type { Patience } from '../pace/patience.ts'
import type { Writer } from '../protocol/writer.ts'
import type { NodeInfo } from './lease.ts'
import { evacuate, place } from './moves.ts'
import { rankOf } from './placement.ts'
import {
  closeEnded,
  forget,
  type Held,
  hasEnded,
  isClosed,
  isForgotten,
  isLiving,
  type Owners,
  readOwners,
  readRegistry,
  type Seen,
  staysClosed,
  takesJobs,
} from './registry.ts'
import { Stranded } from './stranded.ts'
import type { Sweeper } from './sweeper.ts'

export interface TakeoverOptions {
  readonly jobs: Collection<Job>
  readonly nodes: Collection<NodeInfo>
  readonly writer: Pick<Writer, 'send' | 'find' | 'by'>
  readonly leaseMs: number
  readonly clock: Clock
  readonly lease: { held(): boolean }
  /** Knows whether people want this node to give its jobs away. */
  readonly mode: { readonly givesAway: boolean }
  readonly sweeper: Pick<Sweeper, 'sweep'>
  readonly rows: Pick<Rows, 'endLeft' | 'nodesGoingOn'>
  readonly patience: Pick<Patience, 'once'>
  readonly emit: (news: News) => void
}

interface Suspect {
  readonly incarnation: string | undefined
  readonly since: number
}

const TIMER_SLACK_MS = 5
/** Looking after the jobs of dead nodes may take one part in so many of the time. */
const SHARE = 20
/** In leases: a little less than three heartbeats. */
const KEEP_EVERY = 0.9
/** In leases: so long one node's jobs move before those of the next one have their turn. */
const MOVING = 1 / 3

/** The living are ranked for it as for a job. */
const KEEPER = 'keeper'

export class Takeover {
  readonly #options: TakeoverOptions
  /** Leases that ended, and since when that is known here. */
  #suspects: ReadonlyMap<string, Suspect> = new Map()
  /** Incarnations of nodes that are closed. */
  #closed: ReadonlySet<unknown> = new Set()
  /** Jobs that are told as stranded, by their ip. */
  readonly #stranded = new Map<string, Stranded>()
  #known: readonly Seen[] = []
  /** As they were read with the registry, until they are made use of. */
  #owners: Owners | undefined
  /** Who takes jobs, and how many functions each can perform. */
  #takers = ''
  #keepAt = Number.NEGATIVE_INFINITY
  #giveAt = Number.NEGATIVE_INFINITY
  readonly #leaving = new Set<Promise<void>>()
  #closing: Promise<void> | undefined
  #keeping: Promise<void> | undefined
  #ended = false

  constructor(options: TakeoverOptions) {
    this.#options = options
  }

  /** Whether it wants to hear which ips jobs have: it looks after those of dead nodes. */
  get keeps(): boolean {
    return this.#rank() === 0
  }

  /** Hears what the registry says now, and which ips jobs have where that was read with it; answers in how many ms to look again, where that is before the next heartbeat. */
  look(known: readonly Seen[], owners?: Owners): number | undefined {
    const { clock, leaseMs } = this.#options
    const { ip } = this.#options.writer.by
    this.#known = known
    this.#owners = owners
    const others = known.filter(node => node._id !== ip)
    const closed = others.filter(isClosed).map(node => node.incarnation)
    if (closed.some(incarnation => !this.#closed.has(incarnation))) this.#keepAt = Number.NEGATIVE_INFINITY
    this.#closed = new Set(closed)
    // What nobody could take, somebody may take now.
    const takers = JSON.stringify(
      this.#targets().map(({ _id, incarnation, tasks }) => [_id, incarnation, tasks?.length]),
    )
    if (takers !== this.#takers) this.#keepAt = Number.NEGATIVE_INFINITY
    this.#takers = takers

    const now = monotonicNow(clock)
    const third = leaseMs / 3
    // A new primary's clock may be ahead: a node that lives says so within a third of its lease.
    const patience = third + this.#rank() * third
    const suspects = new Map<string, Suspect>()
    const ended: Held[] = []
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
    // However long it takes to look after the jobs of one that is dead, the leases of others are closed meanwhile.
    this.#closing ??= this.#close(ended).finally(() => {
      this.#closing = undefined
      this.#keeping ??= this.#act().finally(() => {
        this.#keeping = undefined
      })
    })
    return again < third ? again + TIMER_SLACK_MS : undefined
  }

  /** Resolves when nothing is under way, and the server keeps nothing for it. */
  async end(): Promise<void> {
    this.#ended = true
    await this.#closing
    await this.#keeping
    this.#forgetAllBut(undefined)
    await Promise.all(this.#leaving)
  }

  #mayAct(): boolean {
    return !this.#ended && this.#options.lease.held()
  }

  /** What fails is done at a later heartbeat; what fails for one node keeps nothing from the others. */
  async #close(ended: readonly Held[]): Promise<void> {
    const { nodes, patience } = this.#options
    for (const node of ended) {
      await patience.once('close leases that ended', async () => {
        if (!this.#mayAct() || !(await closeEnded(nodes, node))) return
        this.#known = await readRegistry(nodes)
        this.#owners = undefined
        this.#keepAt = Number.NEGATIVE_INFINITY
      })
    }
  }

  async #act(): Promise<void> {
    const { mode, patience, writer } = this.#options
    const { ip } = writer.by
    if (mode.givesAway) await patience.once('give jobs away', () => this.#giveAway())
    else this.#forget(ip)
    if (this.#rank() === 0) await patience.once('look after jobs of dead nodes', () => this.#keep())
    else this.#forgetAllBut(ip)
  }

  /** Once a lease, and when there are jobs of an ip that nobody has ever held: looks after jobs that no living node has, and forgets
   *  nodes that nobody misses. */
  async #keep(): Promise<void> {
    const { clock, jobs, leaseMs } = this.#options
    let owners: Owners | undefined = this.#owners ?? (await readOwners(jobs))
    this.#owners = undefined
    if (monotonicNow(clock) < this.#keepAt && !this.#hasStrangers(owners)) return
    for (let more = true; more && this.#mayAct() && this.#rank() === 0; ) {
      const began = monotonicNow(clock)
      this.#keepAt = Number.POSITIVE_INFINITY
      let every = 0
      try {
        more = await this.#round(owners ?? (await readOwners(jobs)))
        owners = undefined
        every = leaseMs * KEEP_EVERY
      } finally {
        // A lease that was closed meanwhile is not waited with.
        const took = monotonicNow(clock) - began
        if (this.#keepAt > began) this.#keepAt = began + Math.max(every, took * SHARE)
        else more = true
      }
    }
    await this.#endLeftOfClosed()
  }

  /** Every owner in turn; answers whether there is more to move. */
  async #round(used: Owners): Promise<boolean> {
    const { emit, jobs, leaseMs, nodes, writer } = this.#options
    const { ip } = writer.by
    const known = new Map(this.#known.map(node => [node._id, node]))
    const within = (leaseMs * KEEP_EVERY) / SHARE
    let more = false
    let failure: unknown
    for (const owner of used) {
      const node = owner === null ? undefined : known.get(owner)
      try {
        if (owner === null) await place(this.#targets(), { jobs, writer, emit, goOn: async () => this.#mayAct() })
        else if (node?.incarnation === undefined) await this.#strand(owner, true, within)
        else if (isClosed(node)) more = (await this.#clear(node, within)) || more
        else if (owner !== ip) this.#forget(owner)
      } catch (error) {
        failure = error
      }
    }
    for (const owner of this.#stranded.keys()) if (!used.has(owner)) this.#forget(owner)
    for (const node of this.#known) if (isForgotten(node) && !used.has(node._id)) await forget(nodes, node)
    if (failure !== undefined) throw failure
    return more
  }

  /** Whether there are jobs of an ip that no process has held, and that were not told as stranded. */
  #hasStrangers(owners: Owners): boolean {
    const held = new Set(this.#known.flatMap(({ _id, incarnation }) => (incarnation === undefined ? [] : [_id])))
    return [...owners].some(owner => owner !== null && !held.has(owner) && !this.#stranded.has(owner))
  }

  /** The jobs of a node that was closed: they move, or stay without anyone to run them. Answers whether others are to move. */
  async #clear(node: Held, within: number): Promise<boolean> {
    const { clock, jobs, leaseMs, nodes, writer } = this.#options
    const stands = async () => this.#mayAct() && (await staysClosed(nodes, node))
    const until = monotonicNow(clock) + leaseMs * MOVING
    let late = false
    const goOn = async () => {
      if (late || !(await stands())) return false
      // The bulk that is under way goes out.
      late = monotonicNow(clock) > until
      return true
    }
    await evacuate(node._id, this.#targets(), { jobs, writer, goOn })
    if (await stands()) await this.#strand(node._id, true, within)
    return late
  }

  /** This node's own jobs, as people want it to drain. */
  async #giveAway(): Promise<void> {
    const { clock, jobs, leaseMs, mode, writer } = this.#options
    const { ip } = writer.by
    const began = monotonicNow(clock)
    if (began < this.#giveAt) return
    const goOn = async () => this.#mayAct() && mode.givesAway
    const moved = await evacuate(ip, this.#targets(), { jobs, writer, goOn })
    if (mode.givesAway) await this.#strand(ip, false, leaseMs / 3 / SHARE)
    if (moved === 0) this.#giveAt = began + (monotonicNow(clock) - began) * SHARE
  }

  /** Tells, once, of each job that stays where nobody runs it; runs of it that died are stored as such. */
  async #strand(ip: string, dead: boolean, within: number): Promise<void> {
    const { clock, jobs, emit, patience, sweeper, writer } = this.#options
    const stranded = this.#stranded.get(ip) ?? new Stranded(jobs, ip)
    this.#stranded.set(ip, stranded)
    const until = monotonicNow(clock) + within
    await stranded.read(
      () => this.#mayAct() && monotonicNow(clock) < until,
      async ({ _id, state }, isNew) => {
        if (isNew) emit({ type: 'job.stranded', job_id: _id, ip })
        if (!dead || !this.#mayAct() || (state?.running?.length ?? 0) === 0) return
        // What is wrong with one is no reason to leave the others.
        await patience.once('see to runs of dead nodes', async () => {
          const job = await writer.find({ _id, ip }, { local: true })
          if (job !== null) await sweeper.sweep(job)
        })
      },
    )
  }

  /** Also of those that have no job any more: the job of a run may have been deleted while it went on. */
  async #endLeftOfClosed(): Promise<void> {
    const closed = this.#known.filter(isClosed)
    if (closed.length === 0 || !this.#mayAct()) return
    const { nodes, rows } = this.#options
    const going = await rows.nodesGoingOn()
    for (const node of closed.filter(({ _id }) => going.has(_id))) {
      if (this.#mayAct() && (await staysClosed(nodes, node))) await this.endLeft(node._id)
    }
  }

  /** Ends what is told as going on on a node whose process has ended, where no document names it any more. */
  async endLeft(node: string): Promise<void> {
    const { emit, jobs, rows } = this.#options
    for (const { _id, job_id, run_time, attempt } of await rows.endLeft(jobs, node))
      emit({ type: 'run.interrupted', run_id: _id, job_id, run_time, attempt, lost_node: node, rerun: false })
  }

  #forget(owner: string): void {
    const stranded = this.#stranded.get(owner)
    if (stranded === undefined) return
    this.#stranded.delete(owner)
    const leaving = stranded.close().finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }

  #forgetAllBut(ip: string | undefined): void {
    this.#keepAt = Number.NEGATIVE_INFINITY
    for (const owner of this.#stranded.keys()) if (owner !== ip) this.#forget(owner)
  }

  #rank(): number {
    const { ip } = this.#options.writer.by
    const living = this.#known.filter(node => node._id === ip || isLiving(node)).map(node => node._id)
    return rankOf(KEEPER, living, ip)
  }

  #targets(): readonly Seen[] {
    return this.#known.filter(takesJobs)
  }
}
