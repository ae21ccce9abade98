/** Collections: the three of the contract, typed, by the names the options gave them. */
import type { Collection, Db } from 'mongodb'
import type { NodeInfo } from './cluster/lease.ts'
import type { Execution } from './history/rows.ts'
import { COLLECTIONS, type CollectionNames } from './job/collections.ts'
import type { Job } from './job/job.ts'

export interface Collections {
  readonly jobs: Collection<Job>
  readonly executions: Collection<Execution>
  readonly nodes: Collection<NodeInfo>
}

export function collectionsOf(db: Db, names: CollectionNames = {}): Collections {
  const { jobs, executions, nodes } = { ...COLLECTIONS, ...names }
  const majority = { writeConcern: { w: 'majority' as const } }
  return {
    jobs: db.collection<Job>(jobs, majority),
    executions: db.collection<Execution>(executions, majority),
    nodes: db.collection<NodeInfo>(nodes, majority),
  }
}
