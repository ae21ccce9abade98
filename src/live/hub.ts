/** Hub: what happens in the database, told to all who listen here.
 *  In: one stream of the database's events, however many listen; listeners, each with what it had last. Out: what came since, to each,
 *  from memory where memory reaches back so far, else by catching up; and how the stream itself fares.
 *  It follows from the first listener on, until a while after the last. Holds: to each listener each event once, in order, unless a
 *  `reset` says that something may be missing. */
import type { Client } from '../client/connect.ts'
import { type PlacedEvent, type Standing, standingOf } from '../client/events.ts'
import { monotonicNow, systemClock, within } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import type { EventOf } from '../event.ts'
import { CatchUp } from './catch-up.ts'
import { Flush } from './flush.ts'
import { type Batch, Frames, frame } from './frames.ts'
import { Listener, type ListenerOptions } from './listener.ts'

/** What is remembered fits into what a listener may leave unread. */
const REMEMBERED_BYTES = 512 * 1024
const ALIVE_MS = 15_000
/** A server with nothing to tell answers each second: after so long it is away, though no line may have broken. */
const SILENCE_MS = 3_000
const LOOK_MS = 1_000
/** It goes on so long without a listener: pages are loaded anew. */
const LINGER_MS = 30_000
/** What the database has not done by then for one who joins: it is away. Less than a request's own patience, so that none is joined who
 *  was refused. */
const JOINING_MS = 1_500

/** From the start of the stream to its end. */
interface Following {
  readonly frames: Frames
  /** Resolves when the database has opened the stream. */
  readonly opened: Promise<void>
  /** Ids of jobs, by tag, as they were when somebody asked for it first. */
  readonly tagged: Map<string, Promise<ReadonlySet<string>>>
  readonly subscription: { unsubscribe(): void }
}

export class Hub {
  readonly #client: Pick<Client, 'events$' | 'jobs'>
  readonly #catchUp: CatchUp
  readonly #flush = new Flush()
  /** Those who hear all that comes. */
  readonly #live = new Set<Listener>()
  /** Those whose first bytes are under way. */
  readonly #joining = new Set<Listener>()
  #following: Following | undefined
  /** What came after `#from`, up to `#last`. */
  #remembered: Batch[] = []
  #bytes = 0
  #from: Standing = { token: '', events: 0 }
  #last: Standing = { token: '', events: 0 }
  #position = ''
  #interruption: EventOf<'stream.interrupted'> | undefined
  #heardAt = 0
  #alive: { unsubscribe(): void } | undefined
  #watch: { unsubscribe(): void } | undefined
  #linger: { unsubscribe(): void } | undefined
  #dropped = 0
  #closed = false

  constructor(client: Pick<Client, 'events$' | 'jobs'>) {
    this.#client = client
    this.#catchUp = new CatchUp({
      client,
      isReached: token => token >= this.#from.token,
      done: listener => this.#settle(listener, this.#position),
      lost: (listener, reason) => {
        this.#reset(listener, reason)
        this.#settle(listener, this.#position)
      },
    })
  }

  /** How many listen, and how many were dropped because they did not read. */
  get clients(): number {
    return this.#live.size + this.#joining.size + this.#catchUp.listeners.length
  }

  get dropped(): number {
    return this.#dropped
  }

  /** Milliseconds since the database told something, were it that nothing happened; undefined: nobody listens. */
  get silentFor(): number | undefined {
    return this.#following === undefined ? undefined : monotonicNow(systemClock) - this.#heardAt
  }

  /** A listener that is told what happens from now on, or after the position `after`, which `since` is read from: where that could not be,
   *  a reset says so. Throws `unreachable` where the database does not open the stream in time. */
  async join(options: Omit<ListenerOptions, 'flush'>, after?: string): Promise<Listener> {
    if (this.#closed) throw new TidewheelError('closed', 'this server is closing')
    const listener = new Listener({ ...options, flush: this.#flush })
    this.#joining.add(listener)
    listener.onOver = dropped => this.#over(listener, dropped)
    try {
      this.#linger?.unsubscribe()
      this.#following ??= this.#follow()
      const isWrong = after !== undefined && listener.since === undefined
      const position = await within(this.#prepare(listener, this.#following), JOINING_MS, unopened)
      if (isWrong) this.#reset(listener, 'this is no position of an event')
      if (this.#interruption !== undefined) listener.news(newsOf(this.#interruption))
      this.#joining.delete(listener)
      if (listener.isOver) this.#over(listener, false)
      else this.#settle(listener, after ?? position)
      return listener
    } catch (error) {
      this.#over(listener, false)
      throw error
    }
  }

  /** What the database has to do for it; answers where it begins that has no place yet. */
  async #prepare(listener: Listener, following: Following): Promise<string> {
    await following.opened
    const position = this.#position
    listener.since ??= this.#last
    if (listener.tag !== undefined) listener.tagged = await this.#taggedBy(listener.tag, following)
    return position
  }

  /** Ends all streams. */
  close(): void {
    this.#closed = true
    this.#end()
  }

  #follow(): Following {
    const frames = new Frames()
    let open = () => {}
    let fail = (_: unknown) => {}
    const opened = new Promise<void>((resolve, reject) => {
      open = resolve
      fail = reject
    })
    // One that was refused at once is no stream to join.
    opened.catch(() => {
      if (this.#following?.opened === opened) this.#end()
    })
    this.#heardAt = monotonicNow(systemClock)
    const subscription = this.#client
      .events$({ onTags: (id, tags) => frames.hearTags(id, tags), onPlace: position => this.#reached(position) })
      .subscribe({
        next: event => {
          this.#hear(event, frames)
          if (event.type === 'stream.opened') open()
        },
        error: error => {
          fail(error)
          this.#end()
        },
        complete: () => {
          fail(new TidewheelError('closed', 'the connection to the database is closed'))
          this.#end()
        },
      })
    this.#alive = repeatedly(ALIVE_MS, () => {
      for (const listener of [...this.#live]) listener.stayAlive(this.#position, this.#last)
      for (const listener of this.#catchUp.listeners) listener.stayAlive('', { token: '', events: 0 })
    })
    this.#watch = repeatedly(LOOK_MS, () => this.#lookForSilence())
    return { frames, opened, subscription, tagged: new Map() }
  }

  #hear(event: PlacedEvent, frames: Frames): void {
    switch (event.type) {
      case 'stream.opened':
        return this.#beginAt(event.position)
      case 'stream.resynced':
        this.#interruption = undefined
        this.#beginAt(event.position)
        for (const listener of [...this.#live]) this.#reset(listener, event.reason)
        return
      case 'stream.interrupted':
        return this.#interrupted(event)
      case 'stream.resumed':
        return this.#resumed()
      default: {
        const batch = frames.add(event)
        if (batch === undefined) return
        this.#remember(batch, event.position)
        for (const listener of [...this.#live]) listener.take(batch)
      }
    }
  }

  #lookForSilence(): void {
    if ((this.silentFor ?? 0) < SILENCE_MS) return
    const reason = `the database has not answered for ${SILENCE_MS / 1_000} s`
    this.#interrupted({ type: 'stream.interrupted', at: new Date(systemClock.now()), node: '', reason })
  }

  /** Told once, whoever noticed. */
  #interrupted(event: EventOf<'stream.interrupted'>): void {
    if (this.#interruption !== undefined) return
    this.#interruption = event
    this.#tell(event)
  }

  #resumed(): void {
    if (this.#interruption === undefined) return
    this.#interruption = undefined
    this.#tell({ type: 'stream.resumed', at: new Date(systemClock.now()), node: '' })
  }

  #tell(event: EventOf<'stream.interrupted' | 'stream.resumed'>): void {
    for (const listener of [...this.#live, ...this.#catchUp.listeners]) listener.news(newsOf(event))
  }

  #beginAt(position: string): void {
    this.#remembered = []
    this.#bytes = 0
    this.#from = this.#last = standingOf(position)
    this.#position = position
  }

  #reached(position: string): void {
    this.#heardAt = monotonicNow(systemClock)
    this.#resumed()
    this.#last = standingOf(position)
    this.#position = position
  }

  #remember(batch: Batch, position: string): void {
    this.#reached(position)
    this.#remembered.push(batch)
    this.#bytes += sizeOf(batch)
    while (this.#bytes > REMEMBERED_BYTES) {
      const oldest = this.#remembered.shift() as Batch
      this.#bytes -= sizeOf(oldest)
      this.#from = { token: oldest.token, events: 0 }
    }
  }

  /** From memory, or by catching up first. */
  #settle(listener: Listener, position: string): void {
    if (listener.isOver) return
    const token = listener.since?.token ?? ''
    if (token < this.#from.token) return this.#catchUp.add(listener, position)
    for (const batch of this.#remembered) listener.take(batch)
    if (!listener.isOver) this.#live.add(listener)
  }

  #reset(listener: Listener, reason: string): void {
    listener.reset(reason, new Date(systemClock.now()), this.#position, this.#last)
  }

  #taggedBy(tag: string, { tagged }: Following): Promise<ReadonlySet<string>> {
    let ids = tagged.get(tag)
    if (ids === undefined) {
      ids = this.#idsOf(tag)
      tagged.set(tag, ids)
      ids.catch(() => tagged.delete(tag))
    }
    return ids
  }

  async #idsOf(tag: string): Promise<ReadonlySet<string>> {
    const ids = new Set<string>()
    for await (const { _id } of this.#client.jobs.list({ tags: tag })) ids.add(_id)
    return ids
  }

  #over(listener: Listener, dropped: boolean): void {
    if (dropped) this.#dropped++
    this.#live.delete(listener)
    this.#joining.delete(listener)
    this.#catchUp.remove(listener)
    if (this.clients > 0 || this.#following === undefined) return
    this.#linger?.unsubscribe()
    this.#linger = systemClock.schedule(() => {
      if (this.clients === 0) this.#end()
    }, LINGER_MS)
  }

  #end(): void {
    const following = this.#following
    this.#following = undefined
    this.#interruption = undefined
    this.#remembered = []
    this.#bytes = 0
    this.#alive?.unsubscribe()
    this.#watch?.unsubscribe()
    this.#linger?.unsubscribe()
    following?.subscription.unsubscribe()
    const listeners = [...this.#live, ...this.#joining, ...this.#catchUp.listeners]
    this.#live.clear()
    this.#joining.clear()
    this.#catchUp.close()
    for (const listener of listeners) listener.close()
  }
}

const sizeOf = ({ frames }: Batch) => frames.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)

/** Without an id: it is no place to go on from. */
const newsOf = ({ position: _, ...news }: EventOf<'stream.interrupted' | 'stream.resumed'> & { position?: string }) =>
  frame(news.type, news)

function unopened(): never {
  throw new TidewheelError('unreachable', 'the database does not open a stream of its changes')
}

function repeatedly(ms: number, work: () => void): { unsubscribe(): void } {
  return systemClock.schedule(function () {
    work()
    this.schedule(undefined, ms)
  }, ms)
}
