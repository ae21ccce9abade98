/** Listener: one client of the live events.
 *  In: changes, news of the stream, comments. Out: bytes that it reads when it likes. What it does not want is left out; a change that
 *  is not later than the last one it had is, too, so that nothing comes twice whoever hands it over.
 *  Holds: nobody waits for it. One that leaves 1 MiB unread is dropped. */
import { type EventsQuery, isWanted, type Standing } from '../client/events.ts'
import { type Join, joiner } from './flush.ts'
import { type Batch, comment, type Frame, frame } from './frames.ts'

const MOST_UNREAD = 1024 * 1024
/** So much does not wait for its turn: one that reads fast is never behind because of us. */
const MOST_WAITING = 64 * 1024

export interface ListenerOptions {
  readonly query: EventsQuery
  /** Only events of jobs that have it. */
  readonly tag: string | undefined
  /** What it has had; undefined: nothing, it begins with what comes. */
  readonly since: Standing | undefined
  /** Has it send what it has. */
  readonly flush: { add(listener: Listener): void }
  /** Ends its connection, whether it reads or not; undefined: whoever reads the bytes sees their error. */
  readonly hangUp: (() => void) | undefined
}

export class Listener {
  readonly stream: ReadableStream<Uint8Array>
  since: Standing | undefined
  /** Jobs that had its tag when it came; what changes shows what is told. */
  tagged: ReadonlySet<string> = new Set()
  readonly #options: ListenerOptions
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Not sent yet. */
  #unsent: Uint8Array[] = []
  #unsentBytes = 0
  #over = false
  /** Called once, when it is over: it left, or was dropped. */
  onOver: (dropped: boolean) => void = () => {}

  constructor(options: ListenerOptions) {
    this.#options = options
    this.since = options.since
    this.stream = new ReadableStream(
      {
        start: controller => {
          this.#controller = controller
        },
        cancel: () => this.#end(false),
      },
      { highWaterMark: MOST_UNREAD, size: chunk => chunk?.byteLength ?? 0 },
    )
    // A browser that lost the line asks again after a second.
    this.#write(new TextEncoder().encode('retry: 1000\n: hello\n\n'))
    this.flush()
  }

  get isOver(): boolean {
    return this.#over
  }

  get tag(): string | undefined {
    return this.#options.tag
  }

  take({ token, frames }: Batch): void {
    const { since } = this
    if (since !== undefined && token <= since.token) return
    for (let i = since?.events ?? 0; i < frames.length; i++) {
      const one = frames[i] as Frame
      if (this.#wants(one)) this.#write(one.bytes)
    }
    this.since = { token, events: 0 }
  }

  /** Up to there nothing came that it has not had. */
  hasAll(token: string): void {
    if (this.since === undefined || this.since.token < token) this.since = { token, events: 0 }
  }

  /** Of the stream itself: whatever it asked for. */
  news(bytes: Uint8Array): void {
    this.#write(bytes)
  }

  /** What came after its place is gone: it goes on from here. */
  reset(reason: string, at: Date, position: string, standing: Standing): void {
    this.#write(frame('reset', { type: 'reset', at, reason }, position))
    this.since = standing
  }

  /** `position`: up to there it has had everything. */
  stayAlive(position: string, { token }: Standing): void {
    const isBehind = this.since === undefined || this.since.token <= token
    this.#write(comment('.', isBehind ? position : undefined))
  }

  flush(join: Join = joiner()): void {
    if (this.#over || this.#unsent.length === 0) return
    this.#controller?.enqueue(join(this.#unsent))
    this.#unsent = []
    this.#unsentBytes = 0
  }

  /** The server ends it. */
  close(): void {
    if (this.#over) return
    this.flush()
    this.#over = true
    const unread = MOST_UNREAD - (this.#controller?.desiredSize ?? MOST_UNREAD)
    this.#controller?.close()
    // One that does not read would never see the end.
    if (unread > 0) this.#options.hangUp?.()
  }

  #wants({ event, tags }: Frame): boolean {
    const { query, tag } = this.#options
    if (!isWanted(event, query)) return false
    if (tag === undefined) return true
    return 'job_id' in event && (tags?.includes(tag) ?? this.tagged.has(event.job_id))
  }

  #write(bytes: Uint8Array): void {
    if (this.#over || this.#controller === undefined) return
    this.#unsent.push(bytes)
    this.#unsentBytes += bytes.byteLength
    if ((this.#controller.desiredSize ?? 0) <= this.#unsentBytes) this.#drop()
    else if (this.#unsentBytes > MOST_WAITING) this.flush()
    else this.#options.flush.add(this)
  }

  #drop(): void {
    const { hangUp } = this.#options
    this.#end(true)
    if (hangUp === undefined) this.#controller?.error(new Error(`${MOST_UNREAD} bytes were not read`))
    else hangUp()
  }

  #end(dropped: boolean): void {
    if (this.#over) return
    this.#over = true
    this.#unsent = []
    this.onOver(dropped)
  }
}
