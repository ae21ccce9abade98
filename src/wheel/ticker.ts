/** Ticker: tells when to look at the wheel.
 *  In: the wheel's next instant and a clock. Out: a stream of instants at which something may be due, and how far the wall clock
 *  jumped where it did. One timer, never longer than the caps of the clock, so that a stepped clock or a machine that slept is
 *  noticed; nothing ticks between. */
import { Observable } from 'rxjs'
import { type Clock, MAX_SLEEP_MS, monotonicNow, WATCHFUL_SLEEP_MS } from '../clock.ts'

export type Tick =
  | { readonly type: 'tick'; readonly now: number }
  /** The wall clock moved by so many ms against the monotonic one. */
  | { readonly type: 'jump'; readonly by: number }

export interface Ticker {
  /** Subscribing starts the timer. */
  readonly ticks$: Observable<Tick>
  /** Something may be due earlier than was known; `atOnce`: look now (a place became free, the lease is held again). */
  poke(atOnce?: boolean): void
}

const HOUR_MS = 3_600_000
/** A smaller step is drift or a busy machine. */
const JUMP_MS = 1_000

export function ticker(nextAt: () => number | null, clock: Clock): Ticker {
  let poke = (_atOnce: boolean) => {}
  const ticks$ = new Observable<Tick>(subscriber => {
    let timer: { unsubscribe(): void } | undefined
    let wakesAt = Number.POSITIVE_INFINITY
    let poked = false
    let drift = clock.now() - monotonicNow(clock)

    const sleep = (at: number | null) => {
      const now = clock.now()
      const cap = at !== null && at - now < HOUR_MS ? WATCHFUL_SLEEP_MS : MAX_SLEEP_MS
      const wait = at === null ? cap : Math.min(Math.max(0, at - now), cap)
      if (timer !== undefined && wakesAt <= now + wait && wakesAt >= now) return
      timer?.unsubscribe()
      wakesAt = now + wait
      timer = clock.schedule(wake, wait)
    }
    const wake = () => {
      timer = undefined
      const now = clock.now()
      const by = now - monotonicNow(clock) - drift
      drift += by
      if (Math.abs(by) > JUMP_MS) subscriber.next({ type: 'jump', by })
      subscriber.next({ type: 'tick', now })
      if (!subscriber.closed) sleep(nextAt())
    }
    let atOnce = false
    poke = now => {
      atOnce ||= now
      if (poked) return
      poked = true
      queueMicrotask(() => {
        poked = false
        if (subscriber.closed) return
        const at = nextAt()
        if (atOnce || (at !== null && at <= clock.now())) {
          atOnce = false
          timer?.unsubscribe()
          wake()
        } else {
          sleep(at)
        }
      })
    }
    sleep(nextAt())
    return () => {
      timer?.unsubscribe()
      poke = () => {}
    }
  })
  return { ticks$, poke: (atOnce = false) => poke(atOnce) }
}
