/** Server time: the clocks by which due times are judged. */
import { asyncScheduler } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { ServerTime } from '../../src/cluster/server-time.ts'

const timeOf = (clock: Clock, offset: number) =>
  new ServerTime({ clock, offset: () => offset, measure: async () => {}, emit: () => {} })
const turning: Clock = { now: () => 0, schedule: asyncScheduler.schedule.bind(asyncScheduler), turn: work => work() }

describe('the clock by which due times are judged', () => {
  test('is the machine’s own while that is about right, and the server’s when it is far off', () => {
    const differs = (offset: number) => Math.round((timeOf(systemClock, offset).judging().now() - Date.now()) / 1_000)
    expect([0, 4_000, -4_000, 60_000, -60_000].map(differs)).toEqual([0, 0, 0, -60, 60])
  })

  test('leaves a clock alone that is moved by hand', () => {
    expect(timeOf(turning, 60_000).judging().now()).toBe(0)
  })

  test('waits the last moment by turns of the event loop where its clock can', () => {
    let turned = false
    timeOf(turning, 0)
      .judging()
      .turn?.(() => (turned = true))
    expect(turned).toBe(true)
    expect(timeOf({ now: () => 0, schedule: turning.schedule }, 0).judging()).not.toHaveProperty('turn')
  })
})
