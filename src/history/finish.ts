/** Finish: stores how runs ended: the history row first, then the entry leaves the document.
 *  In: outcomes, as they come. Out: promises that tell when they are stored. What comes while others are being stored goes out together,
 *  in one bulk of rows and then one of entries; the rows of the next go out meanwhile.
 *  Holds: the row is there before the entry goes, so that the next owner never takes a finished run for an interrupted one;
 *  a run's end is stored or, where the document refuses it, told as such, and `idle()` always resolves in the end. */
import { wait } from '../clock.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import { isFailure, type Outcome } from '../job/outcome.ts'
import { Batches } from '../pace/batches.ts'
import { isPassing } from '../pace/passing.ts'
import type { Patience } from '../pace/patience.ts'
import { endWrite, failingWrite, givenUpWrite, recordedWrite, removeLastWrite, removeWrite } from '../protocol/end.ts'
import type { Write } from '../protocol/write.ts'
import type { Writer } from '../protocol/writer.ts'
import type { Rows } from './rows.ts'

export interface FinishesOptions {
  readonly writer: Pick<Writer, 'send' | 'stamp' | 'by'>
  readonly rows: Pick<Rows, 'store'>
  readonly patience: Patience
  /** Knows the trigger by which a job is over: its last finish removes it. */
  readonly roster: { overBy(job: Outcome['job']): Job['trigger'] | undefined }
  /** Reads a job that may have been paused for its failures. */
  readonly follower: { read(id: string): void }
  readonly emit: (news: News) => void
}

/** An end whose row is stored, or is so late that its entry does not wait for it. */
interface Told {
  readonly stored: () => void
  /** Resolves when the row has come after all. */
  readonly late?: Promise<void>
}

/** How a run ended, and the `touch` that its document gets with that. */
interface Ended {
  readonly outcome: Outcome
  readonly touch: string
  readonly late: Promise<void> | undefined
  /** The trigger by which its job is over, if the run was the last of it as far as memory knows. */
  readonly lastBy: Job['trigger'] | undefined
}

interface Stamped {
  readonly write: Write
  /** The `touch` that the document gets; absent: one is made. */
  readonly touch?: string
}

const BATCH = 500
/** A run's entry does not wait longer for its row. */
const SLOW_HISTORY_MS = 1_000

export class Finishes {
  readonly #options: FinishesOptions
  /** Each with who waits for it. */
  readonly #rows: Batches<Outcome, () => void>
  readonly #ends: Batches<Outcome, Told>
  /** Rows that their runs' places did not wait for. */
  readonly #late = new Set<Promise<void>>()

  constructor(options: FinishesOptions) {
    this.#options = options
    const { patience } = options
    this.#rows = new Batches({
      what: 'store rows of runs',
      most: BATCH,
      patience,
      send: batch => this.#storeRows(batch),
    })
    this.#ends = new Batches({
      what: 'store ends of runs',
      most: BATCH,
      patience,
      send: batch => this.#storeEnds(batch),
    })
  }

  /** Resolves when it is stored. */
  push(outcome: Outcome): Promise<void> {
    return new Promise(stored => this.#rows.add(outcome, stored))
  }

  /** Removes a job that is over where nothing of it goes on; guarded, like that after a last end, by all that it was judged by. */
  async removeOver(job: Pick<Job, '_id' | 'trigger' | 'touch'>): Promise<void> {
    await this.#sendAll([{ write: removeWrite(job) }])
  }

  /** Resolves when everything is stored. */
  async idle(): Promise<void> {
    do await Promise.all([this.#rows.idle(), this.#ends.idle(), ...this.#late])
    while (this.#rows.size > 0 || this.#ends.size > 0 || this.#late.size > 0)
  }

  async #storeRows(batch: ReadonlyMap<Outcome, () => void>): Promise<void> {
    const outcomes = [...batch.keys()]
    const rows = this.#writeRows(outcomes)
    const stand = outcomes.some(({ stands }) => stands !== undefined)
    const slow = stand && (await isSlow(rows))
    if (!slow) await rows
    for (const [outcome, stored] of batch) {
      if (outcome.stands === undefined) stored()
      else this.#ends.add(outcome, { stored, ...(slow && { late: rows }) })
    }
  }

  async #storeEnds(batch: ReadonlyMap<Outcome, Told>): Promise<void> {
    const { roster, writer } = this.#options
    const ends = [...batch].map(([outcome, { late }]) => ({
      outcome,
      touch: writer.stamp(outcome.job._id),
      late,
      lastBy: outcome.next === undefined && late === undefined ? roster.overBy(outcome.job) : undefined,
    }))
    const running = ends.filter(({ outcome }) => outcome.stands === 'running')
    await this.#giveUp(running)
    const left = (await this.#removeLast(running)) ? running.filter(({ lastBy }) => lastBy === undefined) : running
    await this.#take(left)
    const unrecorded = ends.filter(({ outcome }) => outcome.stands === 'unrecorded')
    const [late, timely] = apart([...left, ...unrecorded], end => end.late !== undefined)
    if (late.length > 0) this.#afterwards(this.#storeLate(late))
    await this.#recorded(timely.filter(({ outcome }) => outcome.stands === 'unrecorded'))
    await this.#remove(timely)
    for (const { stored } of batch.values()) stored()
  }

  async #storeLate(ends: readonly Ended[]): Promise<void> {
    await Promise.all(ends.map(({ late }) => late))
    await this.#recorded(ends)
    await this.#remove(ends)
  }

  /** History is slow: the places of its runs are not kept for it, the document says which rows are still to come. */
  #afterwards(work: Promise<void>): void {
    this.#late.add(work)
    void work.finally(() => this.#late.delete(work))
  }

  /** Tries until the history takes them; what no retry mends is told of each job. */
  async #writeRows(batch: readonly Outcome[]): Promise<void> {
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

  /** Takes entries out. A job whose owner asked for a pause after so many failed runs gets it in the same message, so that no node that
   *  dies or is cut off in between leaves it armed. */
  async #take(ends: readonly Ended[]): Promise<void> {
    const { by } = this.#options.writer
    const taking = ends.map(({ outcome, touch, late }) => ({ write: endWrite(outcome, late && by), touch }))
    const pauses = ends.flatMap(({ outcome }) => pauseOf(outcome) ?? [])
    const { changed } = await this.#sendAll([...taking, ...unstamped(pauses)])
    if (changed) for (const { filter } of pauses) this.#options.follower.read(filter._id)
  }

  /** Removes jobs that are over together with their last entries; answers whether all of them are gone. Where one is not, something else
   *  goes on in it, or somebody armed it: nobody says which, and each of their entries is taken out by itself. */
  async #removeLast(ends: readonly Ended[]): Promise<boolean> {
    const writes = ends.flatMap(({ outcome: { job, entry }, lastBy: trigger }) =>
      trigger === undefined ? [] : [removeLastWrite({ _id: job._id, trigger }, entry.run_id)],
    )
    return (await this.#sendAll(unstamped(writes))).deleted === writes.length
  }

  /** The rows have come: the documents need not tell of them any more. */
  async #recorded(ends: readonly Ended[]): Promise<void> {
    await this.#write(ends, ({ outcome: { job, entry } }) => recordedWrite(job._id, entry.run_id))
  }

  /** Pauses jobs whose runs are run again no more; before their entries go, so that who dies in between leaves it to the next. */
  async #giveUp(ends: readonly Ended[]): Promise<void> {
    const writes = ends.flatMap(({ outcome: { job, given_up } }) => (given_up ? [givenUpWrite(job._id, given_up)] : []))
    if ((await this.#sendAll(unstamped(writes))).changed)
      for (const { filter } of writes) this.#options.follower.read(filter._id)
  }

  /** Removes jobs that are over: their last ends took everything else out of them. */
  async #remove(ends: readonly Ended[]): Promise<void> {
    const last = ends.flatMap(({ outcome: { job, next }, touch }) => {
      const trigger = next === undefined ? this.#options.roster.overBy(job) : undefined
      return trigger === undefined ? [] : [removeWrite({ _id: job._id, trigger, touch })]
    })
    await this.#sendAll(unstamped(last))
  }

  /** One write for each end, with the end's own `touch`. */
  async #write(ends: readonly Ended[], writeOf: (end: Ended) => Write): Promise<void> {
    await this.#sendAll(ends.map(end => ({ write: writeOf(end), touch: end.touch })))
  }

  /** Sends until each is stored or refused for good, which is told; answers whether a document may have changed, and how many are gone. */
  async #sendAll(writes: readonly Stamped[]): Promise<{ readonly changed: boolean; readonly deleted: number }> {
    if (writes.length === 0) return { changed: false, deleted: 0 }
    let left = writes
    let changed = false
    let deleted = 0
    try {
      await this.#options.patience.until('store ends of runs', async () => {
        const sent = await this.#options.writer.send(
          left.map(({ write }) => write),
          { touches: left.map(({ touch }) => touch) },
        )
        deleted += sent.deleted
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
    return { changed, deleted }
  }

  #refused(job_id: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const problems = [{ path: 'state', message: `state: the end of a run could not be stored (${reason})` }]
    this.#options.emit({ type: 'job.invalid', job_id, problems })
  }
}

/** Pauses a job whose owner asked for that after so many failed runs in a row, if this end may be the last of them. */
const pauseOf = ({ job: { _id, pause_after_failures: most }, status, next }: Outcome): Write | undefined =>
  most != null && isFailure(status) && next === undefined ? failingWrite(_id, most) : undefined

const unstamped = (writes: readonly Write[]): Stamped[] => writes.map(write => ({ write }))

const isSlow = (rows: Promise<void>): Promise<boolean> =>
  Promise.race([rows.then(() => false), wait(SLOW_HISTORY_MS).then(() => true)])

function apart<T>(all: readonly T[], is: (one: T) => boolean): [T[], T[]] {
  return [all.filter(is), all.filter(one => !is(one))]
}
