/** Which plans are written, and which are left to the claim that is about to write their next. */
import { afterEach, expect, test, vi } from 'vitest'
import { Plans, type PlansOptions } from '../../src/claim/plans.ts'
import type { Write } from '../../src/protocol/write.ts'
import type { PlanWrite } from '../../src/wheel/entry.ts'
import { FakeClock } from '../support/clock.ts'

afterEach(() => vi.useRealTimers())

/** Plans of a node whose jobs are due so many ms from now; what it wrote, by id. */
function planning(dueInMs: number) {
  const clock = new FakeClock()
  const permit = { isGiven: false }
  const written: string[] = []
  const planOf = (id: string): PlanWrite => ({
    id,
    version: 1,
    stored: undefined,
    trigger: { type: 'interval', seconds: 60 },
    error: null,
    copied: false,
    unpaused: false,
    dropped: undefined,
    due: clock.now() + dueInMs,
  })
  const send = async (writes: readonly Write[]) => {
    written.push(...writes.map(({ filter }) => filter._id))
    return { matched: writes.length }
  }
  const options = {
    clock,
    permit,
    roster: { planOf, wrote: () => {} },
    writer: { send, by: { ip: 'mine', incarnation: 'i' } },
    patience: { succeeded: () => {}, failed: () => {} },
  }
  return { plans: new Plans(options as unknown as PlansOptions), permit, written }
}

test('what is due is planned where the node takes nothing, and what is not due by any node', async () => {
  const due = planning(-1)
  due.plans.push('due')
  const ahead = planning(1)
  ahead.permit.isGiven = true
  ahead.plans.push('ahead')
  await Promise.all([due.plans.idle(), ahead.plans.idle()])
  expect([...due.written, ...ahead.written]).toEqual(['due', 'ahead'])
})

test('what came while the node was starting is left to its claim once the node takes what is due', async () => {
  const { plans, permit, written } = planning(-1)
  plans.push('a')
  permit.isGiven = true
  await plans.idle()
  plans.end()
  expect(written).toEqual([])
})

test('what nobody has claimed for a minute is planned all the same', async () => {
  vi.useFakeTimers()
  const { plans, permit, written } = planning(-1)
  permit.isGiven = true
  plans.push('a')
  await vi.advanceTimersByTimeAsync(59_000)
  expect(written).toEqual([])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(written).toEqual(['a'])
})
