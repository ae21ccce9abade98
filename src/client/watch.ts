/** Watch: the jobs of a query as a stream, for people: first as they are, then each that changes, enters or leaves.
 *  In: the collection and a filter. Out: `put` and `removed`. Which jobs match is asked of the database for those that an event names,
 *  so every filter works; after a break everything is read anew and told as far as it differs. */
import type { ChangeStreamDocument, Collection, Filter, MongoClient, Timestamp } from 'mongodb'
import { Observable, type Subscriber } from 'rxjs'
import { type Found, Reader } from '../change/reader.ts'
import { breathe, systemClock } from '../clock.ts'
import type { Job } from '../job/job.ts'
import type { JobChange } from './jobs.ts'

const PAUSE_MS = 500

/** Cold; never errors, ends when unsubscribed. */
export function watchJobs(client: MongoClient, jobs: Collection<Job>, query: Filter<Job>): Observable<JobChange> {
  return new Observable(subscriber => {
    const watching = new Watching(client, jobs, query, subscriber)
    void watching.run()
    return () => watching.close()
  })
}

class Watching {
  readonly #client: MongoClient
  readonly #jobs: Collection<Job>
  readonly #query: Filter<Job>
  readonly #out: Subscriber<JobChange>
  #members = new Set<string>()
  #close = () => {}

  constructor(client: MongoClient, jobs: Collection<Job>, query: Filter<Job>, out: Subscriber<JobChange>) {
    this.#client = client
    this.#jobs = jobs
    this.#query = query
    this.#out = out
  }

  close(): void {
    this.#close()
  }

  async run(): Promise<void> {
    while (!this.#out.closed) {
      try {
        await this.#follow(await this.#readAll())
      } catch {
        if (!this.#out.closed) await new Promise<void>(resolve => systemClock.schedule(() => resolve(), PAUSE_MS))
      }
    }
  }

  /** Tells every job that matches, and what matched before and does no longer; answers the instant of the reading. */
  async #readAll(): Promise<Timestamp> {
    const session = this.#client.startSession({ causalConsistency: true })
    try {
      const { operationTime } = await this.#client.db(this.#jobs.dbName).command({ ping: 1 }, { session })
      const seen = new Set<string>()
      for await (const job of this.#jobs.find(this.#query, { session, readConcern: { level: 'majority' } })) {
        if (this.#out.closed) break
        seen.add(job._id)
        this.#out.next({ type: 'put', job })
        await breathe()
      }
      for (const id of this.#members) if (!seen.has(id)) this.#out.next({ type: 'removed', id })
      this.#members = seen
      return operationTime as Timestamp
    } finally {
      await session.endSession()
    }
  }

  /** Ends when the collection was dropped or renamed. */
  async #follow(from: Timestamp): Promise<void> {
    const stream = this.#jobs.watch([{ $project: { documentKey: 1, operationType: 1 } }], {
      startAtOperationTime: from,
      readConcern: { level: 'majority' },
    })
    const reader = new Reader(
      this.#jobs,
      found => this.#tell(found),
      () => {},
      this.#query,
    )
    this.#close = () => {
      reader.close()
      void stream.close().catch(() => {})
    }
    try {
      while (!this.#out.closed) {
        const event = (await stream.tryNext()) as ChangeStreamDocument<Job> | null
        if (event === null) continue
        if (!('documentKey' in event)) return
        reader.want(event.documentKey._id as unknown as string)
        await breathe()
      }
    } finally {
      this.#close()
    }
  }

  #tell({ id, job }: Found): void {
    if (job !== null) {
      this.#members.add(id)
      this.#out.next({ type: 'put', job })
    } else if (this.#members.delete(id)) {
      this.#out.next({ type: 'removed', id })
    }
  }
}
