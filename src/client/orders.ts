/** Orders: what people ask of jobs that are there, as updates that are the same for one job and for many.
 *  In: a note, a node. Out: updates as a person could write them in mongosh: they set no `touch`, plan nothing, and leave the rest to the
 *  owner. Pure. */
import type { Filter } from 'mongodb'
import { TidewheelError } from '../errors.ts'
import { type Job, jobSchema } from '../job/job.ts'
import { describe, show } from '../job/parse.ts'
import type { Edit } from './edit.ts'
import { givenIp, refuse } from './given.ts'

const EXTRA_RUNS = { $ifNull: ['$run_at', []] }
/** The server's time, or right after other orders of the same moment: two equal ones are one. */
const MOMENT_MS = 1_000
const SAME_MOMENT = {
  $filter: {
    input: EXTRA_RUNS,
    cond: { $and: [{ $gte: ['$$this', '$$NOW'] }, { $lt: ['$$this', { $add: ['$$NOW', MOMENT_MS] }] }] },
  },
}
const NOW_ONCE = { $max: ['$$NOW', { $add: [{ $max: SAME_MOMENT }, 1] }] }

/** Once more, now; the schedule stays. */
export const RUN_EDIT = [{ $set: { run_at: { $concatArrays: [EXTRA_RUNS, [NOW_ONCE]] } } }] as unknown as Edit

/** Of those that are `pausedOnly`. */
export const RESUME_EDIT: Edit = { $unset: { next_run_time: '', note: '' } }

/** Paused, and not merely over: a `state` copied from another job says nothing. */
export const pausedOnly = {
  next_run_time: { $type: 'null' },
  $or: [{ 'state.over': { $ne: true } }, { 'state.job': { $exists: true }, $expr: { $ne: ['$state.job', '$_id'] } }],
} as Filter<Job>

/** All runs of the job that go on or wait. */
export const cancelEdit: Edit = { $set: { cancel: '*' } }

/** `where`: the method, such as `jobs.pause`. */
export function pauseEdit(note: unknown, where: string): Edit {
  if (note !== undefined && typeof note !== 'string') refuse(where, 'note', 'expected text', note)
  return { $set: { next_run_time: null, ...(note !== undefined && { note }) } }
}

/** Null: placed anew. Throws `invalid_job` for what no node can be called. */
export function moveEdit(ip: unknown, where: string, id?: string): Edit {
  if (ip === null) return { $unset: { ip: '' } }
  if (jobSchema.shape.ip.safeParse(givenIp(ip, where)).success) return { $set: { ip: ip as string } }
  const problem = { path: 'ip', message: `${describe('ip')}; found ${show(ip)}` }
  const job = id === undefined ? '' : `job ${id}: `
  throw new TidewheelError('invalid_job', `${job}${problem.message}`, { ...(id && { id }), problems: [problem] })
}
