/** Kept: memory agrees with the very document that it took, with no other one, and says again what it has. */
import { describe, expect, test } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { fingerprint } from '../../src/trigger/trigger.ts'
import type { Entry } from '../../src/wheel/entry.ts'
import { newEntry } from '../../src/wheel/entry.ts'
import { documentOf, isKept, isTime, keepState, keptOf, maxOf, planWriteOf, storedOf } from '../../src/wheel/kept.ts'
import { Roster } from '../../src/wheel/roster.ts'
import { aJob, NO_LEAD } from '../support/jobs.ts'

const NOW = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000
const at = (ms: number) => new Date(NOW + ms)
const NO_DATE = new Date(Number.NaN)
const HOURLY = { type: 'interval', hours: 1 } as const

/** What memory has after it took a document. */
function entryOf(job: Job): Entry {
  const roster = new Roster({ ip: 'mine', timezone: 'UTC', check: () => [], lead: NO_LEAD, now: NOW })
  roster.apply({ type: 'put', job, from: 'read' }, NOW)
  return roster.get(job._id) as Entry
}
const mine = (fields: object = {}) => aJob({ ip: 'mine', ...fields })

test('what a document leaves out is kept as its default, extra runs earliest first', () => {
  const { func } = mine()
  const kept = { stored: undefined, func, executor: 'default', graceMs: 60_000, coalesce: true, extra: [] }
  expect(keptOf(mine())).toEqual({ ...kept, maxInstances: undefined })
  const fields = {
    next_run_time: null,
    executor: 'process',
    misfire_grace_time: null,
    coalesce: false,
    max_instances: 3,
  }
  expect(keptOf(mine({ ...fields, run_at: [at(5), at(1)] }))).toEqual({
    stored: null,
    func,
    executor: 'process',
    graceMs: null,
    coalesce: false,
    maxInstances: 3,
    extra: [NOW + 1, NOW + 5],
  })
})

test('of a next run time memory keeps a number, null or nothing, and NaN of what is no date', () => {
  const values = [at(1), null, undefined, NO_DATE, 5, 'soon'] as readonly (Date | null | undefined)[]
  expect(values.map(storedOf)).toEqual([NOW + 1, null, undefined, Number.NaN, Number.NaN, Number.NaN])
  expect(values.map(isTime)).toEqual([true, true, true, false, false, false])
})

describe('memory agrees', () => {
  const job = mine({ next_run_time: at(HOUR), run_at: [at(2), at(1)], max_instances: 2, misfire_grace_time: 5 })

  test('with the document that it took, and with one that says the same', () => {
    expect(isKept(entryOf(job), job)).toBe(true)
    expect(isKept(entryOf(job), { ...job, run_at: [at(1), at(2)], coalesce: true, executor: 'default' })).toBe(true)
  })

  test.each<[string, object]>([
    ['time', { next_run_time: at(HOUR + 1) }],
    ['time, none', { next_run_time: undefined }],
    ['time, paused', { next_run_time: null }],
    ['function', { func: 'other' }],
    ['executor', { executor: 'process' }],
    ['number of instances', { max_instances: 3 }],
    ['grace', { misfire_grace_time: null }],
    ['coalescing', { coalesce: false }],
    ['trigger', { trigger: { type: 'interval', minutes: 60 } }],
    ['extra run', { run_at: [at(1), at(3)] }],
    ['extra run, which is no date', { run_at: [at(1), 'soon'] }],
    ['extra run, which is no list', { run_at: 'soon' }],
    ['request to abort', { cancel: '*' }],
  ])('with none that has another %s', (_, fields) => {
    expect(isKept(entryOf(job), { ...job, ...fields } as Job)).toBe(false)
  })

  test('with none of what is not schedulable', () => {
    const broken = mine({ trigger: { type: 'never' } })
    expect(isKept(entryOf(broken), broken)).toBe(false)
  })
})

test('of what nodes wrote memory keeps its own, and the latest claim that it ever heard of', () => {
  const entry = newEntry('job')
  const planned = { next_run_time: at(HOUR), trigger: 'any', ordered: true }
  const waiting = { run_time: at(3) }
  const state = { job: 'job', planned, claimed_to: at(7), paused_by: 'failures', waiting } as Job['state']
  keepState(entry, { ...mine({ _id: 'job' }), state } as Job)
  expect(entry).toMatchObject({ planned: NOW + HOUR, acknowledged: true, claimedTo: NOW + 7, pausedBy: 'failures' })
  expect(entry).toMatchObject({
    bare: false,
    copied: false,
    waiting: { run_time: NOW + 3, ordered: false, coalesced: 1 },
  })
  keepState(entry, { ...mine({ _id: 'job' }), state: { ...state, job: 'another', claimed_to: at(9) } } as Job)
  expect(entry).toMatchObject({ planned: undefined, acknowledged: false, claimedTo: NOW + 7, pausedBy: undefined })
  expect(entry).toMatchObject({ bare: false, copied: true, waiting: undefined })
  keepState(entry, mine({ _id: 'job' }))
  expect(entry).toMatchObject({ bare: true, copied: false, claimedTo: NOW + 7 })
})

describe('the plan to write', () => {
  test('is none where the document says it', () => {
    expect(planWriteOf({ ...entryOf(mine()), unwritten: false })).toBeUndefined()
  })

  test('is the time it is armed for, with what it was computed from', () => {
    const job = mine({ trigger: HOURLY })
    expect(planWriteOf(entryOf(job))).toMatchObject({
      id: job._id,
      stored: undefined,
      trigger: HOURLY,
      due: NOW + HOUR,
      ordered: false,
      fingerprint: fingerprint(HOURLY, 'UTC'),
      error: null,
      unpaused: false,
    })
  })

  test('ends a pause for failures only where it arms the job', () => {
    const pausedBy = { ...entryOf(mine()), pausedBy: 'failures' }
    expect(planWriteOf(pausedBy)?.unpaused).toBe(true)
    expect(planWriteOf({ ...pausedBy, state: 'paused' })).toMatchObject({ unpaused: false })
    expect(planWriteOf({ ...pausedBy, state: 'paused' })).not.toHaveProperty('due')
  })

  test('of what is not schedulable says why, and no time', () => {
    const problems = [
      { path: 'func', message: 'func: unknown' },
      { path: 'trigger', message: 'trigger: over' },
    ]
    const plan = planWriteOf({ ...entryOf(mine()), state: 'invalid', problems })
    expect(plan?.error).toBe('func: unknown; trigger: over')
    expect(plan).not.toHaveProperty('due')
  })
})

test('memory says again what the document told it, with the time that an event told', () => {
  const state = { planned: { next_run_time: at(HOUR), trigger: fingerprint(HOURLY, 'UTC') }, claimed_to: at(-HOUR) }
  const job = mine({ trigger: HOURLY, next_run_time: at(HOUR), state })
  const { _id, func, trigger } = job
  const planned = { ...state.planned, ordered: false }
  const again = { _id, func, trigger, state: { planned, claimed_to: at(-HOUR) } }
  expect(documentOf(entryOf(job), at(5))).toEqual({ ...again, next_run_time: at(5) })
  expect(documentOf(entryOf(job), null)).toEqual({ ...again, next_run_time: null })
  expect(documentOf(entryOf(job), undefined)).not.toHaveProperty('next_run_time')
  expect(documentOf(entryOf(mine()), undefined).state).toEqual({})
})

test('the later of two times that may be unknown', () => {
  expect([maxOf(1, 2), maxOf(2, 1), maxOf(undefined, 1), maxOf(1, undefined), maxOf(undefined, undefined)]).toEqual([
    2,
    2,
    1,
    1,
    undefined,
  ])
})
