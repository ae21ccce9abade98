import { describe, expect, test } from 'vitest'
import { TidewheelError } from '../../src/errors.ts'
import { graceMs, JOB_DEFAULTS, jobSchema, maxInstancesOf, nameOf, timeoutMs } from '../../src/job/job.ts'
import { isFlat, parseJob, parseJobInput, unflatten, validateJob } from '../../src/job/parse.ts'
import { parseTrigger } from '../../src/trigger/trigger.ts'
import { BAD, EVERY_FIVE_MINUTES, GOOD, job, ONLY_PARSER, UNKNOWN } from './documents.ts'

const messages = (document: unknown) => validateJob(document).map(({ message }) => message)
const paths = (document: unknown) => validateJob(document).map(({ path }) => path)

/** The problems an input was refused for. */
function refused(input: unknown, options?: Parameters<typeof parseJobInput>[1]): string[] {
  try {
    parseJobInput(input, options)
  } catch (error) {
    if (error instanceof TidewheelError && error.code === 'invalid_job') {
      return (error.data.problems as { message: string }[]).map(({ message }) => message)
    }
    throw error
  }
  return []
}

describe('a document', () => {
  // The driver turns a long into a number before anyone sees it.
  for (const [name, document] of GOOD.filter(([name]) => name !== 'a long')) {
    test(`with ${name} is a job, and comes back itself`, () => {
      const parsed = parseJob(document)
      expect(parsed).not.toHaveProperty('problems')
      expect('job' in parsed && parsed.job).toBe(document)
    })
  }

  for (const [name, document, field] of BAD) {
    test(`with ${name} is refused, and the message begins with ${field}`, () => {
      expect(messages(document)[0]).toMatch(new RegExp(`^${field}`))
    })
  }

  for (const [name, document, path] of ONLY_PARSER) {
    test(`with ${name} is refused at ${path}`, () => {
      expect(paths(document)).toEqual([path])
    })
  }

  for (const [field, meant] of UNKNOWN) {
    test(`with ${field} is refused${meant ? `, and ${meant} is suggested` : ''}`, () => {
      expect(messages(job({ [field]: 1 }))).toEqual([
        `${field}: not a field of a job; ${meant ? `did you mean ${meant}?` : 'your own data goes in fields that begin with x_'}`,
      ])
    })
  }

  for (const [name, thing] of [
    ['null', null],
    ['nothing', undefined],
    ['text', 'job'],
    ['an array', []],
    ['a date', new Date()],
  ] as const) {
    test(`that is ${name} is refused as a whole`, () => {
      expect(validateJob(thing)).toMatchObject([{ path: '' }])
    })
  }

  test('with several faults hears of each once', () => {
    expect(paths(job({ max_instances: 0.5, ip: ' ', retry: {}, trigger: { type: 'interval' } }))).toEqual([
      'ip',
      'max_instances',
      'retry.max_attempts',
      'retry.delay',
      expect.stringMatching(/^trigger/),
    ])
  })

  test('hears what is allowed and what was found', () => {
    expect(messages(job({ max_instances: 0 }))).toEqual([
      'max_instances: an integer from 1 to 1000, such as 1; found 0',
    ])
    expect(messages(job({ retry: { max_attempts: 3 } }))[0]).toMatch(/; found nothing at retry\.delay$/)
    expect(messages(job({ func: undefined }))[0]).toMatch(/; found nothing$/)
    expect(messages(job({ tags: 'x'.repeat(1_000) }))[0]?.length).toBeLessThan(200)
  })

  test('whose trigger was parsed before is not parsed again', () => {
    const trigger = parseTrigger(EVERY_FIVE_MINUTES)
    const parsed = parseJob(job(), { trigger })
    expect('trigger' in parsed && parsed.trigger).toBe(trigger)
  })

  test('whose trigger can never fire is a job to the node, and a problem to whoever asks', () => {
    const never = job({ trigger: { type: 'cron', month: 2, day: 30 } })
    expect(parseJob(never)).not.toHaveProperty('problems')
    expect(messages(never)).toEqual([expect.stringMatching(/^trigger: can never fire/)])
  })

  test('is checked in less than 50 µs', () => {
    const document = job({
      ip: '10.0.0.7',
      next_run_time: new Date(0),
      state: { job: 'a', runs: 3, running: [] },
      touch: 't',
    })
    const trigger = parseTrigger(EVERY_FIVE_MINUTES)
    const measure = (count: number) => {
      const began = process.hrtime.bigint()
      for (let i = 0; i < count; i++) parseJob(document, { trigger })
      return Number(process.hrtime.bigint() - began) / count / 1000
    }
    measure(5_000)
    expect(Math.min(measure(5_000), measure(5_000), measure(5_000))).toBeLessThan(50)
  })
})

describe('every field', () => {
  for (const [name, field] of Object.entries(jobSchema.shape)) {
    test(`${name} has a short description that begins with its name and has no double quotes`, () => {
      expect(field.description).toMatch(new RegExp(`^${name}: .+`))
      expect(field.description).not.toContain('"')
      expect(field.description?.length).toBeLessThan(90)
    })
  }
})

describe('what people hand to jobs.add', () => {
  test('may leave out the id, and ip null means no ip', () => {
    expect(parseJobInput({ func: 'f', trigger: EVERY_FIVE_MINUTES, ip: null, name: undefined })).toEqual({
      func: 'f',
      trigger: EVERY_FIVE_MINUTES,
    })
  })

  test('gets the defaults of the node where a field is absent', () => {
    const defaults = { max_instances: 3, coalesce: false, ip: 'b' }
    expect(
      parseJobInput({ _id: 'a', func: 'f', trigger: EVERY_FIVE_MINUTES, max_instances: 5, ip: null }, { defaults }),
    ).toEqual({
      _id: 'a',
      func: 'f',
      trigger: EVERY_FIVE_MINUTES,
      max_instances: 5,
      coalesce: false,
    })
  })

  test('may hold its dates as text, but only as whole instants', () => {
    const at = '2026-01-31T08:00:00+01:00'
    expect(parseJobInput(job({ next_run_time: at, run_at: [at] }))).toMatchObject({
      next_run_time: new Date('2026-01-31T07:00:00Z'),
      run_at: [new Date('2026-01-31T07:00:00Z')],
    })
    for (const text of ['2026-01-31', '2026-01-31T08:00:00', '2026-13-31T08:00:00Z', 'tomorrow', 5]) {
      expect(refused(job({ next_run_time: text }))).toEqual([expect.stringMatching(/^next_run_time: a date/)])
    }
  })

  test('may not hold what nodes write', () => {
    expect(refused(job({ state: {}, touch: 'x' }))).toEqual([
      'state: is written by nodes only; leave it out',
      'touch: is written by nodes only; leave it out',
    ])
  })

  test('is refused with every problem, and the id in the message', () => {
    expect(() => parseJobInput(job({ max_instances: 0, coalesce: 2 }))).toThrow(
      /^job a: coalesce: .*; max_instances: .*/,
    )
    for (const thing of [null, 'x', 5, []])
      expect(refused(thing)).toEqual([expect.stringMatching(/^a job is an object/)])
  })
})

describe("APScheduler's flat form", () => {
  test('becomes ours: the fields of the trigger go into it, id becomes _id', () => {
    expect(
      unflatten({
        id: 'a',
        func: 'm:f',
        args: [1],
        trigger: 'interval',
        seconds: 5,
        start_date: '2026-01-01',
        jitter: 2,
      }),
    ).toEqual({
      _id: 'a',
      func: 'm:f',
      args: [1],
      trigger: { type: 'interval', seconds: 5, start_date: '2026-01-01', jitter: 2 },
    })
  })

  test('may hold its trigger as an object, and orders to the caller go', () => {
    const flat = { id: 'a', func: 'f', trigger: { type: 'cron', hour: 8 }, replace_existing: true, jobstore: 'default' }
    expect(unflatten(flat)).toEqual({ _id: 'a', func: 'f', trigger: { type: 'cron', hour: 8 } })
  })

  test('without a trigger runs once, at once; as a change it changes no trigger', () => {
    expect(unflatten({ id: 'a', func: 'f' })).toEqual({ _id: 'a', func: 'f', trigger: { type: 'date' } })
    expect(unflatten({ max_instances: 3 }, { partial: true })).toEqual({ max_instances: 3 })
  })

  test('with a whole trigger and a field of a trigger beside it is refused: nobody guesses', () => {
    for (const name of ['id', '_id']) {
      expect(refused({ [name]: 'a', func: 'f', trigger: EVERY_FIVE_MINUTES, hours: 5 })).toEqual([
        'hours: not a field of a job; it belongs into trigger',
      ])
    }
  })

  test('with fields of a trigger but no trigger is refused', () => {
    expect(refused({ id: 'a', func: 'f', seconds: 5 })).toEqual([expect.stringMatching(/^trigger/)])
  })

  test('with a field of another trigger is refused, with that field named', () => {
    expect(refused({ id: 'a', func: 'f', trigger: 'interval', seconds: 5, hour: 8 })).toEqual([
      expect.stringMatching(/hour/),
    ])
  })

  test('is told from ours by its id, a word as trigger, or fields of a trigger beside the job', () => {
    expect([{ id: 'a' }, { trigger: 'date' }, { seconds: 5 }].map(isFlat)).toEqual([true, true, true])
    expect([job(), job({ minutes: 5 }), {}, null, 'x', { description: 'd' }].some(isFlat)).toBe(false)
  })
})

test('an absent field means its default, in milliseconds where it is a time', () => {
  const { _id } = { _id: 'a' }
  expect([nameOf({ _id }), nameOf({ _id, name: 'N' })]).toEqual(['a', 'N'])
  expect([graceMs({}), graceMs({ misfire_grace_time: null }), graceMs({ misfire_grace_time: 0.5 })]).toEqual([
    60_000,
    null,
    500,
  ])
  expect([timeoutMs({}), timeoutMs({ timeout: 2 })]).toEqual([null, 2_000])
  expect([maxInstancesOf({}), maxInstancesOf({ max_instances: 4 })]).toEqual([1, 4])
  expect(validateJob(job({ ...JOB_DEFAULTS }))).toEqual([])
})
