/** Frames: events as server-sent events have them, one change at a time.
 *  In: placed events, in order. Out: the events of one change together, each with its bytes, made once for all who listen, and the tags
 *  that its job had then. Pure but for what it remembers of tags. */
import { type PlacedEvent, standingOf } from '../client/events.ts'

export interface Frame {
  readonly event: PlacedEvent
  /** Of the job; undefined: not known. */
  readonly tags: readonly string[] | undefined
  readonly bytes: Uint8Array
}

/** What one change was told as. */
export interface Batch {
  readonly token: string
  readonly frames: readonly Frame[]
}

/** Jobs whose tags are remembered. */
const MOST_TAGGED = 10_000

export class Frames {
  readonly #tags = new Map<string, readonly string[]>()
  #open: Frame[] = []

  /** Of all that were heard the latest are remembered. */
  hearTags(job_id: string, tags: readonly string[]): void {
    this.#tags.delete(job_id)
    this.#tags.set(job_id, tags)
    if (this.#tags.size <= MOST_TAGGED) return
    const [oldest] = this.#tags.keys()
    this.#tags.delete(oldest as string)
  }

  /** The whole change, at its last event. */
  add(event: PlacedEvent): Batch | undefined {
    const { token, events } = standingOf(event.position)
    const { position, ...told } = event
    const tags = 'job_id' in event ? this.#tags.get(event.job_id) : []
    this.#open.push({ event, tags, bytes: frame(event.type, told, position) })
    if (events > 0) return undefined
    const frames = this.#open
    this.#open = []
    return { token, frames }
  }
}

const encoder = new TextEncoder()

/** `id`: where whoever reads it goes on. */
export const frame = (event: string, data: unknown, id?: string): Uint8Array =>
  encoder.encode(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data, plain)}\n\n`)

/** Keeps the line alive and, with `id`, whoever reads it from going back to what has long been told. */
export const comment = (text: string, id?: string): Uint8Array =>
  encoder.encode(`: ${text}\n${id === undefined ? '' : `id: ${id}\n`}\n`)

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)
