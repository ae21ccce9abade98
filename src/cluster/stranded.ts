/** Stranded: which jobs nobody runs; and those of one ip, read a part at a time, over and over.
 *  In: the jobs collection and an ip. Out: each of its jobs, and whether it is new since the reading before.
 *  However many they are: the server's cursor goes on where the last part ended, and of a job that was read a number is kept, not
 *  its id. What left and came back is new again. */
import type { Collection, Document, FindCursor } from 'mongodb'
import { breathe } from '../clock.ts'
import type { Job } from '../job/job.ts'
import { NOBODYS } from '../protocol/place.ts'
import { takenOverBy } from './moves.ts'
import { markOf } from './placement.ts'
import { isLiving, type Seen, takesJobs } from './registry.ts'

const BATCH = 200
const PROJECTION = { 'state.running.run_id': 1 }

/** The jobs that no living node has, and that none takes over which may and can perform them, by what the registry says now. */
export function strandedQuery(nodes: readonly Seen[]): Document {
  const living = nodes.filter(isLiving).map(({ _id }) => _id)
  const takers = nodes.filter(takesJobs)
  const elsewhere = { ip: { $type: 'string', $nin: living } }
  if (takers.length === 0) return { $or: [elsewhere, NOBODYS] }
  return { ...elsewhere, $nor: takenOverBy(takers) }
}

export class Stranded {
  readonly #jobs: Collection<Job>
  readonly #ip: string
  #cursor: FindCursor<Job> | undefined
  /** Of the reading before, and of the one that is under way. */
  #before = new Marks()
  #now = new Marks()

  constructor(jobs: Collection<Job>, ip: string) {
    this.#jobs = jobs
    this.#ip = ip
  }

  /** Reads one batch, and more as long as `mayGoOn`; the next call goes on from there. */
  async read(mayGoOn: () => boolean, found: (job: Job, isNew: boolean) => Promise<void>): Promise<void> {
    try {
      this.#cursor ??= this.#jobs.find({ ip: this.#ip }, { projection: PROJECTION, batchSize: BATCH })
      const cursor = this.#cursor
      do {
        const job = await cursor.next()
        if (job === null) return this.#begin()
        const mark = markOf(job._id)
        const isNew = this.#now.add(mark) && !this.#before.has(mark)
        await found(job, isNew)
        await breathe()
      } while (cursor.bufferedCount() > 0 || mayGoOn())
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Leaves nothing on the server; the next reading begins anew. */
  async close(): Promise<void> {
    const cursor = this.#cursor
    this.#cursor = undefined
    await cursor?.close().catch(() => {})
  }

  #begin(): void {
    this.#cursor = undefined
    this.#before = this.#now
    this.#now = new Marks()
  }
}

/** A set of numbers from 1 on, in 16 bytes each at most. */
class Marks {
  #slots = new Float64Array(64)
  #size = 0

  has(mark: number): boolean {
    return this.#slots[this.#slotOf(mark)] === mark
  }

  /** Whether it was not there. */
  add(mark: number): boolean {
    const slot = this.#slotOf(mark)
    if (this.#slots[slot] === mark) return false
    this.#slots[slot] = mark
    if (++this.#size * 2 > this.#slots.length) this.#grow()
    return true
  }

  /** Where the number stands, or is to stand. */
  #slotOf(mark: number): number {
    const mask = this.#slots.length - 1
    let slot = mark & mask
    while (this.#slots[slot] !== 0 && this.#slots[slot] !== mark) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Float64Array(old.length * 2)
    for (const mark of old) if (mark !== 0) this.#slots[this.#slotOf(mark)] = mark
  }
}
