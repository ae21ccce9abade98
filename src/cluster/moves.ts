/** Moves: gives jobs to other nodes, as guarded changes of `ip` in bulk.
 *  In: jobs of a node that is dead or drains, or all that are not at home, and the nodes that take jobs. Out: how many moved.
 *  Always holds: a job that somebody moved, or whose standby nodes are gone, since it was read stays where it is; `state.home`
 *  is where a person had it, or where it was placed, before nodes moved it; `state.assigned` is where a node put it last, so that
 *  what a person moved since is not rebalanced. Doing it twice moves nothing twice. The new owner learns of it by its stream. */
import { type Collection, type Document, type FindCursor, MongoBulkWriteError } from 'mongodb'
import type { Job } from '../job/job.ts'
import { homeOf } from './placement.ts'

export interface MovesContext {
  readonly jobs: Jobs
  /** For a node's own moves; absent: it is a person's edit. */
  readonly freshTouch?: () => string
  /** Asked before each bulk: whether the reason to move still stands. */
  readonly goOn?: () => Promise<boolean>
}

type Jobs = Collection<Job>

type Moving = Pick<Job, '_id' | 'ip' | 'standby' | 'state'> & {
  /** Whether fields can be added to its state. */
  readonly isObject?: boolean
}

interface Move {
  readonly job: Moving
  readonly to: string
  /** It goes back to where it came from, or to where its placement would put it: nothing is to be remembered. */
  readonly back: boolean
}

const BULK = 500
const READ = {
  ip: 1,
  standby: 1,
  'state.job': 1,
  'state.placed': 1,
  'state.home': 1,
  'state.assigned': 1,
  isObject: { $in: [{ $type: '$state' }, ['object', 'missing']] },
}

/** Which nodes may take the job when its own is dead. */
export const standbyOf = ({ standby, state }: Pick<Job, 'standby' | 'state'>): readonly string[] | 'any' =>
  standby ?? (state?.placed === true ? 'any' : [])

/** The node that takes the job over; undefined: none of those that may does live. */
export function targetOf(job: Moving, targets: readonly string[]): string | undefined {
  const standby = standbyOf(job)
  return homeOf(job._id, standby === 'any' ? targets : targets.filter(target => standby.includes(target)))
}

/** The jobs of a node that others of `targets` may take. */
export const takeable = (from: string, targets: readonly string[]): Document => ({
  ip: from,
  $or: [
    { standby: { $in: ['any', ...targets.filter(target => target !== from)] } },
    { standby: { $exists: false }, 'state.placed': true },
  ],
})

/** Moves what may move from one node to those of `targets`. */
export async function evacuate(from: string, targets: readonly string[], context: MovesContext): Promise<number> {
  const others = targets.filter(target => target !== from)
  if (others.length === 0) return 0
  return await moveAll(takeable(from, targets), context, job => {
    const to = targetOf(job, others)
    return to === undefined ? undefined : { job, to, back: false }
  })
}

/** Gives a node to jobs that have none, which those that might have adopted them missed. */
export async function place(targets: readonly string[], context: MovesContext): Promise<void> {
  if (targets.length === 0) return
  const { jobs, freshTouch, goOn } = context
  const how = (id: string) => ({ ip: homeOf(id, targets) as string, ...(freshTouch && { touch: freshTouch() }) })
  await inBatches(jobs.find({ ip: NOBODY as never }, { projection: { _id: 1 }, batchSize: BULK }), async lost => {
    if (goOn !== undefined && !(await goOn())) return false
    await placeAll(
      lost.map(job => job._id),
      { jobs, how },
    )
    return true
  })
}

interface Placing {
  readonly ip: string
  readonly touch?: string
}

export interface PlaceContext {
  readonly jobs: Jobs
  readonly how: (id: string) => Placing
  /** Asked between two writes; absent: both are made. */
  readonly goOn?: () => boolean
}

/** Gives a node to each of these jobs that has none. */
export async function placeAll(ids: readonly string[], { jobs, how, goOn }: PlaceContext): Promise<void> {
  const { matchedCount } = await writeEach(
    jobs,
    ids.map(id => ({ updateOne: placing(id, how(id)) })),
  )
  // Others were quicker, or the state is not the job's own.
  if (matchedCount === ids.length || goOn?.() === false) return
  await writeEach(
    jobs,
    ids.map(id => ({ updateOne: placingAfresh(id, how(id)) })),
  )
}

/** Absent or null: a job has no node either way. */
const NOBODY = null

/** The job has written in it before, or nobody has. */
const ownState = (_id: string) => ({
  $or: [
    { state: { $exists: false } },
    { state: { $type: 'object', $not: { $type: 'array' } }, 'state.job': { $in: [_id, null] } },
  ],
})

/** The first write of an ip, for a job whose state is its own. */
const placing = (_id: string, how: Placing) => ({
  filter: { _id, ip: NOBODY, ...ownState(_id) },
  update: { $set: { ...how, 'state.placed': true, 'state.assigned': how.ip, 'state.job': _id } },
})

/** The same for a job whose state was copied from another one, or is none. */
const placingAfresh = (_id: string, how: Placing) => ({
  filter: { _id, ip: NOBODY, $nor: [ownState(_id)] },
  update: { $set: { ...how, state: { job: _id, placed: true, assigned: how.ip } } },
})

/** Whether no person gave the job to its node after a node of ours moved or placed it. */
const isWherePut = ({ ip, state }: Moving) => state?.assigned === undefined || state.assigned === ip

/** Brings jobs home whose home takes jobs, and spreads placed ones over the nodes that do. */
export async function rebalance(targets: readonly string[], context: MovesContext): Promise<number> {
  if (targets.length === 0) return 0
  const filter = { ip: { $type: 'string' }, $or: [{ 'state.home': { $in: [...targets] } }, { 'state.placed': true }] }
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
  const cursor = context.jobs.find<Moving>(filter as never, { projection: READ, batchSize: BULK })
  await inBatches(cursor, async jobs => {
    const moves = jobs.map(moveOf).filter(move => move !== undefined)
    if (moves.length === 0) return true
    if (context.goOn !== undefined && !(await context.goOn())) return false
    moved += (
      await writeEach(
        context.jobs,
        moves.map(move => ({ updateOne: updateOf(move, context.freshTouch?.()) })),
      )
    ).modifiedCount
    return true
  })
  return moved
}

/** Reads all there is, as long as `take` goes on. */
async function inBatches<T>(cursor: FindCursor<T>, take: (documents: readonly T[]) => Promise<boolean>): Promise<void> {
  try {
    let documents: T[] = []
    for await (const document of cursor) {
      if (documents.push(document) < BULK) continue
      if (!(await take(documents))) return
      documents = []
    }
    if (documents.length > 0) await take(documents)
  } finally {
    await cursor.close()
  }
}

/** One document that refuses its write keeps no other from its own. */
async function writeEach(jobs: Jobs, operations: readonly object[]) {
  try {
    return await jobs.bulkWrite(operations as never, { ordered: false })
  } catch (error) {
    if (error instanceof MongoBulkWriteError && [error.writeErrors].flat().length > 0) return error.result
    throw error
  }
}

function updateOf({ job, to, back }: Move, touch: string | undefined) {
  const { _id, ip, standby, state, isObject } = job
  // A state that was copied from another job, or is none, is started afresh by the next owner: nothing is added to it.
  const own = isObject !== false && (state === undefined || state.job === _id)
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
