/** Follow: turns the jobs collection into changes, from a snapshot on and without a gap.
 *  In: the collection (on a client of its own), the node's ip, and which ids memory holds. Out: a cold stream of `Change`
 *  and of news about the stream itself. It resumes after a break, and reads everything anew when the history is lost.
 *  Always holds: after the last event is handled, what was told equals a `find`. It never ends and never errors until
 *  unsubscribed; it knows nothing of schedules. */
import {
  type ChangeStream,
  type ChangeStreamDocument,
  type Collection,
  type Db,
  MongoServerError,
  type ResumeToken,
  Timestamp,
} from 'mongodb'
import { Observable, type Subscriber } from 'rxjs'
import { breathe, monotonicNow, systemClock, wait } from '../clock.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import type { Change, Source, StreamState } from './change.ts'
import { closeStream } from './close-stream.ts'
import { pipelineFor, readUpdate } from './filter.ts'
import { Reader } from './reader.ts'
import { type Memory, Review } from './review.ts'
import { NO_SNAPSHOT_YET, readSnapshot } from './snapshot.ts'

export type FollowNews = News<'stream.opened' | 'stream.interrupted' | 'stream.resumed' | 'stream.resynced'>

export interface Follower {
  /** Subscribing opens the stream; what comes first is a `resync`. */
  readonly changes$: Observable<Change | FollowNews>
  /** Has a document read again and told as a `put` or `gone`. */
  read(id: string): void
  /** Costs nothing: it is told from the answers that the stream has had. */
  state(): StreamState
  /** Resolves, after unsubscribing, when the server keeps nothing for the stream any more: its client may be closed. */
  closed(): Promise<void>
}

/** Codes after which the token is of no use: history lost, invalidated, fatal, position lost, event too large. */
const TOKEN_IS_DEAD: ReadonlySet<unknown> = new Set([286, 136, 260, 280, 10334])

const ENDS: ReadonlySet<string> = new Set(['drop', 'rename', 'dropDatabase', 'invalidate'])

/** A server that is alive answers an empty getMore after this time, which is what a stream without changes costs. */
const AWAIT_MS = 6_500
/** No answer for so long: the connection is taken for dead. */
const SILENCE_MS = 8_500
/** How often that is looked at, which asks nobody. */
const LOOK_MS = 500
/** So long a stream may take to open before it is closed without that. */
const OPENING_MS = 1_000
/** A server (seen on 6.0) that is told to kill a cursor in the first moments of its getMore says that it did, and keeps it. */
const SETTLING_MS = 60
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000
/** A change that the stream lost, for whatever reason, counts after this time at the latest. */
const REVIEW_MS = 600_000
const NOT_TOLD = 'the slow second reading found jobs otherwise than the stream had told'

export interface FollowOptions {
  readonly db: Db
  /** Name of the jobs collection. */
  readonly collection: string
  readonly ip: string
  /** Called before each snapshot: makes what a `drop()` took away. */
  readonly prepare: () => Promise<void>
  readonly memory: Memory
  /** Jobs that memory does not hold, of whose edits it is to hear all the same: such as have no node. Default: none. */
  readonly unable?: { has(id: string): boolean }
  /** The server's time, as far as this machine knows it, in epoch ms. */
  readonly serverNow: () => number
  /** In which time everything is read once more, in ms; default 10 minutes. */
  readonly reviewMs?: number
}

export function follow(options: FollowOptions): Follower {
  let following: Following | undefined
  let closed = Promise.resolve()
  const changes$ = new Observable<Change | FollowNews>(subscriber => {
    const begun = new Following(options, subscriber)
    following = begun
    void begun.run()
    return () => {
      closed = begun.close()
    }
  })
  return {
    changes$,
    read: id => following?.reader.want(id),
    state: () => following?.state() ?? { open: false, behind: 0 },
    closed: () => closed,
  }
}

/** A break is told once, and so is its end; `closed` is for good. `#become` alone sets it. */
type Mode = 'following' | 'interrupted' | 'closed'

const MAY_FOLLOW: Readonly<Record<Mode, readonly Mode[]>> = {
  following: ['interrupted', 'closed'],
  interrupted: ['following', 'closed'],
  closed: [],
}

class Following {
  readonly reader: Reader
  readonly #review: Review
  readonly #options: FollowOptions
  readonly #jobs: Collection<Job>
  readonly #ip: string
  readonly #memory: Memory
  readonly #out: Subscriber<Change | FollowNews>
  /** The resume point: after this token, or from this time when no event was seen yet; neither: a snapshot is due. */
  #token: ResumeToken | undefined
  #from: Timestamp | undefined
  #stream: ChangeStream<Job> | undefined
  #ending: Promise<void> = Promise.resolve()
  /** Of a snapshot that was read bit by bit. */
  #readUntil: Timestamp | undefined
  /** Jobs that people gave to this node and whose documents are being read. */
  readonly #given = new Set<string>()
  /** The first snapshot was told. */
  #opened = false
  #mode: Mode = 'following'
  /** Ends the wait for an answer that does not come; set while one is awaited. */
  #giveUp: ((error: Error) => void) | undefined
  #askedAt = 0
  /** When the server answered last, and how old was then what it told: nothing, after an empty answer. */
  #answered = { at: monotonicNow(systemClock), age: 0 }
  /** The stream is open on the server, or long enough has passed. */
  #opening: Promise<unknown> = Promise.resolve()
  readonly #watchdog: { unsubscribe(): void }

  constructor(options: FollowOptions, out: Subscriber<Change | FollowNews>) {
    this.#options = options
    this.#jobs = options.db.collection<Job>(options.collection)
    this.#ip = options.ip
    this.#memory = options.memory
    this.#out = out
    const look = () => this.#lookForSilence()
    this.#watchdog = systemClock.schedule(function () {
      look()
      this.schedule(undefined, LOOK_MS)
    }, LOOK_MS)
    this.reader = new Reader(
      this.#jobs,
      found => this.#tellFound(found.id, found.job),
      error => this.#interrupt(error),
    )
    this.#review = new Review({
      jobs: this.#jobs,
      ip: this.#ip,
      memory: options.memory,
      everyMs: options.reviewMs ?? REVIEW_MS,
      mayRead: () => this.#stream !== undefined && this.#mode === 'following',
      want: id => this.reader.want(id),
      found: jobs => this.#out.next({ type: 'stream.resynced', reason: NOT_TOLD, jobs }),
    })
  }

  state(): StreamState {
    const open = this.#stream !== undefined && this.#mode === 'following'
    const { at, age } = this.#answered
    const silent = monotonicNow(systemClock) - at
    // With nothing to tell the server waits: silence of that length is none.
    const behind = open ? Math.max(age, silent - AWAIT_MS, 0) : age + silent
    return { open, behind: Math.round(behind) }
  }

  async close(): Promise<void> {
    this.#become('closed')
    this.#watchdog.unsubscribe()
    this.reader.close()
    this.#giveUp?.(new Error('closed'))
    await Promise.all([this.#review.stop(), this.#endStream()])
  }

  /** Each stream is closed once: a second call would end the session under the first one, whose command then never goes out
   *  and leaves the cursor behind on the server. */
  #endStream(): Promise<void> {
    const stream = this.#stream
    this.#stream = undefined
    if (stream !== undefined) this.#ending = this.#opening.then(() => this.#close(stream)).catch(() => {})
    return this.#ending
  }

  #close(stream: ChangeStream<Job>): Promise<void> {
    return closeStream(stream as unknown as ChangeStream<never>, this.#options.db, this.#options.collection)
  }

  async run(): Promise<void> {
    let reason = 'start'
    let pause = FIRST_PAUSE_MS
    while (!this.#isClosed) {
      try {
        if (this.#token === undefined && this.#from === undefined) await this.#resync(reason)
        for await (const event of this.#events()) {
          pause = FIRST_PAUSE_MS
          if (event !== null) this.#tell(event)
          await breathe()
        }
        reason = 'the collection was dropped or renamed'
        this.#forgetPosition()
      } catch (error) {
        if (this.#isClosed) return
        const code = error instanceof MongoServerError ? error.code : undefined
        if (code !== NO_SNAPSHOT_YET) reason = this.#interrupt(error)
        if (TOKEN_IS_DEAD.has(code)) this.#forgetPosition()
        await wait(pause)
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
      }
    }
  }

  /** Reads all of the node's jobs and those without an ip as of one instant, and sets the resume point to that instant. */
  async #resync(reason: string): Promise<void> {
    void this.#review.stop()
    await this.#options.prepare()
    const { at, jobs, until } = await readSnapshot({
      ...this.#options,
      begin: () => this.#out.next({ type: 'resync', reason }),
      tell: job => this.#out.next({ type: 'put', job, from: 'snapshot' }),
      isClosed: () => this.#isClosed,
    })
    if (this.#isClosed) return
    this.#readUntil = until
    this.#from = new Timestamp({ t: at.getHighBits() >>> 0, i: (at.getLowBits() >>> 0) + 1 })
    this.#out.next({ type: 'synced', jobs })
    this.#out.next(this.#opened ? { type: 'stream.resynced', reason, jobs } : { type: 'stream.opened', jobs })
    this.#opened = true
    if (this.#isClosed) return
    this.#become('following')
    this.#review.start()
  }

  /** The events from the resume point on, null for each empty answer; ends at a drop or rename. */
  async *#events(): AsyncGenerator<ChangeStreamDocument<Job> | null> {
    const stream = this.#jobs.watch(pipelineFor(this.#ip) as Record<string, unknown>[], {
      maxAwaitTimeMS: AWAIT_MS,
      batchSize: 1_000,
      readConcern: { level: 'majority' },
      ...(this.#token !== undefined ? { startAfter: this.#token } : { startAtOperationTime: this.#from as Timestamp }),
    })
    this.#stream = stream
    const opened = new Promise(resolve => stream.once('resumeTokenChanged', resolve))
    // It goes on from here, though the first answer to a question for more takes as long as there is nothing to tell.
    void opened.then(() => {
      if (this.#stream === stream) this.#heard(null)
    })
    // A stream that is closed before the server has answered its opening would stay behind there.
    this.#opening = Promise.race([opened.then(() => wait(SETTLING_MS)), wait(OPENING_MS)])
    try {
      while (!this.#isClosed) {
        const event = await this.#answer(stream.tryNext())
        if (event !== null && ENDS.has(event.operationType)) return
        this.#token = stream.resumeToken ?? this.#token
        this.#heard(event)
        yield event
      }
    } finally {
      void this.#endStream()
    }
  }

  /** The server has answered: with a change, or that there is none. */
  #heard(event: ChangeStreamDocument<Job> | null): void {
    this.#answered = { at: monotonicNow(systemClock), age: event === null ? 0 : this.#ageOf(event) }
    if (this.#mode !== 'interrupted') return
    this.#become('following')
    this.#out.next({ type: 'stream.resumed' })
  }

  /** Milliseconds since a change was made; a server before 6.0 tells the second alone, of which the end counts. */
  #ageOf({ clusterTime, ...event }: ChangeStreamDocument<Job>): number {
    const { wallTime } = event as { readonly wallTime?: Date }
    const made = wallTime?.getTime() ?? ((clusterTime?.getHighBits() ?? 0) + 1) * 1_000
    return Math.max(0, this.#options.serverNow() - made)
  }

  #tell(event: ChangeStreamDocument<Job>): void {
    if (this.#readUntil !== undefined && 'documentKey' in event) {
      if (event.clusterTime?.lessThanOrEqual(this.#readUntil) === true)
        return this.reader.want(event.documentKey._id as unknown as string)
      this.#readUntil = undefined
    }
    switch (event.operationType) {
      case 'insert':
      case 'replace': {
        const id = event.documentKey._id as unknown as string
        this.reader.overtaken(id)
        return this.#tellDocument(event.fullDocument, event.operationType)
      }
      case 'delete': {
        const id = event.documentKey._id as unknown as string
        this.reader.overtaken(id)
        if (this.#holds(id)) this.#out.next({ type: 'gone', id, reason: 'deleted' })
        return
      }
      case 'update': {
        const id = event.documentKey._id as unknown as string
        this.reader.overtaken(id)
        return this.#tellUpdate(id, readUpdate(event.updateDescription), event.clusterTime)
      }
    }
  }

  #tellDocument(job: Job, from: Source): void {
    const ip = job.ip ?? null
    if (ip === null || ip === this.#ip) return this.#out.next({ type: 'put', job, from })
    if (this.#holds(job._id)) this.#out.next({ type: 'gone', id: job._id, reason: 'moved', to: ip })
  }

  #tellUpdate(id: string, update: ReturnType<typeof readUpdate>, time: Timestamp | undefined): void {
    const held = this.#holds(id)
    if (update.cancel !== undefined)
      this.#out.next({ type: 'cancel', id, run: update.cancel, ...(time && { at: time.toBigInt() }) })
    if (held && update.ip !== undefined && update.ip !== this.#ip) {
      this.#out.next({ type: 'gone', id, reason: 'moved', to: update.ip })
      if (update.ip === null) this.reader.want(id)
      return
    }
    if (update.ip === this.#ip && update.given) this.#given.add(id)
    if (update.ip === this.#ip || update.ip === null) return this.reader.want(id)
    if (!held && update.read && this.#options.unable?.has(id) === true) return this.reader.want(id)
    if (!held || this.#memory.isEcho(id, update.touch)) return
    const { armed, next_run_time, read } = update
    this.#out.next({ type: 'set', id, armed, next_run_time, read })
    if (update.read) this.reader.want(id)
  }

  #tellFound(id: string, job: Job | null): void {
    const given = this.#given.delete(id)
    if (job !== null) this.#tellDocument(job, given ? 'given' : 'read')
    else if (this.#holds(id)) this.#out.next({ type: 'gone', id, reason: 'deleted' })
    this.#review.answered(id, job)
  }

  /** The answer of a getMore, or an error when the server stays silent far beyond its time. */
  #answer<T>(answer: Promise<T>): Promise<T> {
    this.#askedAt = monotonicNow(systemClock)
    return new Promise<T>((resolve, reject) => {
      this.#giveUp = reject
      answer.then(resolve, reject)
    }).finally(() => {
      this.#giveUp = undefined
    })
  }

  #lookForSilence(): void {
    if (this.#giveUp === undefined || monotonicNow(systemClock) - this.#askedAt < SILENCE_MS) return
    this.#giveUp(new Error(`the server did not answer for ${SILENCE_MS / 1000} s`))
  }

  get #isClosed(): boolean {
    return this.#mode === 'closed'
  }

  #become(mode: Mode): void {
    if (mode !== this.#mode && !MAY_FOLLOW[this.#mode].includes(mode))
      throw new Error(`follower: ${this.#mode} is not followed by ${mode}`)
    this.#mode = mode
  }

  /** Events about jobs that memory does not hold are passed over. */
  #holds(id: string): boolean {
    return this.#memory.versionOf(id) !== undefined
  }

  #forgetPosition(): void {
    this.#token = undefined
    this.#from = undefined
  }

  #interrupt(error: unknown): string {
    const reason = error instanceof Error ? error.message : String(error)
    if (this.#mode === 'following') {
      this.#become('interrupted')
      this.#out.next({ type: 'stream.interrupted', reason })
    }
    return reason
  }
}
