/** The plan, as a table: what a document says and what memory knows, and when the job is due next.
 *  Beneath the table what holds for every document: the same one planned twice is planned alike, what was planned and
 *  written down stays, and no time that was claimed is named again. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { ownState, type Plan, plan } from '../../src/job/plan.ts'
import { fingerprint, parseTrigger, type Trigger } from '../../src/trigger/trigger.ts'
import { aJob } from '../support/jobs.ts'

const NOW = Date.UTC(2026, 0, 1, 12)
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const at = (minutes: number) => new Date(NOW + minutes * MINUTE)

const HOURLY: Trigger = { type: 'interval', hours: 1 }
const ON_THE_HOUR: Trigger = { type: 'cron', minute: 0 }
const ONCE: Trigger = { type: 'date', run_date: at(30) }
const OVER: Trigger = { type: 'interval', hours: 1, end_date: at(-10) }

const mark = (trigger: Trigger) => fingerprint(trigger, 'UTC')
/** A document whose plan a node wrote for this trigger and time. */
const planned = (trigger: Trigger, next: Date | null, fields: Partial<Job> & { readonly state?: object } = {}) => ({
  trigger,
  next_run_time: next,
  ...fields,
  state: { planned: { next_run_time: next, trigger: mark(trigger) }, ...fields.state },
})

function planOf(fields: object, remembered?: number, now = NOW): Plan {
  const job = aJob(fields as Partial<Job>)
  const trigger = parseTrigger(job.trigger)
  return plan({ job, trigger, fingerprint: mark(job.trigger), now, claimedTo: remembered })
}

const armed = (due: Date, more: object = {}) => ({
  state: 'armed',
  due: due.getTime(),
  ordered: false,
  unwritten: true,
  ...more,
})
const stands = { unwritten: false }
const ordered = { ordered: true }
const paused = { state: 'paused' }
const over = { state: 'over' }
const invalid = { state: 'invalid', problems: [{ path: 'trigger', message: expect.stringContaining('over') }] }

interface Row {
  readonly when: string
  readonly job: object
  /** Minutes from now up to which memory knows runs to be claimed. */
  readonly claimed?: number
  readonly expected: object
}

const rows: readonly Row[] = [
  { when: 'new, an interval: one length from now', job: { trigger: HOURLY }, expected: armed(at(60)) },
  { when: 'new, cron: the next of its grid', job: { trigger: { type: 'cron', minute: 30 } }, expected: armed(at(30)) },
  { when: 'new, a grid that has this very moment', job: { trigger: ON_THE_HOUR }, expected: armed(at(0)) },
  { when: 'new, a date ahead', job: { trigger: ONCE }, expected: armed(at(30)) },
  {
    when: 'new, a past date: due at once',
    job: { trigger: { type: 'date', run_date: at(-30) } },
    expected: armed(at(-30)),
  },
  { when: 'new, already over', job: { trigger: OVER }, expected: invalid },
  {
    when: 'a date that was claimed, its plan unset',
    job: { trigger: ONCE, state: { claimed_to: at(30) } },
    expected: invalid,
  },
  { when: 'planned and written', job: planned(HOURLY, at(20)), expected: armed(at(20), stands) },
  { when: 'planned and due', job: planned(HOURLY, at(-20)), expected: armed(at(-20), stands) },
  {
    when: 'planned, with an error that no longer holds',
    job: planned(HOURLY, at(20), { state: { error: 'no such func' } } as never),
    expected: armed(at(20)),
  },
  {
    when: 'set by a person',
    job: { ...planned(HOURLY, at(20)), next_run_time: at(7) },
    expected: armed(at(7), ordered),
  },
  {
    when: 'set by a person to the past',
    job: { ...planned(HOURLY, at(20)), next_run_time: at(-7) },
    expected: armed(at(-7), ordered),
  },
  {
    when: 'set by a person to a time before one that was claimed',
    job: { ...planned(HOURLY, at(20), { state: { claimed_to: at(-40) } } as never), next_run_time: at(-50) },
    expected: armed(at(-50), ordered),
  },
  { when: 'inserted with a time', job: { trigger: HOURLY, next_run_time: at(7) }, expected: armed(at(7), ordered) },
  {
    when: 'set by a person and acknowledged',
    job: planned(HOURLY, at(7), {
      state: { planned: { next_run_time: at(7), trigger: mark(HOURLY), ordered: true } },
    } as never),
    expected: armed(at(7), { ...ordered, ...stands }),
  },
  {
    when: 'set by a person together with a new trigger: the time wins',
    job: { ...planned(HOURLY, at(20)), trigger: ON_THE_HOUR, next_run_time: at(7) },
    expected: armed(at(7), ordered),
  },
  { when: 'paused', job: { trigger: HOURLY, next_run_time: null }, expected: paused },
  {
    when: 'paused, planned before',
    job: { ...planned(HOURLY, at(20)), next_run_time: null },
    expected: paused,
  },
  {
    when: 'paused, with a new trigger',
    job: { ...planned(HOURLY, at(20)), trigger: ON_THE_HOUR, next_run_time: null },
    expected: paused,
  },
  {
    when: 'resumed: from now, not where it was',
    job: { ...planned(HOURLY, at(-20)), next_run_time: undefined },
    expected: armed(at(60)),
  },
  { when: 'over', job: planned(ONCE, null, { state: { over: true } } as never), expected: over },
  {
    when: 'over, with a new trigger',
    job: { ...planned(ONCE, null, { state: { over: true, claimed_to: at(-1) } } as never), trigger: HOURLY },
    expected: armed(at(60)),
  },
  {
    when: 'over, armed again by a person',
    job: { ...planned(ONCE, null, { state: { over: true } } as never), next_run_time: at(7) },
    expected: armed(at(7), ordered),
  },
  {
    when: 'over, resumed by a person, with nothing left',
    job: { ...planned(ONCE, null, { state: { over: true, claimed_to: at(30) } } as never), next_run_time: undefined },
    expected: invalid,
  },
  { when: 'a new trigger', job: { ...planned(HOURLY, at(20)), trigger: ON_THE_HOUR }, expected: armed(at(0)) },
  {
    when: 'a new trigger drops a due run',
    job: { ...planned(HOURLY, at(-20)), trigger: { type: 'interval', hours: 2 } },
    expected: armed(at(120), { dropped: at(-20).getTime() }),
  },
  {
    when: 'a new trigger in an old copy, whose run memory knows to be claimed: nothing is dropped',
    job: { ...planned(HOURLY, at(-20)), trigger: { type: 'interval', hours: 2 } },
    claimed: -20,
    expected: armed(at(120)),
  },
  {
    when: 'a new trigger that is over',
    job: { ...planned(HOURLY, at(20)), trigger: OVER },
    expected: invalid,
  },
  {
    when: 'the same trigger, written otherwise',
    job: { ...planned(HOURLY, at(20)), trigger: { hours: 1, type: 'interval' } },
    expected: armed(at(20), stands),
  },
  {
    when: 'a fingerprint of another version keeps the plan',
    job: planned(HOURLY, at(-20), { state: { planned: { next_run_time: at(-20), trigger: '0:whatever' } } } as never),
    expected: armed(at(-20), stands),
  },
  {
    when: 'new, after a run of this very time was claimed: strictly later',
    job: { trigger: ON_THE_HOUR, state: { claimed_to: at(0) } },
    expected: armed(at(60)),
  },
  {
    when: 'new, after a run was claimed ahead of its time',
    job: { trigger: ON_THE_HOUR, state: { claimed_to: at(60) } },
    expected: armed(at(120)),
  },
  {
    when: 'new, and only memory knows of a claim',
    job: { trigger: ON_THE_HOUR },
    claimed: 60,
    expected: armed(at(120)),
  },
  {
    when: 'an old copy, whose run memory knows to be claimed: the schedule goes on after it',
    job: planned(HOURLY, at(-20), { state: { claimed_to: at(-80) } } as never),
    claimed: -20,
    expected: armed(at(40)),
  },
  {
    when: 'an older copy: what is due after the latest claim is not lost',
    job: planned(HOURLY, at(-140), { state: { claimed_to: at(-200) } } as never),
    claimed: -80,
    expected: armed(at(-20)),
  },
  {
    when: 'an old copy with a time that a person had set, and whose run was claimed',
    job: planned(HOURLY, at(-20), {
      state: { planned: { next_run_time: at(-20), trigger: mark(HOURLY), ordered: true }, claimed_to: at(-80) },
    } as never),
    claimed: -20,
    expected: armed(at(40)),
  },
  {
    when: 'acknowledged, set by a person to a time before the latest claim',
    job: planned(HOURLY, at(-50), {
      state: { planned: { next_run_time: at(-50), trigger: mark(HOURLY), ordered: true }, claimed_to: at(-20) },
    } as never),
    claimed: -20,
    expected: armed(at(-50), { ...ordered, ...stands }),
  },
  {
    when: 'a copy of another job: its state counts for nothing, its time does',
    job: planned(HOURLY, at(-20), { state: { job: 'another', over: true, claimed_to: at(600) } } as never),
    expected: armed(at(-20), ordered),
  },
  {
    when: 'a copy of another job that was over',
    job: planned(HOURLY, null, { state: { job: 'another', over: true } } as never),
    expected: paused,
  },
]

describe('the plan of a job', () => {
  test.each(rows.map(row => [row.when, row] as const))('%s', (_, { job, claimed, expected }) => {
    expect(planOf(job, claimed === undefined ? undefined : at(claimed).getTime())).toEqual(expected)
  })

  test('state counts for the job that it names, or for any when it names none', () => {
    const job = aJob({ state: { runs: 1 } } as never)
    expect(ownState(job)).toEqual({ runs: 1 })
    expect(ownState({ ...job, state: { job: job._id } })).toEqual({ job: job._id })
    expect(ownState({ ...job, state: { job: 'another' } })).toBeUndefined()
    expect(ownState(aJob())).toBeUndefined()
  })
})

describe('of any document', () => {
  const minutes = fc.integer({ min: -300, max: 300 })
  const trigger = fc.constantFrom<Trigger>(
    HOURLY,
    ON_THE_HOUR,
    ONCE,
    OVER,
    { type: 'interval', minutes: 7 },
    { type: 'date' },
  )
  const document = fc
    .record({
      trigger,
      next: fc.option(fc.oneof(minutes, fc.constant(null)), { nil: undefined }),
      plannedFor: trigger,
      plannedNext: fc.option(minutes, { nil: undefined }),
      ordered: fc.boolean(),
      over: fc.boolean(),
      claimedTo: fc.option(minutes, { nil: undefined }),
      same: fc.boolean(),
    })
    .map(({ trigger, next, plannedFor, plannedNext, ordered, over, claimedTo, same }) => {
      const time = next === undefined || next === null ? next : at(next)
      const written = same && time instanceof Date ? time : plannedNext === undefined ? undefined : at(plannedNext)
      return {
        trigger,
        ...(time !== undefined && { next_run_time: time }),
        state: {
          ...(written && { planned: { next_run_time: written, trigger: mark(same ? trigger : plannedFor), ordered } }),
          ...(over && { over }),
          ...(claimedTo !== undefined && { claimed_to: at(claimedTo) }),
        },
      }
    })
  const memory = fc.option(
    minutes.map(m => at(m).getTime()),
    { nil: undefined },
  )

  test('what was planned, written down, is planned alike: now, later, and by another node', () => {
    fc.assert(
      fc.property(document, memory, fc.nat({ max: 5 * HOUR }), (fields, remembered, later) => {
        const first = planOf(fields, remembered)
        if (first.state !== 'armed') return
        const latest = Math.max(fields.state.claimed_to?.getTime() ?? 0, remembered ?? 0)
        const next_run_time = new Date(first.due)
        const written = {
          ...fields,
          next_run_time,
          state: {
            ...fields.state,
            // The claim that memory knows of is in the document that the write was guarded by.
            ...(latest > 0 && { claimed_to: new Date(latest) }),
            planned: { next_run_time, trigger: mark(fields.trigger), ...(first.ordered && { ordered: true }) },
          },
        }
        const again = { state: 'armed', due: first.due, ordered: first.ordered, unwritten: false }
        expect(planOf(written, undefined, NOW + later)).toEqual(again)
        expect(planOf(written, latest || undefined, NOW + later)).toEqual(again)
      }),
      { numRuns: 3_000 },
    )
  })

  test('a time of the schedule lies after every claim that the document or memory knows of', () => {
    fc.assert(
      fc.property(document, memory, (fields, remembered) => {
        const next = planOf(fields, remembered)
        if (next.state !== 'armed' || next.ordered || !next.unwritten) return
        const claims = [fields.state.claimed_to?.getTime(), remembered].filter(time => time !== undefined)
        for (const claim of claims) expect(next.due).toBeGreaterThan(claim)
      }),
      { numRuns: 3_000 },
    )
  })

  test('null without over is paused, whatever else it says', () => {
    fc.assert(
      fc.property(document, memory, (fields, remembered) => {
        const { over: _, ...state } = fields.state
        expect(planOf({ ...fields, next_run_time: null, state }, remembered)).toEqual(paused)
      }),
    )
  })
})
