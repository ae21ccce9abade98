/** Permit: whether this node may claim now, and what.
 *  In: whether due runs are taken, whether the clock can be believed, and the lease. Out: a yes or no, and the order that an entry is
 *  due for at this moment: an edit that arrived while the entry waited counts. */
import type { Clock } from '../clock.ts'
import type { Order } from '../protocol/claim.ts'
import type { Entry } from '../wheel/entry.ts'
import type { Lead } from './lead.ts'
import { orderOf } from './order.ts'

export interface PermitOptions {
  readonly lease: { held(): boolean }
  readonly lead: Pick<Lead, 'most'>
  readonly clock: Clock
}

export class Permit {
  readonly #options: PermitOptions
  #taking = false
  /** Steps of the wall clock that nobody has measured yet: what is due cannot be told. */
  #unmeasured = 0

  constructor(options: PermitOptions) {
    this.#options = options
  }

  /** Whether due runs are taken; off while the node is paused or drains. */
  take(taking: boolean): void {
    this.#taking = taking
  }

  get isTaking(): boolean {
    return this.#taking
  }

  /** Nothing is claimed until the step of the wall clock is measured. */
  async whileMeasuring(measured: Promise<void>): Promise<void> {
    this.#unmeasured++
    await measured.finally(() => this.#unmeasured--)
  }

  get isGiven(): boolean {
    return this.#taking && this.#unmeasured === 0 && this.#options.lease.held()
  }

  /** When an entry is due that was handed out ahead, by its schedule alone; undefined: it is due, or not by that alone. */
  dueLater({ at, extra, waiting }: Entry): number | undefined {
    const isAlone = extra.length === 0 && waiting === undefined
    return isAlone && at !== undefined && at > this.#options.clock.now() ? at : undefined
  }

  /** Undefined: nothing is to be claimed for the entry now. */
  orderNow(entry: Entry): Order | undefined {
    const { clock, lead } = this.#options
    if (entry.copied || entry.state === 'invalid' || !this.isGiven) return undefined
    return orderOf(entry, clock.now(), lead.most)
  }
}
