/** Definition: a job as a file says it, and how such definitions differ from the jobs that there are.
 *  In: definitions of one file, and the documents of these jobs. Out: what to add, to change, to remove.
 *  Three ways meet: what the file says now, what it said before (the names of those fields stand in the document's `x_applied`), and
 *  what the document has. A field that the file says is brought to it; one that it said before and no longer says goes; all others
 *  belong to somebody else and stay. Where a job runs and when next (`PLACED`) counts for new jobs only, unless asked for.
 *  Pure; applying it is people's edits, one for each job. */
import { BSON } from 'mongodb'
import { TidewheelError } from '../errors.ts'
import { isObject, type Job } from '../job/job.ts'
import { parseJobInput } from '../job/parse.ts'
import { fireTimes, type Trigger } from '../trigger/trigger.ts'

const { EJSON } = BSON

export interface Definition {
  readonly id: string
  /** Of the document, without its `_id`. */
  readonly fields: Fields
}

type Fields = Readonly<Record<string, unknown>>

/** What a document keeps of the file that it was last applied from. */
interface Applied {
  /** The group of jobs that the file is whole for. */
  readonly label?: string
  /** Which fields the file gave, by name. */
  readonly fields: readonly string[]
}

export const PLACED = ['ip', 'next_run_time'] as const
export type Placed = (typeof PLACED)[number]

/** What is never told of a job: nodes write it, it is an order for once, or it is ours. */
const UNTOLD: ReadonlySet<string> = new Set(['state', 'touch', 'cancel', 'run_at', 'next_run_time', 'x_applied'])
/** What a file cannot own. */
const UNOWNED: ReadonlySet<string> = new Set([...PLACED, 'run_at', 'cancel'])

/** Reads definitions: documents or the flat form, in MongoDB's extended JSON, each with an id of its own.
 *  Throws `invalid_job` for the first that is wrong, with its place in `data.index`. */
export function definitionsOf(given: readonly unknown[], timezone: string | undefined): readonly Definition[] {
  const seen = new Map<string, number>()
  return given.map((value, index) => {
    try {
      const { _id: id, ...fields } = parseJobInput(plain(value), { zone: timezone })
      if (id === undefined) throw invalid('_id: expected an id, such as nightly-report; found nothing')
      const before = seen.get(id)
      if (before !== undefined) throw invalid(`job ${id}: it is in the file twice, as job ${before + 1}, too`)
      if ('x_applied' in fields) throw invalid(`job ${id}: x_applied: is written by apply; leave it out`)
      seen.set(id, index)
      return { id, fields: fields as Fields }
    } catch (error) {
      if (!(error instanceof TidewheelError)) throw error
      const { message, data } = error
      throw new TidewheelError('invalid_job', `job ${index + 1} of the file: ${message}`, { ...data, index })
    }
  })
}

const invalid = (message: string) => new TidewheelError('invalid_job', message)

/** Dates and the like, which JSON has no words for. */
function plain(value: unknown): unknown {
  if (!isObject(value)) return value
  try {
    return EJSON.deserialize(value as Record<string, unknown>)
  } catch (cause) {
    throw new TidewheelError('invalid_job', `no extended JSON: ${(cause as Error).message}`, {}, { cause })
  }
}

/** A job as a file would say it. A pause is kept; a node that the cluster chose is not. Undefined: it is over. */
export function definitionOf(job: Job): Fields | undefined {
  if (job.state?.over === true && job.next_run_time === null) return undefined
  const placed = job.state?.placed === true
  const told = Object.entries(job).filter(([field]) => !UNTOLD.has(field) && !(placed && field === 'ip'))
  return extended({ ...Object.fromEntries(told), ...(job.next_run_time === null && { next_run_time: null }) })
}

/** In MongoDB's extended JSON. */
export const extended = <T>(value: T) => EJSON.serialize(value, { relaxed: true }) as T

export interface Difference {
  readonly added: readonly Definition[]
  readonly changed: readonly Changed[]
  /** Ids of jobs of the label that are not in the file. */
  readonly removed: readonly string[]
  /** Ids of jobs of the file that are not there, and whose schedule has ended: they have run. */
  readonly over: readonly string[]
  readonly unchanged: number
}

export interface Changed {
  readonly id: string
  readonly changes: readonly FieldChange[]
}

export interface FieldChange {
  readonly field: string
  /** Undefined: it is not there. */
  readonly from: unknown
  /** Undefined: it goes. */
  readonly to: unknown
}

export interface DifferenceOptions {
  readonly label?: string | undefined
  /** Of existing jobs, too. */
  readonly with?: readonly Placed[]
  /** Also jobs that were applied with another label. */
  readonly adopt?: boolean
  /** Ids of jobs that have run. Where it is given, a date that is past is not over unless its job is one of these. */
  readonly ran?: ReadonlySet<string> | undefined
  readonly now: number
}

/** `present`: the documents of these ids, and those of the label where others are to be removed. Throws `conflict`. */
export function differenceOf(
  definitions: readonly Definition[],
  present: readonly Job[],
  options: DifferenceOptions,
): Difference {
  const { label, adopt = false, ran, now } = options
  const jobs = new Map(present.map(job => [job._id, job]))
  const added: Definition[] = []
  const changed: Changed[] = []
  const over: string[] = []
  for (const { id, fields } of definitions) {
    const job = jobs.get(id)
    jobs.delete(id)
    const applied = appliedOf(fields, label)
    if (job === undefined) {
      if (isOver(id, fields.trigger as Trigger, { ran, now })) over.push(id)
      else added.push({ id, fields: { ...fields, x_applied: applied } })
      continue
    }
    const before = readApplied(job)
    if (!adopt && before?.label !== undefined && before.label !== label) throw otherLabel(id, before.label, label)
    const changes = changesOf(job, fields, { before, applied, options })
    if (changes.length > 0) changed.push({ id, changes })
  }
  const unchanged = definitions.length - added.length - changed.length - over.length
  return { added, changed, removed: [...jobs.keys()], over, unchanged }
}

const appliedOf = (fields: Fields, label: string | undefined): Applied => ({
  ...(label !== undefined && { label }),
  fields: Object.keys(fields)
    .filter(field => !UNOWNED.has(field))
    .sort(),
})

/** What people wrote there by hand says nothing. */
function readApplied(job: Job): Applied | undefined {
  const { x_applied: found } = job
  if (!isObject(found) || !Array.isArray(found.fields)) return undefined
  const fields = found.fields.filter(field => typeof field === 'string')
  return { fields, ...(typeof found.label === 'string' && { label: found.label }) }
}

interface Ways {
  readonly before: Applied | undefined
  readonly applied: Applied
  readonly options: DifferenceOptions
}

function changesOf(job: Job, fields: Fields, { before, applied, options }: Ways): readonly FieldChange[] {
  const present = job as unknown as Fields
  const asked = (options.with ?? []).filter(field => field in fields)
  const said: readonly FieldChange[] = [...applied.fields, ...asked].map(field => ({
    field,
    from: present[field],
    to: fields[field],
  }))
  const gone = (before?.fields ?? []).filter(
    field => !(field in fields) && field in present && !UNOWNED.has(field) && !ALWAYS.has(field),
  )
  return [
    ...said,
    ...gone.map(field => ({ field, from: present[field], to: undefined })),
    { field: 'x_applied', from: job.x_applied, to: applied },
  ].filter(({ from, to }) => !isSame(from, to))
}

/** No job is without them. */
const ALWAYS: ReadonlySet<string> = new Set(['_id', 'func', 'trigger', 'state', 'touch', 'x_applied'])

/** Whatever the order of the keys. What is not there is not null. */
const isSame = (a: unknown, b: unknown) => (a === undefined) === (b === undefined) && textOf(a) === textOf(b)

const textOf = (value: unknown): string | undefined => JSON.stringify(extended(value), (_, part) => inOrder(part))

const inOrder = (value: unknown): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value

/** Whether nothing of its schedule is to come. A date without a time means at once. */
function isOver(id: string, trigger: Trigger, { ran, now }: Pick<DifferenceOptions, 'ran' | 'now'>): boolean {
  if (trigger.type === 'date' && ran !== undefined) return ran.has(id)
  const [next] = fireTimes(trigger, { after: new Date(now), count: 1 })
  return next === undefined || next.getTime() < now
}

const otherLabel = (id: string, theirs: string, label: string | undefined) =>
  new TidewheelError(
    'conflict',
    `job ${id}: it was applied with the label ${theirs}, this file has ${label === undefined ? 'none' : label}`,
    { id, advice: 'Take it out of one of the two files, or give --adopt to have this one own it.' },
  )
