/** Run log: a run's own logger, and the tail of what it said.
 *  In: lines, through the logger. Out: the last 200 of them, 64 KiB at most. The logger is made at the first line,
 *  since most runs say nothing. */
import type { Logger } from 'pino'

export interface RunLog {
  /** A child of the node's logger whose lines are also kept. */
  readonly logger: Logger
  /** What was kept so far, '' when nothing was said. */
  tail(): string
}

const LINES = 200
const BYTES = 65_536

/** The last lines of a text that only grows. */
export class Tail {
  #lines: string[] = []
  #bytes = 0

  add(line: string): void {
    const text = line.length > BYTES ? line.slice(0, BYTES) : line
    this.#lines.push(text)
    this.#bytes += Buffer.byteLength(text) + 1
    while (this.#lines.length > LINES || this.#bytes > BYTES) {
      this.#bytes -= Buffer.byteLength(this.#lines.shift() ?? '') + 1
    }
  }

  text(): string {
    return this.#lines.join('\n')
  }
}

/** `child` makes the logger; each line it writes is to be given to the tail. */
export function runLog(child: (keep: (line: string) => void) => Logger): RunLog {
  const tail = new Tail()
  let logger: Logger | undefined
  return {
    get logger() {
      logger ??= child(line => tail.add(line))
      return logger
    },
    tail: () => tail.text(),
  }
}
