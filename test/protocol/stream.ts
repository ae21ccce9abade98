/** Stream: the change events of one document, and what a node takes from them.
 *  In: the document before and after a write. Out: the event as the server logs it (fields that changed, by their paths; whole
 *  fields where there were none), kept or dropped by the real server-side filter, and read by the real reader of events. */
import type { Change } from '../../src/change/change.ts'
import { pipelineFor, readUpdate } from '../../src/change/filter.ts'
import type { Job } from '../../src/job/job.ts'
import { isPlain, matches, type Plain, same } from './document.ts'

export interface Event {
  readonly operationType: 'insert' | 'replace' | 'update' | 'delete'
  readonly id: string
  readonly fullDocument?: Job
  readonly updateDescription?: Description
}

interface Description {
  readonly updatedFields: Plain
  readonly removedFields: readonly string[]
  readonly truncatedArrays: readonly { readonly field: string; readonly newSize: number }[]
}

/** What a write named: paths within fields, whole fields, or the document. */
export type Written = 'paths' | 'fields' | 'document'

/** Undefined: nothing changed. */
export function eventOf(before: Job | null, after: Job | null, written: Written = 'paths'): Event | undefined {
  const id = (before ?? after)?._id as string
  if (after === null) return before === null ? undefined : { operationType: 'delete', id }
  if (before === null) return { operationType: 'insert', id, fullDocument: after }
  if (same(before, after)) return undefined
  if (written === 'document') return { operationType: 'replace', id, fullDocument: after }
  const description = { updatedFields: {}, removedFields: [], truncatedArrays: [] }
  difference('', { ...before }, { ...after }, description, written === 'paths')
  return { operationType: 'update', id, updateDescription: description }
}

interface Draft {
  updatedFields: Record<string, unknown>
  removedFields: string[]
  truncatedArrays: { field: string; newSize: number }[]
}

function difference(path: string, before: Plain, after: Plain, out: Draft, deep = true): void {
  for (const key of Object.keys(before)) if (!(key in after)) out.removedFields.push(path + key)
  for (const [key, value] of Object.entries(after)) {
    const was = before[key]
    const name = path + key
    if (key in before && same(was, value)) continue
    if (deep && isPlain(was) && isPlain(value)) difference(`${name}.`, was, value, out)
    else if (deep && Array.isArray(was) && Array.isArray(value)) {
      const changed = value.flatMap((member, i) => (i < was.length && same(was[i], member) ? [] : [i]))
      if (value.length < was.length) out.truncatedArrays.push({ field: name, newSize: value.length })
      for (const i of changed) out.updatedFields[`${name}.${i}`] = value[i]
    } else out.updatedFields[name] = value
  }
}

/** Whether the server sends it to the node of this ip. */
export function reaches(event: Event, ip: string): boolean {
  const [stage] = pipelineFor(ip)
  return matches(event, stage?.$match as Plain)
}

/** What the node makes of an event: a change for its memory, and whether the document is to be read.
 *  `holds`: the job is in memory; `isEcho`: an update with this touch is a write of its own. */
export function heard(
  { operationType, id, fullDocument, updateDescription }: Event,
  ip: string,
  holds: boolean,
  isEcho: (touch: string | undefined) => boolean,
): { readonly change?: Change; readonly read?: boolean } {
  if (operationType === 'delete') return holds ? { change: { type: 'gone', id, reason: 'deleted' } } : {}
  if (fullDocument !== undefined)
    return found(fullDocument, ip, holds, operationType === 'insert' ? 'insert' : 'replace')
  const update = readUpdate(updateDescription ?? {})
  if (holds && update.ip !== undefined && update.ip !== ip)
    return { change: { type: 'gone', id, reason: 'moved', to: update.ip }, read: update.ip === null }
  if (update.ip === ip || update.ip === null) return { read: true }
  if (!holds || isEcho(update.touch)) return {}
  const { armed, next_run_time, read } = update
  return { change: { type: 'set', id, armed, next_run_time, read }, read }
}

/** What a document that was read, inserted or replaced means for the node. */
export function found(
  job: Job,
  ip: string,
  holds: boolean,
  from: 'insert' | 'replace' | 'read',
): { readonly change?: Change } {
  if (job.ip === undefined || job.ip === ip) return { change: { type: 'put', job, from } }
  return holds ? { change: { type: 'gone', id: job._id, reason: 'moved', to: job.ip } } : {}
}
