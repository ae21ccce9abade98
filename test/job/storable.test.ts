/** What would not come back from MongoDB as it went in is found, wherever it is; what does is let through. */
import { BSON, Decimal128, Long, ObjectId } from 'mongodb'
import { expect, test } from 'vitest'
import { unstorable } from '../../src/job/storable.ts'

class Point {
  x = 1
}
const circle: unknown[] = []
circle.push({ again: circle })

test.each([
  ['a function', [{ a: () => 1 }], 'x.0.a', 'a function'],
  ['a symbol', { a: Symbol('s') }, 'x.a', 'a symbol'],
  ['undefined', [1, undefined], 'x.1', 'undefined'],
  ['a hole', new Array(1), 'x.0', 'undefined'],
  ['an instance', { p: new Point() }, 'x.p', 'an instance of Point'],
  ['a Map', new Map(), 'x', 'an instance of Map'],
  ['an error', new Error('no'), 'x', 'an instance of Error'],
  ['a promise', Promise.resolve(), 'x', 'an instance of Promise'],
  ['a date that is none', new Date(Number.NaN), 'x', 'an invalid date'],
  ['a circle', circle, 'x.0.again', 'a value that contains itself'],
])('%s is refused', (_, value, path, found) => {
  const message = `${path}: expected what MongoDB stores: texts, numbers, dates, arrays, plain objects; found ${found}`
  expect(unstorable(value, 'x')).toEqual({ path, message })
})

const twice = { a: 1 }
test.each([
  ['plain values', [1, 'two', true, null, { three: [3.5] }]],
  [
    'what BSON has',
    [new Date(0), new ObjectId(), Long.fromNumber(5), Decimal128.fromString('1.5'), 5n, /x/, Buffer.of(1)],
  ],
  ['the same object twice, beside itself', [twice, twice]],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
  ['what says itself how it is stored', { toBSON: () => ({ a: 1 }) }],
])('%s are let through, and BSON takes them', (_, value) => {
  expect(unstorable(value, 'x')).toBeUndefined()
  expect(() => BSON.serialize({ value })).not.toThrow()
})
