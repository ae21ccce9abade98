/** Sweeper: sees to runs in documents that no longer go on: of this node's own jobs, and of jobs of dead nodes.
 *  In: documents as they are read, and the registry at each heartbeat. Out: ends of such runs, and runs that start once more.
 *  Holds: of one job one sweep is under way at a time, and each judges by a document that was read after the one before. */
import type { RunEntry } from '../job/claim.ts'
import type { Job } from '../job/job.ts'
import { entriesIn } from '../job/outcome.ts'
import type { Patience } from '../pace/patience.ts'
import type { Book } from '../run/book.ts'
import type { Runs } from '../run/runs.ts'
import { isOurs } from './dead-entries.ts'
import { type RecoveryContext, recover } from './recovery.ts'
import { type Seen, startsNothing } from './registry.ts'

export interface SweeperOptions extends RecoveryContext {
  readonly book: Book
  readonly runs: Pick<Runs, 'settle'>
  readonly lease: { held(): boolean }
  readonly roster: { versionOf(id: string): number | undefined }
  readonly follower: { read(id: string): void }
  readonly patience: Patience
}

/** So long after a claim was given up what came of it is looked at once more; while its job is not there, less and less often. */
const DOUBT_MS = 10_000
const LONGEST_DOUBT_MS = 600_000
/** A sweep that failed is made again after the pause that follows so many tries. */
const SEVERAL = 6

export class Sweeper {
  readonly #options: SweeperOptions
  /** Entries of other incarnations in jobs of this node, as their documents showed them last. */
  readonly #others = new Map<string, readonly RunEntry[]>()
  /** The latest sweep of each job that is under way. */
  readonly #sweeps = new Map<string, Promise<boolean>>()

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** A document of this node was read. `claimed`: as our claim left it, with runs of this node's that go on and perhaps some of another
   *  that had the job before. */
  see(job: Job, claimed: boolean): void {
    const { by } = this.#options.writer
    const entries = entriesIn(job)
    const others = entries.filter(entry => !isOurs(entry, by))
    if (others.length > 0) this.#others.set(job._id, others)
    else this.#others.delete(job._id)
    const doubtful = claimed ? entries.some(entry => entry.node !== by.ip) : entries.length > 0
    if (doubtful) void this.#sweepOrRead(job)
  }

  /** Hears who has which ip now: jobs with runs of an incarnation that is over, or whose node starts nothing that goes on later, are
   *  looked at until those are gone. */
  looked(known: readonly Seen[]): void {
    const { follower, roster } = this.#options
    const holders = new Map(known.map(node => [node._id, node]))
    const isDoubtful = ({ node, incarnation }: RunEntry) => {
      const holder = holders.get(node)
      return holder?.incarnation !== incarnation || startsNothing(holder)
    }
    for (const [id, entries] of this.#others) {
      if (roster.versionOf(id) === undefined) this.#others.delete(id)
      else if (entries.some(isDoubtful)) follower.read(id)
    }
  }

  /** Deals with entries of runs that no longer go on, in a job of this node or of a dead one; answers whether there were any.
   *  Rejects where the lease is not held: who may have been replaced judges nobody. */
  sweep(job: Job): Promise<boolean> {
    // What an earlier one deals with is read again after it: this document is older than that.
    const before = this.#sweeps.get(job._id)?.catch(() => false) ?? Promise.resolve(false)
    const sweep = before.then(found => found || this.#sweep(job))
    this.#sweeps.set(job._id, sweep)
    const done = () => {
      if (this.#sweeps.get(job._id) === sweep) this.#sweeps.delete(job._id)
    }
    sweep.then(done, done)
    return sweep
  }

  /** A claim was given up whose write may still come: it then has an entry whose run nobody performs, also when the job has left this
   *  node meanwhile. A job that is not there may have been renamed away, or come back from a backup. */
  doubt(id: string): void {
    void this.#lookLater(id)
  }

  async #lookLater(id: string): Promise<void> {
    const { patience, writer } = this.#options
    for (let ms = DOUBT_MS; ms <= LONGEST_DOUBT_MS; ) {
      await patience.wait(ms)
      if (patience.isEnded) return
      const isThere = await patience.once('look at doubtful claims', async () => {
        const job = await writer.find({ _id: id }, { local: true })
        if (job !== null) await this.sweep(job)
        return job !== null
      })
      if (isThere === true) return
      if (isThere === false) ms *= 2
    }
  }

  /** What the database would not answer is asked for again, by reading the document. */
  async #sweepOrRead(job: Job): Promise<void> {
    const { follower, patience } = this.#options
    if ((await patience.once('see to runs of dead nodes', () => this.sweep(job))) !== undefined) return
    try {
      await patience.pause(SEVERAL)
      follower.read(job._id)
    } catch {
      // The node has ended: its successor reads the document.
    }
  }

  async #sweep(job: Job): Promise<boolean> {
    const { book, follower, lease, runs } = this.#options
    if (!lease.held()) throw new Error('the lease is not held')
    let found = 0
    try {
      for await (const one of recover(job, this.#options)) {
        found++
        if ('outcome' in one) runs.settle(one.outcome)
        if (one.type === 'again') book.wait(one.claim)
      }
    } finally {
      if (found > 0) {
        await book.storing(job._id)
        follower.read(job._id)
      }
    }
    return found > 0
  }
}
