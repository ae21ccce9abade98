/** Usual: it calls no document usual that the schema would refuse, and most documents of most databases are. */
import fc from 'fast-check'
import { Long, Timestamp } from 'mongodb'
import { describe, expect, test } from 'vitest'
import { jobSchema, stateSchema } from '../../src/job/job.ts'
import { isUsual, isUsualState } from '../../src/job/usual.ts'

const AT = new Date('2026-01-01T00:00:00Z')
const RUNNING = {
  run_id: 'r',
  job: 'digest',
  run_time: AT,
  claimed: AT,
  node: 'a',
  incarnation: 'i',
  attempt: 1,
  retry_at: AT,
  ordered: true,
  coalesced: 2,
}
const STATE = {
  job: 'digest',
  running: [RUNNING],
  runs: 7,
  fence: new Timestamp(Long.fromBits(1, 1)),
  claimed_to: AT,
  unrecorded: [],
  last_run_time: AT,
  last_status: 'executed',
  failures: 0,
  error: 'text',
  over: false,
  paused_by: 'failures',
  placed: true,
  home: 'a',
  assigned: 'b',
  planned: { next_run_time: AT, trigger: '1:x', ordered: true },
}
const JOB = {
  _id: 'digest',
  name: 'Digest',
  description: 'Sends it',
  tags: ['mail'],
  func: 'mail:digest',
  args: [1, null],
  kwargs: { to: 'ann' },
  trigger: { type: 'interval', hours: 1 },
  ip: '10.0.0.7',
  executor: 'default',
  misfire_grace_time: 60,
  coalesce: true,
  max_instances: 1,
  pause_after_failures: null,
  note: 'ask Ann',
  timeout: 0.5,
  next_run_time: AT,
  run_at: [],
  state: STATE,
  touch: 'mark',
}
const ODD = [
  ...[undefined, null, true, false, '', 'any', 'text', 'a b', 'x'.repeat(256), 0, -1, 0.5, 1, 1_001, 1e13, Number.NaN],
  ...[Number.POSITIVE_INFINITY, AT, new Date(Number.NaN), [], [1], ['x'], [undefined], {}, { trigger: '1:x' }],
  ...[{ next_run_time: AT, trigger: 1 }, { next_run_time: null, trigger: 'x' }, new Timestamp(Long.ONE), /x/, 5n],
  { next_run_time: AT, trigger: 'x', ordered: undefined },
]

test('a document as nodes leave it is usual, and so is one with nothing but what it must have', () => {
  expect(isUsual(JOB)).toBe(true)
  expect(isUsual({ _id: 'a', func: 'f', trigger: {} })).toBe(true)
  expect(isUsualState({})).toBe(true)
})

describe('what is usual is well by the schema', () => {
  const odd = fc.constantFrom<unknown>(...ODD)

  test('with any value in any field of a job, and without any', () => {
    const field = fc.constantFrom(...Object.keys(jobSchema.shape), 'timout', 'constructor')
    let usual = 0
    fc.assert(
      fc.property(field, odd, fc.option(field), (name, value, gone) => {
        const job: Record<string, unknown> = { ...JOB, [name]: value }
        if (gone !== null) delete job[gone]
        if (!isUsual(job)) return
        usual++
        expect(jobSchema.strict().safeParse(job).success, name).toBe(true)
      }),
      { numRuns: 5_000 },
    )
    expect(usual).toBeGreaterThan(100)
  })

  test('with any value in any field of a state', () => {
    const field = fc.constantFrom(...Object.keys(stateSchema.shape), 'of a later version', 'constructor')
    fc.assert(
      fc.property(field, odd, (name, value) => {
        const state = { ...STATE, [name]: value }
        if (isUsualState(state)) expect(stateSchema.safeParse(state).success, name).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })

  test('with any value in any field of a run, and without any', () => {
    const field = fc.constantFrom(...Object.keys(RUNNING), 'of a later version')
    let usual = 0
    fc.assert(
      fc.property(field, odd, fc.option(field), (name, value, gone) => {
        const run: Record<string, unknown> = { ...RUNNING, [name]: value }
        if (gone !== null) delete run[gone]
        const state = { ...STATE, running: [RUNNING, run] }
        if (!isUsualState(state)) return
        usual++
        expect(stateSchema.safeParse(state).success, name).toBe(true)
      }),
      { numRuns: 5_000 },
    )
    expect(usual).toBeGreaterThan(100)
  })

  test.each([undefined, null, 5, 'text', [], AT])('and what is no object is not usual: %s', value => {
    expect([isUsual(value), isUsualState(value)]).toEqual([false, false])
  })
})
