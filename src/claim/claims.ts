/** Claims: from due entries to won runs.
 *  In: entries whose time has come. Out: runs that start, ends of due times that do not run. One or a few go out
 *  singly and at once; what comes while many commands are under way waits and goes out together.
 *  Holds: every entry that comes in is settled once, whatever the database answers: let go with its place, or passed on where its run
 *  keeps the place. Nothing here rejects. */
import { breathe, monotonicNow, systemClock, wait } from '../clock.ts'
import { type Claim, fenceOf } from '../job/claim.ts'
import { graceMs, JOB_DEFAULTS, orderedGraceMs } from '../job/job.ts'
import { Gate } from '../pace/gate.ts'
import type { Patience } from '../pace/patience.ts'
import type { Order } from '../protocol/claim.ts'
import type { Book } from '../run/book.ts'
import type { Runs } from '../run/runs.ts'
import type { TakeBack } from '../run/take-back.ts'
import type { Entry } from '../wheel/entry.ts'
import type { Roster } from '../wheel/roster.ts'
import { BulkSize } from './bulk-size.ts'
import type { Answer, Commands, Won } from './commands.ts'
import type { Doubts } from './doubts.ts'
import { type HandOut, RETRY_MS, SOON_MS } from './hand-out.ts'
import type { Permit } from './permit.ts'
import type { Plans } from './plans.ts'
import type { Refusals } from './refusals.ts'

export interface ClaimsOptions {
  readonly commands: Commands
  readonly refusals: Refusals
  readonly handOut: HandOut
  readonly permit: Permit
  readonly roster: Pick<Roster, 'won' | 'changes'>
  readonly book: Pick<Book, 'open' | 'storing'>
  readonly runs: Pick<Runs, 'start'>
  readonly takeBack: Pick<TakeBack, 'answered'>
  readonly doubts: Pick<Doubts, 'settle'>
  readonly plans: Pick<Plans, 'idle'>
  readonly follower: { read(id: string): void }
  readonly patience: Pick<Patience, 'failed'>
}

/** From so many on they go out in bulk. */
const BULK_FROM = 6
/** What comes while so many commands are under way, or so many bulks, waits and goes out together. */
const AT_ONCE = 8
const BULKS_AT_ONCE = 4
/** A run that has just begun may be over after this: an entry for which there is no room waits so long. */
const BRIEFLY_MS = 4

/** What memory had when a claim went out. */
interface Asked {
  readonly version: number
  readonly since: number
  /** The fingerprint of the trigger. */
  readonly trigger: string | undefined
}

export class Claims {
  readonly #options: ClaimsOptions
  #queue: Entry[] = []
  /** Those that come while the history is asked wait, and are asked about together. */
  #unproven: Entry[] = []
  #proving = false
  #commands = 0
  #bulks = 0
  /** Of refused ones: each reads its document. */
  readonly #gate = new Gate(AT_ONCE)
  readonly #bulk = new BulkSize()
  /** Entries of which the database is asked now, and since when it has not answered, or nobody asked. */
  #asking = 0
  #silentSince = 0

  constructor(options: ClaimsOptions) {
    this.#options = options
  }

  /** Due runs whose claim is asked for, or waits until it can be. */
  get inFlight(): number {
    return this.#asking + this.#queue.length + this.#unproven.length
  }

  /** Milliseconds for which claims have been asked for without any answer; 0: none is. */
  get silentFor(): number {
    return this.#asking === 0 ? 0 : monotonicNow(systemClock) - this.#silentSince
  }

  offer(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.unproven) this.#unproven.push(entry)
      else if (!this.#waits(entry)) this.#queue.push(entry)
    }
    this.#work()
  }

  /** What memory cannot say to be unclaimed (it may be of a restored old document) is looked up in the history. */
  async #prove(entries: readonly Entry[]): Promise<void> {
    const { doubts, follower, handOut } = this.#options
    this.#proving = true
    try {
      const { free, claimed, changed } = await doubts.settle(entries)
      this.#queue.push(...free)
      for (const entry of changed) handOut.letGo(entry)
      for (const entry of claimed) {
        follower.read(entry.id)
        handOut.letGo(entry, SOON_MS)
      }
    } finally {
      this.#proving = false
    }
    this.#work()
  }

  /** Whether there is no room, because runs of this process fill `max_instances`, and it may come: one of them has just begun, is being
   *  stored, or may end before the entry is due. A claim would only be refused; the entry is let go until that has changed. */
  #waits(entry: Entry): boolean {
    const { book, handOut, permit } = this.#options
    const { runs, since } = book.open(entry.id)
    if (runs < (entry.maxInstances ?? JOB_DEFAULTS.max_instances)) return false
    const storing = book.storing(entry.id)
    if (storing !== undefined || monotonicNow(systemClock) - since <= SOON_MS) {
      handOut.letGoUntil(entry, storing ?? wait(BRIEFLY_MS))
      return true
    }
    const due = permit.dueLater(entry)
    if (due !== undefined) handOut.putOff(entry, due)
    return due !== undefined
  }

  #work(): void {
    if (this.#unproven.length > 0 && !this.#proving) {
      const entries = this.#unproven.splice(0)
      void this.#command(entries, () => this.#prove(entries))
    }
    while (this.#queue.length > 0 && this.#commands < AT_ONCE && this.#bulks < BULKS_AT_ONCE) {
      const batch = this.#queue.slice(0, this.#bulk.value)
      this.#queue = this.#queue.slice(batch.length)
      if (batch.length >= BULK_FROM) void this.#command(batch, () => this.#many(batch))
      else for (const entry of batch) void this.#command([entry], () => this.#one(entry))
    }
  }

  /** `claim` rejects only when the node ends, or when the history does not answer: entries that still have their place are let go. */
  async #command(entries: readonly Entry[], claim: () => Promise<void>): Promise<void> {
    this.#commands++
    try {
      await claim()
    } catch (error) {
      this.#options.patience.failed('claim runs', error)
      for (const entry of entries) if (entry.place !== undefined) this.#options.handOut.letGo(entry, RETRY_MS)
    }
    this.#commands--
    this.#work()
  }

  async #one(entry: Entry): Promise<void> {
    const order = this.#options.permit.orderNow(entry)
    if (order === undefined) return await this.#notNow(entry)
    const asked = this.#asked(order)
    await this.#settle(await this.#answered(1, this.#options.commands.one(order)), asked)
  }

  /** Counts what the database is asked about. */
  async #answered<T>(entries: number, answer: Promise<T>): Promise<T> {
    if (this.#asking === 0) this.#silentSince = monotonicNow(systemClock)
    this.#asking += entries
    try {
      return await answer
    } finally {
      this.#asking -= entries
      this.#silentSince = monotonicNow(systemClock)
    }
  }

  async #many(entries: readonly Entry[]): Promise<void> {
    const { commands, permit } = this.#options
    const orders: Order[] = []
    for (const entry of entries) {
      const order = permit.orderNow(entry)
      if (order?.run_time === undefined) void this.#command([entry], () => this.#one(entry))
      else orders.push(order)
    }
    if (orders.length === 0) return
    const asked = new Map(orders.map(order => [order, this.#asked(order)]))
    const askedOf = ({ order }: Answer) => asked.get(order) as Asked
    const { known, late } = await this.#inBulk(() => this.#answered(orders.length, commands.many(orders)))
    const won = known.filter(answer => answer.type === 'won')
    for (const answer of won) this.#start(answer, askedOf(answer))
    if (late.length > 0) {
      const settle = async (answer: Answer) => this.#settle(answer, askedOf(answer))
      const work = async () => void (await Promise.all(late.map(({ answer }) => answer.then(settle))))
      void this.#command(
        late.map(({ order }) => order.entry),
        work,
      )
    }
    // The next claims go out, and runs start, before memory is brought up to date: a crowd's last start waits for nothing but its claim.
    this.#work()
    for (const answer of known) {
      await breathe()
      if (answer.type === 'won') this.#remember(answer, askedOf(answer))
      else
        void this.#command([answer.order.entry], () => this.#gate.through(() => this.#settle(answer, askedOf(answer))))
    }
  }

  /** A bulk is under way, and its size is learnt from it. */
  async #inBulk<T>(claim: () => Promise<T>): Promise<T> {
    const began = monotonicNow(systemClock)
    this.#bulks++
    try {
      return await claim()
    } finally {
      this.#bulks--
      this.#bulk.took(monotonicNow(systemClock) - began)
    }
  }

  /** Not to be claimed now: its plan comes first, the lease is not held, or nothing is due any more. */
  async #notNow(entry: Entry): Promise<void> {
    const { handOut, permit, plans } = this.#options
    // The state of a copied document was written for another job: the plan replaces it, and nothing is claimed before.
    if (entry.copied) await plans.idle()
    handOut.letGo(entry, entry.copied || !permit.isGiven ? RETRY_MS : 0)
  }

  async #settle(answer: Answer, asked: Asked): Promise<void> {
    const { refusals } = this.#options
    if (answer.type === 'lost') return await refusals.lost(answer, asked.version)
    if (answer.type === 'malformed') return await refusals.malformed(answer)
    this.#start(answer, asked)
    this.#remember(answer, asked)
  }

  #asked({ entry }: Order): Asked {
    return { version: entry.version, since: this.#options.roster.changes, trigger: entry.trigger?.fingerprint }
  }

  /** Starts what was won, and tells what does not run. */
  #start(won: Won, { since, trigger }: Asked): void {
    const { refusals, runs, takeBack } = this.#options
    refusals.tellSkips(won)
    if (won.running === undefined) return
    runs.start(takeBack.answered({ ...claimOf(won, won.running), since, ...(trigger && { trigger }) }))
  }

  /** Brings memory up to date with what was won, and lets the entry wait for its next time. */
  #remember({ order, job, running }: Won, { version }: Asked): void {
    const { handOut, roster } = this.#options
    const { entry } = order
    const pause = entry.version === version ? 0 : SOON_MS
    roster.won(entry)
    handOut.show(entry, job, version)
    if (running === undefined) handOut.letGo(entry, pause)
    else handOut.passOn(entry, order.at, pause)
  }
}

/** What was won, as it goes from stage to stage. */
function claimOf({ order, job, seen }: Won, entry: NonNullable<Won['running']>): Claim {
  const grace = order.ordered ? orderedGraceMs(graceMs(job)) : order.scheduled ? graceMs(job) : null
  const by = order.kind !== 'schedule' ? undefined : order.scheduled ? 'schedule' : 'person'
  const executor = order.entry.place as string
  const read = seen !== undefined && { seen }
  return { job, entry, at: order.at, grace, executor, fence: fenceOf(job), ...read, ...(by && { by }) }
}
