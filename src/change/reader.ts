/** Reader: looks documents up by id, many with one query, at most one query at a time.
 *  In go ids that somebody wants to see as they are now; out come documents, or the news that there is none.
 *  Holds: what comes out was read after the last event or wish about that id; an answer that an event overtook is read again,
 *  so that an old state never comes after a newer one. */
import type { Collection, Filter } from 'mongodb'
import { wait } from '../clock.ts'
import type { Job } from '../job/job.ts'

export interface Found {
  readonly id: string
  /** As it is now; null: deleted. */
  readonly job: Job | null
}

/** Few enough that one answer stays small, many enough that a burst of edits costs few round trips. */
const BATCH = 500
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000

export class Reader {
  readonly #jobs: Collection<Job>
  readonly #found: (found: Found) => void
  readonly #query: Filter<Job> | undefined
  readonly #failed: (error: unknown) => void
  readonly #wanted = new Set<string>()
  #asked = new Set<string>()
  #busy = false
  #closed = false
  /** Queries that failed in a row: the next one waits longer. */
  #failures = 0

  /** `query`: a job that does not match is told as if there were none. */
  constructor(
    jobs: Collection<Job>,
    found: (found: Found) => void,
    failed: (error: unknown) => void,
    query?: Filter<Job>,
  ) {
    this.#jobs = jobs
    this.#query = query
    this.#found = found
    this.#failed = failed
  }

  /** Asks for a job; the answer comes by `found`. */
  want(id: string): void {
    this.#wanted.add(id)
    this.#asked.delete(id)
    if (!this.#busy) void this.#work()
  }

  /** An event about the job came: an answer that is under way is older than it. */
  overtaken(id: string): void {
    if (this.#asked.has(id)) this.want(id)
  }

  /** Gives no further answers. */
  close(): void {
    this.#closed = true
    this.#wanted.clear()
  }

  async #work(): Promise<void> {
    this.#busy = true
    try {
      while (this.#wanted.size > 0 && !this.#closed) {
        const ids: string[] = []
        for (const id of this.#wanted) if (ids.push(id) === BATCH) break
        for (const id of ids) this.#wanted.delete(id)
        this.#asked = new Set(ids)
        await this.#ask(ids)
      }
    } finally {
      this.#busy = false
    }
  }

  async #ask(ids: readonly string[]): Promise<void> {
    let jobs: Job[]
    try {
      const named: Filter<Job> = { _id: { $in: [...ids] } }
      jobs = await this.#jobs.find(this.#query === undefined ? named : { $and: [named, this.#query] }).toArray()
    } catch (error) {
      if (this.#closed) return
      this.#failed(error)
      for (const id of ids) this.#wanted.add(id)
      return await wait(Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS))
    }
    this.#failures = 0
    const byId = new Map(jobs.map(job => [job._id, job]))
    for (const id of ids) {
      if (this.#closed) return
      if (this.#asked.delete(id)) this.#found({ id, job: byId.get(id) ?? null })
    }
  }
}
