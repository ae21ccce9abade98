/** Finish: stores how runs ended: the history row first, then the entry leaves `state.running`.
 *  In: outcomes, as they come. Out: promises that tell when they are stored. What comes within the same few milliseconds goes
 *  out in one bulk of rows and one of entries; one bulk at a time.
 *  Holds: the row is there before the entry goes, so that the next owner never takes a finished run for an interrupted one;
 *  a run's end is stored or, where the document refuses it, reported, and `idle()` always resolves in the end. */
import { type Collection, MongoBulkWriteError, MongoError, MongoInvalidArgumentError, MongoServerError } from 'mongodb'
import { isNobody } from '../connection.ts'
import type { Job } from '../job/job.ts'
import { isFailure, type Outcome } from '../job/outcome.ts'
import { PLANNED_BY_NODE } from '../job/plan.ts'

export interface FinishContext {
  readonly jobs: Collection<Job>
  readonly storeRows: (outcomes: readonly Outcome[]) => Promise<void>
  readonly freshTouch: () => string
  readonly wait: (ms: number) => Promise<void>
  /** Waits before a failed write is tried again; rejects when nobody waits for it any more. */
  readonly pause: (attempt: number) => Promise<void>
  /** Whether many claims are under way. */
  readonly isBurst: () => boolean
  /** Whether memory holds the job as over: its last finish removes it. */
  readonly isOver: (id: string) => boolean
  /** The job may have been paused for its failures: memory is to look. */
  readonly paused: (jobId: string) => void
  /** A document would not take the end of its run. */
  readonly refused: (jobId: string, error: Error) => void
}

/** How a run ended, and the `touch` that its document got with that. */
interface Write {
  readonly outcome: Outcome
  readonly touch: string
}

const BATCH = 1_000
/** While a burst is being claimed its first ends wait for so long, or until a batch is full: starts come before ends. */
const LONGEST_BURST_MS = 200
const BURST_STEP_MS = 10
/** A run's entry does not wait longer for its row. */
const SLOW_HISTORY_MS = 1_000
const MOST_UNRECORDED = 16

export class Finishes {
  readonly #context: FinishContext
  #queue: { readonly outcome: Outcome; readonly stored: () => void }[] = []
  /** The latest unstored finish of each job. */
  readonly #latest = new Map<string, Promise<void>>()
  #work: Promise<void> | undefined
  /** Rows that their runs' places did not wait for. */
  readonly #late = new Set<Promise<void>>()

  constructor(context: FinishContext) {
    this.#context = context
  }

  /** Resolves when it is stored. */
  push(outcome: Outcome): Promise<void> {
    const id = outcome.job._id
    const done = new Promise<void>(stored => this.#queue.push({ outcome, stored }))
    this.#latest.set(id, done)
    this.#work ??= this.#run()
    return done
  }

  /** Resolves when every finish of the job that was pushed so far is stored; undefined: there is none. */
  of(id: string): Promise<void> | undefined {
    return this.#latest.get(id)
  }

  /** Resolves when everything is stored. */
  async idle(): Promise<void> {
    while (this.#work !== undefined || this.#late.size > 0) await Promise.all([this.#work, ...this.#late])
  }

  async #run(): Promise<void> {
    await null
    while (this.#queue.length > 0) {
      for (let waited = 0; this.#mayWait() && waited < LONGEST_BURST_MS; waited += BURST_STEP_MS) {
        await this.#context.wait(BURST_STEP_MS)
      }
      const batch = this.#queue.slice(0, BATCH)
      this.#queue = this.#queue.slice(BATCH)
      const latest = batch.map(({ outcome }) => this.#latest.get(outcome.job._id))
      await this.#store(batch.map(({ outcome }) => outcome))
      batch.forEach(({ outcome, stored }, i) => {
        // Later ones came meanwhile: they speak for the job then.
        if (this.#latest.get(outcome.job._id) === latest[i]) this.#latest.delete(outcome.job._id)
        stored()
      })
    }
    this.#work = undefined
  }

  #mayWait(): boolean {
    return this.#queue.length < BATCH && this.#context.isBurst()
  }

  async #store(batch: readonly Outcome[]): Promise<void> {
    const rows = this.#again(() => this.#context.storeRows(batch))
    const entered = batch.filter(outcome => outcome.entered)
    if (entered.length === 0) return await rows
    const slow = await Promise.race([rows.then(() => false), this.#context.wait(SLOW_HISTORY_MS).then(() => true)])
    const pulls = entered.map(outcome => ({ outcome, touch: this.#context.freshTouch() }))
    await this.#again(() => this.#pull(pulls, slow))
    await this.#pauseFailing(entered)
    const last = pulls.filter(({ outcome }) => this.#isLast(outcome))
    if (slow) this.#afterwards(rows.then(() => this.#recorded(pulls, last)))
    else await this.#remove(last)
  }

  #isLast({ job, retry }: Outcome): boolean {
    return retry === undefined && (job.state?.over === true || this.#context.isOver(job._id))
  }

  /** History is slow: the places of its runs are not kept for it, the document says which rows are still to come. */
  #afterwards(work: Promise<void>): void {
    this.#late.add(work)
    void work.finally(() => this.#late.delete(work))
  }

  /** The rows have come: the documents say so, and what was over goes now. */
  async #recorded(pulls: readonly Write[], last: readonly Write[]): Promise<void> {
    const touch = this.#context.freshTouch()
    const operations = pulls.map(({ outcome: { job, run_id } }) => ({
      updateOne: {
        filter: { _id: job._id, 'state.unrecorded.run_id': run_id },
        update: { $pull: { 'state.unrecorded': { run_id } }, $set: { touch } },
      },
    }))
    await this.#write(operations)
    await this.#remove(last, touch)
  }

  async #pull(pulls: readonly Write[], slow: boolean): Promise<void> {
    const operations = pulls.map(({ outcome, touch }) => ({ updateOne: pullOf(outcome, touch, slow) }))
    try {
      await this.#context.jobs.bulkWrite(operations as never, { ordered: false })
    } catch (error) {
      // Without single errors nothing is known to be stored; those that may pass are tried again, all of them.
      const failed = error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []
      if (failed.length === 0 || failed.some(({ code }) => PASSING.has(code))) throw error
      // Some documents refuse it (their `state` is not ours any more); the others are stored.
      for (const { index, errmsg } of failed) {
        const id = pulls[index]?.outcome.job._id
        if (id !== undefined) this.#context.refused(id, new Error(errmsg ?? 'refused'))
      }
    }
  }

  /** Pauses jobs whose owner asked for that after so many failed runs in a row. */
  async #pauseFailing(outcomes: readonly Outcome[]): Promise<void> {
    const failing = outcomes.filter(
      ({ job, status, retry }) => job.pause_after_failures != null && isFailure(status) && retry === undefined,
    )
    if (failing.length === 0) return
    const operations = failing.map(({ job }) => ({
      updateOne: pauseOf(job._id, job.pause_after_failures as number, this.#context.freshTouch()),
    }))
    await this.#again(async () => {
      const { modifiedCount } = await this.#context.jobs.bulkWrite(operations as never, { ordered: false })
      if (modifiedCount > 0) for (const { job } of failing) this.#context.paused(job._id)
    })
  }

  /** Removes jobs that are over. `later`: what was written to them after their last run's end. */
  async #remove(last: readonly Write[], later?: string): Promise<void> {
    if (last.length === 0) return
    const operations = last.map(({ outcome, touch }) => ({
      deleteOne: {
        filter: { ...overGuard(outcome.job), touch: later === undefined ? touch : { $in: [touch, later] } },
      },
    }))
    await this.#write(operations)
  }

  async #write(operations: readonly object[]): Promise<void> {
    await this.#again(async () => {
      await this.#context.jobs.bulkWrite(operations as never, { ordered: false })
    })
  }

  /** Tries until the database takes it; errors that no retry mends are reported and end it. */
  async #again(write: () => Promise<void>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await write()
      } catch (error) {
        if (!isPassing(error))
          return this.#context.refused('', error instanceof Error ? error : new Error(String(error)))
        try {
          await this.#context.pause(attempt)
        } catch {
          return
        }
      }
    }
  }
}

/** The last write on an over job: it goes when nobody armed it again, nothing runs and nothing is asked for. */
export function overGuard(job: Pick<Job, '_id' | 'trigger' | 'touch'>): Record<string, unknown> {
  return {
    _id: job._id,
    next_run_time: { $type: 'null' },
    'state.over': true,
    trigger: job.trigger,
    touch: job.touch === undefined ? { $exists: false } : job.touch,
    'state.running.0': { $exists: false },
    'state.waiting': { $exists: false },
    'run_at.0': { $exists: false },
  }
}

function pauseOf(id: string, failures: number, touch: string) {
  const reason = `pause_after_failures: ${failures} failed ${failures === 1 ? 'run' : 'runs in a row'}`
  return {
    filter: { _id: id, ...PLANNED_BY_NODE, 'state.failures': { $gte: failures } },
    update: { $set: { next_run_time: null, 'state.paused_by': reason, touch } },
  }
}

/** Takes the run's entry out, or makes it that of the next attempt. */
function pullOf(outcome: Outcome, touch: string, unrecorded: boolean) {
  const { run_id, status, run_time, retry, attempt } = outcome
  const failed = isFailure(status)
  if (retry !== undefined) {
    const next = {
      'state.running.$.run_id': retry.run_id,
      'state.running.$.attempt': attempt + 1,
      'state.running.$.retry_at': retry.at,
    }
    return { filter: { _id: outcome.job._id, 'state.running.run_id': run_id }, update: { $set: { ...next, touch } } }
  }
  return {
    filter: { _id: outcome.job._id, 'state.running.run_id': run_id },
    update: {
      $pull: { 'state.running': { run_id } },
      ...(unrecorded && {
        $push: { 'state.unrecorded': { $each: [{ run_id, status, run_time }], $slice: -MOST_UNRECORDED } },
      }),
      $set: {
        'state.last_run_time': run_time,
        'state.last_status': status,
        touch,
        ...(status === 'executed' && { 'state.failures': 0 }),
      },
      ...(failed && { $inc: { 'state.failures': 1 } }),
    },
  }
}

/** Not primary, shutting down, write concern not met, time limit, no such user for now, no room on the disk: it may pass. */
export const PASSING: ReadonlySet<unknown> = new Set([
  6, 7, 18, 50, 64, 89, 91, 100, 189, 202, 262, 9001, 10107, 11600, 11602, 13435, 13436, 14031,
])
/** Whether the same write may come through later. The driver wraps what ended a whole bulk (no connection, no server in time) in
 *  an error of the server without a code; what it cannot put on the line at all it will not be able to later. */
export const isPassing = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code !== undefined
    ? PASSING.has(error.code) || error.hasErrorLabel('RetryableWriteError') || isNobody(error)
    : error instanceof MongoError && !(error instanceof MongoInvalidArgumentError)
