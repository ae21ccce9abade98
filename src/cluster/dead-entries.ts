/** Dead entries: finds in a document the entries of `state.running` whose runs no longer go on, and those of `state.unrecorded` whose
 *  rows nobody will store.
 *  In: a document. Out: its dead entries: copied from another job, of an incarnation that is not its node's current one,
 *  or of this process and unknown to it. A dead entry whose run has a final row did finish; one without was interrupted.
 *  Who is current is what the registry says, of this node's ip too: a process that was replaced knows only of itself.
 *  An entry of a node that merely stopped answering is not dead: its incarnation is replaced first. Of a living node those are whose row
 *  is old (it takes its entries out itself, where it can), and those that wait for a next start while it starts nothing: it finds out
 *  that they are not its own any more when it would begin them. */
import type { Collection } from 'mongodb'
import type { Clock } from '../clock.ts'
import type { FinalRow, Rows } from '../history/rows.ts'
import type { RunEntry } from '../job/claim.ts'
import type { Job, RunningEntry } from '../job/job.ts'
import type { Actor } from '../job/outcome.ts'
import type { NodeInfo } from './lease.ts'
import { startsNothing } from './registry.ts'

/** A living node whose run has had its row for so long does not take its entry out any more: its write met no document, which was
 *  deleted or renamed away at that moment and came back with the entry. */
const LEFT_MS = 10_000

export interface SweepContext {
  readonly nodes: Collection<NodeInfo>
  readonly rows: Pick<Rows, 'final'>
  /** This process, as it was when the sweep began. */
  readonly by: Actor
  /** Knows the runs that this process claimed and whose end it has not stored yet. */
  readonly book: { has(runId: string): boolean }
  readonly clock: Clock
}

export interface Dead<T extends RunEntry = RunningEntry> {
  readonly entry: T
  /** Its end as it is in the history; absent: it was interrupted. */
  readonly row?: FinalRow | undefined
  /** It came with a document copied from another job. */
  readonly copied: boolean
}

/** Whether the entry is of a run that this process claimed. */
export const isOurs = ({ node, incarnation }: RunEntry, by: Actor): boolean =>
  node === by.ip && incarnation === by.incarnation

/** Those of `entries`, which stand in the document, that are dead. */
export async function deadEntries<T extends RunEntry>(
  job: Job,
  entries: readonly T[],
  { nodes, rows, by, book, clock }: SweepContext,
): Promise<readonly Dead<T>[]> {
  const foreign = entries.filter(entry => !(entry.job === job._id && book.has(entry.run_id)))
  if (foreign.length === 0) return []
  const others = [...new Set(foreign.filter(entry => !isOurs(entry, by)).map(entry => entry.node))]
  const known =
    others.length === 0
      ? []
      : await nodes.find({ _id: { $in: others } }, { readConcern: { level: 'majority' } }).toArray()
  const holders = new Map(known.map(node => [node._id, node]))
  const isDead = (entry: RunEntry) => {
    if (entry.job !== job._id) return true
    if (isOurs(entry, by)) return !book.has(entry.run_id)
    return holders.get(entry.node)?.incarnation !== entry.incarnation
  }
  const dead = foreign.filter(isDead)
  const alive = foreign.filter(entry => !isDead(entry))
  const waiting = alive.filter(entry => 'retry_at' in entry && startsNothing(holders.get(entry.node)))
  const [final, left] = await Promise.all([
    rows.final([...dead, ...waiting].map(runId)),
    rows.final(alive.map(runId), new Date(clock.now() - LEFT_MS)),
  ])
  return [
    ...dead.map(entry => ({ entry, row: final.get(entry.run_id), copied: entry.job !== job._id })),
    ...alive
      .filter(entry => left.has(entry.run_id))
      .map(entry => ({ entry, row: left.get(entry.run_id), copied: false })),
    // One whose end is told is its node's to take out.
    ...waiting.filter(entry => !final.has(entry.run_id)).map(entry => ({ entry, copied: false })),
  ]
}

const runId = (entry: RunEntry) => entry.run_id
