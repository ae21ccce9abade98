/** Catch-up: those who come back with a place that memory no longer has.
 *  In: listeners, each with what it had last. Out: all that came since, from one stream for all who wait, which begins at the oldest
 *  place; then they are handed back. Who comes meanwhile waits for the next one.
 *  Holds: at most one stream at a time; a place whose history is gone is told as lost, of the oldest first, so that it costs no other its
 *  own. */
import type { Client } from '../client/connect.ts'
import { type PlacedEvent, standingOf } from '../client/events.ts'
import { Frames } from './frames.ts'
import type { Listener } from './listener.ts'

export interface CatchUpOptions {
  readonly client: Pick<Client, 'events$'>
  /** Whether memory has all that came after this change. */
  readonly isReached: (token: string) => boolean
  /** It has had all up to there. */
  readonly done: (listener: Listener) => void
  /** What it had last is no place to go on from. */
  readonly lost: (listener: Listener, reason: string) => void
}

/** A listener, and the text of its place. */
interface Late {
  readonly listener: Listener
  readonly after: string
}

export class CatchUp {
  readonly #options: CatchUpOptions
  #waiting: Late[] = []
  #going: Late[] = []
  #subscription: { unsubscribe(): void } | undefined
  /** Turns in a row that came to nothing: each gives up twice as many as the one before. */
  #failures = 0

  constructor(options: CatchUpOptions) {
    this.#options = options
  }

  add(listener: Listener, after: string): void {
    this.#waiting.push({ listener, after })
    this.#begin()
  }

  /** All that are not done yet. */
  get listeners(): readonly Listener[] {
    return [...this.#going, ...this.#waiting].map(({ listener }) => listener)
  }

  remove(listener: Listener): void {
    const others = (late: readonly Late[]) => late.filter(one => one.listener !== listener)
    this.#waiting = others(this.#waiting)
    this.#going = others(this.#going)
    if (this.#going.length === 0) this.#end()
  }

  close(): void {
    this.#waiting = []
    this.#going = []
    this.#end()
  }

  #begin(): void {
    if (this.#subscription !== undefined || this.#waiting.length === 0) return
    this.#going = this.#waiting.sort((a, b) => (tokenOf(a) < tokenOf(b) ? -1 : 1))
    this.#waiting = []
    // From the beginning of the change in which the oldest stands: each leaves out what it had of it.
    const after = (this.#going[0] as Late).after.replace(/\.\d+$/, '.0')
    const frames = new Frames()
    // What is told while it subscribes ends it, too.
    let ended = false
    this.#subscription = { unsubscribe: () => (ended = true) }
    const subscription = this.#options.client
      .events$({
        after,
        onTags: (id, tags) => frames.hearTags(id, tags),
        onPlace: position => this.#reached(standingOf(position).token),
      })
      .subscribe({
        next: event => this.#hear(event, frames),
        error: error => this.#failed(error instanceof Error ? error.message : String(error)),
      })
    if (ended) subscription.unsubscribe()
    else this.#subscription = subscription
  }

  #hear(event: PlacedEvent, frames: Frames): void {
    if (event.type === 'stream.resynced') return this.#failed(event.reason)
    if (event.type.startsWith('stream.')) return
    const batch = frames.add(event)
    if (batch === undefined) return
    for (const { listener } of this.#going) listener.take(batch)
    this.#reached(batch.token)
  }

  #reached(token: string): void {
    if (this.#going.length === 0 || !this.#options.isReached(token)) return
    this.#failures = 0
    const done = this.#going
    this.#going = []
    this.#end()
    for (const { listener } of done) {
      listener.hasAll(token)
      this.#options.done(listener)
    }
  }

  #failed(reason: string): void {
    const lost = this.#going.slice(0, 2 ** this.#failures++)
    this.#waiting.push(...this.#going.slice(lost.length))
    this.#going = []
    this.#end()
    for (const { listener } of lost) this.#options.lost(listener, reason)
  }

  /** The next ones have their turn. */
  #end(): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    if (this.#waiting.length === 0) this.#failures = 0
    else queueMicrotask(() => this.#begin())
  }
}

const tokenOf = ({ listener }: Late) => listener.since?.token ?? ''
