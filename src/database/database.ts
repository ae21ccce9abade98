/** Database: opened for a node or a client, with the collections of the contract.
 *  In: where it is, and the names of its collections. Out: the connection, the collections, and a way to create what is missing.
 *  Opening it changes nothing there. */
import type { Collection, Db } from 'mongodb'
import type { NodeInfo } from '../cluster/lease.ts'
import type { Execution } from '../history/rows.ts'
import type { Job } from '../job/job.ts'
import type { User } from '../user/user.ts'
import { type Connection, type ConnectionOptions, open } from './connection.ts'
import { type CollectionNames, ensureCollections, namesOf } from './ensure.ts'

export interface DatabaseOptions extends ConnectionOptions {
  /** How long history is kept, in ms; null and absent: as it is in the database, 7 days in a new one. */
  readonly historyTtl?: number | null
}

export interface Database {
  readonly connection: Connection
  readonly collections: Collections
  /** Creates collections, validators and indexes where they are missing; answers what could not be done. */
  prepare(): Promise<readonly string[]>
}

/** Throws `invalid_option`, `unreachable`, `not_replica_set` or `unauthorised`. */
export async function openDatabase(options: DatabaseOptions, appName?: string): Promise<Database> {
  const connection = await open(options, appName)
  const { collections, historyTtl = null } = options
  const present = { ...(collections && { collections }), ...(historyTtl !== null && { historyTtlMs: historyTtl }) }
  return {
    connection,
    collections: collectionsOf(connection.db, collections),
    prepare: async () => (await ensureCollections(connection.db, present)).warnings,
  }
}

/** Those of the contract. How they are read and written is the database's to say. */
export interface Collections {
  readonly jobs: Collection<Job>
  readonly executions: Collection<Execution>
  readonly nodes: Collection<NodeInfo>
  /** Made with its first user; nodes do without it. */
  readonly users: Collection<User>
}

/** By the names that the options gave them. */
export function collectionsOf(db: Db, names: CollectionNames = {}): Collections {
  const { jobs, executions, nodes, users } = namesOf(names)
  return {
    jobs: db.collection<Job>(jobs),
    executions: db.collection<Execution>(executions),
    nodes: db.collection<NodeInfo>(nodes),
    users: db.collection<User>(users),
  }
}
