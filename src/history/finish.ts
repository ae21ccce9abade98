/** Finish: stores how runs ended: the history row first, then the entry leaves the document.
 *  In: outcomes, as they come. Out: promises that tell when they are stored. What comes within the same few milliseconds goes
 *  out in one bulk of rows and one of entries; one bulk at a time.
 *  Holds: the row is there before the entry goes, so that the next owner never takes a finished run for an interrupted one;
 *  a run's end is stored or, where the document refuses it, told as such, and `idle()` always resolves in the end. */
import { wait } from '../clock.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import { isFailure, type Outcome } from '../job/outcome.ts'
import { Batches } from '../pace/batches.ts'
import { isPassing } from '../pace/passing.ts'
import type { Patience } from '../pace/patience.ts'
import { endWrite, failingWrite, givenUpWrite, recordedWrite, removeWrite } from '../protocol/end.ts'
import type { Write } from '../protocol/write.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Rows } from './rows.ts'

export interface FinishesOptions {
  readonly writer: Pick<Writer, 'send' | 'stamp' | 'by'>
  readonly rows: Pick<Rows, 'store'>
  readonly patience: Patience
  /** Tells whether many claims are under way: starts come before ends. */
  readonly book: { readonly isBurst: boolean }
  /** Knows the trigger by which a job is over: its last finish removes it. */
  readonly roster: { overBy(job: Outcome['job']): Job['trigger'] | undefined }
  /** Reads a job that may have been paused for its failures. */
  readonly follower: { read(id: string): void }
  readonly emit: (news: News) => void
}

/** How a run ended, and the `touch` that its document got with that. */
interface Ended {
  readonly outcome: Outcome
  readonly touch: string
}

const BATCH = 1_000
/** While a burst is being claimed its first ends wait for so long, or until a batch is full. */
const LONGEST_BURST_MS = 200
const BURST_STEP_MS = 10
/** A run's entry does not wait longer for its row. */
const SLOW_HISTORY_MS = 1_000

export class Finishes {
  readonly #options: FinishesOptions
  /** Each with who waits for it. */
  readonly #batches: Batches<Outcome, () => void>
  /** Rows that their runs' places did not wait for. */
  readonly #late = new Set<Promise<void>>()

  constructor(options: FinishesOptions) {
    this.#options = options
    this.#batches = new Batches({
      what: 'store ends of runs',
      most: BATCH,
      patience: options.patience,
      ready: () => this.#afterBurst(),
      send: batch => this.#finish(batch),
    })
  }

  /** Resolves when it is stored. */
  push(outcome: Outcome): Promise<void> {
    return new Promise(stored => this.#batches.add(outcome, stored))
  }

  /** Removes a job that is over where nothing of it goes on; guarded, like that after a last end, by all that it was judged by. */
  async removeOver(job: Pick<Job, '_id' | 'trigger' | 'touch'>): Promise<void> {
    await this.#sendAll([removeWrite(job)])
  }

  /** Resolves when everything is stored. */
  async idle(): Promise<void> {
    do await Promise.all([this.#batches.idle(), ...this.#late])
    while (this.#batches.size > 0 || this.#late.size > 0)
  }

  async #afterBurst(): Promise<void> {
    for (let waited = 0; waited < LONGEST_BURST_MS && this.#mayWait(); waited += BURST_STEP_MS)
      await wait(BURST_STEP_MS)
  }

  #mayWait(): boolean {
    return this.#batches.size < BATCH && this.#options.book.isBurst
  }

  async #finish(batch: ReadonlyMap<Outcome, () => void>): Promise<void> {
    await this.#store([...batch.keys()])
    for (const stored of batch.values()) stored()
  }

  async #store(batch: readonly Outcome[]): Promise<void> {
    const { writer } = this.#options
    const rows = this.#storeRows(batch)
    const standing = batch.filter(({ stands }) => stands !== undefined)
    if (standing.length === 0) return await rows
    const slow = await Promise.race([rows.then(() => false), wait(SLOW_HISTORY_MS).then(() => true)])
    const ends = standing.map(outcome => ({ outcome, touch: writer.stamp(outcome.job._id) }))
    const running = ends.filter(({ outcome }) => outcome.stands === 'running')
    await this.#giveUp(running)
    await this.#take(running, slow)
    await this.#pauseFailing(running)
    if (slow) this.#afterwards(rows.then(() => this.#recorded(ends)).then(() => this.#remove(ends)))
    else {
      await this.#recorded(ends.filter(({ outcome }) => outcome.stands === 'unrecorded'))
      await this.#remove(ends)
    }
  }

  /** History is slow: the places of its runs are not kept for it, the document says which rows are still to come. */
  #afterwards(work: Promise<void>): void {
    this.#late.add(work)
    void work.finally(() => this.#late.delete(work))
  }

  /** Tries until the history takes them; what no retry mends is told of each job. */
  async #storeRows(batch: readonly Outcome[]): Promise<void> {
    const { rows, patience } = this.#options
    try {
      await patience.until('store rows of runs', async () => {
        try {
          await rows.store(batch)
        } catch (error) {
          if (isPassing(error)) throw error
          for (const { job } of batch) this.#refused(job._id, error)
        }
      })
    } catch {
      // The node has ended: the next owner finds the entries.
    }
  }

  async #take(ends: readonly Ended[], slow: boolean): Promise<void> {
    const by = slow ? this.#options.writer.by : undefined
    await this.#write(ends, ({ outcome }) => endWrite(outcome, by))
  }

  /** The rows have come: the documents need not tell of them any more. */
  async #recorded(ends: readonly Ended[]): Promise<void> {
    await this.#write(ends, ({ outcome: { job, entry } }) => recordedWrite(job._id, entry.run_id))
  }

  /** Pauses jobs whose owner asked for that after so many failed runs in a row. */
  async #pauseFailing(ends: readonly Ended[]): Promise<void> {
    await this.#pause(ends, ({ job, status, next }) => {
      const most = job.pause_after_failures
      return most != null && isFailure(status) && next === undefined ? failingWrite(job._id, most) : undefined
    })
  }

  /** Pauses jobs whose runs are run again no more; before their entries go, so that who dies in between leaves it to the next. */
  async #giveUp(ends: readonly Ended[]): Promise<void> {
    await this.#pause(ends, ({ job, given_up }) => given_up && givenUpWrite(job._id, given_up))
  }

  async #pause(ends: readonly Ended[], writeOf: (outcome: Outcome) => Write | undefined | ''): Promise<void> {
    const writes = ends.flatMap(({ outcome }) => writeOf(outcome) || [])
    if (await this.#sendAll(writes)) for (const { filter } of writes) this.#options.follower.read(filter._id)
  }

  /** Removes jobs that are over: their last ends took everything else out of them. */
  async #remove(ends: readonly Ended[]): Promise<void> {
    const last = ends.flatMap(({ outcome: { job, next }, touch }) => {
      const trigger = next === undefined ? this.#options.roster.overBy(job) : undefined
      return trigger === undefined ? [] : [removeWrite({ _id: job._id, trigger, touch })]
    })
    await this.#sendAll(last)
  }

  /** One write for each end, with the end's own `touch`. */
  async #write(ends: readonly Ended[], writeOf: (end: Ended) => Write): Promise<void> {
    await this.#sendAll(
      ends.map(writeOf),
      ends.map(({ touch }) => touch),
    )
  }

  /** Sends until each is stored or refused for good, which is told; answers whether a document may have changed. */
  async #sendAll(writes: readonly Write[], touches?: readonly string[]): Promise<boolean> {
    if (writes.length === 0) return false
    let left = writes.map((write, i) => ({
      write,
      touch: touches?.[i],
    }))
    let changed = false
    try {
      await this.#options.patience.until('store ends of runs', async () => {
        const sent = await this.#options.writer.send(
          left.map(({ write }) => write),
          { touches: left.map(({ touch }) => touch) },
        )
        changed ||= sent.modified > 0 || sent.verdicts.some(({ type }) => type !== 'done')
        let failure: Error | undefined
        left = left.filter(({ write }, i) => {
          const verdict = sent.verdicts[i]
          if (verdict === undefined || verdict.type === 'done') return false
          if (verdict.type === 'undecided' && verdict.passing) {
            failure = verdict.error
            return true
          }
          // Some documents refuse it (their `state` is not ours any more).
          this.#refused(write.filter._id, verdict.error)
          return false
        })
        if (failure !== undefined) throw failure
      })
    } catch {
      // The node has ended: the next owner finds the entries.
    }
    return changed
  }

  #refused(job_id: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const problems = [{ path: 'state', message: `state: the end of a run could not be stored (${reason})` }]
    this.#options.emit({ type: 'job.invalid', job_id, problems })
  }
}
