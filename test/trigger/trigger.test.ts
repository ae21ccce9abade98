import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TidewheelError } from '../../src/errors.ts'
import {
  fingerprint,
  fireTimes,
  jitterMs,
  nextFireTime,
  parseTrigger,
  TRIGGER_FIELDS,
} from '../../src/trigger/trigger.ts'
import { inWords } from '../../src/trigger/words.ts'

function refusal(raw: unknown): TidewheelError {
  try {
    parseTrigger(raw)
  } catch (error) {
    if (error instanceof TidewheelError) return error
    throw error
  }
  throw new Error(`${JSON.stringify(raw)} was not refused`)
}

describe('what is wrong is named', () => {
  it.each([
    [{ type: 'cron', hour: 25 }, 'trigger.hour', /^trigger\.hour: 25 is above 23$/],
    [{ type: 'cron', day: 0 }, 'trigger.day', /0 is below 1/],
    [{ type: 'cron', day_of_week: 7 }, 'trigger.day_of_week', /7 is above 6 \(0 is Monday/],
    [{ type: 'cron', day_of_week: 'fri-mon' }, 'trigger.day_of_week', /fri-sun,mon/],
    [{ type: 'cron', day_of_week: 'tues' }, 'trigger.day_of_week', /did you mean tue/],
    [{ type: 'cron', minute: '*/60' }, 'trigger.minute', /59 at most/],
    [{ type: 'cron', hours: 5 }, 'trigger.hours', /did you mean hour\?/],
    [{ type: 'cron', weekday: 5 }, 'trigger.weekday', /did you mean day_of_week\?/],
    [{ type: 'cron', hour: Number.NaN }, 'trigger.hour', /NaN is not a whole number/],
    [{ type: 'cron', expression: '60 * * * *' }, 'trigger.expression', /minute "60": 0-59/],
    [{ type: 'cron', expression: '* * * *' }, 'trigger.expression', /4 fields found, 5 needed/],
    [{ type: 'cron', expression: '0 0 * jan1 *' }, 'trigger.expression', /month "jan1"/],
    [{ type: 'cron', expression: '0 0 15W * *' }, 'trigger.expression', /H and W/],
    [{ type: 'cron', expression: '* * * * *', hour: 3 }, 'trigger.hour', /exclude each other/],
    [{ type: 'interval' }, 'trigger', /needs a length/],
    [{ type: 'interval', minutes: -1 }, 'trigger.minutes', /-1 is below 0/],
    [{ type: 'interval', minutes: Infinity }, 'trigger.minutes', /not finite/],
    [{ type: 'interval', minutes: '5' }, 'trigger.minutes', /"5" is not a number/],
    [{ type: 'interval', minuts: 5 }, 'trigger.minuts', /did you mean minutes\?/],
    [{ type: 'interval', hours: 1, end_date: '2024-13-01' }, 'trigger.end_date', /month 13/],
    [{ type: 'date', run_date: '2025-02-29' }, 'trigger.run_date', /day 29 is not within 1-28/],
    [{ type: 'date', run_date: new Date(Number.NaN) }, 'trigger.run_date', /invalid/],
    [{ type: 'date', jitter: 5 }, 'trigger.jitter', /not a field of type date/],
    [{ type: 'cron', timezone: 'Mars/Phobos' }, 'trigger.timezone', /"Mars\/Phobos"/],
    [{ type: 'cron', exclude: [{ from: '2026-01-02', to: '2026-01-01' }] }, 'trigger.exclude[0]', /ends before/],
    [{ type: 'and', triggers: [] }, 'trigger.triggers', /at least one/],
    [{ type: 'or', triggers: [{ type: 'cron', hour: 99 }] }, 'trigger.triggers[0].hour', /99 is above 23/],
    [{ type: 'corn' }, 'trigger.type', /did you mean cron\?/],
    ['* * * * *', 'trigger', /is not a trigger/],
  ])('%o', (raw, path, message) => {
    const error = refusal(raw)
    expect(error.code).toBe('invalid_trigger')
    expect(error.data.path).toBe(path)
    expect(error.message).toMatch(message)
  })

  it('whatever is given: an answer or that error, soon', () => {
    const word = fc.oneof(
      fc.constantFrom('*', '*/2', '1-5', 'mon', 'last', '2nd tue', 'L', '5L', '1#2', '?', '1/3'),
      fc.string({ maxLength: 6 }),
    )
    const value = fc.oneof(
      word,
      fc.integer(),
      fc.double(),
      fc.constant(null),
      fc.array(word, { maxLength: 4 }).map(list => list.join(',')),
    )
    const cron = fc.record(
      {
        year: value,
        month: value,
        day: value,
        week: value,
        day_of_week: value,
        hour: value,
        minute: value,
        second: value,
      },
      { requiredKeys: [] },
    )
    const text = fc.array(word, { minLength: 4, maxLength: 7 }).map(words => ({ expression: words.join(' ') }))
    fc.assert(
      fc.property(fc.oneof(cron, text, fc.anything({ withDate: true })), raw => {
        try {
          const trigger = parseTrigger(typeof raw === 'object' && raw !== null ? { type: 'cron', ...raw } : raw)
          const next = trigger.next(null, 1e12)
          if (next !== null) expect(next).toBeGreaterThanOrEqual(1e12)
        } catch (error) {
          expect(error).toBeInstanceOf(TidewheelError)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('nests deeper than fifty levels', () => {
    let deep: unknown = { type: 'cron' }
    for (let i = 0; i < 60; i++) deep = { type: 'or', triggers: [deep] }
    expect(refusal(deep).message).toMatch(/deeper than 50/)
  })
})

describe('dates as text', () => {
  const date = (run_date: string, timezone = 'UTC') =>
    nextFireTime({ type: 'date', run_date, timezone }, null, new Date(0))?.toISOString()

  it.each([
    ['2026-1-2', '2026-01-02T00:00:00.000Z'],
    ['2026-01-02 3:4:5', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04', '2026-01-02T03:04:00.000Z'],
    ['2026-01-02T03:04:05.5', '2026-01-02T03:04:05.500Z'],
    ['2026-01-02T03:04:05.250Z', '2026-01-02T03:04:05.250Z'],
    ['2026-01-02 03:04:05.123456-05:30', '2026-01-02T08:34:05.123Z'],
  ])('%s', (text, instant) => expect(date(text)).toBe(instant))

  it('a skipped reading moves forward by the gap, a repeated one is the first', () => {
    expect(date('2026-03-29 02:30:00', 'Europe/Berlin')).toBe('2026-03-29T01:30:00.000Z')
    expect(date('2026-10-25 02:30:00', 'Europe/Berlin')).toBe('2026-10-25T00:30:00.000Z')
    expect(date('2011-12-30', 'Pacific/Apia')).toBe('2011-12-30T10:00:00.000Z')
  })

  it('no run_date is the moment of the first question, and only that', () => {
    const trigger = parseTrigger({ type: 'date' })
    expect(trigger.next(null, 5)).toBe(5)
    expect(trigger.next(5, 6)).toBeNull()
  })
})

describe('fireTimes', () => {
  it('rises strictly and agrees with nextFireTime', () => {
    const trigger = { type: 'cron', hour: '1-4', minute: '*/20', timezone: 'Europe/London' } as const
    const times = fireTimes(trigger, { after: new Date('2026-03-28T00:00:00Z'), count: 60 })
    for (let i = 1; i < times.length; i++) {
      expect(Number(times[i])).toBeGreaterThan(Number(times[i - 1]))
      expect(nextFireTime(trigger, times[i - 1] as Date, new Date())).toEqual(times[i])
    }
  })

  it('takes a parsed trigger, refuses a wild count', () => {
    expect(fireTimes(parseTrigger({ type: 'cron', second: 5 }), { after: new Date(0), count: 1 }).map(Number)).toEqual([
      5000,
    ])
    expect(fireTimes({ type: 'cron' }, { count: 0 })).toEqual([])
    expect(() => fireTimes({ type: 'cron' }, { count: -1 })).toThrow(/count/)
    expect(() => nextFireTime({ type: 'cron' }, null, new Date(Number.NaN))).toThrow(/now/)
  })

  it('ends soon for every second until the year 3000', () => {
    const trigger = parseTrigger({ type: 'cron', second: '*', end_date: '3000-01-01', timezone: 'Europe/Berlin' })
    expect(trigger.next(null, Date.UTC(2999, 11, 31, 22, 59, 59))).toBe(Date.UTC(2999, 11, 31, 22, 59, 59))
    expect(trigger.next(Date.UTC(2999, 11, 31, 23), 0)).toBeNull()
  })
})

describe('hashes', () => {
  it('a fingerprint does not see key order, nulls or wrappers of numbers, and sees all else', () => {
    const base = fingerprint({ type: 'cron', hour: 3, start_date: new Date(0) }, 'UTC')
    const wrapped = { valueOf: () => 3 }
    expect(
      fingerprint({ start_date: new Date(0), hour: wrapped, minute: null, type: 'cron', week: undefined }, 'UTC'),
    ).toBe(base)
    expect(base).toMatch(/^1:/)
    const others = [
      { type: 'cron', hour: '3', start_date: new Date(0) },
      { type: 'cron', hour: 3, start_date: new Date(1) },
      { type: 'cron', hour: 3 },
    ]
    for (const other of others) expect(fingerprint(other, 'UTC')).not.toBe(base)
    expect(fingerprint({ type: 'cron', hour: 3, start_date: new Date(0) }, 'Asia/Tokyo')).not.toBe(base)
  })

  it('twenty thousand triggers have twenty thousand fingerprints', () => {
    const all = new Set(Array.from({ length: 20_000 }, (_, i) => fingerprint({ type: 'interval', seconds: i }, 'UTC')))
    expect(all.size).toBe(20_000)
  })

  it('jitter is the same for the same run, spread over its whole span', () => {
    const all = Array.from({ length: 3_000 }, (_, i) => jitterMs('job', i * 1000, 0.02))
    expect(jitterMs('job', 5000, 0.02)).toBe(all[5])
    expect(new Set(all)).toEqual(new Set(Array.from({ length: 21 }, (_, i) => i)))
    expect(jitterMs('job', 5000, 0)).toBe(0)
    const mean = Array.from({ length: 5_000 }, (_, i) => jitterMs(`job-${i}`, 0, 100)).reduce((a, b) => a + b) / 5_000
    expect(Math.abs(mean - 50_000)).toBeLessThan(2_000)
  })
})

describe('in words', () => {
  it.each([
    [{ type: 'cron', expression: '0 9 * * 1-5' }, 'At 09:00, Monday through Friday'],
    [{ type: 'cron', hour: 9, day_of_week: '0-4' }, 'At 09:00, Monday through Friday'],
    [{ type: 'cron', day: 'last fri', hour: 9 }, 'When day last fri, hour 9'],
    [{ type: 'interval', hours: 1, minutes: 30 }, 'Every 1 hour 30 minutes'],
    [
      { type: 'or', triggers: [{ type: 'date' }, { type: 'cron', minute: '*' }] },
      '(Once, at its creation) or (Every minute)',
    ],
  ] as const)('%o', (trigger, text) => expect(inWords(trigger)).toBe(text))

  it('a wrong trigger has none', () => {
    expect(() => inWords({ type: 'cron', expression: '60 * * * *' })).toThrow(TidewheelError)
  })
})

describe('the table of fields', () => {
  it('has a short sentence for each, which begins with its name', () => {
    for (const [name, field] of Object.entries(TRIGGER_FIELDS)) {
      expect(field.description.startsWith(`${name}: `)).toBe(true)
      expect(field.description.length).toBeLessThan(120)
    }
  })
})
