/** Connect: the same handles as a node's, without running one.
 *  In: a connection string or client. Out: `jobs`, `history`, `nodes`, `users`, what happens on all nodes, and `close`. Jobs added here have
 *  no ip unless they name one: a living node takes them. */

import { defer, type Observable } from 'rxjs'
import { asked, type ConnectionOptions } from '../database/connection.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { namesOf } from '../database/ensure.ts'
import { TidewheelError } from '../errors.ts'
import { optionsOf } from '../options/given.ts'
import { type EventsOptions, type PlacedEvent, watchEvents } from './events.ts'
import { type History, historyOf } from './history.ts'
import { type Jobs, jobsOf } from './jobs.ts'
import { type Nodes, nodesOf } from './nodes.ts'
import { type Users, usersOf } from './users.ts'
import { watchJobs } from './watch.ts'

/** What `connect` takes. Durations are milliseconds. */
export interface ConnectOptions extends ConnectionOptions {
  /** The zone of triggers and dates that name none, such as `Europe/Berlin`: it is written into the triggers of jobs that are added
   *  here. Default: none is written, and the zone of the node that runs the job counts. */
  readonly timezone?: string
}

export interface Client extends AsyncDisposable {
  readonly jobs: Jobs
  readonly history: History
  readonly nodes: Nodes
  /** Who may come in over HTTP. */
  readonly users: Users
  /** What happens on all nodes, as their database shows it: edits of jobs, how runs end, how nodes come and go. What is not stored
   *  (`run.claimed`, `run.retrying`, `job.stranded`, `node.fenced`, …) only a node's own `events$` tells. Cold; each event carries
   *  its `position`, and `after` goes on from one without a gap. Waits out a database that is away (`stream.interrupted`), errors
   *  with what will not mend, completes when the client closes. */
  events$(options?: EventsOptions): Observable<PlacedEvent>
  /** Creates collections, validators and indexes where they are missing; answers what could not be done. */
  init(): Promise<readonly string[]>
  /** Streams complete, then the connections end. */
  close(): Promise<void>
}

/** Throws `invalid_option`, `unreachable`, `not_replica_set`, `unauthorised`. */
export async function connect(options: ConnectOptions): Promise<Client> {
  const checked = optionsOf<'client', ConnectOptions>('client', options)
  return clientOf(await openDatabase(checked), checked)
}

/** A client of a database that is open; closing it closes that. */
export function clientOf(
  { connection, collections, prepare }: Database,
  { collections: names, timezone }: Pick<ConnectOptions, 'collections' | 'timezone'>,
): Client {
  let closed = false
  const unclosed = <T>(collection: T): T => {
    if (closed) throw new TidewheelError('closed', 'this client is closed')
    return collection
  }
  const close = async () => {
    closed = true
    await connection.close()
  }
  const jobs = () => unclosed(collections.jobs)
  const nodes = () => unclosed(collections.nodes)
  return {
    jobs: jobsOf({
      collection: jobs,
      nodes,
      timezone,
      watch: query => watchJobs(unclosed(connection), collections.jobs, query),
    }),
    history: historyOf({ executions: () => unclosed(collections.executions), jobs }),
    nodes: nodesOf({ nodes, jobs }),
    users: usersOf(() => unclosed(collections.users)),
    events$: given => defer(() => watchEvents(unclosed(connection), namesOf(names), given)),
    init: () => asked(async () => await unclosed(prepare)()),
    close,
    [Symbol.asyncDispose]: close,
  }
}
