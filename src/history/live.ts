/** Live rows: a run that goes on for a while has a row that says so, with what it has logged until now.
 *  In: runs as they start and end. Out: rows of status `started`, written in bulk once a second. A run that ends within that second
 *  never has one. A final row is never overwritten: the first write is an upsert that only inserts, the others name the status. */
import type { AnyBulkWriteOperation, Collection } from 'mongodb'
import type { Clock } from '../clock.ts'
import type { Claim } from '../job/claim.ts'
import type { Patience } from '../pace/patience.ts'
import { type Execution, startedRow } from './rows.ts'

export interface LiveOptions {
  readonly executions: Collection<Execution>
  /** Of the node on which they go on. */
  readonly ip: string
  readonly clock: Clock
  readonly patience: Pick<Patience, 'once'>
}

interface Watched {
  readonly claim: Claim
  readonly late: number
  readonly since: number
  readonly log: { tail(): string }
  /** What its row has of the log; undefined: there is none. */
  told: string | undefined
}

const EVERY_MS = 1_000

export class Live {
  readonly #options: LiveOptions
  readonly #runs = new Map<string, Watched>()
  #timer: { unsubscribe(): void } | undefined

  constructor(options: LiveOptions) {
    this.#options = options
  }

  /** A run starts now, `late` ms after its time. */
  started(claim: Claim, late: number, log: { tail(): string }): void {
    this.#runs.set(claim.entry.run_id, { claim, late, log, since: this.#options.clock.now(), told: undefined })
    this.#wait()
  }

  ended(runId: string): void {
    this.#runs.delete(runId)
    if (this.#runs.size === 0) this.close()
  }

  close(): void {
    this.#timer?.unsubscribe()
    this.#timer = undefined
  }

  #wait(): void {
    this.#timer ??= this.#options.clock.schedule(() => void this.#write(), EVERY_MS)
  }

  async #write(): Promise<void> {
    const { clock, executions, patience } = this.#options
    const until = clock.now() - EVERY_MS
    const told = [...this.#runs.values()].filter(run => run.since <= until).map(run => ({ run, before: run.told }))
    const operations = told.flatMap(({ run }) => this.#operationOf(run))
    if (operations.length > 0) {
      // The next second brings what this one could not: nobody waits for these rows.
      const work = () => executions.bulkWrite(operations, { ordered: false })
      if ((await patience.once('store rows of runs that go on', work)) === undefined)
        for (const { run, before } of told) run.told = before
    }
    this.#timer = undefined
    if (this.#runs.size > 0) this.#wait()
  }

  #operationOf(run: Watched): readonly AnyBulkWriteOperation<Execution>[] {
    const log = run.log.tail()
    if (run.told === log) return []
    const first = run.told === undefined
    run.told = log
    const _id = run.claim.entry.run_id
    if (!first) return [{ updateOne: { filter: { _id, status: 'started' }, update: { $set: { log } } } }]
    const { _id: _, ...row } = startedRow(run.claim, run.late, this.#options.ip, new Date(run.since))
    return [{ updateOne: { filter: { _id }, update: { $setOnInsert: { ...row, log } }, upsert: true } }]
  }
}
