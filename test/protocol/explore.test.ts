/** The explorer by itself: it sees every state, takes the shortest way, and tells a model that is too large. */
import { expect, test } from 'vitest'
import { explore, type Model, told } from './explore.ts'

/** Two counters that race to a sum. */
const counters = (most: number, wrong: (sum: number) => boolean): Model<{ a: number; b: number }> => ({
  start: { a: 0, b: 0 },
  steps: {
    'a + 1': [s => s.a < most, s => s.a++],
    'b + 1': [s => s.b < most, async s => s.b++],
    'a + 2': [s => s.a + 2 <= most, s => (s.a += 2)],
  },
  wrong: s => (wrong(s.a + s.b) ? `sum ${s.a + s.b}` : undefined),
})

test('every state is seen once', async () => {
  expect(await explore(counters(9, () => false))).toEqual({ states: 100, violation: undefined, trace: [] })
})

test('the way to a violation is the shortest', async () => {
  const found = await explore(counters(9, sum => sum === 4))
  expect(found.trace).toEqual(['a + 2', 'a + 2'])
  expect(told(found)).toBe('sum 4: a + 2 > a + 2')
})

test('a state in which nothing is left to do is told as such', async () => {
  const quiet = { ...counters(2, () => false), wrong: (_: object, isQuiet: boolean) => (isQuiet ? 'stuck' : undefined) }
  expect((await explore(quiet)).trace).toEqual(['b + 1', 'b + 1', 'a + 2'])
})

test('a model without end is refused', async () => {
  await expect(explore(counters(Number.POSITIVE_INFINITY, () => false))).rejects.toThrow('more than')
})
