/** Clock: the one place of the page where time is read and waited for.
 *  In: the `Date` header of answers. Out: the time of the server, as well as a page can know it, so that "in 3 s" holds on a
 *  machine whose own clock is off. A header counts whole seconds: up to two seconds of difference are not corrected.
 *  Timers answer with what stops them. */
import { useEffect, useState } from 'preact/hooks'
import { Cell } from './cell.ts'

const UNSURE_MS = 2_000
const SECOND_MS = 1_000

let ahead = 0

/** Epoch milliseconds. */
export const now = (): number => Date.now() - ahead

/** Learns from an answer that came within `tookMs`. */
export function learn(header: string | null, tookMs: number): void {
  const server = header === null ? Number.NaN : Date.parse(header)
  if (Number.isNaN(server) || tookMs > SECOND_MS) return
  const difference = Date.now() - server - SECOND_MS / 2
  ahead = Math.abs(difference) > UNSURE_MS ? difference : 0
}

export function later(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms)
  return () => clearTimeout(timer)
}

export function every(ms: number, then: () => void): () => void {
  const timer = setInterval(then, ms)
  return () => clearInterval(timer)
}

/** Milliseconds that only rise, for what took how long. */
export const elapsed = (): number => performance.now()

const second = new Cell(now())
every(SECOND_MS, () => {
  if (!document.hidden) second.set(now())
})

/** The time, drawn anew each second. */
export function useNow(): number {
  const [at, set] = useState(now())
  useEffect(() => second.listen(() => set(now())), [])
  return at
}

/** Lets calls through at once, then one each `ms` at most; the last is never lost. */
export function throttled(ms: number, does: () => void): () => void {
  let waiting = false
  let again = false
  const go = () => {
    if (waiting) {
      again = true
      return
    }
    waiting = true
    does()
    later(ms, () => {
      waiting = false
      if (again) {
        again = false
        go()
      }
    })
  }
  return go
}
