/** Batches: things that come one by one and go out together, at most so many at a time and one batch after the other.
 *  In: keys, each with the latest value that came for it. Out: calls of `send` with a batch; a batch that fails is put back, later
 *  values first, and sent again after a pause that grows. `idle()` resolves when nothing waits or is under way. */
import type { Patience } from './patience.ts'

export interface BatchesOptions<K, V> {
  /** Names the work in events. */
  readonly what: string
  readonly most: number
  readonly patience: Patience
  /** Rejects: the whole batch is put back. */
  readonly send: (batch: ReadonlyMap<K, V>) => Promise<void>
  /** Awaited before each batch is taken. */
  readonly ready?: () => Promise<void>
}

export class Batches<K, V> {
  readonly #options: BatchesOptions<K, V>
  #queue = new Map<K, V>()
  #work: Promise<void> | undefined

  constructor(options: BatchesOptions<K, V>) {
    this.#options = options
  }

  /** How many wait. */
  get size(): number {
    return this.#queue.size
  }

  add(key: K, value: V): void {
    this.#queue.set(key, value)
    this.#work ??= this.#run()
  }

  /** Forgets what waits; what is under way is not put back. */
  clear(): void {
    this.#queue = new Map()
  }

  async idle(): Promise<void> {
    while (this.#work !== undefined) await this.#work
  }

  async #run(): Promise<void> {
    const { what, patience, ready, send } = this.#options
    // What comes in the same turn goes out together.
    await null
    for (let attempt = 0; this.#queue.size > 0; ) {
      await ready?.()
      const queue = this.#queue
      const batch = this.#take()
      if (batch.size === 0) continue
      try {
        await send(batch)
        patience.succeeded(what)
        attempt = 0
      } catch (error) {
        patience.failed(what, error)
        for (const [key, value] of batch) if (!queue.has(key)) queue.set(key, value)
        if (!(await this.#mayGoOn(attempt++))) break
      }
    }
    this.#work = undefined
  }

  async #mayGoOn(attempt: number): Promise<boolean> {
    try {
      await this.#options.patience.pause(attempt)
      return true
    } catch {
      return false
    }
  }

  #take(): ReadonlyMap<K, V> {
    const batch = new Map<K, V>()
    for (const [key, value] of this.#queue) {
      if (batch.size === this.#options.most) break
      batch.set(key, value)
      this.#queue.delete(key)
    }
    return batch
  }
}
