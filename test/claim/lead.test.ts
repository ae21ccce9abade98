/** Lead: near the slowest of the recent claims, never beyond its limit. */
import { expect, test } from 'vitest'
import { Lead } from '../../src/claim/lead.ts'

function after(claims: readonly number[], limitMs = 500): number {
  const lead = new Lead(limitMs)
  for (const ms of claims) lead.add(ms)
  return lead.value
}
const times = (n: number, ms: number) => Array<number>(n).fill(ms)

test('is nothing before eight claims told how long they take', () => {
  expect(after([])).toBe(0)
  expect(after(times(7, 20))).toBe(0)
  expect(after(times(8, 20))).toBe(21)
})

test('is that of the slowest, save one in sixty-four', () => {
  expect(after([...times(7, 3), 40.2])).toBe(42)
  expect(after([...times(63, 3), 400])).toBe(4)
  expect(after([...times(62, 3), 400, 400])).toBe(401)
})

test('forgets what was slow sixty-four claims ago', () => {
  expect(after([...times(64, 300), ...times(64, 2)])).toBe(3)
})

test('keeps to its limit, and with none of it to nothing', () => {
  expect(after(times(8, 9_000))).toBe(500)
  expect(after(times(8, 9_000), 0)).toBe(0)
})
