/** Entries: all jobs in memory, each at the price of what is to be known of it.
 *  In: entries as the roster leaves them. Out: the same entries, by id. One that is usual lies in columns of numbers, with its trigger
 *  and its terms, which equal jobs share; one of which more is to be known (a claim is under way, it is invalid, it has orders ...)
 *  stays a whole object until that is over.
 *  Holds: what `get` answers is what was kept last; of an entry that lies in columns each `get` makes a new object, which counts
 *  when it is kept. */
import { Column } from './column.ts'
import { type Entry, jitterOf, newEntry } from './entry.ts'
import type { Ids } from './ids.ts'
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

/** Beyond so many different terms they are shared no more than those of late. */
const MOST_TERMS = 10_000

const STATES = ['paused', 'armed', 'over'] as const
/** The bits above the state's. */
const ORDERED = 4
const ACKNOWLEDGED = 8
const UNWRITTEN = 16
const BARE = 32

export class Entries {
  readonly #ids: Ids
  /** Those that are not usual. */
  readonly #open = new Map<string, Entry>()
  readonly #triggers: (KnownTrigger | undefined)[] = []
  readonly #terms: (Terms | undefined)[] = []
  readonly #knownTerms = new Map<string, Terms>()
  readonly #stored = new Column(Float64Array)
  readonly #due = new Column(Float64Array)
  readonly #planned = new Column(Float64Array)
  readonly #claimedTo = new Column(Float64Array)
  readonly #bornAt = new Column(Float64Array)
  readonly #changedAt = new Column(Float64Array)
  readonly #version = new Column(Float64Array)
  readonly #seen = new Column(Int32Array)
  readonly #flags = new Column(Uint8Array)

  /** `ids`: gives the rows; whoever shares it asks by ids that are held here. */
  constructor(ids: Ids) {
    this.#ids = ids
  }

  get size(): number {
    return this.#ids.size
  }

  get(id: string): Entry | undefined {
    const row = this.#ids.rowOf(id)
    return row === undefined ? undefined : (this.#open.get(id) ?? this.#lift(id, row))
  }

  /** When the entry was born and changed last. */
  marksOf(id: string): Pick<Entry, 'bornAt' | 'changedAt'> | undefined {
    const row = this.#ids.rowOf(id)
    if (row === undefined) return undefined
    return this.#open.get(id) ?? { bornAt: this.#bornAt.get(row), changedAt: this.#changedAt.get(row) }
  }

  /** The entry as it is from now on; an id that was not held is from now on. */
  keep(entry: Entry): void {
    const { id } = entry
    const row = this.#ids.add(id)
    this.#bornAt.set(row, entry.bornAt)
    this.#seen.set(row, entry.seen)
    if (isUsual(entry)) {
      this.#lay(entry, row)
      this.#open.delete(id)
    } else {
      this.#open.set(id, entry)
      this.#triggers[row] = undefined
      this.#terms[row] = entry
    }
  }

  /** Whether the entry is as it is held, not of an earlier life of the job, nor from before a change. */
  holds(entry: Entry): boolean {
    const row = this.#ids.rowOf(entry.id)
    if (row === undefined) return false
    const open = this.#open.get(entry.id)
    if (open !== undefined) return open === entry
    return this.#bornAt.get(row) === entry.bornAt && this.#version.get(row) === entry.version
  }

  delete(id: string): void {
    const row = this.#ids.rowOf(id)
    if (row === undefined) return
    this.#triggers[row] = undefined
    this.#terms[row] = undefined
    this.#open.delete(id)
    this.#ids.remove(id)
  }

  *values(): IterableIterator<Entry> {
    for (const id of this.#ids.filter(() => true)) yield this.get(id) as Entry
  }

  /** Ids of jobs that name this function. */
  idsOf(func: string): readonly string[] {
    return this.#ids.filter(row => this.#terms[row]?.func === func)
  }

  /** Ids that were last seen in another reading than this one. */
  unseen(reading: number): readonly string[] {
    return this.#ids.filter(row => this.#seen.get(row) !== reading)
  }

  #lay(entry: Entry, row: number): void {
    this.#triggers[row] = entry.trigger
    this.#terms[row] = this.#shared(entry)
    this.#stored.set(row, numberOf(entry.stored))
    this.#due.set(row, numberOf(entry.due))
    this.#planned.set(row, numberOf(entry.planned))
    this.#claimedTo.set(row, numberOf(entry.claimedTo))
    this.#changedAt.set(row, entry.changedAt)
    this.#version.set(row, entry.version)
    this.#flags.set(
      row,
      STATES.indexOf(entry.state as (typeof STATES)[number]) |
        (entry.ordered ? ORDERED : 0) |
        (entry.acknowledged ? ACKNOWLEDGED : 0) |
        (entry.unwritten ? UNWRITTEN : 0) |
        (entry.bare ? BARE : 0),
    )
  }

  #lift(id: string, row: number): Entry {
    const entry = newEntry(id, this.#bornAt.get(row))
    const { func, executor, maxInstances, graceMs, coalesce } = this.#terms[row] as Terms
    const flags = this.#flags.get(row)
    entry.func = func
    entry.executor = executor
    entry.maxInstances = maxInstances
    entry.graceMs = graceMs
    entry.coalesce = coalesce
    entry.trigger = this.#triggers[row]
    entry.state = STATES[flags & 3] as (typeof STATES)[number]
    entry.stored = heldBy(this.#stored.get(row))
    entry.due = heldBy(this.#due.get(row)) ?? undefined
    entry.planned = heldBy(this.#planned.get(row)) ?? undefined
    entry.claimedTo = heldBy(this.#claimedTo.get(row)) ?? undefined
    entry.ordered = (flags & ORDERED) !== 0
    entry.acknowledged = (flags & ACKNOWLEDGED) !== 0
    entry.unwritten = (flags & UNWRITTEN) !== 0
    entry.bare = (flags & BARE) !== 0
    entry.version = this.#version.get(row)
    entry.changedAt = this.#changedAt.get(row)
    entry.seen = this.#seen.get(row)
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
}

/** In a column nothing is NaN, and null is beyond all times. */
const numberOf = (value: number | null | undefined) =>
  value === undefined ? Number.NaN : value === null ? Number.POSITIVE_INFINITY : value

const heldBy = (value: number) => (Number.isNaN(value) ? undefined : value === Number.POSITIVE_INFINITY ? null : value)
