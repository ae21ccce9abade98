/** Lasting: a stream for people that goes on as long as they listen and the connection is open.
 *  In: an attempt, which reads a change stream and tells what it finds; and the connection. Out: an Observable: an attempt that
 *  failed because the database is away is followed by another one; what will not mend is the Observable's error; when the connection
 *  closes it completes, its change stream first.
 *  Always holds: a change stream is closed once, between two answers of the server, unless none comes: closed in the middle of one it
 *  stays on the server. */
import { type ChangeStream, type ChangeStreamDocument, MongoNotConnectedError, MongoServerError } from 'mongodb'
import { Observable, type Subscriber } from 'rxjs'
import { closeStream } from '../change/close-stream.ts'
import { systemClock } from '../clock.ts'
import { type Connection, databaseError } from '../database/connection.ts'

const PAUSE_MS = 500
/** A server that has nothing to tell answers after so long. */
export const AWAIT_MS = 1_000
/** An answer that takes so much longer will not come. */
const PATIENCE_MS = 2 * AWAIT_MS
/** The stream's history is gone, or its cursor: another attempt begins anew. */
const BEGINS_ANEW: ReadonlySet<unknown> = new Set([43, 136, 175, 222, 237, 280, 286])

/** Whether what a stream was to go on from is no longer there. */
export const isHistoryLost = (error: unknown): boolean =>
  error instanceof MongoServerError && (error.code === 136 || error.code === 280 || error.code === 286)

/** Whether another attempt can succeed. */
export const isPassing = (error: unknown): boolean =>
  databaseError(error).code === 'unreachable' || (error instanceof MongoServerError && BEGINS_ANEW.has(error.code))

/** What an attempt is given. */
export interface Lasting<T> {
  readonly out: Subscriber<T>
  /** Whether nobody listens any more, or the connection is closing. */
  readonly ended: boolean
  /** What a change stream tells, null for each empty answer; nothing any more once it is `ended`. */
  answers(stream: ChangeStream): AsyncGenerator<ChangeStreamDocument | null>
}

/** Cold: each subscriber gets an attempt of its own. */
export function lasting<T>(connection: Connection, begin: () => (lasting: Lasting<T>) => Promise<void>): Observable<T> {
  return new Observable(out => {
    const listening = new Listening(connection, out)
    const done = listening.run(begin())
    const end = () => listening.end(done)
    const takeBack = connection.beforeClose(end)
    void done.then(takeBack)
    return () => void end()
  })
}

class Listening<T> implements Lasting<T> {
  readonly out: Subscriber<T>
  readonly #connection: Connection
  #ended = false
  #ending: Promise<void> | undefined
  #wake = () => {}
  #close = async () => {}

  constructor(connection: Connection, out: Subscriber<T>) {
    this.#connection = connection
    this.out = out
  }

  get ended(): boolean {
    return this.#ended || this.out.closed
  }

  async run(attempt: (lasting: Lasting<T>) => Promise<void>): Promise<void> {
    while (!this.ended) {
      try {
        await attempt(this)
      } catch (error) {
        if (this.ended || this.#isClosedByUser(error)) break
        if (!isPassing(error)) return this.out.error(databaseError(error))
        await this.#pause(PAUSE_MS)
      }
    }
    this.out.complete()
  }

  /** Waits for the answer that is under way, but not for one that does not come. */
  end(done: Promise<void>): Promise<void> {
    // A second call would end the waiting of the first one.
    this.#ending ??= this.#end(done)
    return this.#ending
  }

  async #end(done: Promise<void>): Promise<void> {
    this.#ended = true
    this.#wake()
    const late = this.#pause(PATIENCE_MS)
    await Promise.race([done, late])
    this.#wake()
    await this.#close()
    this.out.complete()
  }

  async *answers(stream: ChangeStream): AsyncGenerator<ChangeStreamDocument | null> {
    let closing: Promise<void> | undefined
    const close = () => {
      closing ??= this.#closed(stream)
      return closing
    }
    this.#close = close
    try {
      while (!this.ended) {
        const answer = await stream.tryNext()
        if (!this.ended) yield answer
      }
    } finally {
      await close()
    }
  }

  async #closed(stream: ChangeStream): Promise<void> {
    const { collection } = (stream as unknown as { readonly namespace: { readonly collection?: string } }).namespace
    await closeStream(stream as unknown as ChangeStream<never>, this.#connection.streamDb, collection).catch(() => {})
  }

  /** A client of the user's that the user has closed stays closed; one of ours may be on its way to being opened again. */
  #isClosedByUser(error: unknown): boolean {
    const { db, streamDb } = this.#connection
    return db === streamDb && error instanceof MongoNotConnectedError
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = systemClock.schedule(() => resolve(), ms)
      this.#wake = () => {
        timer.unsubscribe()
        resolve()
      }
    })
  }
}
