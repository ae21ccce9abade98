/** Output: what a child process says on stdout and stderr, line by line.
 *  In: its two pipes. Out: each line once, in the order of its pipe. While a line is being taken its pipe waits, so that
 *  a process which talks faster than we listen is slowed down instead of filling memory, and the event loop breathes.
 *  Holds: once its process has ended, output ends too, even when someone else still holds the pipes. */
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { breathe } from '../clock.ts'
import { pause } from './process-group.ts'

export type Pipe = 'stdout' | 'stderr'
export type TakeLine = (line: string, pipe: Pipe) => void | Promise<void>

/** A longer line is given in pieces. */
const LINE_CHARS = 32 * 1024 * 1024
/** After the end of the process: so long a silence, or so long in all, and the pipes are let go. */
const SILENCE_MS = 1_000
const LAST_MS = 5_000

/** Of a line, what goes into a run's log. */
const LOGGED_CHARS = 16_384

export const clipped = (line: string): string => (line.length > LOGGED_CHARS ? `${line.slice(0, LOGGED_CHARS)}…` : line)

export class Output {
  readonly #pipes: readonly Readable[]
  readonly #take: TakeLine
  readonly #reading: Promise<unknown>
  #progress = 0
  #ended = false

  constructor({ stdout, stderr }: ChildProcess, take: TakeLine) {
    this.#take = take
    this.#pipes = [stdout, stderr].filter(pipe => pipe !== null)
    this.#reading = Promise.all([this.#read('stdout', stdout), this.#read('stderr', stderr)]).then(() => {
      this.#ended = true
    })
  }

  /** Grows with everything heard or taken. */
  get progress(): number {
    return this.#progress
  }

  /** To be called when the process has ended; resolves when its last line was taken. */
  async finished(): Promise<void> {
    for (let waited = 0; !this.#ended && waited < LAST_MS; waited += SILENCE_MS) {
      const before = this.#progress
      await Promise.race([this.#reading, pause(SILENCE_MS)])
      if (before === this.#progress) break
    }
    for (const pipe of this.#pipes) pipe.destroy()
    await this.#reading
  }

  async #read(name: Pipe, pipe: Readable | null): Promise<void> {
    if (pipe === null) return
    let parts: string[] = []
    let size = 0
    const flush = async () => {
      const line = parts.join('')
      parts = []
      size = 0
      this.#progress++
      await this.#take(line.endsWith('\r') ? line.slice(0, -1) : line, name)
      await breathe()
    }
    const add = (part: string) => {
      parts.push(part)
      size += part.length
    }
    pipe.setEncoding('utf8')
    try {
      for await (const chunk of pipe as AsyncIterable<string>) {
        this.#progress++
        let start = 0
        for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
          add(chunk.slice(start, end))
          await flush()
          start = end + 1
        }
        if (start < chunk.length) add(chunk.slice(start))
        if (size > LINE_CHARS) await flush()
      }
    } catch {
      // The pipe was let go, or broke with its process.
    }
    if (size > 0) await flush()
  }
}
