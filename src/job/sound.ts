/** Sound: as much of a document as may be trusted, and how the rest is put right.
 *  A person's script, another driver or a backup may leave a `state` that no node writes; what memory and the stages take from a
 *  document they take from what is said here, so that no value of a wrong type gets past the door.
 *  In: a document as it lies in the database. Out: the same with those parts of `state` that the schema knows, and the parts
 *  that are malformed; the update that takes these away and leaves the others. Pure. */
import { isObject, type Job, type JobState, stateSchema } from './job.ts'

/** What is malformed within a document. */
export interface Malformed {
  readonly path: string
  readonly found: unknown
  /** What is to stand there instead; undefined: nothing. */
  readonly kept: unknown
}

export interface Sound {
  /** The very document that was given, where nothing is malformed. */
  readonly job: Job
  readonly malformed: readonly Malformed[]
}

type Fields = Readonly<Record<string, unknown>>

export function soundOf(job: Job): Sound {
  const found: unknown = job.state
  if (found === undefined) return { job, malformed: [] }
  if (!isObject(found)) {
    const { state: _, ...rest } = job
    return { job: rest as Job, malformed: [{ path: 'state', found, kept: { job: job._id } }] }
  }
  if (stateSchema.safeParse(found).success) return { job, malformed: [] }
  const malformed: Malformed[] = []
  const state: Record<string, unknown> = { ...found }
  for (const [field, schema] of Object.entries(stateSchema.shape)) {
    const part = found[field]
    if (!(field in found) || schema.safeParse(part).success) continue
    // Of a list what is well stays: runs that go on, rows that are still to be stored.
    const kept = Array.isArray(part) ? part.filter(item => schema.safeParse([item]).success) : undefined
    malformed.push({ path: `state.${field}`, found: part, kept: kept?.length === 0 ? undefined : kept })
    if (kept === undefined || kept.length === 0) delete state[field]
    else state[field] = kept
  }
  return { job: { ...job, state: state as JobState }, malformed }
}

/** Puts right what is malformed in a document of the node `ip`, as long as it is what was read. */
export function repairOf(job: Job, malformed: readonly Malformed[], ip: string, touch: string) {
  const guards = malformed.map(({ path, found }) => [path, { $exists: true, ...(!isBeyond(found) && { $eq: found }) }])
  const gone = malformed.filter(({ kept }) => kept === undefined).map(({ path }) => [path, ''])
  const kept = malformed.filter(({ kept }) => kept !== undefined).map(({ path, kept }) => [path, kept])
  // What cannot be said again is compared by the mark that every write of a node renews.
  const mark = malformed.some(({ found }) => isBeyond(found)) && {
    touch: job.touch === undefined ? { $exists: false } : { $eq: job.touch },
  }
  return {
    filter: { _id: job._id, ip, ...Object.fromEntries(guards), ...mark },
    update: {
      $set: { ...Object.fromEntries(kept), touch },
      ...(gone.length > 0 && { $unset: Object.fromEntries(gone) }),
    },
  }
}

/** Whether it holds a date that MongoDB can store and JavaScript cannot. */
function isBeyond(value: unknown): boolean {
  if (value instanceof Date) return Number.isNaN(value.getTime())
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value as Fields).some(isBeyond)
}
