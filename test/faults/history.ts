/** History: what people and faults did, in the order it was done, one JSON object a line.
 *  Times are milliseconds of the epoch, true whatever clock a process is given: the wall clock as it was read once, and the
 *  machine's monotonic clock since then. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const micros = () => Number(process.hrtime.bigint() / 1_000n)
const base = { wall: Date.now(), mono: micros() }

/** True time now. */
export const trueNow = (): number => base.wall + (micros() - base.mono) / 1_000

export class History {
  readonly folder: string
  readonly #file: string

  constructor(folder: string) {
    this.folder = folder
    this.#file = join(folder, 'history.jsonl')
    writeFileSync(this.#file, '')
    this.write({ f: 'clock', wall: base.wall, mono: base.mono })
  }

  write(line: Readonly<Record<string, unknown>>): void {
    appendFileSync(this.#file, `${JSON.stringify({ at: trueNow(), ...line })}\n`)
  }
}

export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Looks again until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, ms: number, what: string): Promise<void> {
  const limit = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > limit) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(50)
  }
}
