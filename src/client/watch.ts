/** Watch: the jobs of a query as a stream, for people: first as they are, then each that changes, enters or leaves.
 *  In: the collection and a filter. Out: `put` and `removed`. Which jobs match is asked of the database for those that an event names,
 *  so every filter works; after a break everything is read and told anew. */
import { type Collection, type Filter, Timestamp } from 'mongodb'
import type { Observable } from 'rxjs'
import { type Found, Reader } from '../change/reader.ts'
import { breathe } from '../clock.ts'
import type { Connection } from '../database/connection.ts'
import type { Job } from '../job/job.ts'
import type { JobChange } from './jobs.ts'
import { AWAIT_MS, isPassing, type Lasting, lasting } from './lasting.ts'

/** Cold. Errors with what will not mend, completes when the connection closes. */
export const watchJobs = (connection: Connection, jobs: Collection<Job>, query: Filter<Job>): Observable<JobChange> =>
  lasting(connection, () => {
    const watching = new Watching(connection, jobs, query)
    return lasting => watching.attempt(lasting)
  })

class Watching {
  readonly #connection: Connection
  readonly #jobs: Collection<Job>
  readonly #query: Filter<Job>
  #members = new Set<string>()

  constructor(connection: Connection, jobs: Collection<Job>, query: Filter<Job>) {
    this.#connection = connection
    this.#jobs = jobs
    this.#query = query
  }

  async attempt(lasting: Lasting<JobChange>): Promise<void> {
    await this.#follow(await this.#readAll(lasting), lasting)
  }

  /** Tells every job that matches, and what matched before and does no longer; answers the instant of the reading. */
  async #readAll(lasting: Lasting<JobChange>): Promise<Timestamp> {
    const { out } = lasting
    const { client } = this.#connection
    const session = client.startSession({ causalConsistency: true })
    try {
      const { operationTime } = await client.db(this.#jobs.dbName).command({ ping: 1 }, { session })
      const seen = new Set<string>()
      for await (const job of this.#jobs.find(this.#query, { session, readConcern: { level: 'majority' } })) {
        if (lasting.ended) break
        seen.add(job._id)
        out.next({ type: 'put', job })
        await breathe()
      }
      for (const id of this.#members) if (!seen.has(id)) out.next({ type: 'removed', id })
      this.#members = seen
      // What happened up to then was read.
      return new Timestamp({ t: operationTime.getHighBits() >>> 0, i: (operationTime.getLowBits() >>> 0) + 1 })
    } finally {
      await session.endSession()
    }
  }

  /** Ends when the collection was dropped or renamed. */
  async #follow(from: Timestamp, lasting: Lasting<JobChange>): Promise<void> {
    let refusal: unknown
    const reader = new Reader(
      this.#jobs,
      found => this.#tell(found, lasting),
      error => {
        if (!isPassing(error)) refusal = error
      },
      this.#query,
    )
    const stream = this.#jobs.watch([{ $project: { documentKey: 1, operationType: 1 } }], {
      startAtOperationTime: from,
      readConcern: { level: 'majority' },
      maxAwaitTimeMS: AWAIT_MS,
    })
    try {
      for await (const event of lasting.answers(stream)) {
        if (refusal !== undefined) throw refusal
        if (event === null) continue
        if (!('documentKey' in event)) return
        reader.want(event.documentKey._id as unknown as string)
        await breathe()
      }
    } finally {
      reader.close()
    }
  }

  #tell({ id, job }: Found, { out }: Lasting<JobChange>): void {
    if (job !== null) {
      this.#members.add(id)
      out.next({ type: 'put', job })
    } else if (this.#members.delete(id)) {
      out.next({ type: 'removed', id })
    }
  }
}
