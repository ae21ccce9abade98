/** Edit: what people change of a job, as one update of one document, checked as a whole before it is sent.
 *  In: the document as it was read, and changed fields or a whole definition. Out: an update that names only what changes; written
 *  with a revision it counts only where nobody edited the job since. What nodes keep in the document is never touched. */
import type { ClientSession, Collection, Filter, UpdateFilter } from 'mongodb'
import { TidewheelError } from '../errors.ts'
import { isObject, type Job, type JobChanges, jobSchema } from '../job/job.ts'
import { isFlat, parseJobInput, show, unflatten, unknownField, zoned } from '../job/parse.ts'
import { refuse } from './given.ts'
import { asked, invalid, notFound } from './refused.ts'
import { asRead, revisionOf, UNREVISED } from './revision.ts'

export type Edit = UpdateFilter<Job>

type Fields = Readonly<Record<string, unknown>>

/** Null: there is none that the filter means. */
export const updated = (collection: Collection<Job>, filter: Filter<Job>, update: Edit, session?: ClientSession) =>
  collection.findOneAndUpdate(filter, update, { returnDocument: 'after', ...(session && { session }) })

export async function edited(collection: Collection<Job>, id: string, update: Edit, only: Filter<Job>): Promise<Job> {
  const job = await asked(id, () => updated(collection, { ...only, _id: id }, update))
  if (job === null) throw notFound(id)
  return job
}

export async function read(collection: Collection<Job>, id: string): Promise<Job> {
  const job = await asked(id, () => collection.findOne({ _id: id }))
  if (job === null) throw notFound(id)
  return job
}

/** A write that is refused because of a value that comes back changes nothing, and is not tried for ever. */
const TRIES = 3

/** Reads a job, makes the update of it and writes that. With a revision: throws `conflict` where the job has another one, be it
 *  when it is read or when it is written. */
export async function editedAsRead(
  collection: Collection<Job>,
  id: string,
  revision: string | undefined,
  updateOf: (before: Job) => Edit | undefined,
): Promise<Job> {
  for (let left = TRIES; ; left--) {
    const before = await read(collection, id)
    const found = revision === undefined ? undefined : revisionOf(before)
    if (found !== revision || left === 0) throw outdated(id, found)
    const update = updateOf(before)
    if (update === undefined) return before
    if (revision === undefined) return await edited(collection, id, update, {})
    const only = { _id: id, ...asRead(before) } as Filter<Job>
    const job = await asked(id, () => updated(collection, only, update))
    if (job !== null) return job
  }
}

const outdated = (id: string, revision: string | undefined) =>
  new TidewheelError('conflict', `job ${id}: it was edited since it was read; read it again, then edit that`, {
    id,
    revision,
  })

/** What changes of a job are as an update; undefined: nothing changes. Throws `invalid_job`. */
export function changeOf(before: Job, given: unknown, timezone: string | undefined): Edit | undefined {
  const id = before._id
  if (!isObject(given)) return refuse('jobs.update', 'changes', 'expected an object of fields', given)
  const flat: Fields = isFlat(given) ? { ...unflatten(given, { partial: true }) } : given
  const { _id = id, ...named } = flat
  if (_id !== id) throw otherId(id, _id)
  const changes = zoned(named, timezone)
  const isGone = (field: string) => changes[field] === undefined || (field === 'ip' && changes[field] === null)
  const gone = Object.keys(changes).filter(isGone)
  const strange = gone.find(field => !Object.hasOwn(jobSchema.shape, field) && !field.startsWith('x_'))
  if (strange !== undefined) throw invalid(id, unknownField('', strange))
  const theirs = gone.find(field => field === 'state' || field === 'touch')
  if (theirs !== undefined) throw invalid(id, { path: theirs, message: `${theirs}: is written by nodes only` })
  const { state: _state, touch: _touch, ...rest } = before
  const merged = Object.entries({ ...rest, ...changes, _id: id }).filter(([field]) => !gone.includes(field))
  const checked = parseJobInput(Object.fromEntries(merged)) as Fields
  const set = Object.keys(changes).filter(field => Object.hasOwn(checked, field))
  if (set.length === 0 && gone.length === 0) return undefined
  return { ...setting(set, checked), ...unsetting(gone) } as Edit
}

/** What a whole definition is as an update: fields that it has not go. Orders (`run_at`, `cancel`) and what nodes write are left as
 *  they are, and so is `next_run_time`, unless the definition has one that no node planned. Throws `invalid_job`. */
export function replacementOf(before: Job, given: unknown, timezone: string | undefined): Edit | undefined {
  const id = before._id
  if (!isObject(given)) return refuse('jobs.replace', 'job', 'expected a job', given)
  const whole = (isFlat(given) ? unflatten(given) : given) as Fields
  const { _id = id, state, touch: _touch, run_at: _runs, cancel: _cancel, ...named } = whole
  if (_id !== id) throw otherId(id, _id)
  const checked = parseJobInput({ _id: id, ...named }, { zone: timezone }) as unknown as Fields
  const { _id: _, next_run_time: next, ...fields } = checked
  const gone = Object.keys(before).filter(field => field !== '_id' && !UNTOUCHED.has(field) && !(field in fields))
  const isOrder = next !== undefined && !isSame(next, plannedOf(state)) && !isSame(next, before.next_run_time)
  const set = isOrder ? { ...fields, next_run_time: next } : fields
  return { ...setting(Object.keys(set), set), ...unsetting(gone) } as Edit
}

const UNTOUCHED: ReadonlySet<string> = new Set(UNREVISED)

/** What a node planned in the document that was read: written back it is nobody's wish. */
const plannedOf = (state: unknown): unknown =>
  isObject(state) && isObject(state.planned) ? state.planned.next_run_time : undefined

const timeOf = (value: unknown) => {
  if (value instanceof Date) return value.getTime()
  return typeof value === 'string' ? Date.parse(value) : value
}

const isSame = (a: unknown, b: unknown) => b !== undefined && timeOf(a) === timeOf(b)

/** A patch as JSON has it, as changes: null is a value where it means something, else it takes the field away. */
export const changesOfPatch = (patch: object): JobChanges =>
  Object.fromEntries(
    Object.entries(patch).map(([field, value]) => [field, value === null && !isNullable(field) ? undefined : value]),
  )

const isNullable = (field: string) =>
  Object.hasOwn(jobSchema.shape, field) &&
  jobSchema.shape[field as keyof typeof jobSchema.shape].safeParse(null).success

const otherId = (id: string, found: unknown) =>
  invalid(id, { path: '_id', message: `_id: a job keeps its id; add it as ${show(found)} and remove this one` })

const setting = (names: readonly string[], values: Fields) =>
  names.length > 0 && { $set: Object.fromEntries(names.map(name => [name, values[name]])) }

export const unsetting = (names: readonly string[]) =>
  names.length > 0 && { $unset: Object.fromEntries(names.map(name => [name, ''])) }
