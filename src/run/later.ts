/** Later: runs that are claimed and wait for their start: the next attempt of a failed run, or the second start of an interrupted one.
 *  In: such runs with the instant of their start. Out: those whose time has come and for which there is a place.
 *  The document keeps them too (`retry_at` in their entry), so that they survive this process. No I/O, no clock. */
import { Wheel } from '../wheel/wheel.ts'

interface Waiting {
  readonly run_id: string
  readonly job: { readonly _id: string }
  readonly at: number
  readonly executor: string
}

export class Later<T extends Waiting> {
  readonly #byRun = new Map<string, T>()
  readonly #wheel: Wheel
  /** Due, but without a place yet. */
  readonly #due = new Set<string>()

  constructor(now: number) {
    this.#wheel = new Wheel(now)
  }

  has(runId: string): boolean {
    return this.#byRun.has(runId)
  }

  put(run: T): void {
    this.#byRun.set(run.run_id, run)
    this.#wheel.put(run.run_id, run.at)
  }

  nextAt(): number | null {
    return this.#wheel.nextAt()
  }

  takeDue(now: number, places: (executor: string) => number): readonly T[] {
    for (const id of this.#wheel.advance(now)) this.#due.add(id)
    const taken: T[] = []
    const free = new Map<string, number>()
    for (const id of this.#due) {
      const run = this.#byRun.get(id)
      if (run === undefined) continue
      const left = free.get(run.executor) ?? places(run.executor)
      free.set(run.executor, left - 1)
      if (left > 0) taken.push(run)
    }
    for (const { run_id } of taken) this.#drop(run_id)
    return taken
  }

  /** Takes waiting runs of a job out. */
  remove(jobId: string, isMeant: (runId: string) => boolean): readonly T[] {
    const gone = [...this.#byRun.values()].filter(({ job, run_id }) => job._id === jobId && isMeant(run_id))
    for (const { run_id } of gone) this.#drop(run_id)
    return gone
  }

  #drop(runId: string): void {
    this.#byRun.delete(runId)
    this.#due.delete(runId)
    this.#wheel.remove(runId)
  }
}
