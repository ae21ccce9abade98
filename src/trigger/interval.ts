/** Intervals: elapsed time, blind to clock changes; every fire time is found by one division.
 *  With start_date they lie on the grid start + k·length; without one the chain goes on from its last run.
 *  Two grids meet in a third (Chinese remainder theorem) or never, so intersections of intervals cost nothing. */
import { refuse } from './refuse.ts'
import { LAST_INSTANT, type Schedule } from './schedule.ts'

export const LENGTHS_MS = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
} as const

/** Milliseconds of an interval's parts; at least one, whole. */
export function intervalLength(parts: Readonly<Record<keyof typeof LENGTHS_MS, number>>, path: string): number {
  let length = 0
  for (const [part, ms] of Object.entries(LENGTHS_MS)) length += parts[part as keyof typeof LENGTHS_MS] * ms
  const whole = Math.round(length)
  if (length === 0) refuse(path, 'an interval needs a length: weeks, days, hours, minutes or seconds above 0', 0)
  if (whole === 0) refuse(path, `an interval of ${length} ms is too short: 0.001 seconds at least`, length)
  return whole > LAST_INSTANT ? refuse(path, 'the interval is longer than the calendar', length) : whole
}

export class IntervalSchedule implements Schedule {
  readonly length: number
  /** Null: the first run is one length after the start. */
  readonly begin: number | null
  readonly end: number

  constructor(length: number, begin: number | null, end: number) {
    this.length = length
    this.begin = begin
    this.end = Math.min(end, LAST_INSTANT)
  }

  start(now: number): number | null {
    return this.begin === null ? this.#within(now + this.length) : this.at(now)
  }

  seek(previous: number, t: number): number | null {
    return this.#within(previous + Math.max(1, Math.ceil((t - previous) / this.length)) * this.length)
  }

  at(t: number): number | null {
    const begin = this.begin ?? 0
    return this.#within(begin + Math.max(0, Math.ceil((t - begin) / this.length)) * this.length)
  }

  #within(t: number): number | null {
    return t <= this.end ? t : null
  }
}

/** The interval of the instants that both grids have; null when they never meet. */
export function meet(a: IntervalSchedule, b: IntervalSchedule): IntervalSchedule | null {
  const [beginA, beginB] = [BigInt(a.begin ?? 0), BigInt(b.begin ?? 0)]
  const [lengthA, lengthB] = [BigInt(a.length), BigInt(b.length)]
  const [divisor, inverse] = euclid(lengthA, lengthB)
  const apart = beginB - beginA
  if (apart % divisor !== 0n) return null
  const common = (lengthA / divisor) * lengthB
  const steps = modulo((apart / divisor) * inverse, lengthB / divisor)
  let begin = beginA + steps * lengthA
  const late = (beginA > beginB ? beginA : beginB) - begin
  if (late > 0n) begin += ((late + common - 1n) / common) * common
  const end = Math.min(a.end, b.end)
  if (begin > BigInt(end)) return null
  return new IntervalSchedule(common > BigInt(LAST_INSTANT) ? 2 * LAST_INSTANT : Number(common), Number(begin), end)
}

const modulo = (n: bigint, by: bigint): bigint => ((n % by) + by) % by

/** Greatest common divisor g of a and b, and the x with a·x ≡ g (mod b). */
function euclid(a: bigint, b: bigint): [divisor: bigint, inverse: bigint] {
  let [r, s, x, y] = [a, b, 1n, 0n]
  while (s !== 0n) {
    const quotient = r / s
    ;[r, s, x, y] = [s, r - quotient * s, y, x - quotient * y]
  }
  return [r, x]
}
