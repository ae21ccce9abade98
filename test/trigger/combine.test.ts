import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fireTimes, nextFireTime, parseTrigger, type Trigger } from '../../src/trigger/trigger.ts'
import { DAY, HOUR, MINUTE } from './brute.ts'

const FROM = Date.UTC(2026, 2, 27)
const TO = FROM + 4 * DAY

const between = (trigger: Trigger, from = FROM, to = TO): number[] => {
  const parsed = parseTrigger(trigger)
  const times: number[] = []
  for (let t = parsed.next(null, from); t !== null && t < to; t = parsed.next(t, t)) times.push(t)
  return times
}

const iso = (dates: readonly Date[]) => dates.map(date => date.toISOString().slice(0, 16))

const leaf: fc.Arbitrary<Trigger> = fc.oneof(
  fc
    .tuple(fc.integer({ min: 20, max: 300 }), fc.integer({ min: 0, max: 600 }))
    .map(([minutes, start]) => ({ type: 'interval' as const, minutes, start_date: new Date(FROM + start * MINUTE) })),
  fc
    .tuple(
      fc.constantFrom('*', '*/2', '1-9', '2', '3,4,22'),
      fc.constantFrom('0', '*/20', '30'),
      fc.constantFrom('UTC', 'Europe/Berlin'),
    )
    .map(([hour, minute, timezone]) => ({ type: 'cron' as const, hour, minute, timezone })),
  fc.integer({ min: 0, max: 4 * 24 * 60 }).map(n => ({ type: 'date' as const, run_date: new Date(FROM + n * MINUTE) })),
)

const tree: fc.Arbitrary<Trigger> = fc.letrec<{ tree: Trigger }>(tie => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc
      .tuple(fc.constantFrom('and' as const, 'or' as const), fc.array(tie('tree'), { minLength: 1, maxLength: 3 }))
      .map(([type, triggers]) => ({ type, triggers })),
  ),
})).tree

/** The set a trigger means, member by member. */
function plain(trigger: Trigger): Set<number> {
  if (trigger.type !== 'and' && trigger.type !== 'or') return new Set(between(trigger))
  const sets = trigger.triggers.map(plain)
  const all = [...new Set(sets.flatMap(set => [...set]))]
  return new Set(trigger.type === 'or' ? all : all.filter(t => sets.every(set => set.has(t))))
}

describe('and, or', () => {
  it('are the intersection and the union of their members', () => {
    fc.assert(
      fc.property(tree, trigger => {
        expect(between(trigger)).toEqual([...plain(trigger)].sort((a, b) => a - b))
      }),
      { numRuns: 300 },
    )
  })

  it('an empty or never fires', () => {
    expect(nextFireTime({ type: 'or', triggers: [] }, null, new Date(0))).toBeNull()
  })

  it('a past date among the members of an or is still due, once', () => {
    const trigger: Trigger = {
      type: 'or',
      triggers: [
        { type: 'date', run_date: '2026-01-01' },
        { type: 'cron', hour: 9 },
      ],
    }
    expect(iso(fireTimes(trigger, { after: new Date('2026-01-02T00:00:00Z'), count: 2 }))).toEqual([
      '2026-01-01T00:00',
      '2026-01-01T09:00',
    ])
  })

  it('member intervals without start_date keep one grid, so that no other member moves or starves them', () => {
    const trigger: Trigger = {
      type: 'or',
      triggers: [
        { type: 'interval', minutes: 40 },
        { type: 'cron', minute: '0,30' },
      ],
    }
    expect(iso(fireTimes(trigger, { after: new Date(0), count: 6 })).map(text => text.slice(11))).toEqual([
      '00:00',
      '00:30',
      '00:40',
      '01:00',
      '01:20',
      '01:30',
    ])
  })

  it.each<[string, Trigger]>([
    [
      'two minutes of the hour',
      {
        type: 'and',
        triggers: [
          { type: 'cron', minute: 0 },
          { type: 'cron', minute: 30 },
        ],
      },
    ],
    [
      'grids that never meet',
      {
        type: 'and',
        triggers: [
          { type: 'interval', hours: 1, start_date: '2026-01-01' },
          { type: 'interval', hours: 2, start_date: '2026-01-01 00:30:00' },
        ],
      },
    ],
    [
      'odd seconds',
      {
        type: 'and',
        triggers: [
          { type: 'interval', seconds: 7, start_date: '2026-01-01 00:00:00.5' },
          { type: 'cron', second: '*' },
        ],
      },
    ],
    [
      'two days of the year',
      {
        type: 'and',
        triggers: [
          { type: 'cron', month: 1, day: 1 },
          { type: 'cron', month: 1, day: 2 },
        ],
      },
    ],
    [
      'zones half an hour apart',
      {
        type: 'and',
        triggers: [
          { type: 'cron', hour: 9 },
          { type: 'cron', hour: 9, timezone: 'Asia/Kolkata' },
        ],
      },
    ],
  ])('an intersection that is empty ends: %s', (_name, trigger) => {
    const before = performance.now()
    expect(nextFireTime(trigger, null, new Date('2026-01-01T00:00:00Z'))).toBeNull()
    expect(performance.now() - before).toBeLessThan(1_000)
  })

  it('nests of intersections share one measure of work', () => {
    let trigger: Trigger = {
      type: 'and',
      triggers: [
        { type: 'cron', minute: 0 },
        { type: 'cron', minute: 30 },
      ],
    }
    for (let level = 0; level < 20; level++) {
      const type = level % 2 === 0 ? 'or' : 'and'
      trigger = {
        type,
        triggers: [trigger, { type: 'and', triggers: [trigger, { type: 'cron', second: 7 }] }].slice(
          0,
          level < 6 ? 2 : 1,
        ) as Trigger[],
      }
    }
    const before = performance.now()
    expect(nextFireTime(trigger, null, new Date(0))).toBeNull()
    expect(performance.now() - before).toBeLessThan(2_000)
  })

  it('grids far apart meet by arithmetic', () => {
    const trigger: Trigger = {
      type: 'and',
      triggers: [
        { type: 'interval', seconds: 86_399, start_date: '2026-01-01 00:00:00' },
        { type: 'interval', seconds: 86_400, start_date: '2026-01-01 00:00:01' },
      ],
    }
    const fire = nextFireTime(trigger, null, new Date('2026-01-01T00:00:00Z'))
    expect(((fire?.getTime() ?? 0) - Date.UTC(2026, 0, 1)) % 86_399_000).toBe(0)
    expect(((fire?.getTime() ?? 0) - Date.UTC(2026, 0, 1, 0, 0, 1)) % 86_400_000).toBe(0)
  })

  it('jitter of members counts when the whole has none', () => {
    const members: Trigger[] = [
      { type: 'interval', hours: 1, jitter: 5 },
      { type: 'cron', hour: 3, jitter: 9 },
    ]
    expect(parseTrigger({ type: 'or', triggers: members }).jitter).toBe(9)
    expect(parseTrigger({ type: 'or', triggers: members, jitter: 2 }).jitter).toBe(2)
  })
})

describe('exclude', () => {
  const daily: Trigger = { type: 'cron', hour: 9, timezone: 'America/New_York' }
  const days = (trigger: Trigger, after: string, count: number) =>
    fireTimes(trigger, { after: new Date(after), count }).map(date => date.toISOString().slice(8, 16))

  it('leaves out whole local days, given as text or as a date', () => {
    const exclude = ['2026-12-25', new Date('2026-12-27T03:00:00Z')]
    expect(days({ ...daily, exclude }, '2026-12-24T00:00:00Z', 3)).toEqual(['24T14:00', '27T14:00', '28T14:00'])
  })

  it('leaves out spans with both ends, and the whole of a day that ends one', () => {
    expect(days({ ...daily, exclude: [{ from: '2026-12-24', to: '2026-12-26' }] }, '2026-12-23T00:00:00Z', 2)).toEqual([
      '23T14:00',
      '27T14:00',
    ])
    expect(
      days(
        { ...daily, exclude: [{ from: '2026-12-24 09:00:00', to: '2026-12-26 08:59:59' }] },
        '2026-12-23T00:00:00Z',
        2,
      ),
    ).toEqual(['23T14:00', '26T14:00'])
  })

  it('lets an interval keep its grid and its chain', () => {
    const exclude = [{ from: new Date(10 * HOUR), to: new Date(20 * HOUR) }]
    const trigger: Trigger = { type: 'interval', hours: 3, exclude }
    expect(fireTimes(trigger, { after: new Date(0), count: 4 }).map(date => date.getTime() / HOUR)).toEqual([
      3, 6, 9, 21,
    ])
  })

  it('takes a date away for good', () => {
    expect(
      nextFireTime({ type: 'date', run_date: '2026-12-25 10:00:00', exclude: ['2026-12-25'] }, null, new Date(0)),
    ).toBeNull()
  })
})
