/** Clock: the only place that reads the wall clock or starts a timer.
 *  It is an RxJS SchedulerLike, so that `timer(ms, clock)` and `retry({ delay })` wait by it;
 *  tests hand in one that they move themselves. */
import { asyncScheduler, type SchedulerLike } from 'rxjs'

/** What everything that waits is given: `now()` in epoch milliseconds and `schedule(work, ms)`. */
export type Clock = SchedulerLike & {
  /** Milliseconds that never step, with fractions; absent (a hand-driven clock): `now()` serves. */
  monotonic?(): number
  /** What waits for the database goes by it: leases and heartbeats, which the server measures in real time; absent: by this clock too. */
  readonly heartbeats?: Clock
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

/** Resolves after so many ms of the machine's clock. */
export const wait = (ms: number): Promise<void> => new Promise(resolve => systemClock.schedule(() => resolve(), ms))

/** The answer; where none comes within so many ms of the machine's clock, what `late` says or throws. What was asked goes on. */
export async function within<T, L>(answer: Promise<T>, ms: number, late: () => L): Promise<T | L> {
  let timer: { unsubscribe(): void } | undefined
  const silence = new Promise<void>(resolve => {
    timer = systemClock.schedule(() => resolve(), ms)
  })
  return await Promise.race([answer, silence.then(late)]).finally(() => timer?.unsubscribe())
}

/** Does the work every so many ms of the machine's clock; no process is kept alive for it. */
export function every(ms: number, work: () => void): { unsubscribe(): void } {
  const timer = setInterval(work, ms).unref()
  return { unsubscribe: () => clearInterval(timer) }
}

/** Calls back after `ms`, however many they are: in waits that none exceeds MAX_SLEEP_MS. */
export function after(clock: Clock, ms: number, work: () => void): { unsubscribe(): void } {
  const end = monotonicNow(clock) + ms
  let timer: { unsubscribe(): void }
  const wait = () => {
    // Timers leave fractions out: no wait is shorter for them.
    const left = Math.ceil(end - monotonicNow(clock))
    timer = clock.schedule(left <= MAX_SLEEP_MS ? work : wait, Math.max(0, Math.min(left, MAX_SLEEP_MS)))
  }
  wait()
  return { unsubscribe: () => timer.unsubscribe() }
}

/** Waits for work by the machine's clock; false: what it has got to stood still for so long. */
export async function patiently(work: Promise<void>, ms: number, progress: () => unknown): Promise<boolean> {
  let timer: { unsubscribe(): void } | undefined
  const silence = new Promise<false>(resolve => {
    const lookAgain = (before: unknown) => {
      timer = after(systemClock, ms, () => {
        const now = progress()
        if (now === before) resolve(false)
        else lookAgain(now)
      })
    }
    lookAgain(progress())
  })
  return await Promise.race([work.then(() => true), silence]).finally(() => timer?.unsubscribe())
}

export const monotonicNow = (clock: Clock): number => clock.monotonic?.() ?? clock.now()

/** How long our own code may hold the event loop before it lets timers and sockets through. */
const SLICE_MS = 8
/** Slices that were longer stand in the performance timeline, for profilers and benchmarks. */
const LONG_MS = 10

/** When the turn of the event loop that is under way began to work for us; undefined between turns. */
let sliceStart: number | undefined

/** Gives way to the event loop when this slice of work is used up; all but free before that. */
export async function breathe(): Promise<void> {
  const now = performance.now()
  if (sliceStart === undefined) {
    sliceStart = now
    setImmediate(() => {
      sliceStart = undefined
    })
    return
  }
  if (now - sliceStart < SLICE_MS) return
  if (now - sliceStart > LONG_MS) measure('tidewheel.slice', sliceStart, now)
  await new Promise(resolve => setImmediate(resolve))
}

let turn: Promise<void> | undefined

/** Resolves when all that is due at this turn of the event loop has had its turn. */
export function turnOver(): Promise<void> {
  turn ??= new Promise(resolve =>
    setImmediate(() => {
      turn = undefined
      resolve()
    }),
  )
  return turn
}

/** Runs work that cannot be interrupted; a long one is marked. */
export function section<T>(name: string, work: () => T): T {
  const start = performance.now()
  try {
    return work()
  } finally {
    const end = performance.now()
    if (end - start > LONG_MS) measure(name, start, end)
  }
}

/** Observers hear of it; it is not kept. */
function measure(name: string, start: number, end: number): void {
  performance.measure(name, { start, end })
  performance.clearMeasures(name)
}
