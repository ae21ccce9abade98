import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dateIn, isoText } from '../../src/trigger/iso.ts'

test.each([
  ['2026-01-31T08:00:00Z', 'Europe/Berlin', '2026-01-31T09:00:00+01:00'],
  ['2026-07-31T08:00:00.25Z', 'Europe/Berlin', '2026-07-31T10:00:00.250+02:00'],
  ['2026-01-31T08:00:00Z', 'America/St_Johns', '2026-01-31T04:30:00-03:30'],
  ['2026-01-31T08:00:00Z', 'Asia/Kathmandu', '2026-01-31T13:45:00+05:45'],
  ['2026-01-31T08:00:00Z', 'UTC', '2026-01-31T08:00:00+00:00'],
  ['2026-01-31T08:00:00Z', 'Nowhere/Known', '2026-01-31T08:00:00+00:00'],
])('%s in %s is %s', (instant, zone, text) => {
  expect(isoText(new Date(instant), zone)).toBe(text)
})

test('the text of an instant means that instant in every zone', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Pacific/Chatham',
    'Africa/Monrovia',
  ]
  const span = { min: 0, max: Date.UTC(2200, 0, 1) }
  fc.assert(
    fc.property(fc.integer(span), fc.constantFrom(...zones), (ms, zone) => {
      const text = isoText(new Date(ms), zone)
      expect(Date.parse(text)).toBe(ms)
      expect(dateIn(text, 'Asia/Tokyo', 'at').getTime()).toBe(ms)
    }),
  )
})

test('text without an offset is a reading of the clock of the zone', () => {
  expect(dateIn('2026-01-31 09:00:00', 'Europe/Berlin', 'at').toISOString()).toBe('2026-01-31T08:00:00.000Z')
})

test('what is no date is refused with its path', () => {
  expect(() => dateIn('tomorrow', 'UTC', 'next_run_time')).toThrow(/^next_run_time: "tomorrow" is not a date/)
  expect(() => dateIn('2026-01-31', 'Nowhere/Known', 'at')).toThrow(/no known time zone/)
})
