import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fireTimes, nextFireTime, parseTrigger } from '../../src/trigger/trigger.ts'

describe('an interval', () => {
  it('lies on the grid of start_date, and a time equal to now counts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.integer({ min: 0, max: 4e12 }),
        fc.integer({ min: 0, max: 4e12 }),
        (ms, start, now) => {
          const trigger = parseTrigger({ type: 'interval', seconds: ms / 1000, start_date: new Date(start) })
          const next = trigger.next(null, now) as number
          expect((next - start) % ms).toBe(0)
          expect(next).toBeGreaterThanOrEqual(Math.max(start, now))
          if (now >= start) expect(next - now).toBeLessThan(ms)
          else expect(next).toBe(start)
        },
      ),
    )
  })

  it('goes on from the run before, wherever that was', () => {
    const trigger = parseTrigger({ type: 'interval', minutes: 5, start_date: '2026-01-01' })
    expect(trigger.next(7, 1e12)).toBe(300_007)
    expect(trigger.seek(7, 1e12)).toBe(7 + Math.ceil((1e12 - 7) / 300_000) * 300_000)
  })

  it('runs first one length after its start when it has no start_date', () => {
    expect(parseTrigger({ type: 'interval', hours: 0.5 }).next(null, 1_000)).toBe(1_801_000)
  })

  it('ends with end_date, which counts, and with the calendar', () => {
    const trigger = { type: 'interval', hours: 1, start_date: new Date(0), end_date: new Date(7_200_000) } as const
    expect(fireTimes(trigger, { after: new Date(0) }).map(Number)).toEqual([0, 3_600_000, 7_200_000])
    expect(nextFireTime({ type: 'interval', weeks: 1e6 }, new Date(8.64e15), new Date(0))).toBeNull()
  })
})
