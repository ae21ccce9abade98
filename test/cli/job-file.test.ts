/** Job files: YAML and JSON, a list or one with a label, and what is none. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { jobFileOf, yamlOf } from '../../src/cli/job-file.ts'
import { definitionsOf } from '../../src/client/definition.ts'

const YAML = `
label: mail # of the team
jobs:
  - _id: digest
    func: mail:digest
    trigger: { type: cron, expression: '*/5 * * * *' }
    kwargs: { on: yes, day: 2026-01-31 }
`

test('YAML: words and dates without quotes are text, as in JSON', () => {
  const trigger = { type: 'cron', expression: '*/5 * * * *' }
  const job = { _id: 'digest', func: 'mail:digest', trigger, kwargs: { on: 'yes', day: '2026-01-31' } }
  expect(jobFileOf(YAML, 'jobs.yaml')).toEqual({ label: 'mail', jobs: [job] })
  expect(jobFileOf(JSON.stringify([job]), 'jobs.json')).toEqual({ jobs: [job] })
  expect(jobFileOf('[]', 'stdin')).toEqual({ jobs: [] })
})

test('what is written as YAML is read as the same', () => {
  const jobs = [
    { _id: 'a: b', func: '*', args: [1, 'null', null, '1', 'true', true, 'x\ny', { $date: '2026-01-01T00:00:00Z' }] },
  ]
  expect(jobFileOf(yamlOf(jobs), 'x')).toEqual({ jobs })
  expect(yamlOf([])).toBe('[]')
})

test.each([
  ['', 'x: expected a list of jobs, or {label, jobs}'],
  ['text', 'x: expected a list of jobs, or {label, jobs}'],
  ['{"func": "f", "_id": "a"}', 'x: expected a list of jobs, found one job; put it into a list'],
  ['{"job": []}', 'x: job: a file has label and jobs; did you mean jobs?'],
  ['{"version": 1}', 'x: version: a file has label and jobs'],
  ['label: a', 'x: jobs: expected a list of jobs'],
  ['label: ""\njobs: []', 'x: label: expected a word, such as billing'],
  ['[{"a": ', /^x: no YAML or JSON: .* at line 1/],
  ['- a: 1\n  a: 2', /^x: no YAML or JSON: Map keys must be unique at line 2/],
  ['- a: */5 * * * *', /^x: no YAML or JSON: /],
])('%j is refused', (text, message) => {
  expect(() => jobFileOf(text, 'x')).toThrow(
    expect.objectContaining({
      code: 'invalid_job',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    }),
  )
})

test('a crontab text without quotes is told what it needs', () => {
  expect(() => jobFileOf('- trigger: *5', 'x')).toThrow(
    expect.objectContaining({ data: { advice: expect.stringMatching(/stands in quotes/) } }),
  )
})

test("the README's example is one", () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? []
  const { label, jobs } = jobFileOf(example, 'README.md')
  expect([label, definitionsOf(jobs, undefined).map(({ id }) => id)]).toEqual(['mail', ['digest']])
})
