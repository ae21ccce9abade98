/** Collections: the three of the contract, typed, by the names the options gave them. How they are read and written is the database's. */
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
  return {
    jobs: db.collection<Job>(jobs),
    executions: db.collection<Execution>(executions),
    nodes: db.collection<NodeInfo>(nodes),
  }
}
