/** Sound: as much of a document as may be trusted, and how the rest is put right.
 *  A person's script, another driver or a backup may leave a `state` that no node writes; what memory and the stages take from a
 *  document they take from what is said here, so that no value of a wrong type gets past the door.
 *  In: a document as it lies in the database. Out: the same with those parts of `state` that the schema knows, and the parts
 *  that are malformed; the update that takes these away and leaves the others. Pure. */
import { isObject, type Job, type JobState, stateSchema } from './job.ts'
import { isUsualState } from './usual.ts'

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

export function soundOf(job: Job): Sound {
  const found: unknown = job.state
  if (found === undefined) return { job, malformed: [] }
  if (!isObject(found)) {
    const { state: _, ...rest } = job
    return { job: rest as Job, malformed: [{ path: 'state', found, kept: { job: job._id } }] }
  }
  if (isUsualState(found) || stateSchema.safeParse(found).success) return { job, malformed: [] }
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
