/** Clock: the only place that reads the wall clock or starts a timer.
 *  It is an RxJS SchedulerLike, so that `timer(ms, clock)` and `retry({ delay })` wait by it;
 *  tests hand in one that they move themselves. */
import { asyncScheduler, type SchedulerLike } from 'rxjs'

/** What everything that waits is given: `now()` in epoch milliseconds and `schedule(work, ms)`. */
export type Clock = SchedulerLike & {
  /** Milliseconds that never step, with fractions; absent (a hand-driven clock): `now()` serves. */
  monotonic?(): number
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: asyncScheduler.schedule.bind(asyncScheduler),
}

/** No wait is longer: `setTimeout` fires at once beyond 2^31 - 1 ms, machines sleep and clocks step. */
export const MAX_SLEEP_MS = 30_000

/** The longest wait while a job is due within the hour: so soon a stepped clock is noticed. */
export const WATCHFUL_SLEEP_MS = 1_000

export const monotonicNow = (clock: Clock): number => clock.monotonic?.() ?? clock.now()

/** How long our own code may hold the event loop before it lets timers and sockets through. */
const SLICE_MS = 8

let sliceEnd = 0

/** Gives way to the event loop when this slice of work is used up; free of cost before that. */
export async function breathe(): Promise<void> {
  if (performance.now() < sliceEnd) return
  await new Promise(resolve => setImmediate(resolve))
  sliceEnd = performance.now() + SLICE_MS
}
