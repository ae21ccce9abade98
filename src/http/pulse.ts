/** Pulse: whether the database answers, so that whoever asks us need not wait for as long as the driver does.
 *  In: a small question to it, and work that may depend on it. Out: the work's answer; or, where the database does not answer the small
 *  question either, an error within two seconds. Work that only takes its time is waited for.
 *  Holds: at most one such question is under way. */
import { within } from '../clock.ts'
import { TidewheelError } from '../errors.ts'

/** After so long without an answer the small question is put, which has as long again. */
const PATIENCE_MS = 900

const nothing = () => undefined

export class Pulse {
  readonly #ask: () => Promise<unknown>
  #asked: Promise<boolean> | undefined

  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask
  }

  /** Whether it answers within so many ms. */
  async beats(ms = PATIENCE_MS): Promise<boolean> {
    this.#asked ??= this.#ask()
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        this.#asked = undefined
      })
    return (await within(this.#asked, ms, nothing)) ?? false
  }

  /** Throws `unreachable` where the database does not answer; the work may still come to its end. */
  async during<T>(work: Promise<T> | T): Promise<T> {
    if (!(work instanceof Promise)) return work
    const ended = work.then(
      () => true,
      () => true,
    )
    while ((await within(ended, PATIENCE_MS, nothing)) === undefined) {
      if (await this.beats()) continue
      // It may have come meanwhile.
      if ((await within(ended, 0, nothing)) !== undefined) break
      const message = 'the database does not answer; what was asked may be done still'
      throw new TidewheelError('unreachable', message)
    }
    return await work
  }
}
