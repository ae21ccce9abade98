/** Definitions: what a file owns of a job, what it leaves alone, and that what was applied differs in nothing. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DifferenceOptions, definitionOf, definitionsOf, differenceOf } from '../../src/client/definition.ts'
import type { Job } from '../../src/job/job.ts'
import { aJob } from '../support/jobs.ts'

const NOW = Date.parse('2026-06-01T00:00:00Z')

const difference = (file: readonly object[], present: readonly Job[], options: Partial<DifferenceOptions> = {}) =>
  differenceOf(definitionsOf(file, undefined), present, { now: NOW, ...options })

const changesOf = (given: object, present: Job, options: Partial<DifferenceOptions> = {}) =>
  difference([given], [present], options).changed.flatMap(({ changes }) => changes)

/** The documents as they are once the file was applied. */
function applied(file: readonly object[], present: readonly Job[], options: Partial<DifferenceOptions> = {}): Job[] {
  const { added, changed, removed } = difference(file, present, options)
  const jobs = new Map(present.map(job => [job._id, { ...job } as Record<string, unknown>]))
  for (const { id, fields } of added) jobs.set(id, { _id: id, ...fields })
  for (const { id, changes } of changed) {
    for (const { field, to } of changes) {
      const job = jobs.get(id) as Record<string, unknown>
      if (to === undefined) delete job[field]
      else job[field] = to
    }
  }
  for (const id of removed) jobs.delete(id)
  return [...jobs.values()] as unknown as Job[]
}

const digest = { _id: 'digest', func: 'mail:digest', trigger: { type: 'interval', minutes: 5 } }

describe('what differs', () => {
  test('a job that is not there is added with what the file owns of it', () => {
    const { added, changed } = difference([{ ...digest, ip: 'a' }], [], { label: 'mail' })
    const x_applied = { label: 'mail', fields: ['func', 'trigger'] }
    expect([added, changed]).toEqual([
      [{ id: 'digest', fields: { func: 'mail:digest', trigger: digest.trigger, ip: 'a', x_applied } }],
      [],
    ])
  })

  test('a field that the file says is brought to it; whatever else the document has stays', () => {
    const [job] = applied([digest], []) as [Job]
    const edited = { ...job, timeout: 3, note: 'ask Ann', func: 'other', tags: ['x'] } as Job
    expect(changesOf(digest, edited)).toEqual([{ field: 'func', from: 'other', to: 'mail:digest' }])
  })

  test('a field that the file no longer says is taken away, unless somebody else gave it', () => {
    const [job] = applied([{ ...digest, timeout: 3, tags: ['x'] }], []) as [Job]
    const edited = { ...job, note: 'ask Ann' } as Job
    const changes = changesOf({ ...digest, tags: ['x'] }, edited)
    expect(changes.map(({ field, from, to }) => [field, from, to])).toEqual([
      ['timeout', 3, undefined],
      ['x_applied', { fields: ['func', 'tags', 'timeout', 'trigger'] }, { fields: ['func', 'tags', 'trigger'] }],
    ])
    const [after] = applied([digest], [edited])
    expect(after).toEqual({ ...digest, note: 'ask Ann', x_applied: { fields: ['func', 'trigger'] } })
  })

  test('where it runs and when next are left alone, unless asked for', () => {
    const given = { ...digest, ip: 'a', next_run_time: null }
    const next_run_time = new Date(NOW)
    const [job] = applied([given], []) as [Job]
    expect(changesOf(given, { ...job, ip: 'b', next_run_time })).toEqual([])
    expect(changesOf(given, { ...job, ip: 'b', next_run_time }, { with: ['ip'] })).toEqual([
      { field: 'ip', from: 'b', to: 'a' },
    ])
    const both = changesOf(given, { ...job, ip: 'b', next_run_time }, { with: ['ip', 'next_run_time'] })
    expect(both.map(({ field }) => field)).toEqual(['ip', 'next_run_time'])
    expect(changesOf(digest, { ...job, ip: 'b' }, { with: ['ip', 'next_run_time'] })).toEqual([])
  })

  test('a job that was made by hand is owned from then on, though nothing else changes', () => {
    const changes = changesOf(digest, digest as unknown as Job)
    expect(changes).toEqual([{ field: 'x_applied', from: undefined, to: { fields: ['func', 'trigger'] } }])
  })

  test('the order of keys is no difference; that of arrays and another type are', () => {
    const given = { ...digest, kwargs: { a: 1, b: { c: 1, d: 2 } }, args: [1, 2] }
    const [job] = applied([given], []) as [Job]
    expect(changesOf(given, { ...job, kwargs: { b: { d: 2, c: 1 }, a: 1 } })).toEqual([])
    expect(changesOf(given, { ...job, args: [2, 1] })).toHaveLength(1)
    expect(changesOf(given, { ...job, args: ['1', 2] })).toHaveLength(1)
  })

  test('jobs that are handed in and not in the file are removed', () => {
    expect(difference([digest], [aJob({ _id: 'old' })]).removed).toEqual(['old'])
  })

  test('what has run for the last time is not added again', () => {
    const once = { _id: 'once', func: 'f', trigger: { type: 'date', run_date: '2026-01-01' } }
    const ended = { _id: 'ended', func: 'f', trigger: { type: 'cron', hour: 8, end_date: '2026-01-01' } }
    const later = { _id: 'later', func: 'f', trigger: { type: 'date', run_date: '2027-01-01' } }
    const { over, added, unchanged } = difference([once, ended, later], [])
    expect([over, added.map(({ id }) => id), unchanged]).toEqual([['once', 'ended'], ['later'], 0])
  })

  test('a job of another label is a conflict, unless it is adopted', () => {
    const present = applied([digest], [], { label: 'mail' })
    for (const label of ['billing', undefined]) {
      expect(() => difference([digest], present, { label })).toThrow(
        expect.objectContaining({
          code: 'conflict',
          message: expect.stringMatching(/digest: it was applied with the label mail/),
        }),
      )
    }
    const [job] = applied([digest], present, { label: 'billing', adopt: true })
    expect(job?.x_applied).toEqual({ label: 'billing', fields: ['func', 'trigger'] })
  })

  test.each([['text'], [[1]], [{ fields: 'func' }], [{ fields: [1, 'timeout'] }], [null]])(
    'x_applied that somebody spoilt (%j) stops nothing',
    x_applied => {
      const job = { ...digest, timeout: 3, x_applied } as unknown as Job
      expect(changesOf(digest, job).at(-1)?.to).toEqual({ fields: ['func', 'trigger'] })
    },
  )
})

test('whatever was applied differs in nothing, and what the file does not own stays', () => {
  const fields = fc.record(
    {
      timeout: fc.option(fc.integer({ min: 1, max: 9 })),
      tags: fc.array(fc.string(), { maxLength: 2 }),
      kwargs: fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.jsonValue({ maxDepth: 1 })),
      x_mine: fc.jsonValue({ maxDepth: 1 }),
      note: fc.string(),
      ip: fc.constantFrom('a', 'b'),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fields, fields, fields, (first, byHand, second) => {
      const [made] = applied([{ ...digest, ...first }], []) as [Job]
      const edited = { ...made, ...byHand } as Job
      const file = [{ ...digest, ...second }]
      const after = applied(file, [edited])
      expect(difference(file, after)).toMatchObject({ added: [], changed: [], unchanged: 1 })
      const [job] = after as unknown as Record<string, unknown>[]
      expect(job?.ip).toBe((edited as unknown as Record<string, unknown>).ip)
      for (const [field, value] of Object.entries(byHand)) {
        if (!(field in first) && !(field in second)) expect(job?.[field]).toEqual(value)
      }
      for (const field of Object.keys(first))
        if (!(field in second) && field !== 'ip') expect(job).not.toHaveProperty(field)
    }),
  )
})

describe('as a file would say it', () => {
  test('without what nodes write and orders for once; dates as extended JSON', () => {
    const at = new Date('2027-01-01T08:00:00Z')
    const job = aJob({
      _id: 'a',
      ip: 'n',
      args: [at],
      next_run_time: at,
      run_at: [at],
      cancel: '*',
      touch: 't',
      state: { runs: 1 },
      x_applied: { fields: [] },
      x_mine: 1,
    })
    const { trigger, func } = job
    const args = [{ $date: '2027-01-01T08:00:00Z' }]
    expect(definitionOf(job)).toEqual({ _id: 'a', func, trigger, ip: 'n', args, x_mine: 1 })
  })

  test('a pause stays, a node that the cluster chose does not, what is over is left out', () => {
    expect(definitionOf(aJob({ next_run_time: null }))).toMatchObject({ next_run_time: null })
    expect(definitionOf(aJob({ ip: 'a', state: { placed: true } }))).not.toHaveProperty('ip')
    expect(definitionOf(aJob({ next_run_time: null, state: { over: true } }))).toBeUndefined()
  })

  test('read again it is the same job', () => {
    const start_date = new Date('2027-01-01T08:00:00Z')
    const job = aJob({ trigger: { type: 'interval', hours: 1, start_date }, kwargs: { at: start_date }, timeout: null })
    expect(changesOf(definitionOf(job) as object, job).map(({ field }) => field)).toEqual(['x_applied'])
  })
})

test.each([
  [
    [{ func: 'f', trigger: { type: 'date' } }],
    'job 1 of the file: _id: expected an id, such as nightly-report; found nothing',
  ],
  [[digest, digest], 'job 2 of the file: job digest: it is in the file twice, as job 1, too'],
  [
    [digest, { ...digest, _id: 'b', max_instance: 2 }],
    /^job 2 of the file: job b: max_instance: .* did you mean max_instances\?/,
  ],
  [[{ ...digest, x_applied: {} }], 'job 1 of the file: job digest: x_applied: is written by apply; leave it out'],
  [[{ ...digest, state: {} }], /state: is written by nodes only/],
  [['digest'], /^job 1 of the file: /],
  [[null], /^job 1 of the file: /],
  [[{ ...digest, args: [{ $oid: 'x' }] }], /^job 1 of the file: no extended JSON: /],
])('%j is refused', (file, message) => {
  expect(() => definitionsOf(file, undefined)).toThrow(
    expect.objectContaining({
      code: 'invalid_job',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    }),
  )
})

test('a zone that was given is written into triggers that name none', () => {
  const [first, second] = definitionsOf(
    [digest, { ...digest, _id: 'b', trigger: { type: 'cron', hour: 8, timezone: 'UTC' } }],
    'Asia/Tokyo',
  )
  expect(first?.fields.trigger).toEqual({ ...digest.trigger, timezone: 'Asia/Tokyo' })
  expect(second?.fields.trigger).toMatchObject({ timezone: 'UTC' })
})
