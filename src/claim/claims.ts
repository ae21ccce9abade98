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
  #bulks = 0

  constructor(context: ClaimsContext) {
    this.#context = context
  }

  /** Hot. */
  get claimed$(): Observable<Claimed> {
    return this.#claimed.asObservable()
  }

  /** Whether many claims are under way. */
  get isBurst(): boolean {
    return this.#bulks > 0
  }

  offer(entries: readonly Entry[]): void {
    const unproven = entries.filter(entry => entry.unproven)
    if (unproven.length > 0) void this.#command(unproven, () => this.#prove(unproven))
    for (const entry of entries) if (!entry.unproven && !this.#waits(entry)) this.#queue.push(entry)
    this.#work()
  }

  /** A document written back from an old copy orders no run a second time: the history knows. */
  async #prove(entries: readonly Entry[]): Promise<void> {
    const { claimedBefore, proven, reread } = this.#context
    const versions = entries.map(entry => entry.version)
    const claimed = await claimedBefore(entries)
    for (const [i, entry] of entries.entries()) {
      if (entry.version !== versions[i]) {
        // The question was about another time: the entry comes again when it is due.
        letGo(entry, this.#context)
        continue
      }
      proven(entry, claimed.has(entry.id))
      if (!claimed.has(entry.id)) {
        this.#queue.push(entry)
        continue
      }
      reread(entry.id)
      letGo(entry, this.#context, SOON_MS)
    }
    this.#work()
  }

  /** No room while an own run is just beginning, or before its end is stored: the claim would only be refused. */
  #waits(entry: Entry): boolean {
    const { finishing, open, release, settle, monotonic, wait } = this.#context
    const { runs, since } = open(entry.id)
    if (runs < (entry.maxInstances ?? JOB_DEFAULTS.max_instances)) return false
    const stored = finishing(entry.id)
    if (stored === undefined && monotonic() - since > SOON_MS) return false
    release(entry.executor)
    void (stored ?? wait(BRIEFLY_MS)).then(() => settle(entry))
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
    this.#bulks++
    const answers = await claimMany(this.#context, orders).finally(() => this.#bulks--)
    // Runs start before memory is brought up to date: a burst's last start waits for nothing but its claim.
    for (const answer of answers) if (answer.type === 'won') this.#tell(wonOf(answer, this.#context))
    answers.forEach((answer, i) => {
      void this.#command([answer.order.entry], () => this.#settle(answer, versions[i] as number, true))
    })
  }

  async #settle(answer: Answer, version: number, told = false): Promise<void> {
    if (answer.type === 'lost') this.#tell(await lost(answer.order, version, this.#context))
    else if (answer.type === 'malformed') this.#tell(await malformed(answer.order, answer.error, this.#context))
    else {
      if (!told) this.#tell(wonOf(answer, this.#context))
      remember(answer, version, this.#context)
    }
  }

  #tell(claimed: readonly Claimed[]): void {
    for (const one of claimed) this.#claimed.next(one)
  }
}

type Won = Extract<Answer, { type: 'won' }>

/** Brings memory up to date with what was won, and lets the entry wait for its next time. */
function remember({ order, job, running }: Won, version: number, context: ClaimsContext): void {
  const { entry } = order
  const stale = entry.version !== version
  entry.refused = 0
  show(entry, job, version, context)
  if (running === undefined) context.release(entry.executor)
  if (stale) void context.wait(SOON_MS).then(() => context.settle(entry))
  else context.settle(entry)
}

/** The run that was won, and what was too late before it. */
function wonOf({ order, job, running }: Won, context: ClaimsContext): readonly Claimed[] {
  const { entry } = order
  const ordered = entry.ordered && order.kind === 'schedule' && order.runTime === entry.due
  const missed = missedOf(order, job, context)
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
