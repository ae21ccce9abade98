/** Job news: at most one piece of news for a change, and none for what is known. */
import { describe, expect, test } from 'vitest'
import type { Source } from '../../src/change/change.ts'
import type { Job } from '../../src/job/job.ts'
import { type Entry, newEntry } from '../../src/wheel/entry.ts'
import { newsOf, turned } from '../../src/wheel/job-news.ts'
import { aJob } from '../support/jobs.ts'

const DUE = Date.UTC(2026, 0, 1)
const next_run_time = new Date(DUE)
const JOB = aJob({ _id: 'job', ip: 'mine' })
const PROBLEMS = [{ path: 'func', message: 'func: unknown' }]
const entry = (fields: Partial<Entry> = {}): Entry => ({ ...newEntry('job'), state: 'armed', due: DUE, ...fields })
const known = (state: Entry['state'] = 'armed', problems: Entry['problems'] = []) => ({ state, problems })
const stated = (state: object): Job => ({ ...JOB, state }) as Job

describe('a job that was not held', () => {
  const from = (source: Source, job = JOB) => newsOf(entry(), job, undefined, source)

  test('is added where it was inserted, and is no news where all are read', () => {
    expect(from('insert')).toEqual({ type: 'job.added', job_id: 'job', next_run_time })
    expect([from('snapshot'), from('claim')]).toEqual([undefined, undefined])
  })

  test.each(['read', 'given', 'replace'] as const)('has moved here, or is adopted where it was placed: %s', source => {
    expect(from(source)).toEqual({ type: 'job.moved', job_id: 'job', from: null, to: 'mine' })
    expect(from(source, stated({ placed: true }))).toEqual({ type: 'job.adopted', job_id: 'job', ip: 'mine' })
    expect(from(source, stated({ job: 'another', placed: true }))).toMatchObject({ type: 'job.moved' })
  })
})

describe('a job that is held', () => {
  test('is modified where a person edited or replaced it, and is no news where it only was read', () => {
    const modified = { type: 'job.modified', job_id: 'job', next_run_time }
    expect(newsOf(entry({ edited: true }), JOB, known(), 'read')).toEqual(modified)
    expect(newsOf(entry(), JOB, known(), 'replace')).toEqual(modified)
    for (const source of ['read', 'snapshot', 'claim', 'insert'] as const)
      expect(newsOf(entry(), JOB, known(), source)).toBeUndefined()
  })

  test('is paused or resumed, whatever else was edited, and says by what', () => {
    const paused = entry({ state: 'paused', due: undefined, edited: true })
    expect(newsOf(paused, JOB, known(), 'read')).toEqual({ type: 'job.paused', job_id: 'job' })
    const by = stated({ paused_by: 'failures' })
    expect(newsOf(paused, by, known(), 'read')).toEqual({ type: 'job.paused', job_id: 'job', by: 'failures' })
    const resumed = { type: 'job.resumed', job_id: 'job', next_run_time }
    expect(newsOf(entry({ edited: true }), JOB, known('paused'), 'read')).toEqual(resumed)
  })

  test('turns only between armed and paused', () => {
    const states = ['armed', 'paused', 'over', 'invalid'] as const
    const turns = states.flatMap(before => states.map(state => turned(before, entry({ state }))?.type))
    expect(turns.filter(type => type !== undefined)).toEqual(['job.paused', 'job.resumed'])
    expect([turned('armed', entry({ state: 'paused' }))?.type, turned('paused', entry())?.type]).toEqual(
      turns.filter(type => type !== undefined),
    )
  })
})

describe('what is not schedulable', () => {
  const invalid = entry({ state: 'invalid', problems: PROBLEMS, edited: true })
  const told = { type: 'job.invalid', job_id: 'job', problems: PROBLEMS }

  test('is told with its problems, however it came', () => {
    for (const source of ['snapshot', 'insert', 'read', 'claim'] as const)
      expect(newsOf(invalid, JOB, undefined, source)).toEqual(told)
    expect(newsOf(invalid, JOB, known(), 'read')).toEqual(told)
    const others = [[{ path: 'x', message: 'x: other' }], [...PROBLEMS, { path: 'x', message: 'x: other' }]]
    for (const before of others) expect(newsOf(invalid, JOB, known('invalid', before), 'read')).toEqual(told)
  })

  test('is not told again with the same problems', () => {
    expect(newsOf(invalid, JOB, known('invalid', PROBLEMS), 'read')).toMatchObject({ type: 'job.modified' })
    expect(newsOf({ ...invalid, edited: false }, JOB, known('invalid', PROBLEMS), 'read')).toBeUndefined()
  })
})
