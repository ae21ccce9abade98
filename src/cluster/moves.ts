/** Moves: gives jobs to other nodes, as guarded changes of `ip` in bulk.
 *  In: jobs of a node that is dead or drains, or all that are not at home, and the nodes that take jobs. Out: how many moved.
 *  Always holds: a job that somebody moved, or whose standby nodes are gone, since it was read stays where it is; `state.home`
 *  is where a person had it, or where it was placed, before nodes moved it; `state.assigned` is where a node put it last, so that
 *  what a person moved since is not rebalanced. Doing it twice moves nothing twice. The new owner learns of it by its stream. */
import { type Collection, type Document, MongoBulkWriteError } from 'mongodb'
import type { Job } from '../job/job.ts'
import { homeOf } from './placement.ts'

export interface MovesContext {
  readonly jobs: Collection<Job>
  /** For a node's own moves; absent: it is a person's edit. */
  readonly freshTouch?: () => string
  /** Asked before each bulk: whether the reason to move still stands. */
  readonly goOn?: () => Promise<boolean>
}

type Moving = Pick<Job, '_id' | 'ip' | 'standby' | 'state'>

interface Move {
  readonly job: Moving
  readonly to: string
  /** It goes back to where it came from, or to where its placement would put it: nothing is to be remembered. */
  readonly back: boolean
}

const BULK = 500
const READ = { ip: 1, standby: 1, 'state.job': 1, 'state.placed': 1, 'state.home': 1, 'state.assigned': 1 }

/** Which nodes may take the job when its own is dead. */
export const standbyOf = ({ standby, state }: Pick<Job, 'standby' | 'state'>): readonly string[] | 'any' =>
  standby ?? (state?.placed === true ? 'any' : [])

/** The node that takes the job over; undefined: none of those that may does live. */
export function targetOf(job: Moving, targets: readonly string[]): string | undefined {
  const standby = standbyOf(job)
  return homeOf(job._id, standby === 'any' ? targets : targets.filter(target => standby.includes(target)))
}

/** Moves what may move from one node to those of `targets`. */
export async function evacuate(from: string, targets: readonly string[], context: MovesContext): Promise<number> {
  const others = targets.filter(target => target !== from)
  if (others.length === 0) return 0
  const filter = {
    ip: from,
    $or: [{ standby: { $in: ['any', ...others] } }, { standby: { $exists: false }, 'state.placed': true }],
  }
  return await moveAll(filter, context, job => {
    const to = targetOf(job, others)
    return to === undefined ? undefined : { job, to, back: false }
  })
}

/** Gives a node to jobs that have none, which those that might have adopted them missed. */
export async function place(targets: readonly string[], { jobs, freshTouch }: MovesContext): Promise<void> {
  if (targets.length === 0) return
  const lost = await jobs.find({ ip: { $exists: false } }, { projection: { _id: 1 }, limit: BULK }).toArray()
  if (lost.length === 0) return
  const operations = lost.flatMap(({ _id }) => {
    const how = { ip: homeOf(_id, targets) as string, ...(freshTouch && { touch: freshTouch() }) }
    return [{ updateOne: placing(_id, how) }, { updateOne: placingAfresh(_id, how) }]
  })
  await jobs.bulkWrite(operations as never, { ordered: false })
}

interface Placing {
  readonly ip: string
  readonly touch?: string
}

/** The first write of an ip, for a job whose state is its own. */
export const placing = (_id: string, how: Placing) => ({
  filter: { _id, ip: { $exists: false }, 'state.job': { $in: [_id, null] } },
  update: { $set: { ...how, 'state.placed': true, 'state.assigned': how.ip, 'state.job': _id } },
})

/** The same for a job whose state was copied from another one. */
export const placingAfresh = (_id: string, how: Placing) => ({
  filter: { _id, ip: { $exists: false }, 'state.job': { $nin: [_id, null] } },
  update: { $set: { ...how, state: { job: _id, placed: true, assigned: how.ip } } },
})

/** Whether no person gave the job to its node after a node of ours moved or placed it. */
const isWherePut = ({ ip, state }: Moving) => state?.assigned === undefined || state.assigned === ip

/** Brings jobs home whose home takes jobs, and spreads placed ones over the nodes that do. */
export async function rebalance(targets: readonly string[], context: MovesContext): Promise<number> {
  if (targets.length === 0) return 0
  const filter = { ip: { $exists: true }, $or: [{ 'state.home': { $in: [...targets] } }, { 'state.placed': true }] }
  return await moveAll(filter, context, job => {
    if (!isWherePut(job)) return undefined
    const placed = job.state?.placed === true
    const to = placed ? homeOf(job._id, targets) : job.state?.home
    return to === undefined || to === job.ip ? undefined : { job, to, back: true }
  })
}

async function moveAll(
  filter: Document,
  context: MovesContext,
  moveOf: (job: Moving) => Move | undefined,
): Promise<number> {
  let moved = 0
  let moves: Move[] = []
  const cursor = context.jobs.find<Moving>(filter as never, { projection: READ, batchSize: BULK })
  try {
    for await (const job of cursor) {
      const move = moveOf(job)
      if (move === undefined || moves.push(move) < BULK) continue
      if (context.goOn !== undefined && !(await context.goOn())) return moved
      moved += await write(moves, context)
      moves = []
    }
  } finally {
    await cursor.close()
  }
  if (moves.length === 0 || (context.goOn !== undefined && !(await context.goOn()))) return moved
  return moved + (await write(moves, context))
}

async function write(moves: readonly Move[], { jobs, freshTouch }: MovesContext): Promise<number> {
  const operations = moves.map(move => ({ updateOne: updateOf(move, freshTouch?.()) }))
  try {
    return (await jobs.bulkWrite(operations as never, { ordered: false })).modifiedCount
  } catch (error) {
    // One document that refuses its move keeps no other from moving.
    if (error instanceof MongoBulkWriteError && [error.writeErrors].flat().length > 0) return error.result.modifiedCount
    throw error
  }
}

function updateOf({ job, to, back }: Move, touch: string | undefined) {
  const { _id, ip, standby, state } = job
  // A state that was copied from another job is started afresh by the next owner: nothing is added to it.
  const own = state === undefined || state.job === _id
  const assigned = own && { 'state.assigned': to, 'state.job': _id }
  const home = own && !back && (state?.home === undefined || !isWherePut(job)) && { 'state.home': ip }
  return {
    filter: { _id, ip, standby: standby ?? { $exists: false } },
    update: {
      $set: { ip: to, ...assigned, ...home, ...(touch !== undefined && { touch }) },
      ...(back && { $unset: { 'state.home': '' } }),
    },
  }
}
