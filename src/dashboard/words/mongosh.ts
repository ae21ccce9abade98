/** mongosh: what the page does, as the line a person would paste.
 *  In: a document and how it changes. Out: text for mongosh or for a shell. An edit made here is the same edit made there. */
import type { Job } from '../shapes.ts'

const PLAIN = /^[A-Za-z_$][\w$]*$/

/** A value as mongosh reads it: names unquoted where they may be. */
export function literal(value: unknown, indent = '', wide = 60): string {
  if (Array.isArray(value)) {
    return `[${value.map(one => literal(one, indent, wide)).join(', ')}]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  const parts = Object.entries(value).map(([name, one]) => {
    const key = PLAIN.test(name) ? name : JSON.stringify(name)
    return `${key}: ${literal(one, `${indent}  `, wide)}`
  })
  const line = `{ ${parts.join(', ')} }`
  if (parts.length === 0) return '{}'
  return line.length <= wide ? line : `{\n${parts.map(part => `${indent}  ${part}`).join(',\n')}\n${indent}}`
}

/** `db.jobs.updateOne({_id: "a"}, {$set: {ip: "b"}})`. */
export const updateLine = (
  id: string,
  set: Readonly<Record<string, unknown>>,
  unset: readonly string[] = [],
): string => {
  const update = {
    ...(Object.keys(set).length > 0 && { $set: set }),
    ...(unset.length > 0 && { $unset: Object.fromEntries(unset.map(name => [name, ''])) }),
  }
  return `db.jobs.updateOne({ _id: ${JSON.stringify(id)} }, ${literal(update)})`
}

/** The definition of a job as one line that puts it back as it is. */
export function definitionLine(job: Job): string {
  const { _id, ...fields } = definitionOf(job)
  return updateLine(_id, fields)
}

const OF_NODES: ReadonlySet<string> = new Set(['state', 'touch', 'next_run_time', 'run_at', 'cancel'])

/** What people write of a job. */
export const definitionOf = (job: Job): Job =>
  Object.fromEntries(Object.entries(job).filter(([name]) => !OF_NODES.has(name))) as unknown as Job

const quoted = (text: string): string => (/^[\w.:@/=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** The same for a shell. */
export function shellLine(job: Job): string {
  const { _id, ...fields } = definitionOf(job)
  return `printf %s ${quoted(JSON.stringify(fields))} | tidewheel jobs edit ${quoted(_id)}`
}

export const moveLine = (id: string, ip: string): string => `tidewheel jobs move ${quoted(id)} ${quoted(ip)}`
