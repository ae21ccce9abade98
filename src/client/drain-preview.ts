/** Drain preview: what would become of the jobs of a node that is drained now?
 *  In: an ip, and the registry. Out: which jobs would go where, by the ranking that a drain uses, and which would stay, each with why.
 *  It reads all jobs of the node, counts all, and names the first of each. It changes nothing. */
import type { Collection } from 'mongodb'
import { breathe } from '../clock.ts'
import { MOVABLE, type Movable, stayingReason, targetOf } from '../cluster/moves.ts'
import { type Seen, takesJobs } from '../cluster/registry.ts'
import type { Job } from '../job/job.ts'

/** What a drain of a node would do now: which jobs would go where, and which would stay. */
export interface DrainPreview {
  /** The first 100 that would move. */
  readonly moves: readonly { readonly _id: string; readonly to: string }[]
  /** The first 100 that would stay, and why. */
  readonly stays: readonly { readonly _id: string; readonly why: string }[]
  /** Of all of them. */
  readonly counts: {
    readonly moves: number
    readonly stays: number
    /** How many would go to each node. */
    readonly to: Readonly<Record<string, number>>
  }
}

const MOST_NAMED = 100
const BATCH = 1_000

export async function drainPreviewOf(jobs: Collection<Job>, ip: string, nodes: readonly Seen[]): Promise<DrainPreview> {
  const targets = nodes.filter(node => node._id !== ip && takesJobs(node))
  const moves: { _id: string; to: string }[] = []
  const stays: { _id: string; why: string }[] = []
  const to = new Map<string, number>()
  let staying = 0
  for await (const job of jobs.find<Movable>({ ip }, { projection: MOVABLE, batchSize: BATCH }).sort({ _id: 1 })) {
    await breathe()
    const target = targetOf(job, targets)
    if (target !== undefined) {
      to.set(target, (to.get(target) ?? 0) + 1)
      if (moves.length < MOST_NAMED) moves.push({ _id: job._id, to: target })
      continue
    }
    staying++
    if (stays.length < MOST_NAMED) stays.push({ _id: job._id, why: stayingReason(job, targets) ?? '' })
  }
  const moving = [...to.values()].reduce((sum, jobs) => sum + jobs, 0)
  return { moves, stays, counts: { moves: moving, stays: staying, to: Object.fromEntries(to) } }
}
