/** Documents of Agenda as jobs: intervals in words, crontab text of cron-parser, data, and what does not come along. */
import { CronExpressionParser } from 'cron-parser'
import { describe, expect, test } from 'vitest'
import { type AgendaJob, fromAgenda } from '../../src/moving/agenda.ts'
import { parsedCron } from '../../src/moving/parsed-cron.ts'
import { spokenInterval } from '../../src/moving/spoken-interval.ts'
import { fireTimes } from '../../src/trigger/trigger.ts'

const NEXT = new Date('2030-01-01T10:00:00Z')
const aDocument = (fields: AgendaJob = {}): AgendaJob => ({
  _id: '65f0',
  name: 'send mail',
  type: 'normal',
  nextRunAt: NEXT,
  ...fields,
})

describe('intervals in words', () => {
  test.each([
    ['3 minutes', { minutes: 3 }],
    ['one hour', { hours: 1 }],
    ['minute', { minutes: 1 }],
    ['hour and 30 seconds', { hours: 1, seconds: 30 }],
    ['1.5 days', { days: 1.5 }],
    ['2 hours, 15 minutes', { hours: 2, minutes: 15 }],
    ['twenty five seconds', { seconds: 25 }],
    ['Forty-Two Minutes', { minutes: 42 }],
    ['90seconds', { seconds: 90 }],
    ['1 month', { days: 30 }],
    ['1 week 1 year', { weeks: 1, days: 365 }],
  ])('%s', (text, parts) => {
    expect(spokenInterval(text)).toEqual(parts)
  })

  test.each([
    '',
    '*/5 * * * *',
    'soon',
    '3 fortnights',
    'a few minutes',
    'an hour',
    'five ten minutes',
    '0 minutes',
    '3 minutes ago',
  ])('%j is none', text => {
    expect(spokenInterval(text)).toBeUndefined()
  })
})

test.each([
  ['*/5 * * * *', '*/5 * * * *'],
  ['0 0 */2 * 1', '0 0 1-31/2 * 1'],
  ['0 0 0 1 * */3', '0 0 0 1 * 0-7/3'],
  ['0 0 */2 * *', '0 0 */2 * *'],
  ['0 0 ? * 1', '0 0 ? * 1'],
  ['@weekdays', '0 0 * * 1-5'],
  ['@daily', '@daily'],
  ['  15   3 1,15 * mon ', '15 3 1,15 * mon'],
])('%j of cron-parser means %j here', (theirs, ours) => {
  expect(parsedCron(theirs)).toBe(ours)
  const after = new Date('2026-11-26T07:31:00Z')
  const expected = CronExpressionParser.parse(theirs.trim(), { currentDate: after.getTime() - 1, tz: 'UTC' }).take(20)
  const found = fireTimes({ type: 'cron', expression: ours }, { after, count: 20 })
  expect(found.map(time => time.toISOString())).toEqual(expected.map(time => time.toISOString()))
})

describe('documents', () => {
  const jobOf = (fields: AgendaJob, options = {}) => {
    const { jobs, skipped } = fromAgenda([aDocument(fields)], options)
    expect(skipped).toEqual([])
    return jobs[0]
  }

  test('one that runs once keeps its time; late is not too late, and a run that dies is run again', () => {
    expect(jobOf({ data: { to: 'ann' } }, { ip: 'a' })).toEqual({
      _id: 'agenda-send-mail-65f0',
      name: 'send mail',
      func: 'send mail',
      kwargs: { to: 'ann' },
      trigger: { type: 'date', run_date: NEXT },
      misfire_grace_time: null,
      on_interrupt: 'rerun',
      ip: 'a',
      next_run_time: NEXT,
    })
  })

  test.each([
    [{ repeatInterval: '3 minutes' }, { type: 'interval', minutes: 3 }],
    [{ repeatInterval: 90_000 }, { type: 'interval', seconds: 90 }],
    [{ repeatInterval: '1500' }, { type: 'interval', seconds: 1.5 }],
    [
      { repeatInterval: '*/5 * * * *', repeatTimezone: 'Asia/Tokyo' },
      { type: 'cron', expression: '*/5 * * * *', timezone: 'Asia/Tokyo' },
    ],
    [{ repeatInterval: '0 0 9 * * *' }, { type: 'cron', expression: '0 0 9 * * *', timezone: 'Europe/Berlin' }],
    [{ repeatAt: '3:30pm' }, { type: 'cron', hour: 15, minute: 30, timezone: 'Europe/Berlin' }],
    [{ repeatAt: '12am' }, { type: 'cron', hour: 0, minute: 0, timezone: 'Europe/Berlin' }],
    [{ repeatAt: '08:15' }, { type: 'cron', hour: 8, minute: 15, timezone: 'Europe/Berlin' }],
    [
      { repeatInterval: 'one hour', startDate: NEXT, endDate: new Date('2031-01-01') },
      { type: 'interval', hours: 1, start_date: NEXT, end_date: new Date('2031-01-01') },
    ],
  ])('%j', (fields, trigger) => {
    expect(jobOf(fields, { timezone: 'Europe/Berlin' })?.trigger).toEqual(trigger)
  })

  test('a disabled one is paused, one that forks runs in a process of its own', () => {
    expect(jobOf({ disabled: true, fork: true })).toMatchObject({ next_run_time: null, executor: 'process' })
  })

  test('data that are no object are the argument; none are none', () => {
    expect(jobOf({ data: [1, 2] })).toMatchObject({ args: [[1, 2]] })
    expect(jobOf({ data: 'x' })).toMatchObject({ args: ['x'] })
    for (const data of [null, undefined, {}]) {
      const job = jobOf({ data })
      expect([job?.args, job?.kwargs]).toEqual([undefined, undefined])
    }
  })

  test('a name of theirs may be another function of ours', () => {
    expect(jobOf({}, { funcs: { 'send mail': 'mail:send' } })).toMatchObject({ name: 'send mail', func: 'mail:send' })
  })

  test('the one of its name is called after it, equal names are told apart', () => {
    const documents = ['send mail', 'send-mail', '§'].map((name, i) => aDocument({ _id: i, name, type: 'single' }))
    expect(fromAgenda(documents, { prefix: 'a' }).jobs.map(({ _id }) => _id)).toEqual([
      'a-send-mail',
      'a-send-mail-2',
      'a-job',
    ])
  })

  test.each([
    [{ name: undefined }, /has no name/],
    [{ nextRunAt: null }, /has no next run/],
    [{ repeatInterval: 'an hour' }, /repeatInterval "an hour"/],
    [{ repeatInterval: '5 0 * *' }, /fields found, 5 needed/],
    [{ repeatInterval: '0 0 * * *', repeatTimezone: 'Mars' }, /Mars/],
    [{ repeatInterval: '0 0 * * *', skipDays: [0] }, /skipDays \[0\]/],
    [{ repeatAt: 'noonish' }, /repeatAt "noonish"/],
    [{ repeatAt: '15' }, /repeatAt "15"/],
  ])('%o is told, and left', (fields, why) => {
    const { jobs, skipped } = fromAgenda([aDocument(fields)])
    expect([jobs, skipped]).toEqual([
      [],
      [{ text: expect.stringMatching(/\(65f0\)$/), why: expect.stringMatching(why) }],
    ])
  })
})
