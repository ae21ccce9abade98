/** Job schedulers of BullMQ as jobs, by an answer of `getJobSchedulers()` that version 6.7 gave on a real Redis. */
import { CronExpressionParser } from 'cron-parser'
import { describe, expect, test } from 'vitest'
import { type BullmqScheduler, fromBullmq } from '../../src/moving/bullmq.ts'
import { fireTimes, type Trigger } from '../../src/trigger/trigger.ts'
import { RECORDED } from './schedulers.ts'

const NEXT = 1_795_678_800_000
const one = (fields: Partial<BullmqScheduler>, options = {}) =>
  fromBullmq([{ key: 'k', next: NEXT, ...fields }], { queue: 'mail', ...options })

test('the recorded answer: jobs with their next runs, data, zones, dates and retries', () => {
  const { jobs, skipped } = fromBullmq(RECORDED, { queue: 'mail', funcs: { report: 'mail:report' } })
  expect(skipped).toEqual([])
  const late = { misfire_grace_time: null, on_interrupt: 'rerun' }
  expect(jobs).toEqual([
    {
      _id: 'bullmq-mail-bare',
      name: 'bare',
      func: 'bare',
      trigger: { type: 'cron', expression: '*/5 * * * *' },
      ...late,
      next_run_time: new Date(1795678800000),
    },
    {
      _id: 'bullmq-mail-every-5s',
      name: 'every-5s',
      func: 'tick',
      kwargs: { a: 1 },
      trigger: { type: 'interval', seconds: 5, start_date: new Date(1023) },
      retry: { max_attempts: 3, delay: 1, factor: 2 },
      ...late,
      next_run_time: new Date(1795678751023),
    },
    {
      _id: 'bullmq-mail-later',
      name: 'later',
      func: 'x',
      args: [[1, 2]],
      trigger: { type: 'interval', seconds: 3600, start_date: new Date(1795765151094) },
      ...late,
      next_run_time: new Date(1795765151094),
    },
    {
      _id: 'bullmq-mail-nightly',
      name: 'nightly',
      func: 'mail:report',
      kwargs: { to: ['a@b.c'] },
      trigger: {
        type: 'cron',
        expression: '0 15 3 * * *',
        timezone: 'Europe/Berlin',
        end_date: new Date(1795745700000 + 9 * 86_400_000),
      },
      ...late,
      next_run_time: new Date(1795745700000),
    },
    {
      _id: 'bullmq-mail-offset',
      name: 'offset',
      func: 'tock',
      trigger: { type: 'interval', seconds: 60, start_date: new Date(7000) },
      ...late,
      next_run_time: new Date(1795678807000),
    },
  ])
})

test.each(RECORDED.map(scheduler => [scheduler.key, scheduler] as const))(
  'the next ten times of %s',
  (key, scheduler) => {
    const { jobs } = fromBullmq([scheduler], { queue: 'mail' })
    const next = scheduler.next as number
    const ours = fireTimes(jobs[0]?.trigger as Trigger, { after: new Date(next), count: 10 }).map(time =>
      time.getTime(),
    )
    const { every, pattern, tz = 'UTC' } = scheduler
    const theirs = pattern
      ? CronExpressionParser.parse(pattern, { tz, currentDate: next - 1 })
          .take(10)
          .map(time => time.getTime())
      : Array.from({ length: 10 }, (_, i) => next + i * Number(every))
    expect([key, ours]).toEqual([key, theirs])
  },
)

test('one that was read later is the same job, but for its next run', () => {
  for (const scheduler of RECORDED.filter(({ every }) => every !== undefined)) {
    const later = { ...scheduler, next: (scheduler.next as number) + 77 * Number(scheduler.every), iterationCount: 78 }
    const [before] = fromBullmq([scheduler], { queue: 'q' }).jobs
    const [after] = fromBullmq([later], { queue: 'q' }).jobs
    expect({ ...after, next_run_time: before?.next_run_time }).toEqual(before)
  }
})

describe('limits and dates', () => {
  const DAY_MS = 86_400_000

  test.each([
    [{ every: 1000, limit: 3, iterationCount: 1 }, NEXT + 2000],
    [{ every: 1000, limit: 3, iterationCount: 3 }, NEXT],
    [{ every: 1000, limit: 10, iterationCount: 1, endDate: NEXT + 4000 }, NEXT + 4000],
    [{ pattern: '*/5 * * * *', limit: 4, iterationCount: 2 }, NEXT + 2 * 300_000],
    [{ pattern: '0 0 * * *', endDate: NEXT + 9 * DAY_MS }, NEXT + 9 * DAY_MS],
  ])('%j ends then', (fields, end) => {
    const { jobs, skipped } = one(fields)
    expect([skipped, jobs[0]?.trigger]).toEqual([[], expect.objectContaining({ end_date: new Date(end) })])
  })

  test('a start that is to come is where it starts', () => {
    const trigger = one({ pattern: '0 0 * * *', startDate: NEXT }).jobs[0]?.trigger
    expect(trigger).toMatchObject({ start_date: new Date(NEXT) })
  })
})

test('a zone that is given is that of patterns without one; older versions have the interval as text', () => {
  expect(one({ pattern: '@daily' }, { timezone: 'Asia/Tokyo' }).jobs[0]?.trigger).toMatchObject({
    timezone: 'Asia/Tokyo',
  })
  expect(one({ every: '5000' }).jobs[0]?.trigger).toMatchObject({ seconds: 5 })
})

test('retries: a fixed delay, and one that is code', () => {
  expect(one({ every: 1000, template: { opts: { attempts: 5, backoff: 500 } } }).jobs[0]?.retry).toEqual({
    max_attempts: 5,
    delay: 0.5,
    factor: 1,
  })
  const own = one({ every: 1000, template: { opts: { attempts: 5, backoff: { type: 'mine' } } } })
  expect([own.jobs[0]?.retry, own.skipped]).toEqual([
    undefined,
    [{ text: 'k', why: expect.stringMatching(/backoff mine/) }],
  ])
})

test.each([
  [{ next: Number.NaN, every: 1000 }, /no next run/],
  [{}, /repeat strategy is code/],
  [{ every: 1000, limit: 2, iterationCount: 3 }, /limit of 2 runs is reached/],
  [{ every: 1000, limit: 1_000_000 }, /has no limit/],
  [{ pattern: 'every day', limit: 2 }, /fields found/],
  [{ pattern: 'H * * * *' }, /H and W are not supported/],
  [{ pattern: '@daily', tz: 'Mars' }, /Mars/],
])('%j is told, and left', (fields, why) => {
  expect(one(fields)).toMatchObject({ jobs: [], skipped: [{ text: 'k', why: expect.stringMatching(why) }] })
})
