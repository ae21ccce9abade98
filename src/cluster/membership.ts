/** Membership: keeps this process in the registry, and knows who else lives.
 *  In: a lease and what the node says of itself. Out: calls when the lease is won, lost, or held again, and the living ips.
 *  Modes: seeking (another process holds the ip; tries again every third of a lease) → holding (a heartbeat every third)
 *  → lapsed (no heartbeat got through for a whole lease; holds again with the next one) or back to seeking (replaced).
 *  `#mode` is set by `#become` alone. */
import type { Collection } from 'mongodb'
import type { Clock } from '../clock.ts'
import type { Lease, NodeInfo, Report } from './lease.ts'

export interface MembershipContext {
  readonly lease: Lease
  readonly leaseMs: number
  readonly nodes: Collection<NodeInfo>
  readonly ip: string
  readonly clock: Clock
  readonly report: () => Report
  /** The lease is ours from now on, with a new incarnation. */
  readonly won: () => void
  /** Another process holds the ip. */
  readonly waiting: (reason: string) => void
  /** Nothing may be claimed. `replaced`: another process has the ip, everything of this incarnation ends. */
  readonly lost: (reason: string, replaced: boolean) => void
  /** The lease is held again after it lapsed. */
  readonly regained: () => void
  /** What people want of this node. */
  readonly wanted: (wanted: NodeInfo['wanted']) => void
  readonly joined: (ip: string) => void
  readonly left: (ip: string) => void
}

type Mode = 'off' | 'seeking' | 'holding' | 'lapsed'

export class Membership {
  readonly #context: MembershipContext
  #mode: Mode = 'off'
  #timer: { unsubscribe(): void } | undefined
  #living: readonly string[] = []
  #beating: Promise<void> | undefined

  constructor(context: MembershipContext) {
    this.#context = context
  }

  /** Ips of nodes whose lease has not ended, by the server's clock. */
  get living(): readonly string[] {
    return this.#living
  }

  /** Tries to win the lease; resolves when that is known either way. Rejects when the database does not answer. */
  async join(): Promise<void> {
    this.#become('seeking')
    await this.#seek()
    this.#again()
  }

  /** Says what the node is now, without waiting for the next heartbeat. */
  async say(): Promise<void> {
    if (this.#mode === 'holding') await this.#beat()
  }

  async leave(): Promise<void> {
    const held = this.#mode === 'holding' || this.#mode === 'lapsed'
    this.#become('off')
    this.#timer?.unsubscribe()
    await this.#beating?.catch(() => {})
    if (held) await this.#context.lease.stop()
  }

  #become(mode: Mode): void {
    this.#mode = mode
  }

  #again(): void {
    this.#timer?.unsubscribe()
    if (this.#mode === 'off') return
    this.#timer = this.#context.clock.schedule(() => {
      this.#beating = this.#turn().finally(() => {
        this.#beating = undefined
        this.#again()
      })
    }, this.#context.leaseMs / 3)
  }

  async #turn(): Promise<void> {
    try {
      if (this.#mode === 'seeking') await this.#seek()
      else await this.#beat()
    } catch (error) {
      const { lease, lost } = this.#context
      if (this.#mode !== 'holding' || lease.held()) return
      this.#become('lapsed')
      lost(
        `no heartbeat reached the database for a whole lease: ${error instanceof Error ? error.message : error}`,
        false,
      )
    }
  }

  async #seek(): Promise<void> {
    const { lease, won, waiting } = this.#context
    const reason = await lease.take()
    if (this.#mode !== 'seeking') return
    if (reason !== undefined) return waiting(reason)
    this.#become('holding')
    await this.#look()
    won()
  }

  async #beat(): Promise<void> {
    const { lease, report, lost, regained, wanted } = this.#context
    const renewal = await lease.renew(report())
    if (this.#mode === 'off') return
    if (renewal.type === 'replaced') {
      this.#become('seeking')
      return lost('another process took over this ip', true)
    }
    if (this.#mode === 'lapsed') {
      this.#become('holding')
      regained()
    }
    wanted(renewal.wanted)
    await this.#look()
  }

  async #look(): Promise<void> {
    const { nodes, ip, lease, clock, joined, left } = this.#context
    const known = await nodes.find({}, { projection: { seen: 1, lease: 1, status: 1 } }).toArray()
    const now = clock.now() - lease.offset
    const living = known
      .filter(node => node._id === ip || (node.status !== 'stopped' && node.seen.getTime() + node.lease > now))
      .map(node => node._id)
      .sort()
    const before = this.#living
    this.#living = living
    if (before.length === 0) return
    for (const other of living) if (!before.includes(other)) joined(other)
    for (const other of before) if (!living.includes(other)) left(other)
  }
}
