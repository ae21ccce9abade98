/** Runs: how the runs of a node end, how late they begin and how long they take.
 *  In: the node's events. Out: numbers since the process began to serve. A server without a node counts none: each node counts its own,
 *  so that a sum over all counts each run once. */
import type { Observable } from 'rxjs'
import type { TidewheelEvent } from '../event.ts'
import { STATUSES, type Status } from '../job/outcome.ts'
import { Histogram } from './histogram.ts'

/** Seconds. */
const LATE_BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300]
const DURATION_BOUNDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 3_600]

const isEnd = (status: string): status is Status => (STATUSES as readonly string[]).includes(status)

export class Runs {
  readonly ends = new Map<string, number>(STATUSES.map(status => [status, 0]))
  readonly late = new Histogram(LATE_BOUNDS)
  readonly durations = new Histogram(DURATION_BOUNDS)
  readonly #subscription: { unsubscribe(): void }

  constructor(events$: Observable<TidewheelEvent>) {
    this.#subscription = events$.subscribe(event => this.#count(event))
  }

  end(): void {
    this.#subscription.unsubscribe()
  }

  #count(event: TidewheelEvent): void {
    if (event.type === 'run.started') this.late.add(event.late / 1_000)
    const status = event.type.startsWith('run.') ? event.type.slice('run.'.length) : ''
    if (!isEnd(status)) return
    this.ends.set(status, (this.ends.get(status) ?? 0) + 1)
    if ('duration' in event) this.durations.add(event.duration / 1_000)
  }
}
