/** What a job is: the document exactly as it lies in the database, said once.
 *  From `jobSchema` come the parser (parse.ts) and MongoDB's validator (schema.ts);
 *  a field's description names it, says what is allowed and gives an example, without double quotes,
 *  because MongoDB and every door of ours show it to the person whose document was refused.
 *  The interfaces say the same to whoever writes code; the compiler refuses a schema that does not satisfy them.
 *  A default is never written into a document: read it from JOB_DEFAULTS or through the functions at the end.
 *  What a trigger may hold is not told here but in the trigger's own parser. */
import { z } from 'zod'
import type {
  AndTrigger,
  CronTrigger,
  CrontabTrigger,
  DateTrigger,
  IntervalTrigger,
  OrTrigger,
  Trigger,
} from '../trigger/trigger.ts'

/** The server's own timestamp, as the driver hands it out: rises with every claim of a job. */
export interface Fence {
  readonly _bsontype: 'Timestamp'
  toBigInt(): bigint
}

/** An object that MongoDB would store as an embedded document: no date, no array, no other BSON type. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  Object.prototype.toString.call(value) === '[object Object]' && !('_bsontype' in (value as object))

/** Without what is undefined, which MongoDB would store as null. */
export const present = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [N in keyof T]: Exclude<T[N], undefined>
  }

export const isFence = (value: unknown): value is Fence =>
  typeof value === 'object' && value !== null && '_bsontype' in value && value._bsontype === 'Timestamp'

/** Failed runs are tried again: the first time `delay` seconds after the failure, then `factor` times as long each time. */
export interface Retry {
  /** How many attempts a run has, the first one among them: a whole number from 1. */
  readonly max_attempts: number
  /** Seconds from the first failure to the second attempt, from 0. */
  readonly delay: number
  /** By how much each wait is longer than the one before; default 1. */
  readonly factor?: number
  /** Seconds that no wait exceeds; default: none. */
  readonly max_delay?: number
}

/** What people say of a job. An absent field means what its comment calls the default; it is not written into the document. */
interface JobFields {
  /** A name for people; default: the `_id`. */
  readonly name?: string
  /** A sentence for people. */
  readonly description?: string
  /** Words to find and group jobs by. */
  readonly tags?: readonly string[]
  /** What is called: a name that code registered (`mail:digest`), `module:export` of the tasks folder, or with the executor
   *  `script` a path below the workspace folder. */
  readonly func: string
  /** What the function is called with, after the run: `func(run, ...args)`; a script gets them as arguments. */
  readonly args?: readonly unknown[]
  /** Named arguments: the function finds them in `run.kwargs`. */
  readonly kwargs?: { readonly [name: string]: unknown }
  /** When it runs. */
  readonly trigger: Trigger
  /** Other nodes that may take the job over when its own is dead: their ips, or `'any'`. Default: none. */
  readonly standby?: readonly string[] | 'any'
  /** Where it runs: `'default'` (in the node's process), `'process'` (a pool of child processes), `'script'` (a file of the
   *  workspace), or a pool that the node's options name. Default `'default'`. */
  readonly executor?: string
  /** Seconds by which a run may start late, above 0; one that is later is missed. Null: however late. Default 60. */
  readonly misfire_grace_time?: number | null
  /** Several run times that are due at once become one run, the latest; false: each runs. Default true. */
  readonly coalesce?: boolean
  /** How many runs of it may go on at once in the whole cluster, 1 to 1,000. Default 1. */
  readonly max_instances?: number
  /** What a due run does while `max_instances` go on: not run (`'skip'`), wait for a place, one at most (`'queue_one'`), or abort
   *  the oldest (`'cancel_other'`). Default `'skip'`. */
  readonly overlap?: 'skip' | 'queue_one' | 'cancel_other'
  /** After so many failed runs in a row it is paused, from 1. Null: never. Default null. */
  readonly pause_after_failures?: number | null
  /** Why it is paused, or whom to ask; a resume takes it away. */
  readonly note?: string
  /** Seconds after which a run is aborted, above 0. Null: as long as it likes. Default null. */
  readonly timeout?: number | null
  /** How failed runs are tried again. Default: not at all. */
  readonly retry?: Retry
  /** Whether a run whose node died in the middle is run again. Default `'skip'`. */
  readonly on_interrupt?: 'skip' | 'rerun'
  /** The id of a run to abort, or `'*'` for all of this job; the node that did it takes it away. */
  readonly cancel?: string
  /** Your own data: fields whose names begin with `x_`. */
  readonly [own: `x_${string}`]: unknown
}

/** A job: the document exactly as it lies in the database. Only `_id`, `func` and `trigger` are always there. */
export interface Job extends JobFields {
  /** The job's id: text of 1 to 255 characters. */
  readonly _id: string
  /** The node that runs it: its ip, or any name without whitespace. Absent: the cluster places it on a living node. */
  readonly ip?: string
  /** When it runs next. Null: paused, or finished while its last run goes on (`state.over`). Absent: no node has planned it yet. */
  readonly next_run_time?: Date | null
  /** Runs beside the schedule, 1,000 at most; each goes with the claim that runs it. */
  readonly run_at?: readonly Date[]
  /** What nodes keep of it. */
  readonly state?: JobState
  /** Fresh at each write that a node makes of its own accord; leave it out of your updates. */
  readonly touch?: string
}

/** What nodes write of a job; a node of a newer version may keep more in it. */
export interface JobState {
  /** The job's `_id`: elsewhere it is a copy, and counts for nothing. */
  readonly job?: string
  /** Runs that were claimed and whose ends are not stored yet. */
  readonly running?: readonly RunningEntry[]
  /** A due run that waits for a place (`overlap: 'queue_one'`). */
  readonly waiting?: {
    readonly run_time: Date
    readonly ordered?: boolean
    readonly coalesced?: number
    readonly [more: string]: unknown
  }
  /** How many runs were claimed. */
  readonly runs?: number
  /** Of the latest claim; rises with each. */
  readonly fence?: Fence
  /** The latest run time of the schedule that was claimed. */
  readonly claimed_to?: Date
  /** Ends, and due times that did not run, whose rows are still to be stored. */
  readonly unrecorded?: readonly { readonly [field: string]: unknown }[]
  /** When the last run that ended was due. */
  readonly last_run_time?: Date
  /** How the last run ended: `executed`, `error` and so on. */
  readonly last_status?: string
  /** Failed runs in a row. */
  readonly failures?: number
  /** Why the document cannot be scheduled; any edit has it tried again. */
  readonly error?: string
  /** The schedule has no further run time; the document goes when its last run has ended. */
  readonly over?: boolean
  /** Which node paused it, after `pause_after_failures`. */
  readonly paused_by?: string
  /** The cluster chose its node. */
  readonly placed?: boolean
  /** The node it was taken over from. */
  readonly home?: string
  /** Where a node put it last. */
  readonly assigned?: string
  /** What a node planned last: tells a person's edit from a node's write. */
  readonly planned?: {
    readonly next_run_time: Date | null
    readonly trigger: string
    readonly ordered?: boolean
    readonly [more: string]: unknown
  }
  readonly [more: string]: unknown
}

/** A run that was claimed and whose end is not stored yet. */
export interface RunningEntry {
  /** The run's id, that of its row in the history. */
  readonly run_id: string
  /** The job's `_id`: elsewhere it is a copy. */
  readonly job: string
  /** When it was due, without jitter. */
  readonly run_time: Date
  /** When it was claimed. */
  readonly claimed: Date
  /** The node that claimed it. */
  readonly node: string
  /** That of the node's process. */
  readonly incarnation: string
  /** Which attempt it is, from 1. */
  readonly attempt: number
  /** When the next attempt begins. */
  readonly retry_at?: Date
  /** A person ordered it. */
  readonly ordered?: boolean
  /** How many due times it stands for, where that is more than one. */
  readonly coalesced?: number
  readonly [more: string]: unknown
}

/** A job as people give it: the document without what nodes write. */
export interface JobInput extends JobFields {
  /** Text of 1 to 255 characters. Absent: one is made. */
  readonly _id?: string
  /** The node that runs it. Null: a living node takes it. Absent: the node through which it is added; without one, as null. */
  readonly ip?: string | null
  /** When it runs next: a date, or ISO text with an offset such as `2026-01-31T08:00:00Z`. Null: it begins paused. Absent: the
   *  trigger says. */
  readonly next_run_time?: Date | string | null
  /** Runs beside the schedule, 1,000 at most: dates, or ISO text with an offset. */
  readonly run_at?: readonly (Date | string)[]
}

/** Changes of a job: only the fields that are there change; `undefined` takes one away, and so does `ip: null`. */
export type JobChanges = { readonly [Field in keyof Omit<JobInput, '_id'>]?: JobInput[Field] | undefined }

interface FlatFields extends Omit<JobInput, '_id' | 'trigger'> {
  /** The job's `_id`. Absent: one is made. */
  readonly id?: string
  /** Brings a job of this id to this definition, as `jobs.add(job, { replace: true })` does. Default false. */
  readonly replace_existing?: boolean
  /** Of APScheduler; there is one store here, so it says nothing. */
  readonly jobstore?: string
}

interface FlatDate extends FlatFields, Omit<DateTrigger, 'type'> {
  /** Absent: once, at once or at `run_date`. */
  readonly trigger?: 'date'
}

interface FlatInterval extends FlatFields, Omit<IntervalTrigger, 'type'> {
  readonly trigger: 'interval'
}

interface FlatCron extends FlatFields, Omit<CronTrigger, 'type'> {
  readonly trigger: 'cron'
}

interface FlatCrontab extends FlatFields, Omit<CrontabTrigger, 'type'> {
  readonly trigger: 'cron'
}

interface FlatCombination extends FlatFields, Omit<AndTrigger | OrTrigger, 'type'> {
  readonly trigger: 'and' | 'or'
}

interface FlatWhole extends FlatFields {
  readonly trigger: Trigger
}

/** APScheduler's flat form: `{id, func, trigger: 'interval', seconds: 5}`; the trigger's fields lie beside the job's. */
export type FlatJob = FlatDate | FlatInterval | FlatCron | FlatCrontab | FlatCombination | FlatWhole

/** Lengths count characters, as MongoDB does, not UTF-16 units. */
const text = (min: number, max?: number) =>
  z
    .string()
    .refine(value => value.length >= min && (max === undefined || value.length <= max || [...value].length <= max))
    .meta(max === undefined ? { minLength: min } : { minLength: min, maxLength: max })

/** No whitespace, not `any`; spelt so that PCRE and JavaScript agree (`$` would let a last newline pass). */
export const NODE_NAME = /^(?!any(?![\s\S]))[^ \t-\r]+(?![\s\S])/
const nodeName = () => z.string().regex(NODE_NAME)
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

/** One schema for each field of a job; `x_…` aside. */
const jobShape = {
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
} satisfies {
  readonly [Field in keyof Job as string extends Field
    ? never
    : Field extends `x_${string}`
      ? never
      : Field]-?: z.ZodType
}

export const jobSchema = z.object(jobShape) satisfies z.ZodType<Job>

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
