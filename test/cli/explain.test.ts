/** `explain`: one field, a part of the document, all of it, and what is none. */
import { expect, test } from 'vitest'
import { called } from '../support/called.ts'

test('one field: meaning, type, default, what it takes, and an example to paste', async () => {
  const { code, stdout } = await called(['explain', 'max_instances'])
  expect(code).toBe(0)
  expect(stdout.split('\n')).toEqual([
    'max_instances: How many runs of it may go on at once in the whole cluster, 1 to 1,000.',
    '',
    'type     integer',
    'default  1',
    'takes    an integer from 1 to 1000, such as 1',
    'example  {"max_instances":3}',
    '',
  ])
})

test('a part has the fields below it as rows', async () => {
  const { stdout } = await called(['explain', 'retry'])
  expect(stdout).toContain('default  not at all\n')
  expect(stdout).toContain('\n\nretry.max_attempts\tinteger\trequired\tHow many attempts')
  const { stdout: cron } = await called(['explain', 'trigger.cron'])
  expect(cron).toMatch(/\ntrigger\.hour\tnumber or text or null\tany, or its least/)
  expect(cron).not.toContain('trigger.minutes')
})

test('all fields, a row each; with --json one value', async () => {
  const { stdout } = await called(['explain'])
  const rows = stdout.trim().split('\n')
  expect(rows.map(row => row.split('\t')[0])).toEqual(expect.arrayContaining(['_id', 'trigger', 'state', 'x_…']))
  for (const row of rows) expect(row.split('\t')).toHaveLength(4)
  const { stdout: json } = await called(['explain', 'timeout', '--json'])
  expect(JSON.parse(json)).toMatchObject({ path: 'timeout', type: 'number or null', default: null, example: 300 })
})

test('what is no field: exit 2, and the nearest one', async () => {
  const { code, stdout, stderr } = await called(['explain', 'tiemout'])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toBe(
    'tidewheel: tiemout: not a field of a job; did you mean timeout?\nSee all of them: tidewheel explain.',
  )
})
