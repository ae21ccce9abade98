/** Entries: all jobs in memory, each at the price of what is to be known of it.
 *  In: entries as the roster leaves them. Out: the same entries, by id. One that is usual lies in columns of numbers, with its trigger
 *  and its terms, which equal jobs share; one of which more is to be known (a claim is under way, it is invalid, it has orders ...)
 *  stays a whole object until that is over.
 *  Holds: what `get` answers is what was kept last; of an entry that lies in columns each `get` makes a new object, which counts
 *  when it is kept. */
import { type Entry, jitterOf, newEntry } from './entry.ts'
import { Ids } from './ids.ts'
import type { KnownTrigger } from './known-triggers.ts'

/** What many jobs have in common beside their trigger. */
type Terms = Pick<Entry, 'func' | 'executor' | 'maxInstances' | 'graceMs' | 'coalesce'>

/** What lies in columns. */
type Usual =
  | keyof Terms
  | ('id' | 'trigger' | 'state' | 'stored' | 'due' | 'at' | 'planned' | 'claimedTo' | 'ordered' | 'acknowledged')
  | ('unwritten' | 'bare' | 'version' | 'bornAt' | 'changedAt' | 'seen')

/** What does not: an entry in which any of it is otherwise than in a new one stays whole. */
const RARE: Readonly<Record<Exclude<keyof Entry, Usual>, true>> = {
  extra: true,
  waiting: true,
  dropped: true,
  echoes: true,
  pausedBy: true,
  copied: true,
  unproven: true,
  knownFence: true,
  isRepeat: true,
  place: true,
  woken: true,
  refused: true,
  refusedPlans: true,
  repairs: true,
  notBefore: true,
  edited: true,
  problems: true,
}
const RARE_FIELDS = Object.keys(RARE) as (keyof typeof RARE)[]
const NEW = newEntry('')

const isUsual = (entry: Entry) => RARE_FIELDS.every(field => entry[field] === NEW[field])

const SMALLEST = 64
/** Beyond so many different terms they are shared no more than those of late. */
const MOST_TERMS = 10_000

const STATES = ['paused', 'armed', 'over'] as const
/** The bits above the state's. */
const ORDERED = 4
const ACKNOWLEDGED = 8
const UNWRITTEN = 16
const BARE = 32

export class Entries {
  readonly #ids = new Ids()
  /** Those that are not usual. */
  readonly #open = new Map<string, Entry>()
  readonly #triggers: (KnownTrigger | undefined)[] = []
  readonly #terms: Terms[] = []
  readonly #knownTerms = new Map<string, Terms>()
  #stored = new Float64Array(SMALLEST)
  #due = new Float64Array(SMALLEST)
  #planned = new Float64Array(SMALLEST)
  #claimedTo = new Float64Array(SMALLEST)
  #bornAt = new Float64Array(SMALLEST)
  #changedAt = new Float64Array(SMALLEST)
  #version = new Float64Array(SMALLEST)
  #seen = new Int32Array(SMALLEST)
  #flags = new Uint8Array(SMALLEST)

  get size(): number {
    return this.#ids.size
  }

  get(id: string): Entry | undefined {
    const row = this.#ids.rowOf(id)
    return row === undefined ? undefined : (this.#open.get(id) ?? this.#lift(id, row))
  }

  /** The entry as it is from now on; an id that was not held is from now on. */
  keep(entry: Entry): void {
    const { id } = entry
    const row = this.#ids.add(id)
    if (row === this.#flags.length) this.#grow()
    this.#bornAt[row] = entry.bornAt
    if (isUsual(entry)) {
      this.#lay(entry, row)
      this.#open.delete(id)
    } else {
      this.#open.set(id, entry)
    }
  }

  /** Whether the entry is as it is held, not of an earlier life of the job, nor from before a change. */
  holds(entry: Entry): boolean {
    const row = this.#ids.rowOf(entry.id)
    if (row === undefined) return false
    const open = this.#open.get(entry.id)
    if (open !== undefined) return open === entry
    return this.#bornAt[row] === entry.bornAt && this.#version[row] === entry.version
  }

  delete(id: string): void {
    const row = this.#ids.rowOf(id)
    if (row === undefined) return
    this.#triggers[row] = undefined
    this.#open.delete(id)
    this.#ids.remove(id)
  }

  *values(): IterableIterator<Entry> {
    for (const row of this.#ids.rows()) {
      const id = this.#ids.idOf(row)
      yield this.#open.get(id) ?? this.#lift(id, row)
    }
  }

  /** Ids that were last seen in another reading than this one. */
  *unseen(reading: number): IterableIterator<string> {
    for (const row of this.#ids.rows()) {
      const id = this.#ids.idOf(row)
      if ((this.#open.get(id)?.seen ?? this.#seen[row]) !== reading) yield id
    }
  }

  #lay(entry: Entry, row: number): void {
    this.#triggers[row] = entry.trigger
    this.#terms[row] = this.#shared(entry)
    this.#stored[row] = numberOf(entry.stored)
    this.#due[row] = numberOf(entry.due)
    this.#planned[row] = numberOf(entry.planned)
    this.#claimedTo[row] = numberOf(entry.claimedTo)
    this.#changedAt[row] = entry.changedAt
    this.#version[row] = entry.version
    this.#seen[row] = entry.seen
    this.#flags[row] =
      STATES.indexOf(entry.state as (typeof STATES)[number]) |
      (entry.ordered ? ORDERED : 0) |
      (entry.acknowledged ? ACKNOWLEDGED : 0) |
      (entry.unwritten ? UNWRITTEN : 0) |
      (entry.bare ? BARE : 0)
  }

  #lift(id: string, row: number): Entry {
    const entry = newEntry(id, this.#bornAt[row])
    const { func, executor, maxInstances, graceMs, coalesce } = this.#terms[row] as Terms
    const flags = this.#flags[row] as number
    entry.func = func
    entry.executor = executor
    entry.maxInstances = maxInstances
    entry.graceMs = graceMs
    entry.coalesce = coalesce
    entry.trigger = this.#triggers[row]
    entry.state = STATES[flags & 3] as (typeof STATES)[number]
    entry.stored = valueOf(this.#stored[row] as number)
    entry.due = valueOf(this.#due[row] as number) ?? undefined
    entry.planned = valueOf(this.#planned[row] as number) ?? undefined
    entry.claimedTo = valueOf(this.#claimedTo[row] as number) ?? undefined
    entry.ordered = (flags & ORDERED) !== 0
    entry.acknowledged = (flags & ACKNOWLEDGED) !== 0
    entry.unwritten = (flags & UNWRITTEN) !== 0
    entry.bare = (flags & BARE) !== 0
    entry.version = this.#version[row] as number
    entry.changedAt = this.#changedAt[row] as number
    entry.seen = this.#seen[row] as number
    entry.at = entry.due === undefined ? undefined : entry.due + jitterOf(entry, entry.due)
    return entry
  }

  #shared({ func, executor, maxInstances, graceMs, coalesce }: Entry): Terms {
    const key = `${maxInstances} ${graceMs} ${coalesce} ${executor.length} ${executor}${func}`
    let terms = this.#knownTerms.get(key)
    if (terms === undefined) {
      if (this.#knownTerms.size === MOST_TERMS) this.#knownTerms.clear()
      terms = { func, executor, maxInstances, graceMs, coalesce }
      this.#knownTerms.set(key, terms)
    }
    return terms
  }

  #grow(): void {
    this.#stored = doubled(this.#stored)
    this.#due = doubled(this.#due)
    this.#planned = doubled(this.#planned)
    this.#claimedTo = doubled(this.#claimedTo)
    this.#bornAt = doubled(this.#bornAt)
    this.#changedAt = doubled(this.#changedAt)
    this.#version = doubled(this.#version)
    this.#seen = doubled(this.#seen)
    this.#flags = doubled(this.#flags)
  }
}

/** In a column nothing is NaN, and null is beyond all times. */
const numberOf = (value: number | null | undefined) =>
  value === undefined ? Number.NaN : value === null ? Number.POSITIVE_INFINITY : value

const valueOf = (value: number) =>
  Number.isNaN(value) ? undefined : value === Number.POSITIVE_INFINITY ? null : value

type Column = Float64Array | Int32Array | Uint8Array

function doubled<T extends Column>(column: T): T {
  const longer = new (column.constructor as new (length: number) => T)(column.length * 2)
  longer.set(column)
  return longer
}
