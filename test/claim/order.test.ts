/** Which run an entry is due for. */
import { expect, test } from 'vitest'
import { orderOf } from '../../src/claim/order.ts'
import type { Job } from '../../src/job/job.ts'
import type { Entry } from '../../src/wheel/entry.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { aJob, leadOf } from '../support/jobs.ts'

const NOW = Date.UTC(2026, 0, 1)
const LEAD = 50

function entryOf(fields: Partial<Job>): Entry {
  const roster = new Roster({ ip: 'mine', timezone: 'UTC', check: () => [], lead: leadOf(LEAD), now: NOW })
  const job = aJob({ ip: 'mine', ...fields })
  roster.apply({ type: 'put', job, from: 'read' }, NOW)
  return roster.get(job._id) as Entry
}

test.each([
  ['now', 0, true],
  ['within the lead', LEAD, true],
  ['a moment after the lead', LEAD + 1, false],
  ['tomorrow', 86_400_000, false],
])('an entry that starts %s is due or not, however long ago it was handed out', (_, ms, due) => {
  const order = orderOf(entryOf({ next_run_time: new Date(NOW + ms) }), NOW, LEAD)
  expect(order?.run_time).toBe(due ? NOW + ms : undefined)
})

test('jitter beyond the lead is waited for', () => {
  const entry = entryOf({ next_run_time: new Date(NOW), state: { job: 'x' } } as never)
  entry.at = NOW + 1_000
  expect(orderOf(entry, NOW, LEAD)).toBeUndefined()
  expect(orderOf(entry, NOW + 1_000, LEAD)).toBeDefined()
})

test.each([true, false])(
  'no time that the schedule adds to a person’s is a misfire as long as that one is none (coalesce: %s)',
  coalesce => {
    const at = new Date(NOW - 90_000)
    const trigger = { type: 'interval', seconds: 60, start_date: new Date(NOW - 150_000) } as const
    const fields = { trigger, coalesce, misfire_grace_time: 1, next_run_time: at }
    const order = orderOf(entryOf(fields), NOW, LEAD)
    expect(order).toMatchObject({ ordered: true, scheduled: coalesce, coalesced: coalesce ? 2 : 1, missed: [] })
  },
)

test('an extra run is due while the schedule is not', () => {
  const entry = entryOf({ next_run_time: new Date(NOW + 3_600_000), run_at: [new Date(NOW)] })
  expect(orderOf(entry, NOW, LEAD)).toMatchObject({ kind: 'extra', run_time: NOW, next: undefined })
})
