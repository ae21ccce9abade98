/** Connect: the same handles as a node's, without running one.
 *  In: a connection string or client. Out: `jobs`, `history`, `nodes`, and `close`. Jobs added here have no ip unless they name one: a living node
 *  takes them. */

import type { ConnectionOptions } from '../database/connection.ts'
import { openDatabase } from '../database/database.ts'
import { TidewheelError } from '../errors.ts'
import { optionsOf } from '../options/given.ts'
import { type History, historyOf } from './history.ts'
import { type Jobs, jobsOf } from './jobs.ts'
import { type Nodes, nodesOf } from './nodes.ts'
import { watchJobs } from './watch.ts'

/** What `connect` takes. Durations are milliseconds. */
export interface ConnectOptions extends ConnectionOptions {
  /** The zone of triggers and dates that name none, such as `Europe/Berlin`. Default: `UTC`. */
  readonly timezone?: string
}

export interface Client extends AsyncDisposable {
  readonly jobs: Jobs
  readonly history: History
  readonly nodes: Nodes
  /** Creates collections, validators and indexes where they are missing; answers what could not be done. */
  init(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Throws `invalid_option`, `unreachable`, `not_replica_set`, `unauthorised`. */
export async function connect(options: ConnectOptions): Promise<Client> {
  const checked = optionsOf<'client', ConnectOptions>('client', options)
  const { timezone } = checked
  const { connection, collections, prepare } = await openDatabase(checked)
  let closed = false
  const unclosed = <T>(collection: T): T => {
    if (closed) throw new TidewheelError('closed', 'this client is closed')
    return collection
  }
  const close = async () => {
    closed = true
    await connection.close()
  }
  return {
    jobs: jobsOf({
      collection: () => unclosed(collections.jobs),
      timezone,
      watch: query => watchJobs(connection.client, collections.jobs, query),
    }),
    history: historyOf({ executions: () => unclosed(collections.executions), jobs: () => unclosed(collections.jobs) }),
    nodes: nodesOf({ nodes: () => unclosed(collections.nodes), jobs: () => unclosed(collections.jobs) }),
    init: prepare,
    close,
    [Symbol.asyncDispose]: close,
  }
}
