/** Claims: from due entries to won runs.
 *  In: entries whose time has come. Out: runs to perform, outcomes of due times that do not run, and news. One or a few go out
 *  singly and at once; what comes while many commands are under way waits and goes out together.
 *  Holds: every entry that comes in is let go once, whatever the database answers; nothing here rejects. */
import { type Observable, Subject } from 'rxjs'
import { JOB_DEFAULTS } from '../job/job.ts'
import type { Entry } from '../wheel/entry.ts'
import { type Answer, claimMany, claimOne, fenceOf } from './claim.ts'
import type { Claim, Claimed, ClaimsContext } from './claimed.ts'
import type { Order } from './order.ts'
import { letGo, lost, malformed, missedOf, notNow, orderNow, RETRY_MS, SOON_MS, show } from './refused.ts'

/** From so many on they go out in bulk. */
const BULK_FROM = 6
const BULK = 100
/** What comes while so many commands are under way waits, and goes out together. */
const AT_ONCE = 8
/** Long enough for a function that does next to nothing. */
const BRIEFLY_MS = 4

export class Claims {
  readonly #context: ClaimsContext
  readonly #claimed = new Subject<Claimed>()
  #queue: Entry[] = []
  #commands = 0

  constructor(context: ClaimsContext) {
    this.#context = context
  }

  /** Hot. */
  get claimed$(): Observable<Claimed> {
    return this.#claimed.asObservable()
  }

  offer(entries: readonly Entry[]): void {
    for (const entry of entries) if (!this.#waits(entry)) this.#queue.push(entry)
    this.#work()
  }

  /** No room while an own run is just beginning, or before its end is stored: the claim would only be refused. */
  #waits(entry: Entry): boolean {
    const { finishing, open, release, settle, now } = this.#context
    const { runs, since } = open(entry.id)
    if (runs < (entry.maxInstances ?? JOB_DEFAULTS.max_instances)) return false
    const stored = finishing(entry.id)
    if (stored === undefined && now() - since > SOON_MS) return false
    release(entry.executor)
    if (stored === undefined) settle(entry, now() + BRIEFLY_MS)
    else void stored.then(() => settle(entry))
    return true
  }

  #work(): void {
    while (this.#queue.length > 0 && this.#commands < AT_ONCE) {
      const batch = this.#queue.slice(0, BULK)
      this.#queue = this.#queue.slice(BULK)
      if (batch.length >= BULK_FROM) void this.#command(batch, () => this.#many(batch))
      else for (const entry of batch) void this.#command([entry], () => this.#one(entry))
    }
  }

  /** Only the end of the node stops a claim half-way; then its entries are let go. */
  async #command(entries: readonly Entry[], claim: () => Promise<void>): Promise<void> {
    this.#commands++
    try {
      await claim()
    } catch {
      for (const entry of entries) if (entry.busy) letGo(entry, this.#context, RETRY_MS)
    }
    this.#commands--
    this.#work()
  }

  async #one(entry: Entry): Promise<void> {
    const order = orderNow(entry, this.#context)
    if (order === undefined) return await notNow(entry, this.#context)
    const { version } = entry
    await this.#settle(await claimOne(this.#context, order), version)
  }

  async #many(entries: readonly Entry[]): Promise<void> {
    const orders: Order[] = []
    for (const entry of entries) {
      const order = orderNow(entry, this.#context)
      if (order?.runTime === undefined) void this.#command([entry], () => this.#one(entry))
      else orders.push(order)
    }
    if (orders.length === 0) return
    const versions = orders.map(order => order.entry.version)
    const answers = await claimMany(this.#context, orders)
    answers.forEach((answer, i) => {
      void this.#command([answer.order.entry], () => this.#settle(answer, versions[i] as number))
    })
  }

  async #settle(answer: Answer, version: number): Promise<void> {
    for (const claimed of await this.#outcome(answer, version)) this.#claimed.next(claimed)
  }

  #outcome(answer: Answer, version: number): readonly Claimed[] | Promise<readonly Claimed[]> {
    switch (answer.type) {
      case 'won':
        return won(answer, version, this.#context)
      case 'lost':
        return lost(answer.order, version, this.#context)
      case 'malformed':
        return malformed(answer.order, answer.error, this.#context)
    }
  }
}

/** The run that was won, and what was too late before it. */
function won(
  { order, job, running }: Extract<Answer, { type: 'won' }>,
  version: number,
  context: ClaimsContext,
): readonly Claimed[] {
  const { entry } = order
  const ordered = entry.ordered && order.kind === 'schedule' && order.runTime === entry.due
  const stale = entry.version !== version
  entry.refused = 0
  show(entry, job, version, context)
  if (running === undefined) context.release(entry.executor)
  context.settle(entry, stale ? context.now() + SOON_MS : 0)
  const missed = order.missed.length === 0 ? [] : missedOf(order, job, context)
  if (running === undefined) return missed
  const claim: Claim = {
    run_id: running.run_id,
    job,
    runTime: running.run_time,
    at: order.at,
    scheduled: order.scheduled,
    ordered,
    executor: entry.executor,
    coalesced: order.coalesced,
    claimed: running.claimed,
    attempt: running.attempt,
    fence: fenceOf(job),
  }
  return [...missed, { type: 'claim', claim }]
}
