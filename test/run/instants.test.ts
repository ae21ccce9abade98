/** Waits for a time by the clock: shared by all that wait for it, never early, given up soon once aborted. */
import { expect, test } from 'vitest'
import { Instants } from '../../src/run/instants.ts'
import { FakeClock } from '../support/clock.ts'

const HOUR_MS = 3_600_000

/** So many waits for an instant a quarter of a second ahead, and how many of them are over. */
function waiting(count = 1) {
  const clock = new FakeClock()
  const instants = new Instants(clock)
  const abort = new AbortController()
  let over = 0
  for (let i = 0; i < count; i++) void instants.until(clock.now() + 250, abort.signal).then(() => over++)
  return { clock, abort, over: () => over }
}

test('a crowd that waits for one instant waits by one timer, and goes on at it', async () => {
  const { clock, over } = waiting(1_000)
  expect(clock.pending).toBe(1)
  await clock.advanceAsync(249)
  expect([clock.pending, over()]).toEqual([1, 0])
  await clock.advanceAsync(1)
  expect([clock.pending, over()]).toEqual([0, 1_000])
})

test('where the clock is set forward, the wait is over within a tenth of a second', async () => {
  const { clock, over } = waiting()
  clock.step(HOUR_MS)
  await clock.advanceAsync(100)
  expect(over()).toBe(1)
})

test('where it is set back, the wait goes on until the clock comes to its time', async () => {
  const { clock, over } = waiting()
  clock.step(-HOUR_MS)
  await clock.advanceAsync(HOUR_MS + 249)
  expect(over()).toBe(0)
  await clock.advanceAsync(1)
  expect(over()).toBe(1)
})

test('one that is aborted waits a tenth of a second at most', async () => {
  const { clock, abort, over } = waiting()
  abort.abort()
  await clock.advanceAsync(99)
  expect(over()).toBe(0)
  await clock.advanceAsync(1)
  expect(over()).toBe(1)
})
