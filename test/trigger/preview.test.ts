/** Previews: words, times and problems of whatever somebody is typing. */
import { expect, test } from 'vitest'
import { previewTrigger } from '../../src/trigger/preview.ts'

const after = new Date('2027-01-29T12:00:00Z')

test('a right trigger has words and times, in the zone that is given', () => {
  const trigger = { type: 'cron', expression: '0 9 * * mon-fri' }
  expect(previewTrigger(trigger, { timezone: 'Europe/Berlin', after, count: 2 })).toEqual({
    words: 'At 09:00, Monday through Friday',
    times: [new Date('2027-02-01T08:00:00Z'), new Date('2027-02-02T08:00:00Z')],
    problems: [],
  })
  expect(previewTrigger({ type: 'interval', minutes: 5 }).times).toHaveLength(10)
})

test('one whose time is over has no times, and nothing wrong with it', () => {
  const over = { type: 'cron', hour: 8, end_date: '2026-01-31' }
  expect(previewTrigger(over, { after })).toMatchObject({ times: [], problems: [] })
})

test('one that can never fire says so', () => {
  const never = {
    type: 'and',
    triggers: [
      { type: 'cron', hour: 8 },
      { type: 'cron', hour: 9 },
    ],
  }
  expect(previewTrigger(never, { after })).toMatchObject({
    times: [],
    problems: [{ path: 'trigger', message: /never fire/ }],
  })
})

test.each([
  [{ type: 'cron', expression: '* * *' }, 'trigger.expression'],
  [{ type: 'cron', hour: 25 }, 'trigger.hour'],
  [{ type: 'interval', minuets: 5 }, 'trigger.minuets'],
  [{ type: 'or', triggers: [{ type: 'interval', hours: 1 }, { type: 'x' }] }, 'trigger.triggers[1].type'],
  [{ type: 'cron', hour: 8, timezone: 'Mars' }, 'trigger.timezone'],
  [{}, 'trigger.type'],
  [null, 'trigger'],
  ['*/5 * * * *', 'trigger'],
  [undefined, 'trigger'],
  [[], 'trigger'],
])('%j is a problem, and thrown is nothing', (trigger, path) => {
  const preview = previewTrigger(trigger)
  expect(preview).toMatchObject({ words: '', times: [], problems: [{ message: expect.stringContaining(path) }] })
  expect(preview.problems[0]?.path).toBe(path)
})

test.each([-1, 1_001, 1.5, Number.NaN])('a count of %d is refused', count => {
  expect(() => previewTrigger({ type: 'date' }, { count })).toThrow(
    /count: expected a whole number from 0 to 1000; found/,
  )
})
