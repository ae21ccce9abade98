/** Server time: the clocks by which due times are judged. */
import { asyncScheduler } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { ServerTime } from '../../src/cluster/server-time.ts'

const timeOf = (clock: Clock, offset: number) =>
  new ServerTime({ clock, offset: () => offset, measure: async () => {}, emit: () => {} })
const byHand: Clock = { now: () => 0, schedule: asyncScheduler.schedule.bind(asyncScheduler) }

describe('the clock by which due times are judged', () => {
  test('is the machine’s own while that is about right, and the server’s when it is far off', () => {
    // Between the two looks a millisecond may pass: what is rounded from below is a negative zero, which the sum makes a plain one.
    const differs = (offset: number) =>
      Math.round((timeOf(systemClock, offset).judging().now() - Date.now()) / 1_000) + 0
    expect([0, 4_000, -4_000, 60_000, -60_000].map(differs)).toEqual([0, 0, 0, -60, 60])
  })

  test('leaves a clock alone that is moved by hand', () => {
    expect(timeOf(byHand, 60_000).judging().now()).toBe(0)
  })
})
