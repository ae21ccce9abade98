/** Requests: what was asked over HTTP, counted by route and status, with how long the answers took. */
import { Histogram } from './histogram.ts'

/** Seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

export class Requests {
  /** By route, then by status. */
  readonly counts = new Map<string, Map<number, number>>()
  readonly durations = new Map<string, Histogram>()

  /** `route`: its method and path, with the names of parameters, not their values. */
  add(route: string, status: number, ms: number): void {
    const counts = this.counts.get(route) ?? new Map<number, number>()
    this.counts.set(route, counts.set(status, (counts.get(status) ?? 0) + 1))
    const durations = this.durations.get(route) ?? new Histogram(BOUNDS)
    this.durations.set(route, durations)
    durations.add(ms / 1_000)
  }
}
