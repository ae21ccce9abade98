/** Registry: who lives, by the server's clock, and how a lease that ended is closed for good.
 *  In: the `nodes` collection. Out: its documents, each with what is left of its lease.
 *  A node counts as dead when its lease has ended and a survivor has replaced its incarnation under the same condition; from
 *  then on `lease` is 0, its process is fenced should it still be there, and only then are its runs and jobs others' business.
 *  Always holds: the server decides each of these, in one update; a machine's own clock only tells when to ask. */
import { type Collection, type Document, type Filter, ObjectId } from 'mongodb'
import type { Job } from '../job/job.ts'
import { ENDED, LEASE_END, type NodeInfo } from './lease.ts'

/** A node as it was read. */
export interface Seen extends NodeInfo {
  /** Milliseconds until its lease ends; negative: it ended so long ago. */
  readonly left: number
}

/** One that a process has held. */
export interface Held extends Seen {
  readonly incarnation: string
}

const MAJORITY = { writeConcern: { w: 'majority' as const } }
const FORGOTTEN_AFTER_MS = 7 * 24 * 3_600_000

/** Ips that jobs have; null: there are jobs of none. */
export type Owners = ReadonlySet<string | null>

const NODES = [{ $match: { _id: { $type: 'string' } } }, { $set: { left: { $subtract: [LEASE_END, '$$NOW'] } } }]
/** Cheap, as the index skips from one ip to the next. */
const OWNERS = [{ $sort: { ip: 1 } }, { $group: { _id: '$ip' } }, { $project: { _id: 0, owner: '$_id' } }]

/** All nodes, by ip. */
export async function readRegistry(nodes: Collection<NodeInfo>): Promise<readonly Seen[]> {
  return seen(await nodes.aggregate(NODES).toArray())
}

export async function readOwners(jobs: Collection<Job>): Promise<Owners> {
  return owners(await jobs.aggregate(OWNERS).toArray())
}

/** Both in one question. */
export async function readCluster(nodes: Collection<NodeInfo>, jobs: Collection<Job>) {
  const stages = [...NODES, { $unionWith: { coll: jobs.collectionName, pipeline: OWNERS } }]
  const found = await nodes.aggregate(stages).toArray()
  return {
    known: seen(found.filter(({ _id }) => _id !== undefined)),
    owners: owners(found.filter(({ _id }) => _id === undefined)),
  }
}

const seen = (found: readonly Document[]): readonly Seen[] =>
  found.map(node => ({ ...node, left: Number(node.left) }) as Seen).sort((a, b) => (a._id < b._id ? -1 : 1))

const owners = (found: readonly Document[]): Owners => new Set(found.map(({ owner }) => owner))

export const isLiving = (node: Seen) => node.status !== 'stopped' && node.left > 0

/** It lives, and jobs may be given to it. */
export const takesJobs = (node: Seen) =>
  isLiving(node) && node.status === 'active' && (node.wanted === undefined || node.wanted === 'active')

/** It says that it starts nothing now: what waits there for a next start may be performed by whoever has the job. */
export const startsNothing = (node: NodeInfo | undefined) => node?.status === 'paused' || node?.status === 'draining'

/** Its lease is over, but nobody has closed it. */
export const hasEnded = (node: Seen): node is Held =>
  node.incarnation !== undefined && node.lease !== 0 && node.left <= 0

/** Its incarnation was replaced by a survivor or by a person's wish, and no process has come since. */
export const isClosed = (node: Seen): node is Held => node.incarnation !== undefined && node.lease === 0

/** Replaces the incarnation of a node whose lease has ended; false: it lives, or somebody else did. */
export async function closeEnded(nodes: Collection<NodeInfo>, { _id, incarnation }: Held): Promise<boolean> {
  return await close(nodes, { _id, incarnation, lease: { $ne: 0 }, $expr: ENDED })
}

/** Ends the lease of a node, whether it lives or not; false: there is none of this ip. */
export const closeAny = (nodes: Collection<NodeInfo>, _id: string) => close(nodes, { _id })

async function close(nodes: Collection<NodeInfo>, filter: Filter<NodeInfo>): Promise<boolean> {
  const update = { $set: { incarnation: new ObjectId().toHexString(), lease: 0, running: 0 } }
  return (await nodes.updateOne(filter, update, MAJORITY)).matchedCount > 0
}

/** Whether the node is still closed as it was read. */
export async function staysClosed(nodes: Collection<NodeInfo>, { _id, incarnation }: Held): Promise<boolean> {
  return (await nodes.countDocuments({ _id, incarnation, lease: 0 }, { limit: 1 })) > 0
}

/** Silent for so long that, without jobs, it is not coming back. */
export const isForgotten = (node: Seen): node is Held =>
  node.incarnation !== undefined && node.left < -FORGOTTEN_AFTER_MS

/** Takes a node out that nobody misses; not one that came back meanwhile. */
export async function forget(nodes: Collection<NodeInfo>, { _id, incarnation }: Held): Promise<void> {
  const long = { $lt: [{ $add: [LEASE_END, FORGOTTEN_AFTER_MS] }, '$$NOW'] }
  await nodes.deleteOne({ _id, incarnation, $expr: long }, MAJORITY)
}
