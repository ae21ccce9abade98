/** Due times: when entries are handed out.
 *  In: entries as they are armed, and the time. Out: those whose time has come or is within the lead, as many for each executor as it
 *  takes on, longest waiting first; the others wait for it here.
 *  What is due within the longest lead waits in a wheel of its own, whose size says how long a lead all of it needs. No clock. */
import type { Entries } from './entries.ts'
import type { Entry } from './entry.ts'
import type { Ids } from './ids.ts'
import { Wheel } from './wheel.ts'

export interface DueTimesOptions {
  readonly entries: Pick<Entries, 'get'>
  /** Gives the rows of the wheel. */
  readonly ids: Ids
  /** How much before its start a run is handed out, in ms: at most, where it is due alone, and with so many that are due soon. */
  readonly lead: { readonly most: number; readonly single: number; of(due: number): number }
  readonly now: number
}

export class DueTimes {
  readonly #options: DueTimesOptions
  readonly #wheel: Wheel
  readonly #soon: Wheel
  /** Due, but their executors take no more on yet: ids by executor, longest waiting first. */
  readonly #queues = new Map<string, Set<string>>()

  constructor(options: DueTimesOptions) {
    this.#options = options
    this.#wheel = new Wheel(options.now, options.ids)
    this.#soon = new Wheel(options.now)
  }

  /** The earliest instant at which `take` may have something new. */
  nextAt(): number | null {
    const [far, near] = [this.#wheel.nextAt(), this.#soon.nextAt()]
    const ahead = far === null ? Number.POSITIVE_INFINITY : far - this.#options.lead.most
    if (near !== null) return Math.min(near - this.#lead, ahead)
    return far === null ? null : ahead
  }

  /** The entry waits for what it is due for, in place of what it was armed for. */
  arm(entry: Entry): void {
    this.#queues.get(entry.executor)?.delete(entry.id)
    this.#soon.remove(entry.id)
    const wake = wakeOf(entry)
    if (wake === undefined) {
      this.#wheel.remove(entry.id)
      return
    }
    const { most, single } = this.#options.lead
    // Only what the schedule alone is due for is handed out with a crowd's lead.
    const due = entry.extra.length === 0 && entry.waiting === undefined ? wake : wake + most - single
    this.#wheel.put(entry.id, Math.max(due, entry.notBefore === 0 ? 0 : entry.notBefore + most))
  }

  /** Whether an entry that is not to be handed out before `notBefore` waits longer for it than it would anyway. */
  isLonger(entry: Entry, notBefore: number): boolean {
    const wake = wakeOf(entry)
    return wake !== undefined && notBefore + this.#options.lead.most > wake
  }

  drop({ id, executor }: Entry): void {
    this.#wheel.remove(id)
    this.#soon.remove(id)
    this.#queues.get(executor)?.delete(id)
  }

  /** Takes out the entries whose time has come, at most as many for each executor as it has `places`. */
  take(now: number, places: (executor: string) => number): readonly Entry[] {
    const { entries, lead } = this.#options
    for (const id of this.#wheel.advance(now + lead.most)) {
      const entry = entries.get(id)
      const wake = entry && wakeOf(entry)
      if (wake !== undefined) this.#soon.put(id, wake)
    }
    for (const id of this.#soon.advance(now + this.#lead)) {
      const entry = entries.get(id)
      if (entry !== undefined) this.#queue(entry.executor).add(id)
    }
    return [...this.#queues].flatMap(([executor, queue]) =>
      queue.size === 0 ? [] : this.#takeOf(executor, queue, places),
    )
  }

  #takeOf(executor: string, queue: Set<string>, places: (executor: string) => number): readonly Entry[] {
    const taken: Entry[] = []
    const free = places(executor)
    for (const id of queue) {
      if (taken.length >= free) break
      queue.delete(id)
      const entry = this.#options.entries.get(id)
      // With another executor since then it waits in the wheel again.
      if (entry !== undefined && entry.place === undefined && entry.executor === executor) taken.push(entry)
    }
    return taken
  }

  /** What all that is due soon needs, at this moment. */
  get #lead(): number {
    return this.#options.lead.of(this.#soon.size)
  }

  #queue(executor: string): Set<string> {
    let queue = this.#queues.get(executor)
    if (queue === undefined) {
      queue = new Set()
      this.#queues.set(executor, queue)
    }
    return queue
  }
}

/** When an entry is due for whatever comes first; undefined: for nothing. */
function wakeOf(entry: Entry): number | undefined {
  const extra = entry.state === 'invalid' ? undefined : entry.extra[0]
  // A queued run was due before the pause, and waits until the job is resumed.
  const waiting = entry.state === 'invalid' || entry.state === 'paused' ? undefined : entry.waiting?.run_time
  return minOf(minOf(entry.at, extra), waiting)
}

const minOf = (a: number | undefined, b: number | undefined) =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)
