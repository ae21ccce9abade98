/** Spans: back from now, and how long something took. */
import { expect, test } from 'vitest'
import { sinceOf, spanOf } from '../../src/cli/instant.ts'
import { TidewheelError } from '../../src/errors.ts'

const NOW = Date.parse('2026-01-31T12:00:00Z')

test.each([
  ['90s', '2026-01-31T11:58:30.000Z'],
  ['30min', '2026-01-31T11:30:00.000Z'],
  ['30m', '2026-01-31T11:30:00.000Z'],
  ['2h', '2026-01-31T10:00:00.000Z'],
  [' 1.5 d ', '2026-01-30T00:00:00.000Z'],
  ['1w', '2026-01-24T12:00:00.000Z'],
  ['500ms', '2026-01-31T11:59:59.500Z'],
  ['2026-01-31 08:00', '2026-01-31T07:00:00.000Z'],
  ['2026-01-31T08:00:00Z', '2026-01-31T08:00:00.000Z'],
])('since %s', (text, expected) => {
  expect(sinceOf(text, '--since', 'Europe/Berlin', NOW).toISOString()).toBe(expected)
})

test.each(['', '2', '2 years', '-2h', 'h', '2hh', 'constructor', '1constructor', '1e3s', `${'9'.repeat(400)}d`])(
  'since %j is refused',
  text => {
    expect(() => sinceOf(text, '--since', 'UTC', NOW)).toThrow(TidewheelError)
  },
)

test.each([
  [0, '0 ms'],
  [12.34, '12.3 ms'],
  [999.9, '999.9 ms'],
  [4_210, '4.2 s'],
  [64_000, '1 min 4 s'],
  [3_600_000, '1 h'],
  [3_840_000, '1 h 4 min'],
  [90_000_000, '1 d 1 h'],
])('%s ms took %s', (ms, expected) => {
  expect(spanOf(ms)).toBe(expected)
})
