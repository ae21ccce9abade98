/** Refusals: what to do when a claim did not win.
 *  In: the order and the document as it is. Out: the entry let go until the right moment, and ends of due times that do not run.
 *  Out of date is put right by reading; no room is decided by `overlap`; a document that takes no claim is repaired.
 *  Holds: the entry is let go exactly once. */
import type { Clock } from '../clock.ts'
import type { Sweeper } from '../cluster/sweeper.ts'
import type { News } from '../event.ts'
import { JOB_DEFAULTS, type Job, maxInstancesOf } from '../job/job.ts'
import { soundOf } from '../job/sound.ts'
import type { Patience } from '../pace/patience.ts'
import { freshWrite, type Order, repairWrite } from '../protocol/claim.ts'
import { skipped } from '../protocol/skips.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Book } from '../run/book.ts'
import type { Cancels } from '../run/cancels.ts'
import type { Runs } from '../run/runs.ts'
import type { Entry } from '../wheel/entry.ts'
import type { Roster } from '../wheel/roster.ts'
import type { Answer, Commands, Won } from './commands.ts'
import { type HandOut, SOON_MS } from './hand-out.ts'
import { orderOf } from './order.ts'
import type { Permit } from './permit.ts'

export interface RefusalsOptions {
  readonly commands: Commands
  readonly handOut: HandOut
  readonly permit: Permit
  readonly roster: Pick<Roster, 'refused'>
  readonly book: Pick<Book, 'storing'>
  readonly runs: Pick<Runs, 'settle'>
  readonly cancels: Pick<Cancels, 'cancelOldest'>
  readonly sweeper: Pick<Sweeper, 'sweep' | 'doubt'>
  readonly writer: Pick<Writer, 'find' | 'write' | 'by'>
  readonly follower: { read(id: string): void }
  readonly patience: Patience
  readonly clock: Clock
  readonly emit: (news: News) => void
}

/** A queued run is tried again by itself: the run it waits for may end on another node. */
const WAITING_MS = 1_000
const LONGEST_RETRY_MS = 5_000
/** Claims in a row after which what was just read is not believed to be up to date. */
const OFTEN = 3

export class Refusals {
  readonly #options: RefusalsOptions

  constructor(options: RefusalsOptions) {
    this.#options = options
  }

  /** Somebody else was quicker, the document is another, or there is no room. `version`: the entry's, when the claim went out. */
  async lost({ order, doubted }: Extract<Answer, { type: 'lost' }>, version: number): Promise<void> {
    const { handOut, patience, permit, roster, sweeper, writer } = this.#options
    const { entry } = order
    if (doubted) sweeper.doubt(entry.id)
    const job = await patience.until('read refused jobs', () => writer.find({ _id: entry.id }, { local: true }))
    handOut.show(entry, job, version)
    if (job !== null && (job.state?.running?.length ?? 0) >= maxInstancesOf(job)) {
      if (permit.orderNow(entry)?.run_time !== undefined) return await this.#full(entry, job)
    }
    // Out of date is put right by what was just read; what is refused again and again is left alone for longer and longer.
    const refused = roster.refused(entry)
    handOut.letGo(entry, refused < OFTEN ? 0 : longer(refused))
  }

  /** The document would not take the claim: what is malformed in its state goes, so that its next time finds it well.
   *  Where nothing is, as far as this version can tell, only starting the state afresh is left. */
  async malformed({ order, error }: Extract<Answer, { type: 'malformed' }>): Promise<void> {
    const { emit, follower, handOut, patience, roster } = this.#options
    const { entry } = order
    const job_id = entry.id
    const refused = roster.refused(entry)
    await patience.once('repair jobs', () => this.#repair(job_id))
    follower.read(job_id)
    handOut.letGo(entry, longer(refused))
    if (refused > 1) return
    const message = `state: the document refused the claim (${error.message}); it is repaired`
    emit({ type: 'job.invalid', job_id, problems: [{ path: 'state', message }] })
  }

  /** Tells what a write that was done settled without a run. */
  tellSkips({ skips, job }: Won): void {
    const { clock, runs } = this.#options
    for (const skip of skips) runs.settle(skipped(skip, job, clock.now()))
  }

  /** `max_instances` are running: room may come by itself, else `overlap` decides. */
  async #full(entry: Entry, job: Job): Promise<void> {
    const { book, clock, handOut, permit, sweeper } = this.#options
    const storing = book.storing(entry.id)
    if (storing !== undefined) {
      await storing
      return handOut.letGo(entry)
    }
    if (await sweeper.sweep(job)) return handOut.letGo(entry, SOON_MS)
    const now = clock.now()
    // A run that was claimed ahead and has not begun keeps its place until it does: what is due before it waits, and is not refused.
    const ahead = (job.state?.running ?? []).map(({ run_time }) => run_time.getTime()).filter(time => time > now)
    if (ahead.length > 0) return handOut.letGo(entry, Math.min(Math.max(SOON_MS, Math.min(...ahead) - now), WAITING_MS))
    // By what memory has now: a plan may have been stored meanwhile, or somebody has moved the job.
    const first = permit.orderNow(entry)
    if (first?.run_time === undefined) return handOut.letGo(entry)
    // The queued run goes on waiting; what is due meanwhile is decided beside it.
    const beside = first.kind === 'waiting' ? orderOf({ ...entry, waiting: undefined }, now) : first
    const order = beside && { ...beside, entry }
    if (order === undefined || now < order.at) return handOut.letGo(entry, this.#untilNext(entry, order, now))
    await this.#overlap(order, job)
  }

  /** Until what is due next, or until the run that a queued one waits for may have ended on another node. */
  #untilNext(entry: Entry, order: Order | undefined, now: number): number {
    const at = order?.at ?? Math.min(entry.at ?? Number.POSITIVE_INFINITY, entry.extra[0] ?? Number.POSITIVE_INFINITY)
    const wait = Math.max(at - now, SOON_MS)
    return entry.waiting === undefined ? wait : Math.min(wait, WAITING_MS)
  }

  async #overlap(order: Order, job: Job): Promise<void> {
    const { cancels, commands, handOut, sweeper } = this.#options
    const { entry } = order
    const { version } = entry
    const overlap = job.overlap ?? JOB_DEFAULTS.overlap
    if (overlap === 'cancel_other') cancels.cancelOldest(job)
    const queues = overlap !== 'skip' && order.run_time !== undefined && job.state?.waiting === undefined
    const answer = await commands.one(order, queues ? 'queue' : 'skip')
    if (answer.type === 'lost' && answer.doubted) sweeper.doubt(entry.id)
    if (answer.type !== 'won') return handOut.letGo(entry, SOON_MS)
    handOut.show(entry, answer.job, version)
    handOut.letGo(entry)
    this.tellSkips(answer)
  }

  /** Guarded by what was read: a write that comes in between is not undone. */
  async #repair(id: string): Promise<void> {
    const { writer } = this.#options
    const job = await writer.find({ _id: id }, { local: true })
    if (job === null || job.state === undefined) return
    const { malformed } = soundOf(job)
    const { ip } = writer.by
    await writer.write(malformed.length > 0 ? repairWrite(job, malformed, ip) : freshWrite(job, ip))
  }
}

/** In ms, after so many refusals in a row. */
const longer = (refused: number) => Math.min(2 ** refused * 10, LONGEST_RETRY_MS)
