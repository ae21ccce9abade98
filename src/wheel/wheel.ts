/** Timer wheel: holds (id, due) pairs and hands back the ids whose time has come.
 *  Each slot is a doubly linked list threaded through typed arrays, so that an entry costs no object and no closure;
 *  its row is found by its id, which makes put and remove O(1).
 *  Time is always an argument: nothing here waits, reads a clock or knows what an id means.
 *  Holds: an id sits in one slot at most, every entry of one instant in the same slot and in the order it was put,
 *  the slots of a level lie ahead of the wheel's time; advance(now) never gives an id early and never keeps it late. */
import { Ids } from './ids.ts'
import { firstSlot, LEVELS, levelOf, SLOTS, slotOf, startOf } from './level.ts'

/** The list of what was put with a time already passed. */
const OVERDUE = LEVELS * SLOTS
const NONE = -1

export class Wheel {
  /** The instant up to which everything was handed out. */
  #time: number
  readonly #ids: Ids
  /** Whether nobody else keeps anything by the rows of these ids. */
  readonly #isAlone: boolean
  #size = 0
  #due = new Float64Array(64)
  #next = new Int32Array(64)
  #prev = new Int32Array(64)
  /** In which list a row is; none: it is not in the wheel. */
  #list = new Int16Array(64).fill(NONE)
  readonly #head = new Int32Array(OVERDUE + 1).fill(NONE)
  readonly #tail = new Int32Array(OVERDUE + 1).fill(NONE)
  /** One bit for each slot that holds something. */
  readonly #occupied = new Int32Array(LEVELS)
  /** No overdue entry is due before this. */
  #overdueFrom = Number.POSITIVE_INFINITY

  /** `now` in epoch milliseconds, as everywhere here; what lies before 1970 counts as 1970. `ids`: gives the rows, and is not told of
   *  what leaves the wheel; default: one of its own. */
  constructor(now: number, ids?: Ids) {
    this.#time = wholeMs(now)
    this.#ids = ids ?? new Ids()
    this.#isAlone = ids === undefined
  }

  get size(): number {
    return this.#size
  }

  has(id: string): boolean {
    return this.#rowOf(id) !== undefined
  }

  /** Puts the id in its place, leaving an earlier one. A time that has passed is due at the next `advance`;
   *  fractions of a millisecond are rounded up. */
  put(id: string, at: number): void {
    const due = Math.ceil(instant(at))
    const row = this.#ids.add(id)
    while (row >= this.#due.length) this.#grow()
    if (this.#list[row] === NONE) this.#size++
    else this.#unlink(row)
    this.#due[row] = due
    this.#place(row)
  }

  /** Whether the id was there. */
  remove(id: string): boolean {
    const row = this.#rowOf(id)
    if (row === undefined) return false
    this.#unlink(row)
    this.#left(id, row)
    return true
  }

  /** Takes out the ids whose time has come, in order of due time, equal times in the order they were put.
   *  A `now` before the last one (a clock set back) moves the wheel back: what is not due by `now` waits again. */
  advance(now: number): string[] {
    const until = wholeMs(now)
    if (until < this.#time) this.#moveBack(until)
    const ids = this.#takeOverdue()
    for (let level = this.#lowestLevel(); level < LEVELS; level = this.#lowestLevel()) {
      const slot = firstSlot(this.#occupied[level] as number)
      const start = startOf(slot, level, this.#time)
      if (start > until) break
      this.#time = start
      const list = level * SLOTS + slot
      if (level === 0) this.#takeAll(list, ids)
      else this.#placeAnew(list)
    }
    this.#time = until
    return ids
  }

  /** The earliest due time or, while that is more than a slot of level 0 away, a lower bound of it:
   *  the start of the first occupied slot. `advance` at that time hands something out or brings the bound nearer,
   *  at most ten times for one entry. Null: the wheel is empty. */
  nextAt(): number | null {
    if (this.#head[OVERDUE] !== NONE) return this.#overdueFrom
    const level = this.#lowestLevel()
    if (level === LEVELS) return null
    return startOf(firstSlot(this.#occupied[level] as number), level, this.#time)
  }

  /** The level of the earliest entry; all that a level holds comes before all that the next one holds. */
  #lowestLevel(): number {
    let level = 0
    while (level < LEVELS && this.#occupied[level] === 0) level++
    return level
  }

  #place(row: number): void {
    const at = this.#due[row] as number
    if (at < this.#time) {
      if (at < this.#overdueFrom) this.#overdueFrom = at
      this.#append(row, OVERDUE)
      return
    }
    const level = levelOf(at, this.#time)
    const slot = slotOf(at, level)
    this.#occupied[level] = (this.#occupied[level] as number) | (1 << slot)
    this.#append(row, level * SLOTS + slot)
  }

  /** Empties a list into the places its entries have by the wheel's present time, in their order. */
  #placeAnew(list: number): void {
    for (let row = this.#detach(list); row !== NONE; ) {
      const next = this.#next[row] as number
      this.#place(row)
      row = next
    }
  }

  /** Only what shares the present slot of the level in which both times differ must find a new place. */
  #moveBack(to: number): void {
    const top = levelOf(to, this.#time)
    this.#time = to
    for (let level = 0; level < top; level++) {
      for (let word = this.#occupied[level] as number; word !== 0; word &= word - 1) {
        this.#placeAnew(level * SLOTS + firstSlot(word))
      }
    }
    this.#placeAnew(OVERDUE)
  }

  #takeOverdue(): string[] {
    const rows: number[] = []
    for (let row = this.#detach(OVERDUE); row !== NONE; row = this.#next[row] as number) rows.push(row)
    const due = this.#due
    rows.sort((a, b) => (due[a] as number) - (due[b] as number))
    return rows.map(row => this.#take(row))
  }

  #takeAll(list: number, ids: string[]): void {
    for (let row = this.#detach(list); row !== NONE; row = this.#next[row] as number) ids.push(this.#take(row))
  }

  #take(row: number): string {
    const id = this.#ids.idOf(row)
    this.#left(id, row)
    return id
  }

  /** The row is in no list any more. */
  #left(id: string, row: number): void {
    this.#list[row] = NONE
    this.#size--
    if (this.#isAlone) this.#ids.remove(id)
  }

  /** Undefined: it is not in the wheel. */
  #rowOf(id: string): number | undefined {
    const row = this.#ids.rowOf(id)
    return row === undefined || row >= this.#list.length || this.#list[row] === NONE ? undefined : row
  }

  #append(row: number, list: number): void {
    const last = this.#tail[list] as number
    this.#list[row] = list
    this.#prev[row] = last
    this.#next[row] = NONE
    if (last === NONE) this.#head[list] = row
    else this.#next[last] = row
    this.#tail[list] = row
  }

  #unlink(row: number): void {
    const list = this.#list[row] as number
    const [prev, next] = [this.#prev[row] as number, this.#next[row] as number]
    if (prev === NONE) this.#head[list] = next
    else this.#next[prev] = next
    if (next === NONE) this.#tail[list] = prev
    else this.#prev[next] = prev
    if (this.#head[list] === NONE) this.#emptied(list)
  }

  /** Leaves the list empty and gives its first row; the rest still hangs on it. */
  #detach(list: number): number {
    const first = this.#head[list] as number
    this.#head[list] = NONE
    this.#tail[list] = NONE
    this.#emptied(list)
    return first
  }

  #emptied(list: number): void {
    if (list === OVERDUE) {
      this.#overdueFrom = Number.POSITIVE_INFINITY
      return
    }
    const level = Math.floor(list / SLOTS)
    this.#occupied[level] = (this.#occupied[level] as number) & ~(1 << (list % SLOTS))
  }

  /** Rows double; they are reused but not given back to the system. */
  #grow(): void {
    const length = this.#due.length * 2
    const [due, next, prev, list] = [this.#due, this.#next, this.#prev, this.#list]
    this.#due = new Float64Array(length)
    this.#next = new Int32Array(length)
    this.#prev = new Int32Array(length)
    this.#list = new Int16Array(length).fill(NONE)
    this.#due.set(due)
    this.#next.set(next)
    this.#prev.set(prev)
    this.#list.set(list)
  }
}

const wholeMs = (now: number): number => Math.max(0, Math.floor(instant(now)))

/** The reach of a Date; a NaN would be lost in the slots without a word. */
function instant(ms: number): number {
  if (Math.abs(ms) <= 8.64e15) return ms
  throw new RangeError(`Wheel: a time in epoch milliseconds within the reach of a Date; found ${ms}`)
}
