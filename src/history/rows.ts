/** Rows: what happened? Outcomes become rows of the `executions` collection.
 *  In: outcomes, many at once. Out: one row for each attempt of a run, its `_id` the run id, so that a row stored twice is one.
 *  Rows are bounded: a result of 16 KiB, an exception of 1,000 characters, a traceback of 16 KiB, a log of 200 lines and 64 KiB.
 *  A late or failing history never delays a run. */
import { type Collection, MongoBulkWriteError } from 'mongodb'
import type { Outcome } from '../job/outcome.ts'

/** One attempt of a run, as it lies in the database. */
export interface Execution {
  /** The run id. */
  readonly _id: string
  readonly job_id: string
  readonly job_name: string
  readonly func: string
  /** When it was due, without jitter. */
  readonly run_time: Date
  /** Caused by the trigger; false: ordered by a person. */
  readonly scheduled: boolean
  readonly status: Outcome['status'] | 'started'
  readonly attempt: number
  /** How many due times this row stands for. */
  readonly coalesced: number
  readonly node: string
  readonly ip: string
  readonly fence: bigint | null
  readonly claimed: Date | null
  readonly started: Date | null
  readonly finished: Date | null
  /** Milliseconds. */
  readonly duration: number | null
  /** Milliseconds after the run time (and its jitter) at which it started. */
  readonly late: number | null
  readonly result: unknown
  readonly result_truncated?: true
  readonly exception: string | null
  readonly traceback: string | null
  readonly log: string | null
  /** When the row was stored last; it is kept for the history's time from here. */
  readonly recorded: Date
}

const DUPLICATE_KEY = 11000
const RESULT_BYTES = 16_384
const EXCEPTION_CHARS = 1_000
const TRACEBACK_CHARS = 16_384

/** The row of an outcome. */
export function rowOf(outcome: Outcome, ip: string, now: Date): Execution {
  const { job, error } = outcome
  return {
    _id: outcome.run_id,
    job_id: job._id,
    job_name: job.name ?? job._id,
    func: job.func,
    run_time: outcome.run_time,
    scheduled: outcome.scheduled,
    status: outcome.status,
    attempt: outcome.attempt,
    coalesced: outcome.coalesced,
    node: ip,
    ip,
    fence: outcome.fence ?? null,
    claimed: outcome.claimed ?? null,
    started: outcome.started ?? null,
    finished: outcome.finished,
    duration: outcome.started === undefined ? null : outcome.duration,
    late: outcome.late,
    ...boundedResult(outcome.result),
    exception: error === undefined ? null : `${error.name}: ${error.message}`.slice(0, EXCEPTION_CHARS),
    traceback: error?.stack?.slice(0, TRACEBACK_CHARS) ?? null,
    log: outcome.log ?? null,
    recorded: now,
  }
}

/** The row of a run that goes on. */
export function startedRow(
  run: Pick<Outcome, 'run_id' | 'job' | 'run_time' | 'scheduled' | 'attempt' | 'coalesced' | 'late'>,
  claimed: Date,
  fence: bigint,
  ip: string,
  now: Date,
): Execution {
  const row = rowOf(
    { ...run, status: 'executed', claimed, fence, started: now, finished: now, duration: 0, entered: true },
    ip,
    now,
  )
  return { ...row, status: 'started', finished: null, duration: null }
}

/** A result as JSON would have it, or null where it is too large or cannot be said in JSON. */
function boundedResult(result: unknown): { result: unknown; result_truncated?: true } {
  if (result === undefined || result === null) return { result: null }
  try {
    const text = JSON.stringify(result)
    if (text === undefined) return { result: null, result_truncated: true }
    if (Buffer.byteLength(text) > RESULT_BYTES) return { result: null, result_truncated: true }
    return { result: JSON.parse(text) }
  } catch {
    return { result: null, result_truncated: true }
  }
}

/** Stores final rows; one that is there already (its run went on for long, or the answer of an earlier try was lost) is replaced. */
export async function storeRows(executions: Collection<Execution>, rows: readonly Execution[]): Promise<void> {
  try {
    await executions.insertMany([...rows], { ordered: false })
  } catch (error) {
    const failed = error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []
    if (failed.length === 0 || failed.some(({ code }) => code !== DUPLICATE_KEY)) throw error
    const again = failed.map(({ index }) => rows[index] as Execution)
    const operations = again.map(row => ({ replaceOne: { filter: { _id: row._id }, replacement: row, upsert: true } }))
    await executions.bulkWrite(operations as never, { ordered: false })
  }
}

/** Ids of those jobs that have a row for the run time, whatever became of it. */
export async function claimedRuns(
  executions: Collection<Execution>,
  runs: readonly { readonly job_id: string; readonly run_time: Date }[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let from = 0; from < runs.length; from += 1_000) {
    const filter = { $or: runs.slice(from, from + 1_000) }
    const rows = executions.find(filter, { projection: { job_id: 1 }, readConcern: { level: 'majority' } })
    for (const { job_id } of await rows.toArray()) found.add(job_id)
  }
  return found
}

/** How a run ended, as far as its row tells whether it is to go on. */
export type FinalRow = Pick<Execution, '_id' | 'status' | 'finished'>

/** The final rows of those runs that have one, recorded before that time if one is given, and so did end; by run id. */
export async function finalRows(
  executions: Collection<Execution>,
  runIds: readonly string[],
  before?: Date,
): Promise<ReadonlyMap<string, FinalRow>> {
  if (runIds.length === 0) return new Map()
  const old = before && { recorded: { $lt: before } }
  const filter = { _id: { $in: [...runIds] }, status: { $ne: 'started' as const }, ...old }
  const projection = { status: 1, finished: 1 }
  const rows = await executions.find<FinalRow>(filter, { projection, readConcern: { level: 'majority' } }).toArray()
  return new Map(rows.map(row => [row._id, row]))
}
