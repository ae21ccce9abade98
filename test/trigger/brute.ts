/** Brute force: the same rules as the triggers', written as plainly as can be, minute by minute, for tests to compare.
 *  Offsets come from Intl through luxon directly; where two looks six hours apart agree, nothing is assumed between. */
import fc from 'fast-check'
import { IANAZone } from 'luxon'

export const MINUTE = 60_000
export const HOUR = 3_600_000
export const DAY = 86_400_000

/** Offset of every minute of [from, to). */
export function offsets(zone: string, from: number, to: number): Int32Array {
  const luxon = IANAZone.create(zone)
  const at = (minute: number) => Math.round(luxon.offset(from + minute * MINUTE) * 60) * 1000
  const count = (to - from) / MINUTE
  const all = new Int32Array(count)
  const fill = (low: number, high: number, atLow: number, atHigh: number): void => {
    if (high - low <= 1 || (atLow === atHigh && high - low <= 180)) {
      all.fill(atLow, low, high)
      return
    }
    const middle = (low + high) >> 1
    const between = at(middle)
    fill(low, middle, atLow, between)
    fill(middle, high, between, atHigh)
  }
  fill(0, count, at(0), at(count))
  return all
}

type Values = readonly number[] | null

/** A cron rule as sets of values (null: any) and the document that says the same. */
export interface Rule {
  readonly hour: Values
  readonly minute: Values
  readonly day: Values
  readonly day_of_week: Values
  /** Written `*` or `*\/n`: the wall clock counts. */
  readonly free: boolean
  readonly document: { readonly type: 'cron'; readonly [field: string]: string | number }
}

const some = (low: number, high: number) =>
  fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 4 })

const hours: fc.Arbitrary<readonly [Values, string, boolean]> = fc.oneof(
  fc.constant([null, '*', true] as const),
  fc.integer({ min: 1, max: 12 }).map(n => [range(0, 23, n), `*/${n}`, true] as const),
  some(0, 23).map(list => [list, list.join(','), false] as const),
  fc
    .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 4, max: 23 }))
    .map(([a, b]) => [range(a, b, 1), `${a}-${b}`, false] as const),
)

const range = (first: number, last: number, step: number): number[] => {
  const values: number[] = []
  for (let n = first; n <= last; n += step) values.push(n)
  return values
}

/** Rules that fire at whole minutes. */
export const rules: fc.Arbitrary<Rule> = fc
  .record({
    hour: hours,
    minute: fc.oneof(some(0, 59), fc.constantFrom([0], [30], range(0, 59, 10), range(0, 59, 15))),
    day: fc.option(some(1, 31), { freq: 1 }),
    day_of_week: fc.option(some(0, 6), { freq: 3 }),
  })
  .map(({ hour: [hour, text, free], minute, day, day_of_week }) => ({
    hour,
    minute,
    day,
    day_of_week,
    free,
    document: {
      type: 'cron' as const,
      hour: text,
      minute: minute.join(','),
      ...(day && { day: day.join(',') }),
      ...(day_of_week && { day_of_week: day_of_week.join(',') }),
    },
  }))

function matches(rule: Rule, reading: number): boolean {
  const date = new Date(reading)
  const has = (values: Values, value: number) => values === null || values.includes(value)
  return (
    has(rule.minute, date.getUTCMinutes()) &&
    has(rule.hour, date.getUTCHours()) &&
    has(rule.day, date.getUTCDate()) &&
    has(rule.day_of_week, (date.getUTCDay() + 6) % 7)
  )
}

/** Every fire time in [from, to), by the `once` rule. */
export function walk(rule: Rule, zone: string, from: number, to: number): number[] {
  const margin = 2 * DAY
  const begin = from - margin
  const all = offsets(zone, begin, to + margin)
  const fires = new Set<number>()
  const shown = new Set<number>()
  let expected = begin + (all[0] as number)
  for (let i = 0; i < all.length; i++) {
    const t = begin + i * MINUTE
    const reading = t + (all[i] as number)
    // Readings that the clock left out just now: they fire as late as they would have without the change.
    if (!rule.free) {
      const before = all[i - 1] ?? (all[i] as number)
      for (; expected < reading; expected += MINUTE) if (matches(rule, expected)) fires.add(expected - before)
    }
    expected = Math.max(expected, reading + MINUTE)
    if (matches(rule, reading) && (rule.free || !shown.has(reading))) fires.add(t)
    shown.add(reading)
  }
  return [...fires].filter(t => t >= from && t < to).sort((a, b) => a - b)
}
