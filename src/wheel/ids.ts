/** Ids: gives each id a row, a small number by which arrays know it, for as long as it is held.
 *  A hash table in typed arrays, which costs some 20 bytes an id beside its text and nothing when garbage is collected; it doubles
 *  within milliseconds, which a Map of a million texts does not.
 *  Holds: an id has one row and a row one id; a row that was given back is given out again before a new one. */

const NONE = -1
const SMALLEST = 64

export class Ids {
  /** By row; undefined: given back. */
  readonly #ids: (string | undefined)[] = []
  #hashes = new Int32Array(SMALLEST)
  /** Rows, each at the first free slot from its hash on; half of them are free at least. */
  #slots = new Int32Array(2 * SMALLEST).fill(NONE)
  readonly #free: number[] = []

  get size(): number {
    return this.#ids.length - this.#free.length
  }

  /** Undefined: it is not held. */
  rowOf(id: string): number | undefined {
    const row = this.#slots[this.#find(id, hashOf(id))] as number
    return row === NONE ? undefined : row
  }

  idOf(row: number): string {
    return this.#ids[row] as string
  }

  /** Answers the row that it has or gets. */
  add(id: string): number {
    const hash = hashOf(id)
    const slot = this.#find(id, hash)
    const known = this.#slots[slot] as number
    if (known !== NONE) return known
    const row = this.#free.pop() ?? this.#ids.length
    this.#ids[row] = id
    this.#slots[slot] = row
    if (row === this.#hashes.length) this.#grow()
    this.#hashes[row] = hash
    if (this.#ids.length * 2 > this.#slots.length) this.#spread()
    return row
  }

  remove(id: string): void {
    const slot = this.#find(id, hashOf(id))
    const row = this.#slots[slot] as number
    if (row === NONE) return
    this.#ids[row] = undefined
    this.#free.push(row)
    this.#close(slot)
  }

  /** The held ids of whose rows it is true. */
  filter(chosen: (row: number) => boolean): readonly string[] {
    const ids: string[] = []
    for (let row = 0; row < this.#ids.length; row++) {
      const id = this.#ids[row]
      if (id !== undefined && chosen(row)) ids.push(id)
    }
    return ids
  }

  /** The slot of an id, or the free one in which it would be. */
  #find(id: string, hash: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot] as number
      if (row === NONE || (this.#hashes[row] === hash && this.#ids[row] === id)) return slot
    }
  }

  /** Empties a slot: what follows it up to the next free one moves up where it would not be found any more. */
  #close(gap: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = (gap + 1) & mask; slots[slot] !== NONE; slot = (slot + 1) & mask) {
      const row = slots[slot] as number
      const from = (this.#hashes[row] as number) & mask
      if (((slot - from) & mask) < ((slot - gap) & mask)) continue
      slots[gap] = row
      gap = slot
    }
    slots[gap] = NONE
  }

  #grow(): void {
    const hashes = new Int32Array(this.#hashes.length * 2)
    hashes.set(this.#hashes)
    this.#hashes = hashes
  }

  #spread(): void {
    const before = this.#slots
    const mask = before.length * 2 - 1
    const slots = new Int32Array(before.length * 2).fill(NONE)
    for (const row of before) {
      if (row === NONE) continue
      let slot = (this.#hashes[row] as number) & mask
      while (slots[slot] !== NONE) slot = (slot + 1) & mask
      slots[slot] = row
    }
    this.#slots = slots
  }
}

/** FNV-1a over UTF-16 units, its high bits mixed into the low ones. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
