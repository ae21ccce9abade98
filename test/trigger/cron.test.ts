import fc from 'fast-check'
import { DateTime, IANAZone } from 'luxon'
import { describe, expect, it } from 'vitest'
import { fireTimes, nextFireTime, parseTrigger } from '../../src/trigger/trigger.ts'
import { DAY, HOUR, MINUTE, offsets, type Rule, rules, walk } from './brute.ts'

const ZONES = [...Intl.supportedValuesOf('timeZone'), 'UTC']
/** Monrovia's clock had odd seconds until January 1972, which a walk by minutes cannot see. */
const seenByMinutes = (zone: string, t: number) => zone !== 'Africa/Monrovia' || t > Date.UTC(1972, 1, 1)
const START = Date.UTC(1970, 0, 3)
const END = Date.UTC(2100, 0, 1)

/** All fire times in [from, to). */
function between(document: Rule['document'], zone: string, from: number, to: number): number[] {
  const trigger = parseTrigger(document, { timezone: zone })
  const times: number[] = []
  for (let t = trigger.next(null, from); t !== null && t < to; t = trigger.next(t, t)) times.push(t)
  return times
}

/** The first minute of a change of a zone's clock after `t`, if ten days apart show one within two years; else `t`. */
function changeAfter(zone: string, t: number): number {
  const luxon = IANAZone.create(zone)
  for (let from = t; from < t + 730 * DAY; from += 10 * DAY) {
    if (luxon.offset(from) === luxon.offset(from + 10 * DAY)) continue
    const all = offsets(zone, from, from + 10 * DAY)
    return from + all.findIndex(offset => offset !== all[0]) * MINUTE
  }
  return t
}

const minute = fc.integer({ min: START / MINUTE, max: END / MINUTE }).map(n => n * MINUTE)

describe('cron fires as a walk through every minute says', () => {
  it('in every zone of the runtime, around a change of its clock', () => {
    const one = fc.sample(fc.tuple(minute, rules), { numRuns: ZONES.length, seed: 7 })
    for (const [index, zone] of ZONES.entries()) {
      const [t, rule] = one[index] as [number, Rule]
      const from = changeAfter(zone, Math.max(t, Date.UTC(1972, 1, 1))) - DAY
      expect({
        zone,
        rule: rule.document,
        from: new Date(from),
        fires: between(rule.document, zone, from - 9 * DAY, from + 2 * DAY).filter(t => t >= from),
      }).toEqual({
        zone,
        rule: rule.document,
        from: new Date(from),
        fires: walk(rule, zone, from, from + 2 * DAY),
      })
    }
  }, 120_000)

  it('at any time between 1970 and 2100', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), minute, rules, (zone, from, rule) => {
        fc.pre(seenByMinutes(zone, from))
        const fires = between(rule.document, zone, from - 40 * DAY, from + DAY).filter(t => t >= from)
        expect(fires).toEqual(walk(rule, zone, from, from + DAY))
      }),
      { numRuns: 150 },
    )
  })

  it.each([
    ['Pacific/Apia', '2011-12-29T00:00:00Z'],
    ['Pacific/Kwajalein', '1993-08-20T00:00:00Z'],
    ['Pacific/Kiritimati', '1994-12-30T00:00:00Z'],
    ['Australia/Lord_Howe', '2024-04-06T00:00:00Z'],
    ['Australia/Lord_Howe', '2024-10-05T00:00:00Z'],
    ['Pacific/Chatham', '2024-09-28T00:00:00Z'],
    ['Africa/Casablanca', '2024-03-10T00:00:00Z'],
    ['America/Caracas', '2007-12-08T00:00:00Z'],
    ['America/St_Johns', '1988-04-02T00:00:00Z'],
    ['Antarctica/Troll', '2024-03-30T00:00:00Z'],
    ['Asia/Pyongyang', '2018-05-03T00:00:00Z'],
  ])('in the odd change of %s around %s', (zone, start) => {
    const from = Date.parse(start)
    fc.assert(
      fc.property(rules, rule => {
        expect(between(rule.document, zone, from, from + 3 * DAY)).toEqual(walk(rule, zone, from, from + 3 * DAY))
      }),
      { numRuns: 20 },
    )
  })
})

/** A day's fields and whether a day (its ISO text in UTC) matches them. */
const dayRules: fc.Arbitrary<readonly [Record<string, string | number>, (day: DateTime) => boolean]> = fc
  .record({
    month: fc.option(fc.integer({ min: 1, max: 12 })),
    day: fc.option(
      fc.oneof(
        fc.integer({ min: 1, max: 31 }),
        fc.constant('last'),
        fc
          .tuple(
            fc.constantFrom('1st', '2nd', '3rd', '4th', '5th', 'last'),
            fc.constantFrom('mon', 'tue', 'sat', 'sun'),
          )
          .map(([n, d]) => `${n} ${d}`),
      ),
      { freq: 3 },
    ),
    week: fc.option(fc.constantFrom(1, 2, 10, 52, 53), { freq: 1 }),
    day_of_week: fc.option(fc.integer({ min: 0, max: 6 }), { freq: 1 }),
    year: fc.option(fc.integer({ min: 1999, max: 2030 }), { freq: 1 }),
  })
  .map(
    fields =>
      [{ ...fields, hour: 0 } as Record<string, string | number>, (day: DateTime) => dayMatches(fields, day)] as const,
  )

interface DayFields {
  readonly month: number | null
  readonly day: number | string | null
  readonly week: number | null
  readonly day_of_week: number | null
  readonly year: number | null
}

function dayMatches({ month, day, week, day_of_week, year }: DayFields, date: DateTime): boolean {
  const last = date.endOf('month').day
  const [place = '', name] = String(day).split(' ')
  const named = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'][date.weekday - 1] === name
  const nth = place === 'last' ? date.day + 7 > last : Math.ceil(date.day / 7) === Number.parseInt(place, 10)
  const byDay = day === null || (day === 'last' ? date.day === last : name ? named && nth : date.day === day)
  return (
    byDay &&
    (month === null || date.month === month) &&
    (week === null || date.weekNumber === week) &&
    (day_of_week === null || date.weekday - 1 === day_of_week) &&
    (year === null || date.year === year)
  )
}

describe('the calendar', () => {
  it('matches days as a walk through every day says', () => {
    fc.assert(
      fc.property(dayRules, fc.integer({ min: 1990, max: 2035 }), ([fields, matches], year) => {
        const from = Date.UTC(year, 0, 1)
        const expected: number[] = []
        for (let t = from; t < from + 800 * DAY; t += DAY)
          if (matches(DateTime.fromMillis(t, { zone: 'utc' }))) expected.push(t)
        expect(between({ type: 'cron', ...fields }, 'UTC', from, from + 800 * DAY)).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  })

  it.each([
    [{ month: 2, day: 30 }],
    [{ month: 2, day: '5th mon', year: '2025-2027' }],
    [{ week: 53, month: 6 }],
    [{ year: '*/2', month: 2, day: 29, week: 30 }],
    [{ year: 1999 }],
    [{ month: '4,6,9,11', day: 31, second: '*' }],
  ])('never fires for %o, and says so soon', fields => {
    const trigger = parseTrigger({ type: 'cron', ...fields, timezone: 'Europe/Berlin' })
    trigger.next(null, Date.UTC(2026, 0, 1))
    const before = performance.now()
    expect(trigger.next(null, Date.UTC(2026, 0, 1))).toBeNull()
    expect(performance.now() - before).toBeLessThan(20)
  })

  it('leaps over thousands of years', () => {
    const trigger = parseTrigger({
      type: 'cron',
      year: 9999,
      month: 12,
      day: 'last',
      hour: 23,
      timezone: 'Europe/Berlin',
    })
    expect(new Date(trigger.next(null, 0) ?? 0).toISOString()).toBe('9999-12-31T22:00:00.000Z')
    expect(trigger.next(Date.UTC(9999, 11, 31, 22), 0)).toBeNull()
  })

  it('meets 29 February of a leap century only', () => {
    const times = fireTimes(
      { type: 'cron', year: '*/10', month: 2, day: 29 },
      { after: new Date('2000-03-01T00:00:00Z'), count: 3 },
    )
    expect(times.map(t => t.getUTCFullYear())).toEqual([2020, 2040, 2060])
  })
})

describe('crontab text', () => {
  const next = (expression: string, now: string) =>
    nextFireTime({ type: 'cron', expression }, null, new Date(now))?.toISOString()

  it('takes either of day and weekday when both are restricted, both when one begins with a star', () => {
    expect(next('0 0 13 * 5', '2026-01-01T00:00:00Z')).toBe('2026-01-02T00:00:00.000Z')
    expect(next('0 0 */13 * 5', '2026-01-02T00:00:01Z')).toBe('2026-02-27T00:00:00.000Z')
    expect(next('0 0 13 * ?', '2026-01-01T00:00:00Z')).toBe('2026-01-13T00:00:00.000Z')
  })

  it('knows last days, last weekdays and nth weekdays', () => {
    expect(next('0 0 L * *', '2026-02-01T00:00:00Z')).toBe('2026-02-28T00:00:00.000Z')
    expect(next('0 0 * * 5L', '2026-02-01T00:00:00Z')).toBe('2026-02-27T00:00:00.000Z')
    expect(next('0 0 * * 1#2', '2026-02-01T00:00:00Z')).toBe('2026-02-09T00:00:00.000Z')
    expect(next('0 0 * * SUN', '2026-02-02T00:00:00Z')).toBe(next('0 0 * * 7', '2026-02-02T00:00:00Z'))
  })

  it('lets list items overlap and days never come', () => {
    expect(next('0,*/20 0 * * *', '2026-02-01T00:00:01Z')).toBe('2026-02-01T00:20:00.000Z')
    expect(next('0 0 30 2 *', '2026-02-01T00:00:00Z')).toBeUndefined()
  })
})

describe('the chain', () => {
  it('never gives a time twice, even when the clock has gone back', () => {
    const trigger = parseTrigger({ type: 'cron', hour: 3 })
    const previous = Date.UTC(2026, 0, 1, 3)
    expect(trigger.next(previous, previous - HOUR)).toBe(previous + DAY)
  })

  it('begins with a time equal to now and with the next whole second', () => {
    const trigger = parseTrigger({ type: 'cron', second: '*' })
    expect(trigger.next(null, 5_000)).toBe(5_000)
    expect(trigger.next(null, 5_001)).toBe(6_000)
    expect(trigger.next(4_500, 4_500)).toBe(5_000)
  })
})
