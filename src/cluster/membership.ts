/** Membership: keeps this process in the registry, and knows who else lives.
 *  In: a lease and what the node says of itself. Out: calls when the lease is won, lost, or held again, and the living ips.
 *  Modes: seeking (another process holds the ip; tries again every third of a lease) → holding (a heartbeat every third)
 *  → lapsed (no heartbeat got through for a whole lease; holds again with the next one) or back to seeking (replaced).
 *  `#mode` is set by `#become` alone. */
import type { Collection } from 'mongodb'
import { type Clock, within } from '../clock.ts'
import type { Job } from '../job/job.ts'
import type { Lease, NodeInfo, Report } from './lease.ts'
import type { Taker } from './placement.ts'
import { isLiving, type Owners, readCluster, readRegistry, type Seen, takesJobs } from './registry.ts'

/** What this process learns of its place in the cluster. */
export type Told =
  /** The lease is ours from now on, with a new incarnation. */
  | { readonly type: 'won' }
  /** Another process holds the ip. */
  | { readonly type: 'waiting'; readonly reason: string }
  /** Nothing may be claimed. `replaced`: another process has the ip, or the registry has lost it, everything of this incarnation ends. */
  | { readonly type: 'lost'; readonly reason: string; readonly replaced: boolean }
  /** The lease is held again after it lapsed. */
  | { readonly type: 'regained' }
  /** A heartbeat did not get through. */
  | { readonly type: 'failed'; readonly error: unknown }
  /** A heartbeat got through: what people want of this node, and how far its clock is off, stand in the lease. */
  | { readonly type: 'heard' }
  /** The registry as it is now; with it, where they are wanted, the ips that jobs have. */
  | { readonly type: 'looked'; readonly known: readonly Seen[]; readonly owners?: Owners }
  | { readonly type: 'joined'; readonly ip: string }
  /** Its lease ended, or somebody ended it, without a word from that node. */
  | { readonly type: 'left'; readonly ip: string }

export interface MembershipOptions {
  readonly lease: Lease
  readonly leaseMs: number
  readonly nodes: Collection<NodeInfo>
  readonly ip: string
  readonly clock: Clock
  /** What the node says of itself. */
  readonly report: () => Report
  /** The jobs, whose ips are read with the registry while they are wanted: it saves a question each heartbeat. Default: never. */
  readonly owned?: () => Collection<Job> | undefined
  readonly tell: (told: Told) => void
}

/** A server may be frozen while another one leads: so many times in a lease no answer is given up, so that the next one still
 *  counts, but none earlier than that. What comes later counts all the same. */
const GIVEN_UP = 6
const LEAST_PATIENCE_MS = 1_000

const LOST = {
  replaced: 'another process took over this ip',
  deleted: 'the row of this ip in the registry of nodes was deleted',
} as const

type Mode = 'off' | 'seeking' | 'holding' | 'lapsed'

const MAY_FOLLOW: Readonly<Record<Mode, readonly Mode[]>> = {
  off: ['off', 'seeking'],
  seeking: ['holding', 'off'],
  holding: ['lapsed', 'seeking', 'off'],
  lapsed: ['holding', 'seeking', 'off'],
}

export class Membership {
  readonly #options: MembershipOptions
  #mode: Mode = 'off'
  #timer: { unsubscribe(): void } | undefined
  #glance: { unsubscribe(): void } | undefined
  #living: readonly string[] = []
  #takers: readonly Taker[] = []
  /** Heartbeats follow one another: what was said last stays said. */
  #beats: Promise<void> = Promise.resolve()

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Ips of nodes whose lease has not ended, by the server's clock. */
  get living(): readonly string[] {
    return this.#living
  }

  /** Those of them that jobs may be given to. */
  get takers(): readonly Taker[] {
    return this.#takers
  }

  /** Tries to win the lease; resolves when that is known either way. Rejects when the database does not answer. */
  async join(): Promise<void> {
    this.#become('seeking')
    await this.#seek()
    this.#again()
  }

  /** Says what the node is now, without waiting for the next heartbeat. */
  async say(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#mode === 'holding') await this.#beat()
    })
  }

  /** Looks at the registry again after so many ms, where that is before the next heartbeat. What fails is found at that. */
  glance(ms: number): void {
    this.#glance?.unsubscribe()
    this.#glance = this.#options.clock.schedule(() => void this.#lookAgain(), ms)
  }

  async leave(): Promise<void> {
    const held = this.#mode === 'holding' || this.#mode === 'lapsed'
    this.#become('off')
    this.#timer?.unsubscribe()
    this.#glance?.unsubscribe()
    await this.#beats
    if (held) await this.#options.lease.stop()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#beats.then(work)
    this.#beats = turn.catch(() => {})
    return turn
  }

  /** What a frozen server does not answer is asked again at the next turn, perhaps of another one. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const ms = Math.max(LEAST_PATIENCE_MS, this.#options.leaseMs / GIVEN_UP)
    return await within(answer, ms, () => {
      throw new Error(`no answer within ${ms} ms`)
    })
  }

  #become(mode: Mode): void {
    if (!MAY_FOLLOW[this.#mode].includes(mode)) throw new Error(`membership: ${this.#mode} is not followed by ${mode}`)
    this.#mode = mode
  }

  #again(): void {
    this.#timer?.unsubscribe()
    if (this.#mode === 'off') return
    this.#timer = this.#options.clock.schedule(() => {
      void this.#inTurn(() => this.#turn()).finally(() => this.#again())
    }, this.#options.leaseMs / 3)
  }

  async #turn(): Promise<void> {
    try {
      if (this.#mode === 'seeking') await this.#seek()
      else await this.#beat()
    } catch (error) {
      const { lease, tell } = this.#options
      tell({ type: 'failed', error })
      if (this.#mode !== 'holding' || lease.held()) return
      this.#become('lapsed')
      const why = error instanceof Error ? error.message : error
      tell({ type: 'lost', reason: `no heartbeat reached the database for a whole lease: ${why}`, replaced: false })
    }
  }

  async #seek(): Promise<void> {
    const { lease, tell } = this.#options
    const reason = await lease.take()
    if (this.#mode !== 'seeking') return
    if (reason !== undefined) return tell({ type: 'waiting', reason })
    this.#become('holding')
    tell({ type: 'heard' })
    await this.#lookAgain()
    if (this.#holds()) tell({ type: 'won' })
  }

  #holds(): boolean {
    return this.#mode === 'holding'
  }

  async #beat(): Promise<void> {
    const { lease, report, tell } = this.#options
    const renewal = await this.#inTime(lease.renew(report()))
    if (this.#mode === 'off') return
    if (renewal.type !== 'renewed') {
      this.#become('seeking')
      tell({ type: 'lost', reason: LOST[renewal.type], replaced: true })
      // Nobody else need have it: it is taken again at once.
      return renewal.type === 'deleted' ? await this.#seek() : undefined
    }
    if (this.#mode === 'lapsed') {
      this.#become('holding')
      tell({ type: 'regained' })
    }
    tell({ type: 'heard' })
    await this.#look()
  }

  /** What fails is looked at again with the next heartbeat. */
  async #lookAgain(): Promise<void> {
    try {
      await this.#look()
    } catch (error) {
      this.#options.tell({ type: 'failed', error })
    }
  }

  async #look(): Promise<void> {
    const { ip, tell } = this.#options
    const { known, ...more } = await this.#inTime(this.#read())
    if (this.#mode !== 'holding') return
    const living = known.filter(node => node._id === ip || isLiving(node)).map(node => node._id)
    const before = this.#living
    this.#living = living
    this.#takers = known.filter(takesJobs)
    if (before.length > 0) {
      for (const other of living) if (!before.includes(other)) tell({ type: 'joined', ip: other })
      // Who says goodbye is not lost.
      const stopped = new Set(known.filter(node => node.status === 'stopped').map(node => node._id))
      for (const other of before) if (!living.includes(other) && !stopped.has(other)) tell({ type: 'left', ip: other })
    }
    this.#glance?.unsubscribe()
    tell({ type: 'looked', known, ...more })
  }

  async #read(): Promise<{ readonly known: readonly Seen[]; readonly owners?: Owners }> {
    const { nodes, owned } = this.#options
    const jobs = owned?.()
    return jobs === undefined ? { known: await readRegistry(nodes) } : await readCluster(nodes, jobs)
  }
}
