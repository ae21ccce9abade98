/** What MongoDB itself checks of a job, and the one line to show when it refuses one.
 *  Built from `jobSchema` (job.ts) and TRIGGER_FIELDS (trigger.ts): a closed list of fields, then one rule for each field,
 *  each trigger field and each trigger type, side by side in one `allOf`. That shape, and no `oneOf`, is what makes
 *  the server begin its long `errInfo` with the description of the very field that is wrong.
 *  Holds: whatever the validator refuses the parser refuses too; the parser sees more (time zones, cron text, sums).
 *  The versions rise with every change of the rules: nodes never replace a newer one. */
import { z } from 'zod'
import type { TriggerField } from '../trigger/fields.ts'
import { TRIGGER_FIELDS } from '../trigger/trigger.ts'
import { jobSchema } from './job.ts'
import { show, unknownField } from './parse.ts'

const JOBS_SCHEMA_VERSION = 1
const NODES_SCHEMA_VERSION = 3

/** MongoDB's dialect of JSON schema, draft 4 with `bsonType`. */
export type JsonSchema = { readonly [keyword: string]: unknown }

interface Rule {
  readonly description: string
  readonly check: JsonSchema
}

const NUMBER = ['int', 'long', 'double']
/** How deep `and` and `or` are checked by the server; deeper members the parser alone sees. */
const MEMBER_DEPTH = 2
const TRIGGER_TYPES = ['date', 'interval', 'cron', 'and', 'or'] as const
const LENGTH = ['weeks', 'days', 'hours', 'minutes', 'seconds']
const CRON = ['year', 'month', 'day', 'week', 'day_of_week', 'hour', 'minute', 'second']

/** A validator of one `allOf`: the server names the first rule that is broken first. */
function validator(title: string, rules: readonly JsonSchema[], more: JsonSchema = {}): JsonSchema {
  return { $jsonSchema: { title, bsonType: 'object', ...more, allOf: rules } }
}

function jobsValidator(): JsonSchema {
  const fields = fieldRules(jobSchema)
  const triggers = triggerRules(MEMBER_DEPTH).map(({ description, check }) => ({
    description,
    properties: { trigger: check },
  }))
  const closed = {
    additionalProperties: false,
    properties: Object.fromEntries(Object.keys(jobSchema.shape).map(name => [name, {}])),
    patternProperties: { '^x_': {} },
  }
  return validator(`tidewheel jobs ${JOBS_SCHEMA_VERSION}`, [...fields, ...triggers], closed)
}

/** One rule for each field of a zod object; its description stands in front, not inside. */
function fieldRules(schema: z.ZodObject): JsonSchema[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    target: 'draft-4',
    io: 'input',
    unrepresentable: 'any',
  })
  return Object.entries(properties).map(([name, field]) => {
    const { description, ...check } = clean(field as JsonSchema)
    return { description, ...(required.includes(name) && { required: [name] }), properties: { [name]: check } }
  })
}

/** Keywords that the server does not know, and zod's own. */
const DROPPED = new Set(['$schema', 'format', 'default', 'id', 'propertyNames'])

/** From zod's draft 4 to the server's dialect. */
function clean(schema: JsonSchema): JsonSchema {
  const result: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (DROPPED.has(keyword)) continue
    if (keyword === 'type') Object.assign(result, bsonType(value))
    else if (keyword === 'anyOf') Object.assign(result, { anyOf: (value as JsonSchema[]).map(clean) })
    else if (keyword === 'items') result.items = clean(value as JsonSchema)
    else if (keyword === 'properties') {
      const members = Object.entries(value as Record<string, JsonSchema>)
      result.properties = Object.fromEntries(members.map(([name, member]) => [name, clean(member)]))
    } else if (keyword === 'additionalProperties') {
      if (value === false) result.additionalProperties = false
    } else if (
      (keyword === 'minimum' || keyword === 'maximum') &&
      Math.abs(value as number) === Number.MAX_SAFE_INTEGER
    ) {
      // zod's bounds of any integer say nothing.
    } else result[keyword] = value
  }
  return withNull(result)
}

/** Integers may be stored as any number: mongosh writes doubles. */
function bsonType(type: unknown): JsonSchema {
  if (type === 'integer') return { bsonType: NUMBER, multipleOf: 1 }
  if (type === 'number') return { bsonType: NUMBER }
  return { bsonType: type === 'boolean' ? 'bool' : type }
}

/** `x or null` as one schema with two types: what is said of numbers does not touch null. */
function withNull(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2 || anyOf[1].bsonType !== 'null') return schema
  return { ...anyOf[0], ...rest, bsonType: [anyOf[0].bsonType, 'null'].flat() }
}

const types = (bson: readonly string[]) => bson.flatMap(type => (type === 'number' ? NUMBER : [type]))
const isType = (type: string): JsonSchema => ({ properties: { type: { enum: [type] } }, required: ['type'] })
const ifType = (type: string, check: JsonSchema): JsonSchema => ({ anyOf: [{ not: isType(type) }, check] })

/** The rules of a trigger, in the order in which a person wants to hear of them. */
function triggerRules(depth: number): Rule[] {
  const table: readonly [string, TriggerField][] = Object.entries(TRIGGER_FIELDS)
  const fields = table.filter(([name]) => name !== 'type')
  const known = {
    description: 'trigger: type is date, interval, cron, and or or, such as {type: interval, minutes: 5}',
    check: { bsonType: 'object', required: ['type'], properties: { type: { enum: TRIGGER_TYPES } } },
  }
  const values = fields.map(([name, { bson, minimum, description }]) => ({
    // Double quotes would reach the reader escaped.
    description: `trigger.${description.replaceAll('"', '')}`,
    check: {
      properties: {
        [name]: {
          bsonType: types(bson),
          ...(minimum !== undefined && { minimum }),
          ...(name === 'triggers' &&
            depth > 0 && { items: { allOf: triggerRules(depth - 1).map(rule => rule.check) } }),
        },
      },
    },
  }))
  const belong = TRIGGER_TYPES.map(type => {
    const own = fields.filter(([, field]) => field.types.includes(type)).map(([name]) => name)
    const properties = Object.fromEntries(['type', ...own].map(name => [name, {}]))
    return {
      description: `trigger: ${type} takes only ${own.join(', ')}`,
      check: ifType(type, { additionalProperties: false, properties }),
    }
  })
  return [known, ...values, ...belong, ...combinations()]
}

/** What no single field shows. */
function combinations(): Rule[] {
  const given = (name: string): JsonSchema => ({
    required: [name],
    properties: { [name]: { not: { bsonType: 'null' } } },
  })
  const above0 = { bsonType: NUMBER, minimum: 0, exclusiveMinimum: true }
  return [
    {
      description: 'trigger: an interval needs weeks, days, hours, minutes or seconds above 0, such as minutes: 5',
      check: ifType('interval', { anyOf: LENGTH.map(name => ({ required: [name], properties: { [name]: above0 } })) }),
    },
    {
      description: 'trigger: cron has an expression, such as */5 * * * *, or fields, such as hour: 8, never both',
      check: { anyOf: [{ not: given('expression') }, { not: { anyOf: CRON.map(given) } }] },
    },
    {
      description: 'trigger: and, or need triggers: an array of triggers, such as [{type: cron, hour: 8}]',
      check: {
        anyOf: [
          { not: { properties: { type: { enum: ['and', 'or'] } }, required: ['type'] } },
          { required: ['triggers'] },
        ],
      },
    },
  ]
}

export const JOBS_VALIDATOR = jobsValidator()

/** Light and open: nodes of several versions write here; people write only `wanted`. */
const nodeSchema = z.object({
  _id: z.string().describe('_id: the ip of the node, a string such as 10.0.0.7'),
  status: z
    .enum(['active', 'paused', 'draining', 'stopped'])
    .describe('status: active, paused, draining or stopped; written by the node')
    .exactOptional(),
  wanted: z.enum(['active', 'paused', 'draining']).describe('wanted: active, paused or draining').exactOptional(),
  incarnation: z.string().describe('incarnation: a string written by the node').exactOptional(),
  seen: z.date().meta({ bsonType: 'date' }).describe('seen: a date written by the server').exactOptional(),
  lease: z.number().min(0).describe('lease: milliseconds from 0, such as 15000').exactOptional(),
  stream: z
    .object({ open: z.boolean(), behind: z.number().min(0) })
    .describe('stream: {open, behind}, behind in milliseconds from 0; written by the node')
    .exactOptional(),
  tasks: z
    .array(z.string())
    .nullable()
    .describe('tasks: an array of names of functions, or null; written by the node')
    .exactOptional(),
  executors: z
    .record(z.string(), z.string())
    .meta({ bsonType: 'object' })
    .describe('executors: an object of kinds by name; written by the node')
    .exactOptional(),
})

export const NODES_VALIDATOR = validator(`tidewheel nodes ${NODES_SCHEMA_VERSION}`, fieldRules(nodeSchema))

/** One line for a person whose document MongoDB refused (code 121): what is allowed and what was found;
 *  undefined for any other error. */
export function refusal(error: unknown): string | undefined {
  const refused = error as { code?: unknown; errInfo?: unknown; writeErrors?: readonly { errInfo?: unknown }[] } | null
  if (refused?.code !== 121) return undefined
  const errInfo = (refused.errInfo ?? refused.writeErrors?.[0]?.errInfo) as { details?: Details } | undefined
  const broken = errInfo?.details?.schemaRulesNotSatisfied ?? []
  const unknown = broken.find(rule => rule.operatorName === 'additionalProperties')?.additionalProperties?.[0]
  if (unknown !== undefined) return unknownField('', unknown).message
  const rule = broken.find(({ operatorName }) => operatorName === 'allOf')?.schemasNotSatisfied?.[0]
  if (rule?.description === undefined) return 'the document breaks a rule of the collection (see errInfo)'
  const extra = find(rule, 'additionalProperties')
  if (Array.isArray(extra)) return `${rule.description}; found ${extra.join(', ')}`
  // In a rule of alternatives the value at hand is the one that chose the branch, not the one that is wrong.
  if (rule.description.startsWith('trigger: ') && JSON.stringify(rule).includes('"operatorName":"anyOf"'))
    return rule.description
  const missing = find(rule, 'missingProperties') !== undefined
  return `${rule.description}; found ${missing ? 'nothing' : show(find(rule, 'consideredValue'))}`
}

interface Details {
  readonly operatorName?: string
  readonly description?: string
  readonly additionalProperties?: readonly string[]
  readonly schemaRulesNotSatisfied?: readonly Details[]
  readonly schemasNotSatisfied?: readonly Details[]
}

/** The first value of that name, from the outside in. */
function find(within: unknown, name: string): unknown {
  if (typeof within !== 'object' || within === null) return undefined
  for (const [key, value] of Object.entries(within)) {
    if (key === name) return value
    if (key === 'specifiedAs' || key === 'consideredValue') continue
    const found = find(value, name)
    if (found !== undefined) return found
  }
  return undefined
}
