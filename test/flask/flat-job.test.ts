import { describe, expect, test } from 'vitest'
import { flatOf } from '../../src/flask/flat-job.ts'
import type { Job } from '../../src/job/job.ts'
import { parseJobInput } from '../../src/job/parse.ts'
import { fingerprint, fireTimes, type Trigger } from '../../src/trigger/trigger.ts'
import { aJob } from '../support/jobs.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const show = (job: Partial<Job>, timezone = 'UTC') => flatOf(aJob(job), { timezone, now: NOW })
const showTrigger = (trigger: unknown, timezone = 'UTC') => show({ trigger: trigger as Trigger }, timezone)

test('absent fields are shown as what they mean', () => {
  expect(flatOf({ _id: 'a', func: 'f', trigger: { type: 'cron', hour: 8 } }, { timezone: 'UTC', now: NOW })).toEqual({
    id: 'a',
    name: 'a',
    func: 'f',
    args: [],
    kwargs: {},
    trigger: 'cron',
    hour: '8',
    timezone: 'UTC',
    misfire_grace_time: 60,
    coalesce: true,
    max_instances: 1,
    executor: 'default',
    ip: null,
    standby: [],
    tags: [],
    next_run_time: '2026-01-01T08:00:00+00:00',
  })
})

describe('a trigger', () => {
  test.each([
    [
      { type: 'interval', minutes: 90, seconds: 1.5 },
      { hours: 1, minutes: 30, seconds: 1.5 },
    ],
    [
      { type: 'interval', days: 8.5 },
      { weeks: 1, days: 1, hours: 12 },
    ],
    [{ type: 'interval', seconds: 0.25 }, { seconds: 0.25 }],
    [{ type: 'interval', seconds: 604_800 }, { weeks: 1 }],
    [
      { type: 'cron', hour: 8, minute: '*/05', day_of_week: 'MON , FRI' },
      { hour: '8', minute: '*/5', day_of_week: 'mon,fri' },
    ],
    [{ type: 'cron', day: '2nd Mon', hour: null }, { day: '2nd mon' }],
    [{ type: 'cron', expression: '*/5 * * * MON' }, { expression: '*/5 * * * MON' }],
    [
      { type: 'cron', hour: 8, jitter: 30, exclude: ['2026-12-25'] },
      { hour: '8', jitter: 30, exclude: ['2026-12-25'] },
    ],
  ])('%j has only the fields %j', (trigger, fields) => {
    const plain = Object.keys(showTrigger({ type: 'date', run_date: '2026-02-01' }))
    const shown = Object.entries(showTrigger(trigger)).filter(
      ([name]) => name !== 'start_date' && (!plain.includes(name) || name in fields),
    )
    expect(Object.fromEntries(shown)).toEqual(fields)
  })

  test('has its dates in its zone, with the offset of that day', () => {
    const dates = { start_date: '2026-01-31', end_date: new Date('2026-07-31T08:00:00Z') }
    expect(
      showTrigger({ type: 'interval', hours: 1, timezone: 'Europe/Berlin', ...dates }, 'Europe/Berlin'),
    ).toMatchObject({
      start_date: '2026-01-31T00:00:00+01:00',
      end_date: '2026-07-31T10:00:00+02:00',
      next_run_time: '2026-01-31T00:00:00+01:00',
    })
  })

  test('of several members keeps them, with dates as text', () => {
    const members = [
      { type: 'date', run_date: new Date('2026-02-01T00:00:00Z') },
      { type: 'cron', hour: 3 },
    ]
    expect(showTrigger({ type: 'or', triggers: members })).toMatchObject({
      trigger: 'or',
      triggers: [
        { type: 'date', run_date: '2026-02-01T00:00:00+00:00' },
        { type: 'cron', hour: 3 },
      ],
    })
  })

  test.each<Trigger>([
    { type: 'interval', minutes: 90, seconds: 1.5, start_date: '2026-01-31 08:00' },
    { type: 'cron', hour: '*/3', minute: 5, day_of_week: 'MON-fri', start_date: '2026-03-01', jitter: 5 },
    { type: 'cron', day: 'last', month: '1-6/2', end_date: '2027-01-01', timezone: 'America/New_York' },
    { type: 'cron', expression: '*/5 8-17 * * 1-5', exclude: [{ from: '2026-01-05', to: '2026-01-09' }] },
    { type: 'date', run_date: '2026-03-29 02:30:00' },
    {
      type: 'and',
      triggers: [
        { type: 'cron', hour: 8 },
        { type: 'interval', days: 2, start_date: '2026-01-01 08:00' },
      ],
    },
  ])('that is given back as it is shown fires at the same times: %j', trigger => {
    const timezone = trigger.timezone ?? 'Europe/Berlin'
    const { next_run_time: _next, ...shown } = showTrigger(trigger, timezone)
    const again = parseJobInput({ ...shown, ip: undefined }).trigger
    const times = (it: Trigger) => fireTimes(it, { after: new Date(NOW), count: 20, timezone })
    expect(times(again)).toEqual(times(trigger))
    expect(times(again).length).toBeGreaterThan(0)
  })
})

describe('the next run time', () => {
  const trigger = { type: 'cron', hour: 8 } as const
  const planned = new Date('2026-01-05T08:00:00Z')
  const byNode = (of: Trigger) => ({ planned: { next_run_time: planned, trigger: fingerprint(of, 'UTC') } })

  test.each<[string, Partial<Job>, string | null]>([
    ['is what the owner planned', { next_run_time: planned, state: byNode(trigger) }, '2026-01-05T08:00:00+00:00'],
    [
      'is planned anew for another trigger',
      { next_run_time: planned, state: byNode({ type: 'cron', hour: 9 }) },
      '2026-01-01T08:00:00+00:00',
    ],
    ['is what a person ordered', { next_run_time: new Date(NOW + 5_000) }, '2026-01-01T00:00:05+00:00'],
    ['is null for a paused job', { next_run_time: null }, null],
    ['is null for one that its owner cannot schedule', { state: { error: 'func: unknown' } }, null],
  ])('%s', (_, fields, expected) => {
    expect(show({ trigger, ...fields }).next_run_time).toBe(expected)
  })

  test('is null for a schedule that is over', () => {
    expect(showTrigger({ type: 'cron', hour: 8, end_date: '2025-01-01' }).next_run_time).toBeNull()
  })

  test('stands for the start of an interval and the date that have none of their own', () => {
    expect(showTrigger({ type: 'interval', hours: 1 })).toMatchObject({ start_date: '2026-01-01T01:00:00+00:00' })
    expect(showTrigger({ type: 'date' })).toMatchObject({ run_date: '2026-01-01T00:00:00+00:00' })
    expect(show({ trigger: { type: 'interval', hours: 1 }, next_run_time: null })).toMatchObject({ start_date: null })
  })

  test('does not mind a complaint about a job that was changed just now', () => {
    const job = aJob({ trigger, state: { error: 'func: unknown' } })
    expect(flatOf(job, { timezone: 'UTC', now: NOW, edited: true }).next_run_time).toBe('2026-01-01T08:00:00+00:00')
  })
})

test.each<[string, unknown]>([
  ['a trigger of no kind', { type: 'sometimes', at: new Date(NOW) }],
  ['no trigger', undefined],
  ['a date that is none', { type: 'date', run_date: 'tomorrow' }],
  ['a zone that nobody knows', { type: 'cron', hour: 8, timezone: 'Nowhere/Known' }],
  ['a length below 0', { type: 'interval', seconds: -1 }],
])('a document with %s is shown, without a next run', (_, trigger) => {
  const shown = showTrigger(trigger)
  expect(shown).toMatchObject({ func: 'note', next_run_time: null })
  expect(() => JSON.stringify(shown)).not.toThrow()
})
