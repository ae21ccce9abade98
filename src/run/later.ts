/** Later: runs that are claimed and wait for their start: the next attempt of a failed run, or the second start of an interrupted one.
 *  In: such runs with the instant of their start. Out: those whose time has come and for which there is a place.
 *  The document keeps them too (`retry_at` in their entry), so that they survive this process. No I/O, no clock. */
import type { Claim } from '../job/claim.ts'
import { Wheel } from '../wheel/wheel.ts'

export class Later {
  readonly #byRun = new Map<string, Claim>()
  readonly #wheel: Wheel
  /** Due, but without a place yet. */
  readonly #due = new Set<string>()

  constructor(now: number) {
    this.#wheel = new Wheel(now)
  }

  put(claim: Claim): void {
    this.#byRun.set(claim.entry.run_id, claim)
    this.#wheel.put(claim.entry.run_id, claim.at)
  }

  nextAt(): number | null {
    return this.#wheel.nextAt()
  }

  takeDue(now: number, places: (executor: string) => number): readonly Claim[] {
    for (const id of this.#wheel.advance(now)) this.#due.add(id)
    const taken: Claim[] = []
    const free = new Map<string, number>()
    for (const id of this.#due) {
      const run = this.#byRun.get(id)
      if (run === undefined) continue
      const left = free.get(run.executor) ?? places(run.executor)
      free.set(run.executor, left - 1)
      if (left > 0) taken.push(run)
    }
    for (const { entry } of taken) this.remove(entry.run_id)
    return taken
  }

  /** Whether one is due for which there was no place. */
  isKept(executor: string): boolean {
    for (const id of this.#due) if (this.#byRun.get(id)?.executor === executor) return true
    return false
  }

  remove(runId: string): void {
    this.#byRun.delete(runId)
    this.#due.delete(runId)
    this.#wheel.remove(runId)
  }
}
