/** Exit codes: each code of an error has its number and its advice, in one place. */
import { CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { exitCodeOf, sentencesOf } from '../../src/cli/exit-codes.ts'
import { type ErrorCode, TidewheelError } from '../../src/errors.ts'

test.each<[ErrorCode, number]>([
  ['invalid_trigger', 2],
  ['invalid_job', 2],
  ['invalid_option', 2],
  ['not_found', 3],
  ['unauthorised', 4],
  ['conflict', 5],
  ['unreachable', 69],
  ['not_replica_set', 69],
  ['closed', 1],
  ['timeout', 1],
])('%s is %i', (code, expected) => {
  expect(exitCodeOf(new TidewheelError(code, 'x'))).toBe(expected)
})

test('what nobody foresaw is 1, and says how to report it', () => {
  expect(exitCodeOf(new TypeError('x is not a function'))).toBe(1)
  expect(sentencesOf(new TypeError('x is not a function'), false)).toEqual([
    'tidewheel: x is not a function',
    expect.stringMatching(/--verbose/),
  ])
})

test('the parser has said what was wrong itself', () => {
  expect(exitCodeOf(new CommanderError(1, 'commander.unknownOption', 'x'))).toBe(2)
  expect(exitCodeOf(new CommanderError(0, 'commander.helpDisplayed', 'x'))).toBe(0)
  expect(sentencesOf(new CommanderError(1, 'commander.unknownOption', 'x'), true)).toEqual([])
})

test('--verbose adds the stack and what caused it', () => {
  const error = new TidewheelError('unreachable', 'gone', {}, { cause: new Error('refused') })
  expect(sentencesOf(error, true).join('\n')).toMatch(/gone[\s\S]+at [\s\S]+caused by Error: refused/)
  expect(sentencesOf(error, false).join('\n')).not.toMatch(/ at /)
})

test('advice of the error itself goes before that of its code', () => {
  const error = new TidewheelError('unreachable', 'gone', { advice: 'Wait.' })
  expect(sentencesOf(error, false)).toEqual(['tidewheel: gone', 'Wait.'])
})
