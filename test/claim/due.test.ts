import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { due, dueRuns, MAX_LISTED } from '../../src/claim/due.ts'
import { jitterMs, parseTrigger, type Trigger } from '../../src/trigger/trigger.ts'

const BASE = Date.UTC(2026, 0, 1)
const SECOND = 1_000
const YEAR = 365 * 86_400_000

const triggers: fc.Arbitrary<Trigger> = fc.oneof(
  fc.integer({ min: 3, max: 400 }).map(seconds => ({ type: 'interval' as const, seconds, start_date: new Date(BASE) })),
  fc.constantFrom<Trigger>(
    { type: 'cron', second: '*/10' },
    { type: 'cron', minute: '*/7', second: '3,4,5' },
    {
      type: 'or',
      triggers: [
        { type: 'cron', minute: '*/3' },
        { type: 'interval', seconds: 100 },
      ],
    },
    { type: 'interval', seconds: 30, end_date: new Date(BASE + 900 * SECOND) },
    {
      type: 'cron',
      second: '*/20',
      exclude: [{ from: new Date(BASE + 200 * SECOND), to: new Date(BASE + 600 * SECOND) }],
    },
    { type: 'date', run_date: new Date(BASE) },
  ),
)

const inputs = fc.record({
  trigger: triggers,
  first: fc.integer({ min: -500, max: 600 }).map(s => BASE + s * SECOND),
  now: fc.integer({ min: 0, max: 1500 }).map(s => BASE + s * SECOND),
  grace: fc.option(
    fc.integer({ min: 1, max: 900 }).map(s => s * SECOND),
    { freq: 4 },
  ),
  coalesce: fc.boolean(),
  floor: fc.option(
    fc.integer({ min: -300, max: 900 }).map(s => BASE + s * SECOND),
    { nil: undefined },
  ),
  jitter: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
})

describe('due', () => {
  it('is what a walk from run time to run time says: nothing lost, nothing twice', () => {
    fc.assert(
      fc.property(inputs, ({ trigger: raw, first, now, grace, coalesce, floor, jitter }) => {
        const trigger = parseTrigger(raw.type === 'date' || !jitter ? raw : { ...raw, jitter })
        const later = (time: number) => jitterMs('job', time, trigger.jitter)
        const times: number[] = []
        let next: number | null = first
        while (next !== null && next + later(next) <= now) {
          times.push(next)
          do next = trigger.next(next as number, now)
          while (next !== null && next <= (floor ?? -Infinity))
        }
        const late = (time: number) => grace !== null && now - time - later(time) > grace
        const counted = coalesce ? times.slice(-1) : times
        const result = due(
          { trigger, next_run_time: first, grace, coalesce, delay: later, ...(floor !== undefined && { floor }) },
          now,
        )
        expect(result).toEqual({
          run: counted.filter(time => !late(time)),
          missed: counted.filter(late),
          next,
          count: times.length,
        })
      }),
      { numRuns: 1_000 },
    )
  })

  it('asks on time once', () => {
    let asked = 0
    const seek = (previous: number) => {
      asked += 1
      return previous + 10
    }
    const trigger = { jitter: 0, next: () => null, seek }
    expect(due({ trigger, next_run_time: 100, grace: 60, coalesce: true }, 105)).toEqual({
      run: [100],
      missed: [],
      next: 110,
      count: 1,
    })
    expect(asked).toBe(1)
  })

  it.each<[string, Trigger]>([
    ['every second', { type: 'cron', second: '*' }],
    ['a millisecond interval', { type: 'interval', seconds: 0.001 }],
    ['a burst long ago', { type: 'cron', year: 2000, second: '*' }],
    [
      'a union',
      {
        type: 'or',
        triggers: [
          { type: 'cron', second: '*/2' },
          { type: 'cron', second: '*/3' },
        ],
      },
    ],
    [
      'an intersection',
      {
        type: 'and',
        triggers: [
          { type: 'cron', minute: '*/5' },
          { type: 'cron', second: '0', hour: '3' },
        ],
      },
    ],
    [
      'an intersection that stopped',
      {
        type: 'and',
        triggers: [
          { type: 'cron', minute: 0 },
          { type: 'cron', minute: 30 },
        ],
      },
    ],
  ])('after thirty years of outage the work is bounded: %s', (_name, raw) => {
    const trigger = parseTrigger(raw)
    const first = Date.UTC(2000, 0, 1)
    const now = first + 30 * YEAR
    for (const coalesce of [true, false]) {
      const before = performance.now()
      const { run, missed, next, count } = due({ trigger, next_run_time: first, grace: 5 * YEAR, coalesce }, now)
      expect(performance.now() - before).toBeLessThan(2_000)
      expect(run.length).toBeLessThanOrEqual(MAX_LISTED)
      expect(missed.length).toBeLessThanOrEqual(MAX_LISTED)
      expect(count).toBeLessThanOrEqual(MAX_LISTED)
      expect(next === null || next > now).toBe(true)
    }
  })

  it('lists the newest of too many', () => {
    const trigger = parseTrigger({ type: 'cron', second: '*' })
    const now = BASE + YEAR
    const { run, missed, count } = due({ trigger, next_run_time: BASE, grace: 3_600_000, coalesce: false }, now)
    expect([run[0], run.at(-1), run.length]).toEqual([now - 999_000, now, 1_000])
    expect([missed[0], missed.at(-1), missed.length]).toEqual([now - 4_600_000, now - 3_601_000, 1_000])
    expect(count).toBe(1_000)
  })
})

describe('dueRuns', () => {
  const job = {
    trigger: { type: 'interval', seconds: 10, start_date: new Date(BASE) } as const,
    next_run_time: new Date(BASE),
  }

  it('by default is one run, up to a minute late', () => {
    expect(dueRuns(job, new Date(BASE + 35 * SECOND))).toEqual({
      run: [new Date(BASE + 30 * SECOND)],
      missed: [],
      next: new Date(BASE + 40 * SECOND),
    })
  })

  it('exactly as late as allowed still runs, a millisecond more does not', () => {
    const date = {
      trigger: { type: 'date', run_date: new Date(BASE) } as const,
      next_run_time: new Date(BASE),
      misfire_grace_time: 5,
    }
    expect(dueRuns(date, new Date(BASE + 5_000))).toEqual({ run: [new Date(BASE)], missed: [], next: null })
    expect(dueRuns(date, new Date(BASE + 5_001))).toEqual({ run: [], missed: [new Date(BASE)], next: null })
    expect(dueRuns({ ...date, misfire_grace_time: null }, new Date(BASE + YEAR)).run).toHaveLength(1)
  })

  it('paused is nothing, not yet due is its own next', () => {
    expect(dueRuns({ ...job, next_run_time: null }, new Date(BASE))).toEqual({ run: [], missed: [], next: null })
    expect(dueRuns(job, new Date(BASE - 1)).next).toEqual(new Date(BASE))
  })

  it.each([
    ['no job', undefined, new Date(BASE), 'invalid_option', /^dueRuns: job: expected an object with a trigger/],
    ['no time', {}, undefined, 'invalid_option', /^dueRuns: now: expected a date/],
    [
      'a time as text',
      { next_run_time: '2026' },
      new Date(BASE),
      'invalid_option',
      /^dueRuns: next_run_time: expected a date/,
    ],
    [
      'grace as text',
      { misfire_grace_time: '60' },
      new Date(BASE),
      'invalid_option',
      /seconds above 0, or null; found "60"/,
    ],
    ['no grace', { misfire_grace_time: 0 }, new Date(BASE), 'invalid_option', /seconds above 0, or null; found 0/],
    ['coalesce as text', { coalesce: 'no' }, new Date(BASE), 'invalid_option', /true or false; found "no"/],
    ['no trigger', { trigger: undefined }, new Date(BASE), 'invalid_trigger', /is not a trigger/],
  ])('%s is refused with a sentence', (_, fields, now, code, message) => {
    const job = fields && { trigger: { type: 'date', run_date: new Date(BASE) }, ...fields }
    const refusal = expect.objectContaining({ code, message: expect.stringMatching(message) })
    expect(() => dueRuns(job as never, now as never)).toThrow(refusal)
  })
})
