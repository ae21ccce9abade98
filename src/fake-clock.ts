/** Fake clock: a clock that stands still until it is moved by hand.
 *  As the `clock` option of a node, whatever waits by it goes on when `advance` reaches its time, in order of time, equal times in the
 *  order they were asked for. Wall time and waiting are apart, as on a real machine: `step` sets the wall clock and ends no wait early
 *  or late. */
import { type SchedulerAction, type Subscription, VirtualTimeScheduler } from 'rxjs'
import type { Clock } from './clock.ts'

/** What `new FakeClock` takes. */
export interface FakeClockOptions {
  /** What `now()` says at first, a date or epoch ms; default 2026-01-01T00:00:00Z. */
  readonly start?: Date | number
}

/** A clock that stands still until it is moved by hand: the `clock` option of `createNode` in tests. */
export class FakeClock implements Clock {
  readonly #timers = new VirtualTimeScheduler()
  /** Wall time less the time that has passed. */
  #offset: number

  /** Stands at `start`. */
  constructor({ start = Date.UTC(2026, 0, 1) }: FakeClockOptions = {}) {
    this.#offset = Number(start)
  }

  /** Wall time in epoch ms. */
  now(): number {
    return this.#offset + this.#timers.frame
  }

  /** Milliseconds advanced so far, whatever the wall clock says. */
  monotonic(): number {
    return this.#timers.frame
  }

  /** How many waits are open. */
  get pending(): number {
    return this.#timers.actions.length
  }

  /** Waits `delay` ms of this clock, as a scheduler of RxJS does. */
  schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay = 0, state?: T): Subscription {
    // A negative delay would run in the past of the clock.
    return this.#timers.schedule(work, Math.max(0, delay), state)
  }

  /** Lets so much time pass and runs what falls due, also what that asks for. What throws leaves the rest waiting. */
  advance(ms: number): void {
    const until = this.#until(ms)
    while (this.#runNext(until));
    this.#timers.frame = until
  }

  /** Lets so much time pass at once, as for a machine that slept: what falls due in it runs at its end, once. */
  leap(ms: number): void {
    const until = this.#until(ms)
    this.#timers.frame = until
    while (this.#runNext(until, until));
  }

  /** As `advance`, but lets promises settle before, between and after, so that code which awaits can ask for more. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#until(ms)
    await settled()
    while (this.#runNext(until)) await settled()
    this.#timers.frame = until
    await settled()
  }

  /** Sets the wall clock forward or (negative) back, as a person or a time server does; no time passes. */
  step(ms: number): void {
    this.#offset += ms
  }

  #until(ms: number): number {
    if (ms >= 0) return this.#timers.frame + ms
    throw new RangeError(`FakeClock.advance: milliseconds from 0; found ${ms} (step sets the wall clock back)`)
  }

  /** Not `flush`, which drops every other wait when one throws. */
  #runNext(until: number, at?: number): boolean {
    const { actions } = this.#timers
    const action = actions[0]
    if (action === undefined || action.delay > until) return false
    actions.shift()
    this.#timers.frame = at ?? action.delay
    const error: unknown = action.execute(action.state, action.delay)
    if (error) throw error
    return true
  }
}

/** All promises that can settle without waiting have done so: one turn of the event loop, whatever their depth. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
