/** Lines of an APScheduler store become jobs; what does not is told with its line. */
import { describe, expect, test } from 'vitest'
import { type ApschedulerOptions, fromApscheduler } from '../../src/moving/apscheduler.ts'

const aLine = (fields: object = {}) => ({
  id: 'digest',
  name: 'Daily digest',
  func: 'mail:digest',
  args: [],
  kwargs: {},
  trigger: { type: 'interval', minutes: 5, start_date: '2027-01-15T12:00:00Z', timezone: 'UTC' },
  timezone: 'UTC',
  next_run_time: '2027-01-15T12:05:00.123456Z',
  misfire_grace_time: 1,
  coalesce: true,
  max_instances: 1,
  executor: 'default',
  lost: [],
  ...fields,
})
const read = (lines: readonly unknown[], options?: ApschedulerOptions) =>
  fromApscheduler(lines.map(line => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'), options)
const theJob = (fields: object, options?: ApschedulerOptions) => {
  const { jobs, skipped } = read([aLine(fields)], options)
  expect(skipped).toEqual([])
  expect(jobs).toHaveLength(1)
  return jobs[0]
}

describe('a job', () => {
  test('calls its function by the script, and what is the default is not written', () => {
    expect(theJob({})).toEqual({
      _id: 'digest',
      name: 'Daily digest',
      executor: 'script',
      func: 'run_func.py',
      args: ['mail:digest'],
      trigger: { type: 'interval', minutes: 5, start_date: '2027-01-15T12:00:00Z', timezone: 'UTC' },
      next_run_time: new Date('2027-01-15T12:05:00.123Z'),
    })
  })

  test('hands all positional arguments over as one, so that text and numbers stay apart', () => {
    expect(theJob({ args: [1, '1'], kwargs: { to: 'ann' } }, { script: 'py/call.py' })).toMatchObject({
      func: 'py/call.py',
      args: ['mail:digest', [1, '1']],
      kwargs: { to: 'ann' },
    })
  })

  test('calls a task where its function has one', () => {
    const job = theJob({ args: [1], executor: 'reports' }, { funcs: { 'mail:digest': 'post:digest' } })
    expect(job).toMatchObject({ func: 'post:digest', args: [1], executor: 'reports' })
    expect(theJob({}, { funcs: { 'mail:digest': 'post:digest' } })).not.toHaveProperty('executor')
  })

  test('keeps what somebody chose', () => {
    const chosen = { misfire_grace_time: null, coalesce: false, max_instances: 3 }
    expect(theJob(chosen)).toMatchObject(chosen)
    expect(theJob({ misfire_grace_time: 2 })).toMatchObject({ misfire_grace_time: 2 })
  })

  test.each([
    ['paused stays paused', { next_run_time: null }, null],
    ['with an offset', { next_run_time: '2027-01-15T12:05:00+05:30' }, new Date('2027-01-15T06:35:00Z')],
  ])('%s', (_, fields, next_run_time) => {
    expect(theJob(fields)).toMatchObject({ next_run_time })
  })

  test('that was never planned has no next run time', () => {
    const { next_run_time: _, ...rest } = aLine()
    expect(read([rest]).jobs[0]).not.toHaveProperty('next_run_time')
  })

  test('goes to a node, with a prefix, and in a zone where its trigger names none', () => {
    const given = { ip: '10.0.0.7', prefix: 'shop', timezone: 'Europe/Berlin' }
    expect(theJob({ trigger: { type: 'cron', hour: 8 } }, given)).toMatchObject({
      _id: 'shop-digest',
      ip: '10.0.0.7',
      trigger: { type: 'cron', hour: 8, timezone: 'Europe/Berlin' },
    })
    expect(theJob({}, given)).toMatchObject({ trigger: { timezone: 'UTC' } })
  })
})

test('a job that was pinned to an ip stays there, unless all go elsewhere', () => {
  expect(theJob({ ip: '10.0.0.8' })).toMatchObject({ ip: '10.0.0.8' })
  expect(theJob({ ip: '10.0.0.8' }, { ip: '10.0.0.9' })).toMatchObject({ ip: '10.0.0.9' })
})

describe('what does not come along', () => {
  test.each([
    ['a line that is no JSON', 'digest;mail', 'digest;mail', /it is no job in JSON/],
    ['a list', '[1]', '[1]', /it is no job in JSON/],
    [
      'a trigger that could not be kept',
      aLine({ trigger: null, lost: ['its trigger is a Tide'] }),
      'digest',
      /^its trigger is a Tide$/,
    ],
    ['a wrong trigger', aLine({ trigger: { type: 'cron', hour: 25 } }), 'digest', /trigger\.hour/],
    [
      'a function of the program itself',
      aLine({ func: '__main__:tick' }),
      'digest',
      /lies in the program that was started/,
    ],
    ['no function', aLine({ func: null }), 'digest', /expected module:function, found none/],
    ['a function without a module', aLine({ func: 'tick' }), 'digest', /expected module:function, found "tick"/],
    ['a next run time that is none', aLine({ next_run_time: 'soon' }), 'digest', /next_run_time/],
    ['a count that is none', aLine({ max_instances: 0 }), 'digest', /max_instances/],
    ['an id that is none', aLine({ id: '' }), '', /_id/],
  ])('%s: the job of the next line does', (_, line, text, why) => {
    const { jobs, skipped } = read([line, aLine({ id: 'other' })])
    expect(skipped).toEqual([{ line: 1, text, why: expect.stringMatching(why) }])
    expect(jobs).toMatchObject([{ _id: 'other' }])
  })

  test('the second job of an id', () => {
    const { jobs, skipped } = read([aLine(), aLine({ name: 'again' })])
    expect(skipped).toEqual([{ line: 2, text: 'digest', why: 'a line before has a job of this id' }])
    expect(jobs).toMatchObject([{ name: 'Daily digest' }])
  })

  test('parts of a job are said beside it', () => {
    const { jobs, skipped } = read([
      aLine({ lost: ['args[0] is bytes; it becomes text in base64'], executor: 'reports' }),
    ])
    expect(jobs).toHaveLength(1)
    expect(skipped).toEqual([
      { line: 1, text: 'digest', why: 'args[0] is bytes; it becomes text in base64' },
      { line: 1, text: 'digest', why: expect.stringMatching(/^executor: it ran in reports;/) },
    ])
  })

  test('who calls a script and who had the default of a second is told by id', () => {
    const { scripted, patient } = read(
      [aLine(), aLine({ id: 'b', func: 'mail:clean' }), '', aLine({ id: 'c', misfire_grace_time: 60 })],
      { funcs: { 'mail:clean': 'post:clean' } },
    )
    expect(scripted).toEqual(['digest', 'c'])
    expect(patient).toEqual(['digest', 'b'])
  })
})
