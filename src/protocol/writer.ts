/** Writer: the one door through which a node writes to jobs, and people's moves of them.
 *  In: writes, as data. Out: what the database said of each: done, refused for good, or undecided. It stamps `touch`, asks for
 *  majority, sends many at once, and sorts every error by one table of codes. It retries nothing and reads what tells the answer.
 *  Holds: whatever is thrown becomes a verdict; nothing here rejects, save readings. */
import {
  type AnyBulkWriteOperation,
  type BulkWriteResult,
  type Collection,
  type Document,
  type MongoBulkWriteError,
  MongoServerError,
} from 'mongodb'
import type { Job } from '../job/job.ts'
import type { Actor } from '../job/outcome.ts'
import { isPassing, PASSING, singleErrors } from '../pace/passing.ts'
import type { Fields, Write } from './write.ts'

/** What became of one write. */
export type Verdict =
  /** It came, if it matched. */
  | { readonly type: 'done' }
  /** The document cannot take it: bad value, conflict in `state`, refused by the validator. */
  | { readonly type: 'refused'; readonly error: Error }
  /** It may have come, or may come yet. `passing`: what kept the answer from us may pass. */
  | { readonly type: 'undecided'; readonly error: Error; readonly passing: boolean }

export type Taken = { readonly type: 'done'; readonly job: Job | null } | Exclude<Verdict, { readonly type: 'done' }>

export interface Sent {
  /** One for each write. */
  readonly verdicts: readonly Verdict[]
  readonly matched: number
  readonly modified: number
  readonly deleted: number
  /** The error of all of them: nothing is known of any. */
  readonly failure?: Error
}

export interface WriterOptions {
  readonly jobs: Collection<Job>
  /** Who writes; absent: a person, whose edits set no `touch`. */
  readonly by?: Actor
  /** Hears of each stamp before it goes out. */
  readonly stamped?: { writes(id: string, touch: string): void }
}

/** A job as the driver need not know it: a write may name any path in it. */
type Loose = Document & { _id: string }

/** The server ends a claim that waits for a lock after this time. */
export const MAX_TIME_MS = 1_000
/** Documents of one answer: by itself a server gives 101 and waits for the next question. */
const MOST_FOUND = 1_000
const MAJORITY = { writeConcern: { w: 'majority' as const } }
const DONE: Verdict = { type: 'done' }

export class Writer {
  /** Who writes. */
  readonly by: Actor
  readonly #jobs: Collection<Loose>
  readonly #stamped: WriterOptions['stamped']
  readonly #stamps: boolean
  #touches = 0

  constructor({ jobs, by, stamped }: WriterOptions) {
    this.#jobs = jobs as unknown as Collection<Loose>
    this.by = by ?? { ip: '', incarnation: '' }
    this.#stamps = by !== undefined
    this.#stamped = stamped
  }

  /** A value of `touch` that no other write has. */
  stamp(id: string): string {
    const touch = `${this.by.incarnation.slice(-12)}.${(this.#touches++).toString(36)}`
    this.#stamped?.writes(id, touch)
    return touch
  }

  /** One write, and the document after it; null: it did not match. */
  async take(write: Write, { limited = false, touches = [] }: SendOptions = {}): Promise<Taken> {
    const [touch = this.stamp(write.filter._id)] = touches
    const limit = limited && { maxTimeMS: MAX_TIME_MS }
    try {
      const job = await this.#jobs.findOneAndUpdate(write.filter, this.#stampedBy(touch, write.update), {
        returnDocument: 'after',
        ...limit,
        ...MAJORITY,
      })
      return { type: 'done', job: job as unknown as Job | null }
    } catch (error) {
      return verdictOf(error)
    }
  }

  /** Many writes in one round trip. */
  async send(writes: readonly Write[], { limited = false, touches }: SendOptions = {}): Promise<Sent> {
    if (writes.length === 0) return { verdicts: [], matched: 0, modified: 0, deleted: 0 }
    const operations = writes.map((write, i) => this.#operationOf(write, touches?.[i]))
    try {
      const options = { ordered: false, ...(limited && { maxTimeMS: MAX_TIME_MS }), ...MAJORITY }
      const result = await this.#jobs.bulkWrite(operations, options as object)
      return { verdicts: writes.map(() => DONE), ...countsOf(result) }
    } catch (error) {
      const failed = singleErrors(error)
      if (failed.length === 0) {
        const verdict = verdictOf(error)
        return { verdicts: writes.map(() => verdict), matched: 0, modified: 0, deleted: 0, failure: verdict.error }
      }
      const verdicts: Verdict[] = writes.map(() => DONE)
      for (const { index, code, errmsg } of failed) verdicts[index] = sorted(code, new Error(errmsg ?? 'refused'))
      return { verdicts, ...countsOf((error as MongoBulkWriteError).result) }
    }
  }

  /** One write that nobody waits for twice: answers whether it matched. Rejects where it is not known to be done. */
  async write(write: Write): Promise<boolean> {
    const { verdicts, matched } = await this.send([write])
    const [verdict] = verdicts
    if (verdict !== undefined && verdict.type !== 'done') throw verdict.error
    return matched > 0
  }

  /** A document as a majority has it, or (`local`) as the primary has it now. */
  async find(filter: Fields, { local = false, maxTimeMS }: FindOptions = {}): Promise<Job | null> {
    const readConcern = { level: local ? ('local' as const) : ('majority' as const) }
    const options = { readConcern, ...(maxTimeMS !== undefined && { maxTimeMS }) }
    return (await this.#jobs.findOne(filter, options)) as unknown as Job | null
  }

  /** Documents as a majority has them; of each, with `fields`, only these. */
  async findAll(filter: Fields, fields?: Fields): Promise<readonly Job[]> {
    const options = { readConcern: { level: 'majority' as const }, batchSize: MOST_FOUND }
    const found = await this.#jobs.find(filter, { ...options, ...(fields && { projection: fields }) }).toArray()
    return found as unknown as readonly Job[]
  }

  #operationOf({ filter, update }: Write, touch?: string): AnyBulkWriteOperation<Loose> {
    if (update === undefined) return { deleteOne: { filter } }
    if (!this.#stamps) return { updateOne: { filter, update } }
    return { updateOne: { filter, update: this.#stampedBy(touch ?? this.stamp(filter._id), update) } }
  }

  #stampedBy(touch: string, update: Fields = {}): Fields {
    return { ...update, $set: { ...(update.$set as Fields | undefined), touch } }
  }
}

const countsOf = ({ matchedCount, modifiedCount, deletedCount }: BulkWriteResult) => ({
  matched: matchedCount,
  modified: modifiedCount,
  deleted: deletedCount,
})

export interface SendOptions {
  /** The server gives them up after a second: for claims, whose runs are not to start late. */
  readonly limited?: boolean
  /** Stamps that were made before; absent: made now. */
  readonly touches?: readonly (string | undefined)[]
}

export interface FindOptions {
  readonly local?: boolean
  readonly maxTimeMS?: number
}

/** The document cannot take the update: bad value, conflict in `state`, not viable path, refused by the validator. */
const REFUSED: ReadonlySet<unknown> = new Set([2, 14, 28, 121])

const sorted = (code: unknown, error: Error): Verdict =>
  REFUSED.has(code) ? { type: 'refused', error } : { type: 'undecided', error, passing: PASSING.has(code) }

function verdictOf(thrown: unknown): Exclude<Verdict, { type: 'done' }> {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  if (thrown instanceof MongoServerError && REFUSED.has(thrown.code)) return { type: 'refused', error }
  return { type: 'undecided', error, passing: isPassing(thrown) }
}
