/** Place: what a node writes to a job to give it to a node, as pure pairs of filter and update.
 *  In: a job as it was read, and where it is to go. Out: writes of `ip`. `state.home` is where a person had the job, or where it was
 *  placed, before nodes moved it; `state.assigned` is where a node put it last, so that what a person moved since is not rebalanced. */
import type { Job } from '../job/job.ts'
import { type Fields, isField, type Write } from './write.ts'

export type Placed = Pick<Job, '_id' | 'ip' | 'standby' | 'state'> & {
  /** Whether fields can be added to its state. */
  readonly isObject?: boolean
}

export interface Move {
  readonly job: Placed
  readonly to: string
  /** It goes back to where it came from, or to where its placement would put it: nothing is to be remembered. */
  readonly back: boolean
}

/** Absent or null: a job has no node either way. */
export const NOBODYS = { ip: null }

/** The job has written in it before, or nobody has. */
const ownState = (_id: string) => ({
  $or: [
    { state: { $exists: false } },
    { state: { $type: 'object', $not: { $type: 'array' } }, 'state.job': { $in: [_id, null] } },
  ],
})

/** The first write of an ip, to a job that has none and whose state is its own. */
export const placeWrite = (_id: string, ip: string): Write => ({
  filter: { _id, ...NOBODYS, ...ownState(_id) },
  update: { $set: { ip, 'state.placed': true, 'state.assigned': ip, 'state.job': _id } },
})

/** The same to a job whose state was copied from another one, or is none. */
export const placeAfreshWrite = (_id: string, ip: string): Write => ({
  filter: { _id, ...NOBODYS, $nor: [ownState(_id)] },
  update: { $set: { ip, state: { job: _id, placed: true, assigned: ip } } },
})

/** Why no node can perform a job that has none; once, and where its state is its own. */
export const unableWrite = (_id: string, error: string): Write => ({
  filter: { _id, ...NOBODYS, ...ownState(_id), 'state.error': { $ne: error } },
  update: { $set: { 'state.error': error, 'state.job': _id } },
})

/** Whether no person gave the job to its node after a node of ours moved or placed it. */
export const isWherePut = ({ ip, state }: Placed) => state?.assigned === undefined || state.assigned === ip

/** To another node, unless somebody moved the job or changed its standby nodes since it was read. */
export function moveWrite({ job, to, back }: Move): Write {
  const { _id, ip, standby, state, isObject } = job
  // A state that was copied from another job, or is none, is started afresh by the next owner: nothing is added to it.
  const own = isObject !== false && (state === undefined || state.job === _id)
  const assigned = own && { 'state.assigned': to, 'state.job': _id }
  const home: Fields | false = own && !back && (state?.home === undefined || !isWherePut(job)) && { 'state.home': ip }
  return {
    filter: { _id, ip, standby: isField(standby) },
    update: { $set: { ip: to, ...assigned, ...home }, ...(back && { $unset: { 'state.home': '' } }) },
  }
}

/** A person gave the job to this node, where one of ours had put it before: it is the person's place now, and no rebalancing takes the
 *  job from here. */
export const keepWrite = (_id: string, ip: string): Write => ({
  filter: { _id, ip, 'state.assigned': ip },
  update: { $set: { 'state.assigned': '' }, $unset: { 'state.home': '' } },
})
