/** Fake time: a clock of a process that can be set while it runs, by libfaketime. Its monotonic clock stays true. */
import { existsSync, writeFileSync } from 'node:fs'

const LIBRARIES = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
]

const library = LIBRARIES.find(path => existsSync(path))

/** Whether libfaketime is installed. */
export const hasFakeTime = (): boolean => library !== undefined

/** A file that says by how much a clock is off. */
export class ClockFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    this.set(0)
  }

  /** For the process that is to go by this clock. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: library ?? '',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_CACHE_DURATION: '1',
    }
  }

  /** Its process sees it within a second. */
  set(seconds: number): void {
    writeFileSync(this.#path, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  }
}
