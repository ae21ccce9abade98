/** Finish: stores how runs ended: the history row first, then the entry leaves `state.running`.
 *  In: outcomes, as they come. Out: promises that tell when they are stored. What comes within the same few milliseconds goes
 *  out in one bulk of rows and one of entries; one bulk at a time.
 *  Holds: the row is there before the entry goes, so that the next owner never takes a finished run for an interrupted one;
 *  a run's end is stored or, where the document refuses it, reported, and `idle()` always resolves in the end. */
import { type Collection, MongoBulkWriteError, MongoError, MongoInvalidArgumentError, MongoServerError } from 'mongodb'
import { isNobody } from '../database/connection.ts'
import type { Job } from '../job/job.ts'
import { type Actor, isFailure, noting, type Outcome, recordedOf, unrecordedOf } from '../job/outcome.ts'
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
  /** The trigger by which the job is over, as memory or else its document says: its last finish removes it. Undefined: it is not. */
  readonly overBy: (job: Outcome['job']) => Job['trigger'] | undefined
  /** Who stores rows that the document has to wait for. */
  readonly actor: () => Actor
  /** The job may have been paused for its failures: memory is to look. */
  readonly paused: (jobId: string) => void
  /** A job's document or row would not take the end of its run. */
  readonly refused: (jobId: string, error: Error) => void
}

/** How a run ended, and the `touch` that its document got with that. */
interface Ended {
  readonly outcome: Outcome
  readonly touch: string
}

/** The last end of a job that is over. */
interface Last extends Ended {
  readonly trigger: Job['trigger']
}

/** One write of a bulk, to the document of that job. */
interface Write {
  readonly id: string
  readonly write: object
}

const BATCH = 1_000
/** While a burst is being claimed its first ends wait for so long, or until a batch is full: starts come before ends. */
const LONGEST_BURST_MS = 200
const BURST_STEP_MS = 10
/** A run's entry does not wait longer for its row. */
const SLOW_HISTORY_MS = 1_000

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
    const ids = batch.map(({ job }) => job._id)
    const rows = this.#again(
      () => this.#context.storeRows(batch),
      () => ids,
    )
    const stand = batch.filter(outcome => outcome.entered || outcome.noted)
    if (stand.length === 0) return await rows
    const slow = await Promise.race([rows.then(() => false), this.#context.wait(SLOW_HISTORY_MS).then(() => true)])
    const entered = stand.filter(outcome => outcome.entered)
    await this.#giveUp(entered)
    const ends = stand.map(outcome => ({ outcome, touch: this.#context.freshTouch() }))
    await this.#pull(
      ends.filter(({ outcome }) => outcome.entered),
      slow,
    )
    await this.#pauseFailing(entered)
    if (slow) this.#afterwards(rows.then(() => this.#recorded(ends)).then(() => this.#remove(ends)))
    else {
      await this.#recorded(ends.filter(({ outcome }) => outcome.noted))
      await this.#remove(ends)
    }
  }

  /** History is slow: the places of its runs are not kept for it, the document says which rows are still to come. */
  #afterwards(work: Promise<void>): void {
    this.#late.add(work)
    void work.finally(() => this.#late.delete(work))
  }

  async #pull(ends: readonly Ended[], slow: boolean): Promise<void> {
    const by = slow ? this.#context.actor() : undefined
    await this.#write(
      ends.map(({ outcome, touch }) => ({ id: outcome.job._id, write: { updateOne: pullOf(outcome, touch, by) } })),
    )
  }

  /** The rows have come: the documents need not tell of them any more. */
  async #recorded(ends: readonly Ended[]): Promise<void> {
    await this.#write(
      ends.map(({ outcome: { job, run_id }, touch }) => ({
        id: job._id,
        write: { updateOne: recordedOf(job._id, run_id, touch) },
      })),
    )
  }

  /** Pauses jobs whose owner asked for that after so many failed runs in a row. */
  async #pauseFailing(outcomes: readonly Outcome[]): Promise<void> {
    const failing = outcomes.filter(
      ({ job, status, retry }) => job.pause_after_failures != null && isFailure(status) && retry === undefined,
    )
    await this.#pauseAll(
      failing.map(({ job }) => job._id),
      failing.map(({ job }) => pauseOf(job._id, job.pause_after_failures as number, this.#context.freshTouch())),
    )
  }

  /** Pauses jobs whose runs are run again no more; before their entries go, so that who dies in between leaves it to the next. */
  async #giveUp(outcomes: readonly Outcome[]): Promise<void> {
    const poison = outcomes.filter(({ given_up }) => given_up !== undefined)
    await this.#pauseAll(
      poison.map(({ job }) => job._id),
      poison.map(({ job, given_up }) => pausing(job._id, {}, given_up as string, this.#context.freshTouch())),
    )
  }

  async #pauseAll(ids: readonly string[], pauses: readonly object[]): Promise<void> {
    if (ids.length === 0) return
    const changed = await this.#write(ids.map((id, i) => ({ id, write: { updateOne: pauses[i] } })))
    if (changed) for (const id of ids) this.#context.paused(id)
  }

  /** Removes jobs that are over: their last ends took everything else out of them. */
  async #remove(ends: readonly Ended[]): Promise<void> {
    const last = ends.flatMap((end): readonly Last[] => {
      const trigger = end.outcome.retry === undefined ? this.#context.overBy(end.outcome.job) : undefined
      return trigger === undefined ? [] : [{ ...end, trigger }]
    })
    await this.#write(
      last.map(({ outcome: { job }, trigger, touch }) => ({
        id: job._id,
        write: { deleteOne: { filter: overGuard({ _id: job._id, trigger, touch }) } },
      })),
    )
  }

  /** Writes in bulk until each is stored or refused for good, which is told; answers whether a document may have changed. */
  async #write(writes: readonly Write[]): Promise<boolean> {
    if (writes.length === 0) return false
    let left = writes
    let changed = false
    await this.#again(
      async () => {
        try {
          const bulk = left.map(({ write }) => write)
          const { modifiedCount } = await this.#context.jobs.bulkWrite(bulk as never, { ordered: false })
          changed ||= modifiedCount > 0
        } catch (error) {
          changed = true
          const failed = singleErrors(error)
          // Without single errors nothing is known to be stored.
          if (failed.length === 0) throw error
          for (const { index, code, errmsg } of failed) {
            const id = left[index]?.id
            // Some documents refuse it (their `state` is not ours any more).
            if (id !== undefined && !PASSING.has(code)) this.#context.refused(id, new Error(errmsg ?? 'refused'))
          }
          left = failed.filter(({ code }) => PASSING.has(code)).flatMap(({ index }) => left[index] ?? [])
          if (left.length > 0) throw error
        }
      },
      () => left.map(({ id }) => id),
    )
    return changed
  }

  /** Tries until the database takes it; errors that no retry mends are reported, for each job that is left, and end it. */
  async #again(write: () => Promise<void>, left: () => readonly string[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await write()
      } catch (error) {
        if (!isPassing(error)) {
          for (const id of left()) this.#context.refused(id, error instanceof Error ? error : new Error(String(error)))
          return
        }
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
    'state.unrecorded.0': { $exists: false },
    'run_at.0': { $exists: false },
  }
}

function pauseOf(id: string, failures: number, touch: string) {
  const reason = `pause_after_failures: ${failures} failed ${failures === 1 ? 'run' : 'runs in a row'}`
  return pausing(id, { 'state.failures': { $gte: failures } }, reason, touch)
}

/** Pauses a job, but takes no time away that a person set. */
const pausing = (_id: string, guard: object, reason: string, touch: string) => ({
  filter: { _id, ...PLANNED_BY_NODE, ...guard },
  update: { $set: { next_run_time: null, 'state.paused_by': reason, touch } },
})

/** Takes the run's entry out, or makes it that of its next start. `by`: who stores the row, which is still to come. */
function pullOf(outcome: Outcome, touch: string, by: Actor | undefined) {
  const { run_id, status, run_time, retry, attempt } = outcome
  const failed = isFailure(status)
  const $push = by && noting([unrecordedOf(outcome.job._id, outcome, by)])
  if (retry !== undefined) {
    const next = {
      'state.running.$.run_id': retry.run_id,
      'state.running.$.attempt': retry.reruns === undefined ? attempt + 1 : attempt,
      'state.running.$.retry_at': retry.at,
      ...(retry.reruns !== undefined && { 'state.running.$.reruns': retry.reruns }),
    }
    return {
      filter: { _id: outcome.job._id, 'state.running.run_id': run_id },
      update: { $set: { ...next, touch }, ...($push && { $push }) },
    }
  }
  return {
    filter: { _id: outcome.job._id, 'state.running.run_id': run_id },
    update: {
      $pull: { 'state.running': { run_id } },
      ...($push && { $push }),
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
/** The errors of single writes; none: the whole bulk is undecided. */
const singleErrors = (error: unknown) => (error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : [])

/** Of a bulk with single errors one that may pass is worth another try. The driver wraps what ended a whole bulk (no connection, no
 *  server in time) in an error of the server without a code; what it cannot put on the line at all it will not be able to later. */
export function isPassing(error: unknown): boolean {
  if (singleErrors(error).length > 0) return singleErrors(error).some(({ code }) => PASSING.has(code))
  if (!(error instanceof MongoError)) return isOfSocket(error)
  if (!(error instanceof MongoServerError) || error.code === undefined)
    return !(error instanceof MongoInvalidArgumentError)
  return PASSING.has(error.code) || error.hasErrorLabel('RetryableWriteError') || isNobody(error)
}

/** A connection that breaks in the middle of a command may be told by the system's own error, which the driver has not wrapped. */
const isOfSocket = (error: unknown) => error instanceof Error && 'syscall' in error
