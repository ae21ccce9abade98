/** What is settled without a run where there is no room: by what memory has when the write goes out. */
import { expect, test } from 'vitest'
import type { Answer } from '../../src/claim/commands.ts'
import { Permit } from '../../src/claim/permit.ts'
import { Refusals, type RefusalsOptions } from '../../src/claim/refusals.ts'
import type { Order } from '../../src/protocol/claim.ts'
import { fingerprint } from '../../src/trigger/trigger.ts'
import type { Entry } from '../../src/wheel/entry.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { FakeClock } from '../support/clock.ts'
import { aJob, anEntry, leadOf } from '../support/jobs.ts'

const EVERY_MS = 5_000

/** A job that is due while its one run goes on, whose new trigger dropped the due run before; what is settled where `meanwhile` happens
 *  while that run is looked at. */
async function settled(meanwhile: (roster: Roster, id: string) => void): Promise<readonly Order[]> {
  const clock = new FakeClock()
  const now = clock.now()
  const roster = new Roster({ ip: 'mine', timezone: 'UTC', check: () => [], lead: leadOf(0), now })
  const trigger = { type: 'interval', seconds: EVERY_MS / 1_000, start_date: new Date(now + 1_000 - EVERY_MS) } as const
  const overdue = new Date(now - 1_000)
  const planned = { next_run_time: overdue, trigger: fingerprint({ ...trigger, seconds: 7 }, 'UTC') }
  const running = [anEntry({ job: 'j', node: 'other' })]
  const state = { job: 'j', planned, running }
  const job = aJob({ _id: 'j', ip: 'mine', overlap: 'queue_one', trigger, next_run_time: overdue, state })
  roster.apply({ type: 'put', job, from: 'read' }, now)
  const entry = roster.get('j') as Entry
  expect(entry.dropped?.due).toBe(overdue.getTime())
  clock.advance(1_000)

  const permit = new Permit({ lease: { held: () => true }, lead: leadOf(0), clock })
  permit.take(true)
  const orders: Order[] = []
  const one = async (order: Order): Promise<Answer> => {
    orders.push(order)
    return { type: 'lost', order }
  }
  const options = {
    clock,
    roster,
    permit,
    commands: { one },
    book: { storing: () => undefined },
    handOut: { show: () => {}, letGo: () => {} },
    patience: { until: (_: string, work: () => unknown) => work() },
    writer: { find: async () => job },
    sweeper: {
      sweep: async () => {
        meanwhile(roster, 'j')
        return false
      },
    },
  }
  const order = permit.orderNow(entry) as Order
  await new Refusals(options as unknown as RefusalsOptions).lost({ type: 'lost', order }, entry.version)
  return orders
}

test('a due run that a new trigger dropped is told with the due time that finds no room', async () => {
  expect(await settled(() => {})).toMatchObject([{ dropped: { due: expect.any(Number) } }])
})

test('one that a plan has told of meanwhile is not told again', async () => {
  const [order] = await settled((roster, id) => roster.wrote(roster.planOf(id) as never))
  expect(order).toMatchObject({ kind: 'schedule', dropped: undefined })
})

test('nothing is settled for a time from which somebody has moved the job meanwhile', async () => {
  const later = new Date(Date.UTC(2027, 0, 1))
  const moved = (roster: Roster, id: string) =>
    void roster.apply({ type: 'set', id, armed: true, next_run_time: later, read: false } as never, later.getTime() - 1)
  expect(await settled(moved)).toEqual([])
})
