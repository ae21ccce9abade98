/** Tables on a terminal: whole where there is room, cut where there is not; times from now and in a zone. */
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { fromNow, timeCell } from '../../src/cli/instant.ts'
import { cut, oneLine, tableOf, widthOf } from '../../src/cli/table.ts'

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

test('what is spare is left out before anything is cut, and an id is never cut', () => {
  const runs = [['6b081d73c7996d1881e49541', 'digest', '12 ms', '10.0.0.7', 'Error: out of paper']]
  const told = (width: number) =>
    tableOf(['RUN', 'JOB', 'LATE', 'NODE', 'ERROR'], runs, width, { spare: ['LATE', 'NODE'], whole: ['RUN'] })
      .map(stripVTControlCharacters)
      .at(-1)
  expect(told(80)).toBe('6b081d73c7996d1881e49541  digest  12 ms  10.0.0.7  Error: out of paper')
  expect(told(66)).toBe('6b081d73c7996d1881e49541  digest  10.0.0.7  Error: out of paper')
  expect(told(50)).toBe('6b081d73c7996d1881e49541  digest  Error: out of p…')
})

test('nothing is said of no rows', () => {
  expect(tableOf(head, [], 80)).toEqual([])
})

test('colours take no room, and letters of two columns take two', () => {
  const cells = [
    ['\x1b[31merror\x1b[39m', '日報', 'mail:digest'],
    ['executed', '🚀-go', 'f'],
  ]
  const [, ...told] = tableOf(['TYPE', 'JOB', 'FUNC'], cells, 25).map(stripVTControlCharacters)
  expect(told).toEqual(['error     日報   mail:di…', 'executed  🚀-go  f'])
  expect(told.map(widthOf)).toEqual([25, 18])
  expect(cut('日報です', 5)).toBe('日報…')
})

test('what could move the cursor is taken out of a cell; a colour stays', () => {
  expect(oneLine('a\r\n\tb\x1b[2Jc\x1b[31md\x07\u2028e')).toBe('a b [2Jc\x1b[31md e')
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
