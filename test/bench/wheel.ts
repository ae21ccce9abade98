/** How fast the wheel puts, removes and advances with a million entries, and what an entry weighs,
 *  beside a binary heap (lazy removal) and Node's own setTimeout, measured in the same run. */
import { Wheel } from '../../src/wheel/wheel.ts'

const ENTRIES = 1_000_000
const T0 = Date.UTC(2026, 0, 1)
const DAY = 86_400_000

interface Row {
  readonly name: string
  readonly put: number
  readonly move: number
  readonly remove: number
  readonly advance: number | undefined
  readonly bytes: number
}

/** What the wheel does, by the textbook: a binary heap of (at, turn, id); a moved or removed id leaves a dead entry. */
class Heap {
  readonly #heap: { at: number; turn: number; id: string }[] = []
  readonly #live = new Map<string, number>()
  #turn = 0

  put(id: string, at: number): void {
    const heap = this.#heap
    const entry = { at, turn: this.#turn++, id }
    this.#live.set(id, entry.turn)
    let i = heap.push(entry) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      const parent = heap[up] as (typeof heap)[0]
      if (parent.at <= at) break
      heap[i] = parent
      i = up
    }
    heap[i] = entry
  }

  remove(id: string): boolean {
    return this.#live.delete(id)
  }

  advance(now: number): string[] {
    const ids: string[] = []
    const heap = this.#heap
    for (let top = heap[0]; top !== undefined && top.at <= now; top = heap[0]) {
      this.#pop()
      if (this.#live.get(top.id) !== top.turn) continue
      this.#live.delete(top.id)
      ids.push(top.id)
    }
    return ids
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as (typeof heap)[0]
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && right.at < (heap[child] as (typeof heap)[0]).at) child++
      const least = heap[child] as (typeof heap)[0]
      if (least.at >= last.at) break
      heap[i] = least
      i = child
    }
    heap[i] = last
  }
}

/** Due times over one day, the same for all. */
function dueTimes(seed: number): Float64Array {
  let x = seed
  return Float64Array.from({ length: ENTRIES }, () => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0
    return T0 + 1 + Math.floor((x / 2 ** 32) * DAY)
  })
}

function perSecond(count: number, work: () => void): number {
  const began = process.hrtime.bigint()
  work()
  return count / (Number(process.hrtime.bigint() - began) / 1e9)
}

function memory(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function measure(name: string, ids: readonly string[], timers: Pick<Wheel, 'put' | 'remove' | 'advance'>): Row {
  const [first, second] = [dueTimes(1), dueTimes(2)]
  const before = memory()
  const put = perSecond(ENTRIES, () => {
    for (let i = 0; i < ENTRIES; i++) timers.put(ids[i] as string, first[i] as number)
  })
  const bytes = (memory() - before) / ENTRIES
  const move = perSecond(ENTRIES, () => {
    for (let i = 0; i < ENTRIES; i++) timers.put(ids[i] as string, second[i] as number)
  })
  const remove = perSecond(ENTRIES / 2, () => {
    for (let i = 0; i < ENTRIES; i += 2) timers.remove(ids[i] as string)
  })
  for (let i = 0; i < ENTRIES; i += 2) timers.put(ids[i] as string, second[i] as number)
  let fired = 0
  const advance = perSecond(ENTRIES, () => {
    for (let now = T0; now <= T0 + DAY; now += 1_000) fired += timers.advance(now).length
  })
  if (fired !== ENTRIES) throw new Error(`${name}: ${fired} of ${ENTRIES} entries came due`)
  return { name, put, move, remove, advance, bytes }
}

/** Node's timers: one closure and one Timeout each; they cannot be advanced by hand. */
function measureTimeouts(ids: readonly string[]): Row {
  const [first, second] = [dueTimes(1), dueTimes(2)]
  const timers = new Map<string, NodeJS.Timeout>()
  const put = (i: number, at: number) => {
    const id = ids[i] as string
    clearTimeout(timers.get(id))
    timers.set(
      id,
      setTimeout(() => timers.delete(id), at - T0 + DAY),
    )
  }
  const before = memory()
  const puts = perSecond(ENTRIES, () => {
    for (let i = 0; i < ENTRIES; i++) put(i, first[i] as number)
  })
  const bytes = (memory() - before) / ENTRIES
  const moves = perSecond(ENTRIES, () => {
    for (let i = 0; i < ENTRIES; i++) put(i, second[i] as number)
  })
  const removes = perSecond(ENTRIES, () => {
    for (const timer of timers.values()) clearTimeout(timer)
  })
  return { name: 'setTimeout', put: puts, move: moves, remove: removes, advance: undefined, bytes }
}

export async function bench(): Promise<void> {
  const ids = Array.from({ length: ENTRIES }, (_, i) => `job-${i}`)
  const rows = [measure('wheel', ids, new Wheel(T0)), measure('binary heap', ids, new Heap()), measureTimeouts(ids)]
  console.log(`timer wheel: ${ENTRIES.toLocaleString('en')} entries due over one day, operations per second`)
  console.log(['', 'put', 'move', 'remove', 'advance', 'bytes/entry'].map(cell).join(''))
  for (const { name, put, move, remove, advance, bytes } of rows) {
    console.log(
      [name, thousands(put), thousands(move), thousands(remove), thousands(advance), bytes.toFixed(0)]
        .map(cell)
        .join(''),
    )
  }
}

const thousands = (value: number | undefined) => (value === undefined ? '-' : `${Math.round(value / 1_000)} k`)
const cell = (text: string, column: number) => (column === 0 ? text.padEnd(14) : text.padStart(13))
