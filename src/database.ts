/** Database: opened for a node or a client, with the collections of the contract.
 *  In: where it is, and the names of its collections. Out: the connection, the collections, and a way to create what is missing.
 *  Opening it changes nothing there. */
import { type Collections, collectionsOf } from './collections.ts'
import { type Connection, type ConnectionOptions, open } from './connection.ts'
import { type CollectionNames, ensureCollections } from './job/collections.ts'

export interface DatabaseOptions extends ConnectionOptions {
  readonly collections?: CollectionNames
  /** How long history is kept, in ms; default: as long as it is, else 7 days. */
  readonly historyTtl?: number
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
  const { collections, historyTtl } = options
  const present = { ...(collections && { collections }), ...(historyTtl !== undefined && { historyTtlMs: historyTtl }) }
  return {
    connection,
    collections: collectionsOf(connection.db, collections),
    prepare: async () => (await ensureCollections(connection.db, present)).warnings,
  }
}
