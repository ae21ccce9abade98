/** Sweep: which entries of `state.running` belong to runs that no longer go on?
 *  In: a document. Out: its dead entries: copied from another job, of an incarnation that is not its node's current one,
 *  or of this process and unknown to it. A dead entry whose run has a final row did finish; one without was interrupted.
 *  An entry of a node that merely stopped answering is not dead: its incarnation is replaced first. Of a living node only those
 *  are whose row is old: it takes its entries out itself, where it can. */
import type { Collection } from 'mongodb'
import { type Execution, finalRows } from '../history/rows.ts'
import type { Job, RunningEntry } from '../job/job.ts'
import { soundOf } from '../job/sound.ts'
import type { NodeInfo } from './lease.ts'

/** A living node whose run has had its row for so long does not take its entry out any more: the document was away then. */
const LEFT_MS = 10_000

export interface SweepContext {
  readonly nodes: Collection<NodeInfo>
  readonly executions: Collection<Execution>
  readonly ip: string
  readonly incarnation: () => string
  /** Whether this process claimed the run and has not stored its end yet. */
  readonly isMine: (runId: string) => boolean
  readonly now: () => number
}

export interface Dead {
  readonly entry: RunningEntry
  /** Its end is in the history: only the entry is to go. */
  readonly finished: boolean
  /** It came with a document copied from another job. */
  readonly copied: boolean
}

export async function deadEntries(job: Job, context: SweepContext): Promise<readonly Dead[]> {
  const running = soundOf(job).job.state?.running ?? []
  const foreign = running.filter(entry => !(entry.job === job._id && context.isMine(entry.run_id)))
  if (foreign.length === 0) return []
  const others = [...new Set(foreign.map(entry => entry.node).filter(node => node !== context.ip))]
  const known =
    others.length === 0
      ? []
      : await context.nodes.find({ _id: { $in: others } }, { readConcern: { level: 'majority' } }).toArray()
  const current = new Map(known.map(node => [node._id, node.incarnation]))
  current.set(context.ip, context.incarnation())
  const isDead = (entry: RunningEntry) => {
    if (entry.job !== job._id) return true
    if (entry.node === context.ip && entry.incarnation === context.incarnation()) return !context.isMine(entry.run_id)
    return current.get(entry.node) !== entry.incarnation
  }
  const dead = foreign.filter(isDead)
  const alive = foreign.filter(entry => !isDead(entry))
  const [final, left] = await Promise.all([
    finalRows(context.executions, dead.map(runId)),
    finalRows(context.executions, alive.map(runId), new Date(context.now() - LEFT_MS)),
  ])
  return [
    ...dead.map(entry => ({ entry, finished: final.has(entry.run_id), copied: entry.job !== job._id })),
    ...alive.filter(entry => left.has(entry.run_id)).map(entry => ({ entry, finished: true, copied: false })),
  ]
}

const runId = (entry: RunningEntry) => entry.run_id
