/** Rows: what happened? Outcomes become rows of the `executions` collection.
 *  In: outcomes, many at once. Out: one row for each attempt of a run, its `_id` the run id, so that a row stored twice is one; and
 *  what rows tell of a run or of a schedule afterwards.
 *  Rows are bounded: a result of 16 KiB, an exception of 1,000 characters, a traceback of 16 KiB, a log of 200 lines and 64 KiB.
 *  A late or failing history never delays a run. */
import type { Collection, Filter } from 'mongodb'
import { type Claim, factsOf } from '../job/claim.ts'
import { type Job, nameOf } from '../job/job.ts'
import type { Outcome } from '../job/outcome.ts'
import { isPassing, singleErrors } from '../pace/passing.ts'

/** One attempt of a run, as it lies in the database. */
export interface Execution {
  /** The run id. */
  readonly _id: string
  /** The job's `_id`. */
  readonly job_id: string
  /** Its `name` then. */
  readonly job_name: string
  /** What was called. */
  readonly func: string
  /** When it was due, without jitter. */
  readonly run_time: Date
  /** Caused by the trigger; false: ordered by a person. */
  readonly scheduled: boolean
  /** How it ended; `started` while it goes on. */
  readonly status: Outcome['status'] | 'started'
  /** 1 for the first; each try of `retry` is one more. A rerun of `on_interrupt` keeps its number. */
  readonly attempt: number
  /** How many due times this row stands for. */
  readonly coalesced: number
  /** The node on which it ran. */
  readonly node: string
  /** The same, for whoever looks for the ip. */
  readonly ip: string
  /** The number of its claim, which rises with each claim of the job; null: it was not claimed. */
  readonly fence: bigint | null
  /** When it was claimed; null: it was not. */
  readonly claimed: Date | null
  /** When its function was called; null: it was not. */
  readonly started: Date | null
  /** When it ended; null: it goes on. */
  readonly finished: Date | null
  /** Milliseconds. */
  readonly duration: number | null
  /** Milliseconds after the run time (and its jitter) at which it started. */
  readonly late: number | null
  /** What the function returned, as JSON of at most 16 KiB; null: nothing, or too long. */
  readonly result: unknown
  /** The result was too long, and is not kept. */
  readonly result_truncated?: true
  /** `Name: message`, at most 1,000 characters; null: nothing failed. */
  readonly exception: string | null
  /** The stack, at most 16 KiB. */
  readonly traceback: string | null
  /** What the run logged: its last 200 lines, 64 KiB. */
  readonly log: string | null
  /** When the row was stored last; it is kept for the history's time from here. */
  readonly recorded: Date
}

const DUPLICATE_KEY = 11000
/** So many run times are asked about with one query. */
const ASKED = 500
const RESULT_BYTES = 16_384
const EXCEPTION_CHARS = 1_000
const TRACEBACK_CHARS = 16_384

/** The row of an outcome, stored by the node `ip`. */
export function rowOf(outcome: Outcome, ip: string, now: Date): Execution {
  const { job, entry, error, started } = outcome
  const { run_id, run_time, attempt, scheduled, coalesced, claimed } = factsOf(entry)
  const node = outcome.lost === true ? entry.node : ip
  return {
    _id: run_id,
    job_id: job._id,
    job_name: nameOf(job),
    func: job.func,
    run_time,
    scheduled,
    status: outcome.status,
    attempt,
    coalesced,
    node,
    ip: node,
    fence: outcome.fence ?? null,
    claimed: claimed ?? null,
    started: started ?? null,
    finished: outcome.finished,
    duration: started === undefined ? null : outcome.duration,
    late: outcome.late,
    ...boundedResult(outcome.result),
    exception: error === undefined ? null : `${error.name}: ${error.message}`.slice(0, EXCEPTION_CHARS),
    traceback: error?.stack?.slice(0, TRACEBACK_CHARS) ?? null,
    log: outcome.log ?? null,
    recorded: now,
  }
}

/** The row of a run that goes on, `late` ms after its time. */
export function startedRow({ job, entry, fence }: Claim, late: number, ip: string, now: Date): Execution {
  const performed = { status: 'executed', started: now, finished: now, duration: 0, late } as const
  return { ...rowOf({ job, entry, fence, ...performed }, ip, now), status: 'started', finished: null, duration: null }
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

export class Rows {
  readonly #executions: Collection<Execution>
  readonly #ip: string
  readonly #now: () => number

  /** `ip`: the node that stores them. `now`: by its clock. */
  constructor(executions: Collection<Execution>, ip: string, now: () => number) {
    this.#executions = executions
    this.#ip = ip
    this.#now = now
  }

  /** Stores final rows; one that is there already (its run went on for long, or the answer of an earlier try was lost) is replaced.
   *  What the database refuses for its content is stored with less of it, so that no run lacks its row for what it returned or
   *  said. Rejects where nothing is known, and with the last refusal where a row was not taken at all: then all others are stored. */
  async store(outcomes: readonly Outcome[]): Promise<void> {
    const now = new Date(this.#now())
    const rows = outcomes.map(outcome => rowOf(outcome, this.#ip, now))
    const failed = await refusedOf(rows, some => this.#executions.insertMany([...some], { ordered: false }))
    const isPresent = ({ code }: Refused) => code === DUPLICATE_KEY
    const present = failed.filter(isPresent).map(({ row }) => row)
    const replace = (some: readonly Execution[]) => this.#executions.bulkWrite(some.map(replacing), { ordered: false })
    const unreplaced = await refusedOf(present, replace)
    let refusal: unknown
    for (const { row } of [...failed.filter(one => !isPresent(one)), ...unreplaced]) {
      refusal = (await this.#storeLess(row)) ?? refusal
    }
    if (refusal !== undefined) throw refusal
  }

  /** Stores a row without its result, else also without what was logged and thrown; answers with what the server says of the barest. */
  async #storeLess(row: Execution): Promise<unknown> {
    const unresulted: Execution = { ...row, result: null, result_truncated: true }
    let refusal: unknown
    for (const less of [unresulted, { ...unresulted, exception: null, traceback: null, log: null }]) {
      try {
        await this.#executions.replaceOne({ _id: row._id }, less, { upsert: true })
        return undefined
      } catch (error) {
        if (isPassing(error)) throw error
        refusal = error
      }
    }
    return refusal
  }

  /** The nodes that have rows of runs that go on, as far as rows tell. */
  async nodesGoingOn(): Promise<ReadonlySet<string>> {
    return new Set(await this.#executions.distinct('node', { status: 'started' }))
  }

  /** Ends the rows of runs that an ended process of a node has left and that no document names any more, because their jobs were
   *  deleted while they went on; answers them. */
  async endLeft(jobs: Collection<Job>, node: string): Promise<readonly Execution[]> {
    const left: Execution[] = []
    for (const row of await this.#executions.find({ node, status: 'started' }).toArray()) {
      const named: Filter<Job> = { _id: row.job_id, 'state.running.run_id': row._id }
      if ((await jobs.findOne(named, { projection: { _id: 1 } })) !== null) continue
      const exception = `Interrupted: node ${node} ended while the run went on, and its job is gone`
      const now = new Date(this.#now())
      const ended = { status: 'interrupted' as const, finished: now, exception, recorded: now }
      const { modifiedCount } = await this.#executions.updateOne({ _id: row._id, status: 'started' }, { $set: ended })
      if (modifiedCount > 0) left.push({ ...row, ...ended })
    }
    return left
  }

  /** Those of these run times that a claim with a higher fence had. */
  async claimedAfter<T extends ClaimedAfter>(orders: readonly T[]): Promise<readonly T[]> {
    const keyOf = ({ job_id, run_time }: Pick<Execution, 'job_id' | 'run_time'>) => `${Number(run_time)} ${job_id}`
    const options = { projection: { job_id: 1, run_time: 1 }, readConcern: { level: 'majority' as const } }
    const claimed = new Set<string>()
    for (let from = 0; from < orders.length; from += ASKED) {
      const some = orders.slice(from, from + ASKED)
      const $or = some.map(({ job_id, run_time, after }) => ({ job_id, run_time, fence: { $gt: after } }))
      for await (const row of this.#executions.find({ $or }, options)) claimed.add(keyOf(row))
    }
    return orders.filter(order => claimed.has(keyOf(order)))
  }

  /** Up to when the schedule of these jobs was claimed, by job: the run time itself, or the latest one after it. Jobs without such a
   *  row are not in it; what became of the run does not matter. Rows of an earlier job of that id have lower fences. */
  async claimedTo(doubted: readonly Doubted[]): Promise<ReadonlyMap<string, Date>> {
    const found = new Map<string, Date>()
    for (let from = 0; from < doubted.length; from += ASKED) {
      const rows = doubted.slice(from, from + ASKED).flatMap(({ job_id, run_time, after, known }) => {
        const itself = { job_id, run_time, ...(after !== undefined && { fence: { $gt: after } }) }
        if (known === undefined) return [itself]
        return [itself, { job_id, run_time: { $gt: run_time }, scheduled: true, fence: { $gt: known } }]
      })
      const latest = [{ $match: { $or: rows } }, { $group: { _id: '$job_id', to: { $max: '$run_time' } } }]
      const told = this.#executions.aggregate<{ _id: string; to: Date }>(latest, { readConcern: { level: 'majority' } })
      for await (const { _id, to } of told) found.set(_id, to)
    }
    return found
  }

  /** The final rows of those runs that have one, recorded before that time if one is given, and so did end; by run id. */
  async final(runIds: readonly string[], before?: Date): Promise<ReadonlyMap<string, FinalRow>> {
    if (runIds.length === 0) return new Map()
    const old = before && { recorded: { $lt: before } }
    const filter = { _id: { $in: [...runIds] }, status: { $ne: 'started' as const }, ...old }
    const options = { projection: { status: 1, finished: 1 }, readConcern: { level: 'majority' as const } }
    const rows = await this.#executions.find<FinalRow>(filter, options).toArray()
    return new Map(rows.map(row => [row._id, row]))
  }
}

interface Refused {
  readonly row: Execution
  /** Of the server; undefined: the driver could not even send it. */
  readonly code?: unknown
}

const replacing = (row: Execution) => ({ replaceOne: { filter: { _id: row._id }, replacement: row, upsert: true } })

/** Writes rows together and answers which of them are refused. What fails as a whole is halved until the culprits stand alone. */
async function refusedOf(
  rows: readonly Execution[],
  write: (rows: readonly Execution[]) => Promise<unknown>,
): Promise<readonly Refused[]> {
  if (rows.length === 0) return []
  try {
    await write(rows)
    return []
  } catch (error) {
    if (isPassing(error)) throw error
    const failed = singleErrors(error)
    if (failed.length > 0) return failed.map(({ index, code }) => ({ row: rows[index] as Execution, code }))
    if (rows.length === 1) return [{ row: rows[0] as Execution }]
    const half = rows.length >> 1
    return [...(await refusedOf(rows.slice(0, half), write)), ...(await refusedOf(rows.slice(half), write))]
  }
}

/** A run time of which a document does not say whether it was claimed. */
export interface Doubted {
  readonly job_id: string
  readonly run_time: Date
  /** Only a claim with a higher fence counts. */
  readonly after?: bigint | undefined
  /** The fence that the document knows, of the schedule: whoever claimed a later time of it with a higher one had dealt with this. */
  readonly known?: bigint | undefined
}

/** A run time, and the fence of a claim: whether a later claim had it. */
export interface ClaimedAfter {
  readonly job_id: string
  readonly run_time: Date
  readonly after: bigint
}

/** How a run ended, as far as its row tells whether it is to go on. */
export type FinalRow = Pick<Execution, '_id' | 'status' | 'finished'>
