/** Review: reads everything again, slowly, and finds what memory has otherwise than the database.
 *  In: the collection, and what memory answers about a document. Out: ids whose documents are to be read, and, when they were,
 *  how many of them nobody had told. A small page now and then, all of them within the time of one round.
 *  Holds: it changes nothing itself, what it finds goes the way of every other reading; a difference counts when it is there at
 *  the next page too, unchanged: what an event is just about to tell is none. */
import type { Collection, FindCursor } from 'mongodb'
import { after, breathe, monotonicNow, systemClock } from '../clock.ts'
import type { Job } from '../job/job.ts'
import { SHOWN, type Shown } from './change.ts'

/** What memory tells of itself. */
export interface Memory {
  /** How many jobs it holds. */
  readonly size: number
  /** A reading of everything begins: `unseen` tells what it did not come by. */
  beginReading(): void
  /** Whether the job is held as this document says. */
  agrees(job: Shown): boolean
  /** Changes whenever the job does; undefined: not held. */
  versionOf(id: string): number | undefined
  unseen(): Iterable<string>
  /** Whether an update with this `touch` is a write of this process that comes back: what it did is known. */
  isEcho(id: string, touch: string | undefined): boolean
}

export interface ReviewContext {
  readonly jobs: Collection<Job>
  readonly ip: string
  readonly memory: Memory
  /** The time of one round, in ms. */
  readonly everyMs: number
  /** Whether the stream is open: what it lags behind is not lost. */
  readonly mayRead: () => boolean
  readonly want: (id: string) => void
  /** So many jobs were otherwise than anybody had told; what memory has is right now. */
  readonly found: (jobs: number) => void
}

/** Documents of a page: few enough that neither end notices, many enough that most nodes read one or two in a round. */
const SMALLEST_PAGE = 1_000
const LARGEST_PAGE = 10_000
/** Pages of a round, unless there are too many jobs for that. */
const PAGES = 60
/** The last part of a round is kept for what came in between. */
const PART = 0.9
/** Nodes that start at once read apart: each begins within this part of a round. */
const SPREAD = 0.1

const PROJECTION = Object.fromEntries(SHOWN.map(field => [field, 1]))

export class Review {
  readonly #context: ReviewContext
  #timer: { unsubscribe(): void } | undefined
  #cursor: FindCursor<Shown> | undefined
  #began = 0
  /** All pages were read; what was not among them is looked for at the next turn. */
  #read = false
  /** What the last page showed otherwise, with the version of memory at that time. */
  #doubts = new Map<string, { readonly job: Shown; readonly version: number | undefined }>()
  /** Ids that are being read, and whether they were held. */
  readonly #asked = new Map<string, boolean>()
  #found = 0
  /** Counts `start` and `stop`: an answer of an earlier life is not looked at. */
  #life = 0

  constructor(context: ReviewContext) {
    this.#context = context
  }

  /** From the beginning, some time later. */
  start(): void {
    void this.stop()
    this.#wait(this.#context.everyMs * SPREAD * Math.random())
  }

  /** Resolves when the server keeps nothing for it. */
  async stop(): Promise<void> {
    this.#life++
    this.#timer?.unsubscribe()
    this.#asked.clear()
    this.#found = 0
    await this.#giveUp()
  }

  /** A document that was asked for was told; null: there is none. */
  answered(id: string, job: Job | null): void {
    const wasHeld = this.#asked.get(id)
    if (wasHeld === undefined) return
    this.#asked.delete(id)
    const { memory, found } = this.#context
    const left = wasHeld && memory.versionOf(id) === undefined
    if (left || (job !== null && memory.agrees(job))) this.#found++
    if (this.#asked.size > 0 || this.#found === 0) return
    found(this.#found)
    this.#found = 0
  }

  #wait(ms: number): void {
    this.#timer = after(systemClock, ms, () => void this.#turn())
  }

  async #turn(): Promise<void> {
    const life = this.#life
    let pause = this.#pause()
    try {
      if (!this.#context.mayRead()) await this.#giveUp()
      else if (this.#read) pause = Math.max(pause, this.#end())
      else await this.#page(life)
    } catch {
      // A cursor does not outlive its server: from the beginning.
      if (life === this.#life) await this.#giveUp()
    }
    if (life === this.#life) this.#wait(pause)
  }

  async #giveUp(): Promise<void> {
    const cursor = this.#cursor
    this.#cursor = undefined
    this.#read = false
    this.#doubts.clear()
    await cursor?.close().catch(() => {})
  }

  /** Between two pages, in ms. */
  #pause(): number {
    const { everyMs, memory } = this.#context
    return everyMs * Math.min(1 / PAGES, PART / Math.ceil(memory.size / this.#size()))
  }

  #size(): number {
    return Math.min(Math.max(SMALLEST_PAGE, Math.ceil(this.#context.memory.size / PAGES)), LARGEST_PAGE)
  }

  async #page(life: number): Promise<void> {
    const { memory, jobs, ip } = this.#context
    this.#lookAgain()
    if (this.#cursor === undefined) {
      this.#began = monotonicNow(systemClock)
      memory.beginReading()
      this.#cursor = jobs.find({ ip }, { batchSize: this.#size() }).project<Shown>(PROJECTION)
    }
    const cursor = this.#cursor
    do {
      const job = await cursor.next()
      if (life !== this.#life) return
      this.#read = job === null
      if (job !== null && !memory.agrees(job)) {
        this.#doubts.set(job._id, { job, version: memory.versionOf(job._id) })
      }
      await breathe()
    } while (cursor.bufferedCount() > 0)
  }

  /** The last turn of a round; answers in how many ms the next round begins. */
  #end(): number {
    const { memory, everyMs } = this.#context
    this.#lookAgain()
    for (const id of memory.unseen()) this.#ask(id)
    this.#cursor = undefined
    this.#read = false
    return this.#began + everyMs - monotonicNow(systemClock)
  }

  #lookAgain(): void {
    const { memory } = this.#context
    for (const [id, { job, version }] of this.#doubts)
      if (memory.versionOf(id) === version && !memory.agrees(job)) this.#ask(id)
    this.#doubts.clear()
  }

  #ask(id: string): void {
    this.#asked.set(id, this.#context.memory.versionOf(id) !== undefined)
    this.#context.want(id)
  }
}
