/** Connect: the handles of people's work, with or without a node.
 *  In: a connection string or client, or a database that is open. Out: `jobs`, `history`, `nodes`, `users`, what happens on all nodes,
 *  overviews, and `close`. Jobs added here have no ip unless they name one: a living node takes them. A node has the same over its own
 *  connection. */

import { defer, type Observable } from 'rxjs'
import { type Clock, systemClock } from '../clock.ts'
import { asked, type ConnectionOptions } from '../database/connection.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { type CollectionNames, namesOf } from '../database/ensure.ts'
import { TidewheelError } from '../errors.ts'
import { optionsOf } from '../options/given.ts'
import { type EventsOptions, type PlacedEvent, watchEvents } from './events.ts'
import { type History, historyOf } from './history.ts'
import { type Jobs, type JobsOptions, jobsOf } from './jobs.ts'
import { type Nodes, nodesOf } from './nodes.ts'
import { type Stats, type StatsOptions, statsOf } from './stats.ts'
import { type Timeline, type TimelineOptions, timelineOf } from './timeline.ts'
import { type Users, usersOf } from './users.ts'
import { watchJobs } from './watch.ts'

/** What `connect` takes. Durations are milliseconds. */
export interface ConnectOptions extends ConnectionOptions {
  /** The zone of triggers and dates that name none, such as `Europe/Berlin`: it is written into the triggers of jobs that are added
   *  here. Default: none is written, and the zone of the node that runs the job counts. */
  readonly timezone?: string
}

/** All that a door needs: a program, the command line, HTTP. A node has one, too (`node.client`). */
export interface Client extends AsyncDisposable {
  /** Jobs: add, list, change, move, pause, run, remove. */
  readonly jobs: Jobs
  /** Runs that ended, and those that go on. */
  readonly history: History
  /** The registry: who lives, draining, evicting, rebalancing. */
  readonly nodes: Nodes
  /** Who may come in over HTTP. */
  readonly users: Users
  /** What happens on all nodes, as their database shows it: edits of jobs, how runs end, how nodes come and go. What is not stored
   *  (`run.claimed`, `run.retrying`, `job.stranded`, `node.fenced`, …) only a node's own `events$` tells. Cold; each event carries
   *  its `position`, and `after` goes on from one without a gap. Waits out a database that is away (`stream.interrupted`), errors
   *  with what will not mend, completes when the client closes. */
  events$(options?: EventsOptions): Observable<PlacedEvent>
  /** What ran on each node in a span of time, and what will. Throws `invalid_option`, and `not_found` for an ip that is not in the
   *  registry. */
  timeline(options: TimelineOptions): Promise<Timeline>
  /** Jobs by status and by node; runs since an hour, or since another time: by status and minute, how late and how long. */
  stats(options?: StatsOptions): Promise<Stats>
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
export function clientOf(database: Database, options: Pick<ConnectOptions, 'collections' | 'timezone'>): Client {
  let closed = false
  const open = () => {
    if (closed) throw new TidewheelError('closed', 'this client is closed')
    return database
  }
  const close = async () => {
    closed = true
    await database.connection.close()
  }
  return { ...handlesOf(open, { ...options, clock: systemClock }), close, [Symbol.asyncDispose]: close }
}

export type Handles = Omit<Client, 'close' | typeof Symbol.asyncDispose>

export interface HandlesOptions extends Pick<JobsOptions, 'timezone' | 'defaults' | 'keep'> {
  readonly collections?: CollectionNames | undefined
  readonly clock: Clock
}

/** `database` throws `closed` where there is none (yet); it is asked anew by each call. */
export function handlesOf(database: () => Database, options: HandlesOptions): Handles {
  const { collections: names, clock, ...added } = options
  const collections = () => database().collections
  const jobs = () => collections().jobs
  const nodes = () => collections().nodes
  return {
    jobs: jobsOf({
      ...added,
      collection: jobs,
      nodes,
      watch: query => defer(() => watchJobs(database().connection, jobs(), query)),
    }),
    history: historyOf({ executions: () => collections().executions, jobs }),
    nodes: nodesOf({ nodes, jobs }),
    users: usersOf(() => collections().users),
    events$: given => defer(() => watchEvents(database().connection, namesOf(names), given)),
    timeline: given => asked(async () => await timelineOf(collections(), given)),
    stats: given => asked(async () => await statsOf(collections(), given, clock)),
    init: () => asked(async () => await database().prepare()),
  }
}
