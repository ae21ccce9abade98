/** Failure: whatever a task throws becomes name, message and stack, as text; nothing that is thrown can throw again here. */
import { describe, expect, test } from 'vitest'
import { errorOf, failureOf, isError } from '../../src/executor/failure.ts'

const fails = () => {
  throw new Error('not to be read')
}
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const errorWith = (fields: Record<string, PropertyDescriptor>) => Object.defineProperties(new Error('boom'), fields)

describe('an error', () => {
  test('is its name, its message and its stack', () => {
    const error = new RangeError('out of range')
    expect(failureOf(error)).toEqual({ name: 'RangeError', message: 'out of range', stack: error.stack })
  })

  test.each<[string, unknown]>([
    ['whose message cannot be read', errorWith({ message: { get: fails } })],
    ['whose name cannot be read', errorWith({ name: { get: fails } })],
    ['whose stack cannot be read', errorWith({ stack: { get: fails } })],
    ['whose message has no text', errorWith({ message: { value: { toString: fails } } })],
    ['whose name has no text', errorWith({ name: { value: Object.create(null) } })],
    ['whose message is a symbol', errorWith({ message: { value: Symbol('s') } })],
    ['whose stack is no text', errorWith({ stack: { value: { deep: 1 } } })],
    ['behind a proxy that answers nothing', new Proxy(new Error('boom'), { get: fails })],
    [
      'behind a proxy that has no prototype to show',
      new Proxy(new Error('boom'), { getPrototypeOf: fails, get: fails }),
    ],
  ])('%s is put into words all the same', (_, thrown) => {
    const failure = failureOf(thrown)
    expect(Object.values(failure).map(value => typeof value)).toEqual(Object.values(failure).map(() => 'string'))
    expect(failure.name).not.toBe('')
  })
})

test.each<[string, unknown, string]>([
  ['text', 'no', 'no'],
  ['an object', { code: 5 }, '{"code":5}'],
  ['nothing', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['a big integer', 5n, '5'],
  ['an object without a prototype', Object.create(null), '{}'],
  ['an object that refuses to be JSON', { toJSON: fails }, '[object Object]'],
  ['a function that refuses to be text', Object.assign(() => {}, { toString: fails }), '[object Function]'],
  ['a proxy that was revoked', revoked(), 'a thrown value that cannot be put into words'],
])('%s that was thrown is a message', (_, thrown, message) => {
  expect(failureOf(thrown)).toEqual({ name: 'Error', message })
})

test('a failure made an error again is the same failure; without a stack of its own it shows none of ours', () => {
  const failure = { name: 'RangeError', message: 'out of range', stack: 'RangeError: out of range\n    at task.js:1:1' }
  expect(failureOf(errorOf(failure))).toEqual(failure)
  const { name, message } = failure
  expect(failureOf(errorOf({ name, message }))).toEqual({ name, message, stack: 'RangeError: out of range' })
})

test('what cannot be asked is no error', () => {
  const silent = new Proxy(new Error('boom'), { getPrototypeOf: fails })
  expect([new RangeError('x'), silent, revoked(), { message: 'x' }, undefined].map(isError)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ])
})
