/** Live rows: a run that goes on for a while has a row that says so, with what it has logged until now.
 *  In: runs as they start and end. Out: rows of status `started`, written in bulk once a second. A run that ends within that second
 *  never has one. A final row is never overwritten: the first write is an upsert that only inserts, the others name the status. */
import type { Collection } from 'mongodb'
import type { Clock } from '../clock.ts'
import type { Execution } from './rows.ts'

export interface LiveRun {
  readonly run_id: string
  readonly row: () => Execution
  /** What it logged until now. */
  readonly tail: () => string
}

interface Watched extends LiveRun {
  readonly since: number
  told: string | undefined
}

const EVERY_MS = 1_000

export class Live {
  readonly #executions: Collection<Execution>
  readonly #clock: Clock
  readonly #runs = new Map<string, Watched>()
  #timer: { unsubscribe(): void } | undefined

  constructor(executions: Collection<Execution>, clock: Clock) {
    this.#executions = executions
    this.#clock = clock
  }

  started(run: LiveRun): void {
    this.#runs.set(run.run_id, { ...run, since: this.#clock.now(), told: undefined })
    this.#timer ??= this.#clock.schedule(() => void this.#write(), EVERY_MS)
  }

  ended(runId: string): void {
    this.#runs.delete(runId)
    if (this.#runs.size === 0) this.close()
  }

  close(): void {
    this.#timer?.unsubscribe()
    this.#timer = undefined
  }

  async #write(): Promise<void> {
    const until = this.#clock.now() - EVERY_MS
    const told = [...this.#runs.values()].filter(run => run.since <= until).map(run => ({ run, before: run.told }))
    const operations = told.flatMap(({ run }) => this.#operation(run))
    if (operations.length > 0) {
      // The next second brings what this one could not: nobody waits for these rows.
      await this.#executions.bulkWrite(operations as never, { ordered: false }).catch(() => {
        for (const { run, before } of told) run.told = before
      })
    }
    this.#timer = this.#runs.size === 0 ? undefined : this.#clock.schedule(() => void this.#write(), EVERY_MS)
  }

  #operation(run: Watched): readonly object[] {
    const log = run.tail()
    if (run.told === log) return []
    const first = run.told === undefined
    run.told = log
    const { run_id: _id } = run
    if (!first) return [{ updateOne: { filter: { _id, status: 'started' }, update: { $set: { log } } } }]
    const { _id: _, ...row } = run.row()
    return [{ updateOne: { filter: { _id }, update: { $setOnInsert: { ...row, log } }, upsert: true } }]
  }
}
