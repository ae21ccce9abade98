/** Wire: what goes over HTTP, as schemas: jobs, rows of the history, nodes, and the kinds of values that parameters have.
 *  A job is its document with dates as ISO text; what may be in it says `jobSchema`, and what is wrong with a given one says the
 *  parser of jobs in its own sentences, so that a schema here only asks for an object. */
import { z } from 'zod'
import { isObject, type JobInput, jobSchema } from '../job/job.ts'

export const Instant = z.string().meta({ format: 'date-time' }).describe('ISO 8601, in UTC')

/** A time in a parameter or a body. */
export const instant = () =>
  z.iso
    .datetime({ offset: true, error: 'expected ISO text with an offset, such as 2026-01-31T08:00:00Z' })
    .transform(text => new Date(text))

/** A switch in a parameter. */
export const truth = () => z.enum(['true', 'false'], 'expected true or false').transform(text => text === 'true')

export const whole = (least: number, most: number) =>
  z.coerce.number(`expected a whole number from ${least} to ${most}`).int().min(least).max(most)

export const text = (what: string) => z.string().min(1, `expected ${what}`).max(1_000)

export const Id = z.strictObject({ id: z.string().describe('the id of the job') })

type Json = Readonly<Record<string, unknown>>

const { state: _state, touch: _touch, next_run_time, run_at, ...plain } = jobSchema.shape
const told = z.looseObject({
  ...plain,
  next_run_time: z
    .union([Instant, z.null()])
    .optional()
    .describe(next_run_time.description ?? ''),
  run_at: z
    .array(Instant)
    .max(1_000)
    .optional()
    .describe(run_at.description ?? ''),
})

/** What the schema says of a job, for the document of the API. */
function jobJson(required: readonly string[], more: Json = {}): Json {
  const json = z.toJSONSchema(told, { io: 'input', unrepresentable: 'any' })
  const properties = Object.fromEntries(
    Object.entries(json.properties ?? {}).map(([name, part]) => [name, OBJECTS.has(name) ? objectOf(part) : part]),
  )
  return { type: 'object', properties: { ...properties, ...more }, required, additionalProperties: true }
}

/** Checked by a parser of their own. */
const OBJECTS: ReadonlySet<string> = new Set(['trigger', 'kwargs'])
const objectOf = (part: unknown) => ({ ...(part as Json), type: 'object' })

const STATE = { type: 'object', description: 'what nodes keep of it' }

export const Job = z
  .custom<Json>(isObject)
  .meta({ id: 'Job', ...jobJson(['_id', 'func', 'trigger'], { state: STATE, touch: { type: 'string' } }) })

/** A job, or APScheduler's flat form. */
export const JobBody = z
  .custom<JobInput>(
    isObject,
    'expected a job, such as {"func": "mail:digest", "trigger": {"type": "interval", "minutes": 5}}',
  )
  .meta({ id: 'JobInput', ...jobJson(['func']) })

/** Fields that change; null takes one away, unless it is a value there. */
export const JobPatch = z
  .custom<Json>(isObject, 'expected an object of fields, such as {"note": "ask Ann"}')
  .meta({ id: 'JobPatch', type: 'object', description: 'fields that change', additionalProperties: true })

const when = Instant.nullable()

/** A row of the history. */
export const Run = z
  .looseObject({
    _id: z.string(),
    job_id: z.string(),
    job_name: z.string(),
    func: z.string(),
    run_time: Instant,
    scheduled: z.boolean(),
    status: z.string(),
    attempt: z.number(),
    coalesced: z.number(),
    node: z.string(),
    ip: z.string(),
    fence: z.string().nullable(),
    claimed: when,
    started: when,
    finished: when,
    duration: z.number().nullable(),
    late: z.number().nullable(),
    result: z.unknown(),
    exception: z.string().nullable(),
    traceback: z.string().nullable(),
    log: z.string().nullable(),
    recorded: Instant,
  })
  .meta({ id: 'Run' })

/** A node of the registry. */
export const Node = z
  .looseObject({ _id: z.string(), seen: Instant, lease: z.number(), living: z.boolean().optional() })
  .meta({ id: 'Node' })

/** A list that is leafed through. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.looseObject({ items: z.array(item), next: z.string().nullable().describe('the cursor of the next page') })
