/** Event of: what does a change in the database mean? Changes of jobs, rows of history and the registry become events.
 *  In: one change as MongoDB's stream has it. Out: the events of the contract that it shows, often none: a node's own writes
 *  (they carry a fresh `touch`) say something only where they tell how a job fares. Pure. */
import type { NodeInfo } from '../cluster/lease.ts'
import type { TidewheelEvent } from '../event.ts'
import type { Execution } from '../history/rows.ts'
import type { Job } from '../job/job.ts'

export interface CollectionNames {
  readonly jobs: string
  readonly executions: string
  readonly nodes: string
}

export interface DatabaseChange {
  readonly operationType: string
  readonly ns: { readonly coll: string }
  readonly documentKey?: { readonly _id: string }
  /** Absent before MongoDB 6. */
  readonly wallTime?: Date
  readonly clusterTime?: { getHighBits(): number }
  readonly fullDocument?: unknown
  readonly updateDescription?: {
    readonly updatedFields?: Readonly<Record<string, unknown>>
    readonly removedFields?: readonly string[]
  }
}

type Fields = Readonly<Record<string, unknown>>

const set = (field: string) => `updateDescription.updatedFields.${field}`
/** Names of fields with dots in them, which no path leads to. */
const UPDATED = {
  $map: { input: { $objectToArray: { $ifNull: ['$updateDescription.updatedFields', {}] } }, in: '$$this.k' },
}

/** The server's part of `eventsOf`: what it leaves out is no event. Of a run that is most, each claim and each end; the server need neither
 *  look their documents up nor send them. */
export const telling = (names: CollectionNames): Readonly<Record<string, unknown>> => ({
  'ns.coll': { $in: Object.values(names) },
  $or: [
    { operationType: { $ne: 'update' } },
    { 'ns.coll': names.nodes },
    { 'ns.coll': names.executions, [set('status')]: { $exists: true } },
    {
      'ns.coll': names.jobs,
      $or: [
        { [set('touch')]: { $exists: false } },
        { [set('ip')]: { $exists: true } },
        { 'updateDescription.removedFields': 'ip' },
        { [set('next_run_time')]: { $type: 'null' } },
        { $expr: { $gt: [{ $size: { $setIntersection: [UPDATED, ['state.error', 'state.placed']] } }, 0] } },
      ],
    },
  ],
})

export function eventsOf(change: DatabaseChange, names: CollectionNames): readonly TidewheelEvent[] {
  const { ns, documentKey, clusterTime } = change
  if (documentKey === undefined) return []
  const wallTime = change.wallTime ?? new Date((clusterTime?.getHighBits() ?? 0) * 1000)
  const dated = { ...change, wallTime }
  const found =
    ns.coll === names.jobs ? jobEvents(dated) : ns.coll === names.nodes ? nodeEvents(dated) : runEvents(dated)
  return found as unknown as TidewheelEvent[]
}

function jobEvents(change: DatabaseChange): readonly Fields[] {
  const { operationType, wallTime: at, documentKey, updateDescription } = change
  const job = (change.fullDocument ?? {}) as Partial<Job>
  const base = { at, node: job.ip ?? '', job_id: documentKey?._id }
  const next_run_time = job.next_run_time ?? null
  switch (operationType) {
    case 'insert':
      return [{ type: 'job.added', ...base, next_run_time }]
    case 'replace':
      return [{ type: 'job.modified', ...base, next_run_time }]
    case 'delete':
      return [{ type: 'job.removed', ...base }]
    case 'update':
      return updateEvents(updateDescription?.updatedFields ?? {}, updateDescription?.removedFields ?? [], base, job)
    default:
      return []
  }
}

function updateEvents(set: Fields, removed: readonly string[], base: Fields, job: Partial<Job>): readonly Fields[] {
  const next_run_time = job.next_run_time ?? null
  const events: Fields[] = []
  if (typeof set['state.error'] === 'string') {
    const problems = [{ path: '', message: set['state.error'] }]
    events.push({ type: 'job.invalid', ...base, problems })
  }
  if (set['state.placed'] === true) events.push({ type: 'job.adopted', ...base, ip: job.ip })
  else if (set.ip !== undefined || removed.includes('ip')) {
    events.push({ type: 'job.moved', ...base, from: null, to: set.ip ?? null })
  }
  if (set.next_run_time === null && job.state?.over !== true) {
    const by = job.state?.paused_by
    events.push({ type: 'job.paused', ...base, ...(by !== undefined && { by }) })
  }
  // What a node writes of its own accord is no edit.
  if ('touch' in set) return events
  if (removed.includes('next_run_time')) events.push({ type: 'job.resumed', ...base, next_run_time })
  else if (events.length === 0) events.push({ type: 'job.modified', ...base, next_run_time })
  return events
}

/** A row is the end of a run, or, of one that takes its time, its start. */
function runEvents({ operationType, fullDocument, wallTime: at, updateDescription }: DatabaseChange) {
  if (operationType === 'delete' || fullDocument === undefined || fullDocument === null) return []
  // Further lines of a log that grows.
  if (operationType === 'update' && updateDescription?.updatedFields?.status === undefined) return []
  const { _id, ip, job_id, run_time, status, attempt, duration, late, coalesced, result, exception, traceback } =
    fullDocument as Execution
  const base = { type: `run.${status}`, at, node: ip, run_id: _id, job_id, run_time }
  switch (status) {
    case 'started':
      return [{ ...base, attempt, late }]
    case 'executed':
      return [{ ...base, attempt, duration, result }]
    case 'missed':
      return [{ ...base, late, coalesced }]
    case 'max_instances':
      return [{ ...base, coalesced }]
    // Whether it is run again its row does not say.
    case 'interrupted':
      return [{ ...base, attempt, lost_node: ip }]
    default: {
      const [, name = 'Error', message = ''] = /^([^:]*): ?([\s\S]*)$/.exec(exception ?? '') ?? []
      if (status === 'cancelled') return [{ ...base, attempt, duration, reason: message }]
      const error = { name, message, ...(traceback !== null && { stack: traceback }) }
      return [{ ...base, attempt, duration, error }]
    }
  }
}

const NODE_EVENTS: Readonly<Record<string, string>> = {
  paused: 'node.paused',
  draining: 'node.draining',
  stopped: 'node.stopped',
}

function nodeEvents({ operationType, updateDescription, fullDocument, documentKey, wallTime: at }: DatabaseChange) {
  const set = updateDescription?.updatedFields ?? {}
  if (operationType !== 'update') return []
  const node = documentKey?._id
  // A survivor closed its lease: no node of this ip is there.
  if (typeof set.incarnation === 'string' && set.lease === 0) return [{ type: 'node.lost', at, node, ip: node }]
  if (typeof set.incarnation === 'string') return [{ type: 'node.started', at, node, incarnation: set.incarnation }]
  if (set.status === 'active') return [{ type: 'node.resumed', at, node }]
  const type = NODE_EVENTS[String(set.status)]
  const running = (fullDocument as NodeInfo | null)?.running ?? 0
  return type === undefined ? [] : [{ type, at, node, ...(type === 'node.draining' && { running }) }]
}
