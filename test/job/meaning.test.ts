/** Meanings: every field has one, word for word that of its comment in job.ts; examples are valid; wrong paths are answered. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { explain, MEANINGS, PATHS } from '../../src/job/meaning.ts'
import { validateJob } from '../../src/job/parse.ts'
import { aJob } from '../support/jobs.ts'

const source = readFileSync(new URL('../../src/job/job.ts', import.meta.url), 'utf8')

/** What the comments of an interface say of its members, without their defaults. */
function commentsOf(name: string): readonly (readonly [member: string, meaning: string])[] {
  const body = new RegExp(`interface ${name} (?:extends \\w+ )?\\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? ''
  return [...body.matchAll(/^ {2}\/\*\* ((?:(?!\*\/)[\s\S])*) \*\/\n {2}readonly (\w+)\??:/gm)].map(
    ([, comment = '', member = '']) => [
      member,
      comment.replace(/\s+\*\s+/g, ' ').replace(/(?:[;.]) ?[Dd]efault\b.*$/, '.'),
    ],
  )
}

describe('what the command line says is what an editor shows', () => {
  const rows = [
    ...commentsOf('JobFields'),
    ...commentsOf('Job'),
    ...commentsOf('Retry').map(([name, text]) => [`retry.${name}`, text] as const),
    ...commentsOf('JobState').map(([name, text]) => [`state.${name}`, text] as const),
    ...commentsOf('RunningEntry').map(([name, text]) => [`state.running.${name}`, text] as const),
  ]

  test.each(rows)('%s', (path, comment) => {
    expect(explain(path).meaning).toBe(comment)
  })

  test('no field is without a comment', () => {
    const paths = PATHS.filter(path => !path.startsWith('trigger.'))
    expect(rows.map(([path]) => path).sort()).toEqual([...paths].sort())
  })
})

test('no field of the schema is left out', () => {
  const below = (path: string): readonly string[] =>
    (explain(path).fields ?? []).flatMap(field => [field.path, ...(path === '' ? below(field.path) : [])])
  const known = ['x_…', 'state.running.', 'state.waiting.', 'state.planned.']
  const found = below('').filter(path => !known.some(start => path.startsWith(start)))
  expect([...new Set(found)].filter(path => !PATHS.includes(path))).toEqual([])
  expect(found.length).toBeGreaterThan(60)
})

test.each(Object.entries(MEANINGS).filter(([, { example }]) => example !== undefined))(
  'the example of %s is valid',
  (field, { example }) => {
    expect(validateJob({ ...aJob(), [field]: example })).toEqual([])
  },
)

test('type, default and what is allowed come from the schema', () => {
  expect(explain('max_instances')).toMatchObject({
    type: 'integer',
    default: 1,
    takes: 'an integer from 1 to 1000, such as 1',
  })
  expect(explain('misfire_grace_time')).toMatchObject({ type: 'number or null', default: 60 })
  expect(explain('overlap').type).toBe('skip or queue_one or cancel_other')
  expect(explain('standby').type).toBe('array of text or any')
  expect(explain('state.running').fields?.map(({ path }) => path)).toContain('state.running.run_id')
})

test('a trigger is told by field and by kind, its members like itself', () => {
  expect(explain('trigger.hour')).toMatchObject({ kinds: ['cron'], type: 'number or text or null' })
  expect(explain('trigger.interval').fields?.map(({ path }) => path)).toContain('trigger.minutes')
  expect(explain('trigger.interval').fields?.map(({ path }) => path)).not.toContain('trigger.hour')
  expect(explain('trigger.triggers.0.hour')).toEqual(explain('trigger.hour'))
  expect(explain('trigger.triggers').path).toBe('trigger.triggers')
})

test('places in arrays and the word job before a path say nothing', () => {
  expect(explain('state.running.0.run_id')).toEqual(explain('state.running.run_id'))
  expect(explain('job.timeout')).toEqual(explain('timeout'))
  expect(explain('x_team').meaning).toMatch(/own data/)
})

test.each([
  ['max_instance', 'max_instance: not a field of a job; did you mean max_instances?'],
  ['minutes', 'minutes: not a field of a job; did you mean trigger.minutes?'],
  ['retry.dely', 'dely: not a field of retry; did you mean delay?'],
  ['trigger.huor', 'huor: not a field of trigger; did you mean hour?'],
  ['trigger.hour.x', 'x: not a field of trigger.hour; it has no fields'],
  ['timeout.x', 'x: not a field of timeout; it has no fields'],
  ['constructor', /^constructor: not a field of a job; known are _id, name/],
])('%s is no path: it says so, and the nearest one', (path, message) => {
  expect(() => explain(path)).toThrow(
    expect.objectContaining({
      code: 'invalid_option',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    }),
  )
})
