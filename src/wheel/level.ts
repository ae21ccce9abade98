/** The arithmetic of the wheel: which level and slot a time belongs to, seen from another time.
 *  Eleven levels of 32 slots; level 0 counts milliseconds, each next level is 32 times coarser,
 *  and 32^11 ms reach beyond the last Date. Times are whole, not negative epoch milliseconds.
 *  Far times are divided, never shifted: JavaScript's bit operators see 32 bits only.
 *  Scaling by a power of two is exact in a double, so that floor(t * SCALE) is a true digit. */

export const LEVELS = 11
export const SLOTS = 32

/** 1 / 32^k for k = 0 … LEVELS. */
const SCALE = Float64Array.from({ length: LEVELS + 1 }, (_, k) => 32 ** -k)

/** The finest level whose one turn holds both times: there they differ, above it they agree. */
export function levelOf(at: number, from: number): number {
  for (let level = 0; level < LEVELS - 1; level++) {
    const scale = SCALE[level + 1] as number
    if (Math.floor(at * scale) === Math.floor(from * scale)) return level
  }
  return LEVELS - 1
}

/** The slot of a time within one turn of a level, 0 … 31. */
export function slotOf(at: number, level: number): number {
  return Math.floor(at * (SCALE[level] as number)) % SLOTS
}

/** When a slot begins, in the turn of the level that holds `from`. */
export function startOf(slot: number, level: number, from: number): number {
  return (Math.floor(from * (SCALE[level + 1] as number)) * SLOTS + slot) * 32 ** level
}

/** The lowest occupied slot of an occupancy word that is not 0. */
export function firstSlot(word: number): number {
  return 31 - Math.clz32(word & -word)
}
