import { expect, test } from 'vitest'
import { z } from 'zod'
import { AddedJob, ChangedJob, SchedulerInfo, ShownJob, Shutdown } from '../../src/api/scheduler-schemas.ts'
import { TRIGGER_NAMES } from '../../src/flask/given.ts'

test.each([
  ['AddedJob', AddedJob],
  ['ChangedJob', ChangedJob],
])('each field of %s is described, with its type and without being needed', (_, schema) => {
  const { properties = {}, required = [], additionalProperties } = described(schema)
  expect(required).toEqual([])
  expect(additionalProperties).toBe(false)
  expect(Object.keys(properties)).toEqual(expect.arrayContaining([...TRIGGER_NAMES, 'id', 'func', 'trigger', 'tags']))
  for (const [name, field] of Object.entries(properties)) {
    expect(field, name).toMatchObject({ description: expect.stringMatching(new RegExp(`^${name}: .`)) })
    expect((field as { type?: unknown }).type, name).toBeTruthy()
  }
})

test('what is answered has a JSON schema', () => {
  for (const schema of [ShownJob, SchedulerInfo, Shutdown]) expect(described(schema)).toMatchObject({ type: 'object' })
})

/** As the API's description has it, by its name. */
function described(schema: z.ZodType): z.core.JSONSchema.JSONSchema {
  const { $defs = {} } = z.toJSONSchema(schema, { io: 'input' })
  return $defs[String(schema.meta()?.id)] as z.core.JSONSchema.JSONSchema
}
