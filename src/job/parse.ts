/** From whatever was found or given to a job, or to a list of what is wrong with it: path, what is allowed, what was found.
 *  `parseJob` reads documents as they lie in the database, `parseJobInput` what people hand to jobs.add,
 *  `unflatten` turns APScheduler's flat form into ours. Values are checked, never changed or copied,
 *  so that a document that passes is the very one that was given; absent fields stay absent.
 *  Pure: whether a function or an executor exists, and whether a schedule is over by now, others know. */
import type { z } from 'zod'
import { nearest, type Problem, TidewheelError } from '../errors.ts'
import { nextFireTime, type ParsedTrigger, parseTrigger, TRIGGER_FIELDS } from '../trigger/trigger.ts'
import { isObject, type Job, type JobInput, jobSchema, present } from './job.ts'
import { unstorable } from './storable.ts'
import { isUsual } from './usual.ts'

export interface ParseOptions {
  /** For triggers that name none; default UTC. */
  readonly timezone?: string
  /** The document's trigger, when the caller has parsed it before. */
  readonly trigger?: ParsedTrigger
}

export type ParsedJob =
  | { readonly job: Job; readonly trigger: ParsedTrigger }
  | { readonly problems: readonly Problem[] }

/** A job on its way into the database: all is checked, only the id may be missing still. */
export type NewJob = Omit<Job, '_id'> & { readonly _id?: string }

const FIELDS: ReadonlySet<string> = new Set(Object.keys(jobSchema.shape))
const OWN_DATA = 'your own data goes in fields that begin with x_'

export function parseJob(document: unknown, options: ParseOptions = {}): ParsedJob {
  if (!isObject(document)) {
    return {
      problems: [{ path: '', message: `a job is an object, such as {_id, func, trigger}; found ${show(document)}` }],
    }
  }
  const problems = fieldProblems(document)
  try {
    // What is not even an object has its problem already.
    const trigger = options.trigger ?? (isObject(document.trigger) ? read(document.trigger, options) : undefined)
    if (trigger !== undefined && problems.length === 0) return { job: document as unknown as Job, trigger }
  } catch (error) {
    problems.push(triggerProblem(error))
  }
  return { problems }
}

/** What is wrong with a document; empty: valid. A trigger that has no run time at all counts as wrong. */
export function validateJob(document: unknown, options: ParseOptions = {}): Problem[] {
  const parsed = parseJob(document, options)
  if ('problems' in parsed) return [...parsed.problems]
  const { timezone } = options
  const first = nextFireTime(parsed.job.trigger, null, new Date(0), timezone === undefined ? {} : { timezone })
  return first === null ? [{ path: 'trigger', message: 'trigger: can never fire: no time satisfies it' }] : []
}

export interface InputOptions extends Pick<ParseOptions, 'timezone'> {
  /** What an absent field gets. */
  readonly defaults?: Partial<JobInput>
  /** Written into a trigger that names no zone: a person gave it, so the trigger means it wherever the job runs. */
  readonly zone?: string | undefined
}

/** For jobs.add: takes our form or the flat one, dates also as ISO text, and puts `defaults` where a field is absent.
 *  Throws `invalid_job` with `data.problems`. */
export function parseJobInput(input: unknown, options: InputOptions = {}): NewJob {
  const { defaults, zone, timezone = zone } = options
  const given: unknown = isFlat(input) ? unflatten(input) : input
  const document = isObject(given) ? zoned(withDates(placed({ ...defaults, ...present(given) })), zone) : given
  const problems = [
    ...flatProblems(input),
    ...(isObject(document)
      ? inputProblems(document, timezone === undefined ? {} : { timezone })
      : validateJob(document)),
  ]
  if (problems.length === 0) return document as NewJob
  const id = isObject(document) && typeof document._id === 'string' ? ` ${document._id}` : ''
  throw new TidewheelError('invalid_job', `job${id}: ${problems.map(problem => problem.message).join('; ')}`, {
    problems,
  })
}

function inputProblems(document: Readonly<Record<string, unknown>>, options: ParseOptions): Problem[] {
  const { state, touch, ...rest } = document
  const written = Object.entries({ state, touch }).filter(([, value]) => value !== undefined)
  const own = Object.entries(rest).filter(([name]) => name === 'args' || name === 'kwargs' || name.startsWith('x_'))
  return [
    ...written.map(([path]) => ({ path, message: `${path}: is written by nodes only; leave it out` })),
    ...own.map(([name, value]) => unstorable(value, name)).filter(problem => problem !== undefined),
    // A job without an id gets one: any will do for the check.
    ...validateJob('_id' in rest ? rest : { _id: 'new', ...rest }, options),
  ]
}

/** What is wrong with the flat form's own words, which do not reach the document. */
function flatProblems(input: unknown): Problem[] {
  if (!isObject(input) || !isFlat(input)) return []
  const { id, _id, replace_existing: order } = input
  const problems: Problem[] = []
  if (id !== undefined && _id !== undefined)
    problems.push({ path: 'id', message: `id: a job has one id, as _id or as id; found ${show(_id)} and ${show(id)}` })
  if (order !== undefined && typeof order !== 'boolean')
    problems.push({ path: 'replace_existing', message: `replace_existing: true or false; found ${show(order)}` })
  return problems
}

/** Whether APScheduler's flat form orders an existing job to be replaced. */
export const replacesExisting = (input: unknown): boolean =>
  isObject(input) && isFlat(input) && input.replace_existing === true

/** A trigger that names no zone means the one that was given. */
export function zoned<T extends Readonly<Record<string, unknown>>>(job: T, zone: string | undefined): T {
  const { trigger } = job
  if (zone === undefined || !isObject(trigger) || (trigger.timezone ?? null) !== null) return job
  return { ...job, trigger: { ...trigger, timezone: zone } }
}

/** Whether it is APScheduler's flat form: it has an `id`, a word as trigger, or a trigger's fields and no trigger. */
export const isFlat = (input: unknown): boolean =>
  isObject(input) &&
  ('id' in input ||
    typeof input.trigger === 'string' ||
    (!('trigger' in input) && looseTriggerFields(input).length > 0))

/** The fields of a trigger that lie beside the job's own. */
const looseTriggerFields = (input: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(input).filter(key => Object.hasOwn(TRIGGER_FIELDS, key) && !FIELDS.has(key) && key !== 'type')

/** APScheduler's flat form to ours, unchecked; without any trigger: once, at once (not so with `partial`, for a change).
 *  `replace_existing` is an order to the caller (replacesExisting) and `jobstore` has no meaning here: both go. */
export function unflatten(input: unknown, { partial = false } = {}): JobInput {
  if (!isObject(input)) return input as JobInput
  const { id, trigger, replace_existing: _order, jobstore: _store, ...rest } = input
  const named: Record<string, unknown> = { ...(id !== undefined && { _id: id }), ...rest }
  // A whole trigger has its fields inside; what lies beside it is reported, not guessed at.
  if (trigger !== undefined && trigger !== null && typeof trigger !== 'string') {
    return withDates({ ...named, trigger }) as unknown as JobInput
  }
  const names = looseTriggerFields(rest)
  const fields = present(Object.fromEntries(names.map(name => [name, rest[name]])))
  const job = Object.fromEntries(Object.entries(named).filter(([name]) => !names.includes(name)))
  if (typeof trigger === 'string') job.trigger = { type: trigger, ...fields }
  // Fields without a word that says what they are for stay an error: the trigger's parser asks for a type.
  else if (names.length > 0) job.trigger = fields
  else if (!partial) job.trigger = { type: 'date' }
  return withDates(job) as unknown as JobInput
}

/** `ip: null` means no ip, also where the defaults have one. */
const placed = ({ ip, ...rest }: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  ip === null || ip === undefined ? rest : { ...rest, ip }

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

/** The job's own dates come as text through JSON; text that is no full ISO instant stays and is reported. */
function withDates(job: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const toDate = (value: unknown): unknown => {
    const ms = typeof value === 'string' && ISO.test(value) ? Date.parse(value) : Number.NaN
    return Number.isNaN(ms) ? value : new Date(ms)
  }
  return {
    ...job,
    ...('next_run_time' in job && { next_run_time: toDate(job.next_run_time) }),
    ...(Array.isArray(job.run_at) && { run_at: job.run_at.map(toDate) }),
  }
}

function read(trigger: unknown, { timezone }: ParseOptions): ParsedTrigger {
  return parseTrigger(trigger, timezone === undefined ? { path: 'trigger' } : { path: 'trigger', timezone })
}

function triggerProblem(error: unknown): Problem {
  if (!(error instanceof TidewheelError)) throw error
  return { path: typeof error.data.path === 'string' ? error.data.path : 'trigger', message: error.message }
}

function fieldProblems(document: Readonly<Record<string, unknown>>): Problem[] {
  if (isUsual(document)) return []
  const problems: Problem[] = []
  for (const key of Object.keys(document)) {
    if (!FIELDS.has(key) && !key.startsWith('x_')) problems.push(unknownField('', key, FIELDS))
  }
  const result = jobSchema.safeParse(document)
  if (result.success) return problems
  for (const issue of result.error.issues) {
    for (const problem of problemsOf(issue, document)) {
      const same = problem.path.startsWith('state.') ? 'state.' : problem.path
      if (!problems.some(({ path }) => path === same || (same === 'state.' && path.startsWith(same))))
        problems.push(problem)
    }
  }
  return problems
}

function problemsOf(issue: z.core.$ZodIssue, document: Readonly<Record<string, unknown>>): Problem[] {
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => unknownField(path, key, ['max_attempts', 'delay', 'factor', 'max_delay']))
  }
  const field = String(issue.path[0])
  const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown>)?.[key], document)
  const where = issue.path.length > 1 ? ` at ${path}` : ''
  return [{ path, message: `${describe(field)}; found ${show(found)}${where}` }]
}

/** The sentence that names a field, what is allowed and an example. */
export function describe(field: string): string {
  return (FIELDS.has(field) && jobSchema.shape[field as keyof typeof jobSchema.shape].description) || field
}

/** What to say of a field that is none. */
export function unknownField(parent: string, key: string, known: Iterable<string> = FIELDS): Problem {
  const path = parent === '' ? key : `${parent}.${key}`
  const near = nearest(key, known)
  const inTrigger = parent === '' && Object.hasOwn(TRIGGER_FIELDS, key)
  const advice = inTrigger ? 'it belongs into trigger' : near !== undefined ? `did you mean ${near}?` : OWN_DATA
  return { path, message: `${path}: not a field of ${parent === '' ? 'a job' : parent}; ${advice}` }
}

/** A found value in a few words. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid date' : value.toISOString()
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return String(value)
  // A document of a person's own may have a field of that name, with anything in it.
  const kind = '_bsontype' in value && typeof value._bsontype === 'string' ? value._bsontype : 'object'
  return `${/^[AEIOU]/i.test(kind) ? 'an' : 'a'} ${kind}`
}
