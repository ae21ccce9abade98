/** Patience: tries again what the database did not answer, and waits longer each time, until it is ended.
 *  In: work that may fail. Out: its answer; each failure as an event, so that no try fails without a trace, and once as a lasting one when
 *  the same work has failed for a whole lease. Waits go by the machine's clock, also under a hand-driven one: the database keeps
 *  real time. */
import { monotonicNow, systemClock } from '../clock.ts'
import type { News } from '../event.ts'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000

const pauseMs = (attempt: number) => Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS)

export interface PatienceOptions {
  readonly emit: (news: News<'try.failed'>) => void
  /** From so many ms on a failure is a lasting one. */
  readonly lastingMs: number
}

export class Patience {
  readonly #options: PatienceOptions
  readonly #waits = new Set<() => void>()
  /** Since when the same work fails, and whether that was told as lasting; by its name. */
  readonly #failing = new Map<string, { readonly since: number; told: boolean }>()
  #ended = false

  constructor(options: PatienceOptions) {
    this.#options = options
  }

  get isEnded(): boolean {
    return this.#ended
  }

  /** Ends every wait: what is being tried rejects. */
  end(): void {
    this.#ended = true
    for (const end of this.#waits) end()
    this.#waits.clear()
  }

  /** Waits before the try after `attempt` (from 0); rejects when this patience has ended. */
  async pause(attempt: number): Promise<void> {
    await this.wait(pauseMs(attempt))
    if (this.#ended) throw new Error('the node has ended')
  }

  /** Waits for so many ms, or until this patience has ended: a process that ends is not kept from it. */
  async wait(ms: number): Promise<void> {
    if (this.#ended) return
    await new Promise<void>(resolve => {
      const timer = systemClock.schedule(() => done(), ms)
      const done = () => {
        timer.unsubscribe()
        this.#waits.delete(done)
        resolve()
      }
      this.#waits.add(done)
    })
  }

  /** Tries until it succeeds; `what` names the work in events. Rejects when this patience has ended. */
  async until<T>(what: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const tried = await this.#try(what, work)
      if (tried !== undefined) return tried.answer
      await this.pause(attempt)
    }
  }

  /** Tries once; undefined: it failed, which is told, and somebody else tries again. */
  async once<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    return (await this.#try(what, work))?.answer
  }

  /** Looks until it is done, longer apart each time, whatever a look throws. Resolves then, and when this patience has ended: what is
   *  left undone others find. */
  async done(what: string, isDone: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; (await this.once(what, isDone)) !== true; attempt++) {
      await this.wait(pauseMs(attempt))
      if (this.#ended) return
    }
  }

  async #try<T>(what: string, work: () => Promise<T>): Promise<{ readonly answer: T } | undefined> {
    try {
      const answer = await work()
      this.succeeded(what)
      return { answer }
    } catch (error) {
      this.failed(what, error)
      return undefined
    }
  }

  /** A try has failed. */
  failed(what: string, error: unknown): void {
    if (this.#ended) return
    const now = monotonicNow(systemClock)
    const failing = this.#failing.get(what) ?? { since: now, told: false }
    this.#failing.set(what, failing)
    const lasting = !failing.told && now - failing.since >= this.#options.lastingMs
    failing.told ||= lasting
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.emit({ type: 'try.failed', what, reason, failing_for: Math.round(now - failing.since), lasting })
  }

  succeeded(what: string): void {
    this.#failing.delete(what)
  }
}
