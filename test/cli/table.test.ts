/** Tables on a terminal: whole where there is room, cut where there is not; times from now and in a zone. */
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { fromNow, timeCell } from '../../src/cli/instant.ts'
import { tableOf } from '../../src/cli/table.ts'

const head = ['ID', 'FUNC', 'NOTE']
const rows = [
  ['digest', 'mail:digest', 'a note that is longer than all the others\tby far'],
  ['b', 'f', ''],
]
const lines = (width?: number) => tableOf(head, rows, width).map(stripVTControlCharacters)

test('whole where there is room', () => {
  const whole = [
    'ID      FUNC         NOTE',
    'digest  mail:digest  a note that is longer than all the others by far',
    'b       f',
  ]
  expect(lines(200)).toEqual(whole)
  expect(lines()).toEqual(whole)
})

test.each([80, 60, 50, 40, 30])('never wider than %i columns: the widest gives way', width => {
  const [, first = ''] = lines(width)
  expect(Math.max(...lines(width).map(line => line.length))).toBeLessThanOrEqual(width)
  expect(first.startsWith('digest  ')).toBe(true)
  if (width < 72) expect(first.endsWith('…')).toBe(true)
})

test('nothing is said of no rows', () => {
  expect(tableOf(head, [], 80)).toEqual([])
})

test.each([
  [0, 'now'],
  [999, 'now'],
  [-1_000, '1 s ago'],
  [59_999, 'in 59 s'],
  [4 * 60_000, 'in 4 min'],
  [-3_600_000 * 30, '1 d ago'],
  [3_600_000 * 5.9, 'in 5 h'],
])('%i ms from now is %s', (ms, expected) => {
  expect(fromNow(new Date(1e12 + ms), 1e12)).toBe(expected)
})

test('a time in a row: in the chosen zone, for programs as ISO text, and none', () => {
  const at = new Date('2027-01-31T08:00:00Z')
  expect(timeCell(at, 'Asia/Tokyo')).toBe('Sun 2027-01-31 17:00:00 +09:00')
  expect(timeCell(at, undefined)).toBe('2027-01-31T08:00:00.000Z')
  expect([null, undefined, new Date(Number.NaN)].map(none => timeCell(none, 'UTC'))).toEqual(['-', '-', '-'])
})
