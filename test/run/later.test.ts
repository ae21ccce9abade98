/** Later: a run that waits is given out at its time, once, and only where there is a place for it. */
import { expect, test } from 'vitest'
import { Later } from '../../src/run/later.ts'
import { aClaim } from '../support/claims.ts'

const NOW = Date.UTC(2026, 0, 1)
const claim = (run_id: string, ms: number, executor = 'default') => aClaim({ run_id }, { at: NOW + ms, executor })
const laterWith = (...claims: readonly ReturnType<typeof claim>[]) => {
  const later = new Later(NOW)
  for (const one of claims) later.put(one)
  return later
}
const taken = (later: Later, ms: number, places: (executor: string) => number = () => 100) =>
  later.takeDue(NOW + ms, places).map(({ entry }) => entry.run_id)

test('each run comes at its time, once', () => {
  const later = laterWith(claim('b', 20), claim('a', 10))
  expect(later.nextAt()).toBeLessThanOrEqual(NOW + 10)
  expect([9, 10, 10, 25, 99].map(ms => taken(later, ms))).toEqual([[], ['a'], [], ['b'], []])
  expect(later.nextAt()).toBeNull()
})

test('one that is due waits for a place of its own executor, longest waiting first', () => {
  const later = laterWith(claim('a', 1), claim('b', 2), claim('c', 3, 'process'))
  const places = (free: Readonly<Record<string, number>>) => (executor: string) => free[executor] ?? 0
  expect(taken(later, 5, places({}))).toEqual([])
  expect(taken(later, 5, places({ default: 1, process: 5 }))).toEqual(['a', 'c'])
  expect(taken(later, 5, places({ default: 1 }))).toEqual(['b'])
})

test('one that was removed does not come, be it due or not', () => {
  const later = laterWith(claim('due', 1), claim('not due', 50))
  expect(taken(later, 5, () => 0)).toEqual([])
  later.remove('due')
  later.remove('not due')
  later.remove('unknown')
  later.put(claim('due', 90))
  expect([taken(later, 80), taken(later, 99)]).toEqual([[], ['due']])
})

test('one that is put again comes at its new time alone', () => {
  const later = laterWith(claim('a', 10))
  later.put(claim('a', 30))
  expect([20, 30].map(ms => taken(later, ms))).toEqual([[], ['a']])
})
