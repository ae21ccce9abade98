/** Signals: SIGINT and SIGTERM, first and second.
 *  The first asks for an orderly end and is answered once; a second one ends the process at once with 130 or 143.
 *  Npm passes a terminal's interrupt on to us beside the terminal itself: one that comes within moments of the first is the same. */
import { monotonicNow, systemClock } from '../clock.ts'
import { EXIT } from './exit-codes.ts'

export type Signal = 'SIGINT' | 'SIGTERM'

const SAME_MS = 200

export interface Signals {
  /** The first. */
  readonly first: Promise<Signal>
  /** Listens no more. */
  close(): void
}

export function signals(): Signals {
  let since: number | undefined
  let tell: (signal: Signal) => void
  const first = new Promise<Signal>(resolve => {
    tell = resolve
  })
  const take = (signal: Signal) => {
    const now = monotonicNow(systemClock)
    if (since === undefined) {
      since = now
      tell(signal)
    } else if (now - since > SAME_MS) process.exit(EXIT[signal])
  }
  process.on('SIGINT', take)
  process.on('SIGTERM', take)
  return {
    first,
    close() {
      process.off('SIGINT', take)
      process.off('SIGTERM', take)
    },
  }
}
