/** What a job is: the document exactly as it lies in the database, said once.
 *  From `jobSchema` come the TypeScript type, the parser (parse.ts) and MongoDB's validator (schema.ts);
 *  a field's description names it, says what is allowed and gives an example, without double quotes,
 *  because MongoDB and every door of ours show it to the person whose document was refused.
 *  A default is never written into a document: read it from JOB_DEFAULTS or through the functions at the end.
 *  What a trigger may hold is not told here but in the trigger's own parser. */
import { z } from 'zod'
import type { Trigger } from '../trigger/trigger.ts'

/** The server's own timestamp, as the driver hands it out: rises with every claim of a job. */
export interface Fence {
  readonly _bsontype: 'Timestamp'
  toBigInt(): bigint
}

/** An object that MongoDB would store as an embedded document: no date, no array, no other BSON type. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Object.prototype.toString.call(value) === '[object Object]' && !('_bsontype' in (value as object))

const isFence = (value: unknown): value is Fence =>
  typeof value === 'object' && value !== null && '_bsontype' in value && value._bsontype === 'Timestamp'

/** Lengths count characters, as MongoDB does, not UTF-16 units. */
const text = (min: number, max?: number) =>
  z
    .string()
    .refine(value => value.length >= min && (max === undefined || value.length <= max || [...value].length <= max))
    .meta(max === undefined ? { minLength: min } : { minLength: min, maxLength: max })

/** No whitespace, not `any`; spelt so that PCRE and JavaScript agree (`$` would let a last newline pass). */
const nodeName = () => z.string().regex(/^(?!any(?![\s\S]))[^ \t-\r]+(?![\s\S])/)
const date = () => z.date().meta({ bsonType: 'date' })
const object = <T>() => z.custom<T>(isObject).meta({ bsonType: 'object' })
/** The longest span between two Dates; keeps Infinity out. */
const seconds = () => z.number().max(8.64e12)
const count = () => z.int().min(0)

/** What a run keeps from its order until its row: a person ordered it, and how many due times it stands for when more than one. */
const ofRun = { ordered: z.boolean().exactOptional(), coalesced: z.int().min(1).exactOptional() }

const runningSchema = z.looseObject({
  run_id: z.string(),
  job: z.string(),
  run_time: date(),
  claimed: date(),
  node: z.string(),
  incarnation: z.string(),
  attempt: z.int().min(1),
  retry_at: date().exactOptional(),
  ...ofRun,
})

/** Loose throughout: a node of a newer version may keep more in it. */
export const stateSchema = z.looseObject({
  job: z.string().exactOptional(),
  running: z.array(runningSchema).exactOptional(),
  waiting: z.looseObject({ run_time: date(), ...ofRun }).exactOptional(),
  runs: count().exactOptional(),
  fence: z.custom<Fence>(isFence).meta({ bsonType: 'timestamp' }).exactOptional(),
  claimed_to: date().exactOptional(),
  unrecorded: z.array(object<Record<string, unknown>>()).exactOptional(),
  last_run_time: date().exactOptional(),
  last_status: z.string().exactOptional(),
  failures: count().exactOptional(),
  error: z.string().exactOptional(),
  over: z.boolean().exactOptional(),
  paused_by: z.string().exactOptional(),
  placed: z.boolean().exactOptional(),
  home: z.string().exactOptional(),
  assigned: z.string().exactOptional(),
  planned: z
    .looseObject({
      next_run_time: date().nullable(),
      trigger: z.string(),
      ordered: z.boolean().exactOptional(),
    })
    .exactOptional(),
})

export const jobSchema = z.object({
  _id: text(1, 255).describe('_id: job ids are strings of 1-255 characters, not ObjectIds, such as digest'),
  name: z.string().exactOptional().describe('name: a string for people, such as Nightly report'),
  description: z.string().exactOptional().describe('description: a string for people, such as Sends the report'),
  tags: z.array(z.string()).exactOptional().describe('tags: an array of strings, such as [billing, nightly]'),
  func: text(1).describe('func: the name of a function or script, a string such as mail:digest'),
  args: z.array(z.unknown()).exactOptional().describe('args: an array, the arguments of func, such as [42, true]'),
  kwargs: object<Record<string, unknown>>()
    .exactOptional()
    .describe('kwargs: an object, the named arguments of func, such as {to: ann}'),
  trigger: object<Trigger>().describe('trigger: an object with a type, such as {type: interval, minutes: 5}'),
  ip: nodeName()
    .exactOptional()
    .describe('ip: a node name without whitespace, not any, such as 10.0.0.7; or leave it out'),
  standby: z
    .union([z.array(nodeName()), z.literal('any')])
    .exactOptional()
    .describe('standby: an array of node names such as [10.0.0.8], or the word any'),
  executor: text(1).exactOptional().describe('executor: the name of an executor, such as default, process or script'),
  misfire_grace_time: seconds()
    .gt(0)
    .nullable()
    .exactOptional()
    .describe('misfire_grace_time: seconds above 0, such as 60, or null for however late'),
  coalesce: z.boolean().exactOptional().describe('coalesce: true or false'),
  max_instances: z
    .int()
    .min(1)
    .max(1000)
    .exactOptional()
    .describe('max_instances: an integer from 1 to 1000, such as 1'),
  overlap: z
    .enum(['skip', 'queue_one', 'cancel_other'])
    .exactOptional()
    .describe('overlap: skip, queue_one or cancel_other'),
  pause_after_failures: z
    .int()
    .min(1)
    .nullable()
    .exactOptional()
    .describe('pause_after_failures: an integer from 1, such as 5, or null for never'),
  note: z.string().exactOptional().describe('note: a string, why the job is paused or whom to ask, such as ask Ann'),
  timeout: seconds()
    .gt(0)
    .nullable()
    .exactOptional()
    .describe('timeout: seconds above 0, such as 300, or null for none'),
  retry: z
    .strictObject({
      max_attempts: z.int().min(1),
      delay: seconds().min(0),
      factor: z.number().gt(0).max(1e6).exactOptional(),
      max_delay: seconds().min(0).exactOptional(),
    })
    .exactOptional()
    .describe('retry: {max_attempts, delay, factor?, max_delay?}, such as {max_attempts: 3, delay: 10}'),
  on_interrupt: z.enum(['skip', 'rerun']).exactOptional().describe('on_interrupt: skip or rerun'),
  next_run_time: date()
    .nullable()
    .exactOptional()
    .describe('next_run_time: a date, such as 2026-01-31T08:00:00Z, null to pause, unset to resume'),
  run_at: z
    .array(date())
    .max(1000)
    .exactOptional()
    .describe('run_at: an array of at most 1000 dates, such as [2026-01-31T08:00:00Z]'),
  cancel: text(1).exactOptional().describe('cancel: the id of a run to abort, or * for all runs of the job'),
  state: stateSchema.exactOptional().describe('state: written by nodes only; leave it out, such as in an insert'),
  touch: z.string().exactOptional().describe('touch: a string written by nodes only; leave it out'),
})

/** Everything readonly, down to the members of arrays; dates stay dates. */
type Frozen<T> = T extends Date | Fence
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Frozen<T[Key]> }
      : T

type Fields = Omit<z.infer<typeof jobSchema>, 'trigger'>

/** The document of a job. Only `_id`, `func` and `trigger` are always there. */
export type Job = Frozen<Fields> & {
  readonly trigger: Trigger
  /** Your own data. */
  readonly [own: `x_${string}`]: unknown
}

export type JobState = NonNullable<Job['state']>
/** One entry of `state.running`: a run that was claimed and whose end is not stored yet. */
export type RunningEntry = NonNullable<JobState['running']>[number]

/** A job as people give it: the id may be made for them, `ip: null` means no ip, what nodes write is left out. */
export type JobInput = Omit<Frozen<Fields>, '_id' | 'ip' | 'state' | 'touch'> & {
  readonly _id?: string
  readonly ip?: string | null
  readonly trigger: Trigger
  readonly [own: `x_${string}`]: unknown
}

/** APScheduler's flat form: `{id, func, trigger: 'interval', seconds: 5}`; the trigger's fields lie beside the job's. */
export type FlatJob = Partial<Omit<JobInput, '_id' | 'trigger' | 'func'>> & {
  readonly id?: string
  readonly func: string
  /** Absent: once, at once. */
  readonly trigger?: string | Trigger
  readonly [field: string]: unknown
}

/** What an absent field means; `name` is the job's `_id`. */
export const JOB_DEFAULTS = {
  tags: [],
  args: [],
  kwargs: {},
  standby: [],
  executor: 'default',
  misfire_grace_time: 60,
  coalesce: true,
  max_instances: 1,
  overlap: 'skip',
  pause_after_failures: null,
  timeout: null,
  on_interrupt: 'skip',
} as const satisfies Partial<Job>

export const nameOf = (job: Pick<Job, '_id' | 'name'>): string => job.name ?? job._id

/** How late a run may start, in ms; null: however late. */
export const graceMs = (job: Pick<Job, 'misfire_grace_time'>): number | null =>
  inMs(job.misfire_grace_time === undefined ? JOB_DEFAULTS.misfire_grace_time : job.misfire_grace_time)

/** A time set by a person is no misfire until it is so old. */
const ORDERED_GRACE_MS = 3_600_000

/** How late a run may start where a person ordered its time. */
export const orderedGraceMs = (grace: number | null): number | null =>
  grace === null ? null : Math.max(grace, ORDERED_GRACE_MS)

/** How long a run may take, in ms; null: as long as it likes. */
export const timeoutMs = (job: Pick<Job, 'timeout'>): number | null => inMs(job.timeout ?? null)

export const maxInstancesOf = (job: Pick<Job, 'max_instances'>): number =>
  job.max_instances ?? JOB_DEFAULTS.max_instances

const inMs = (value: number | null): number | null => (value === null ? null : value * 1000)
