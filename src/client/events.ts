/** Events: the database read as events, for whoever looks on from outside: the command line, HTTP, the dashboard.
 *  In: the change streams of jobs, executions and nodes, as one stream with one order. Out: the events of the contract, each with
 *  its position, from which another stream goes on without a gap and without a repetition. What a change means says event-of.ts. */
import { BSON, type ChangeStreamDocument, type ResumeToken } from 'mongodb'
import { defer, type Observable } from 'rxjs'
import { breathe, systemClock } from '../clock.ts'
import type { Connection } from '../database/connection.ts'
import { meantOf, nearest, TidewheelError } from '../errors.ts'
import { type EventType, type News, SHOWN, type TidewheelEvent } from '../event.ts'
import { isObject } from '../job/job.ts'
import { type CollectionNames, type DatabaseChange, eventsOf, telling } from './event-of.ts'
import { givenFields, givenFunction, refuse } from './given.ts'
import { AWAIT_MS, isHistoryLost, isPassing, type Lasting, lasting } from './lasting.ts'

/** Which events are told. */
export interface EventsQuery {
  /** Only events of this job. */
  readonly job_id?: string
  /** Only events of this node: its ip. */
  readonly node?: string
  /** Only events of this type (`run.error`), or of all types that begin with it (`run`). */
  readonly type?: string
}

/** What `events$` of a client takes: which events, and after which one to begin. */
export interface EventsOptions {
  /** Which events; default: all. */
  readonly query?: EventsQuery
  /** The position of the last event that was seen: what comes after it is told. Default: what happens from now on. */
  readonly after?: string
  /** For one who keeps a place: hears the position up to which everything was told, after each answer of the database, also one that
   *  brought nothing. Default: nobody does. */
  readonly onPlace?: (position: string) => void
  /** For one who keeps what events do not say of their job: hears its tags as each change shows them, before the change's events.
   *  Default: nobody does. */
  readonly onTags?: (job_id: string, tags: readonly string[]) => void
}

/** An event, and where it stands. */
export type PlacedEvent = TidewheelEvent & {
  /** Text of the letters, digits, `-`, `_` and `.`; for `after`, as long as MongoDB keeps its history (the oplog). */
  readonly position: string
}

export const TYPES = Object.keys(SHOWN) as readonly EventType[]
/** The types that are never told, because nothing of them is stored. */
export const UNSHOWN: readonly EventType[] = TYPES.filter(type => !SHOWN[type])
/** Of the stream itself, and so never left out. */
const OWN: ReadonlySet<EventType> = new Set([
  'stream.opened',
  'stream.interrupted',
  'stream.resumed',
  'stream.resynced',
])

/** What happens on all nodes, as their database shows it. Cold.
 *
 *  It is seen: each edit of a job; how each run ends, and that one of more than a second began; how nodes start, pause, drain, stop
 *  and are lost. It is not seen, because it is not stored: claims, the start of a short run, retries that wait (`run.claimed`,
 *  `run.retrying`), what a node knows of its own lease, clock and stream (`node.fenced`, `node.standby`, `node.joined`,
 *  `clock.jumped`, `stream.*`), and `job.stranded`. Of `job.moved` it is not known from where, of `run.interrupted` not whether the
 *  run is run again. `at` is the server's time.
 *
 *  The stream tells of itself with an empty `node`: `stream.opened` once it listens (`jobs` is 0: it holds none),
 *  `stream.interrupted` when the database is away, `stream.resumed` when it goes on without a gap, `stream.resynced` when MongoDB no
 *  longer has what came after the last position: then something may be missing.
 *
 *  Errors with `invalid_option` for a wrong query or position, and with what will not mend, such as a missing right; completes when
 *  the connection closes. */
export const watchEvents = (
  connection: Connection,
  names: CollectionNames,
  options: EventsOptions = {},
): Observable<PlacedEvent> =>
  defer(() => {
    givenFields(options, 'events$', ['query', 'after', 'onPlace', 'onTags'], ', such as {query: {type: "run.error"}}')
    givenFunction(options.onPlace, 'events$', 'onPlace')
    givenFunction(options.onTags, 'events$', 'onTags')
    const query = checkQuery(options.query)
    const after = options.after === undefined ? undefined : placeOf(options.after)
    return lasting<PlacedEvent>(connection, () => {
      const watching = new Watching(connection, names, options, query, after)
      return lasting => watching.attempt(lasting)
    })
  })

/** Whether a query asks for an event. */
export const isWanted = (event: TidewheelEvent, { job_id, node, type }: EventsQuery): boolean =>
  (job_id === undefined || ('job_id' in event && event.job_id === job_id)) &&
  (node === undefined || event.node === node) &&
  (type === undefined || event.type === type || event.type.startsWith(`${type}.`))

/** After a change, and after so many events of the next one. */
interface Place {
  readonly token: ResumeToken
  readonly events: number
}

/** Where a position stands among others of the same database. */
export interface Standing {
  /** Texts that sort as the changes do. */
  readonly token: string
  /** So many events of the next change were told, too. */
  readonly events: number
}

/** Throws `invalid_option` where it is no position. */
export function standingOf(position: string): Standing {
  const { token, events } = placeOf(position)
  const { _data } = token as { readonly _data?: unknown }
  if (typeof _data === 'string') return { token: _data, events }
  return refuse('events$', 'after', 'expected the position of an event', position)
}

class Watching {
  readonly #connection: Connection
  readonly #names: CollectionNames
  readonly #hearing: Pick<EventsOptions, 'onPlace' | 'onTags'>
  readonly #query: EventsQuery
  #place: Place | undefined
  #state: 'unopened' | 'open' | 'interrupted' = 'unopened'
  /** What came after the place is gone, and nobody has been told. */
  #lost = false

  constructor(
    connection: Connection,
    names: CollectionNames,
    hearing: Pick<EventsOptions, 'onPlace' | 'onTags'>,
    query: EventsQuery,
    after: Place | undefined,
  ) {
    this.#hearing = hearing
    this.#connection = connection
    this.#names = names
    this.#query = query
    this.#place = after
  }

  async attempt(lasting: Lasting<PlacedEvent>): Promise<void> {
    try {
      await this.#follow(lasting)
    } catch (error) {
      if (isHistoryLost(error)) {
        this.#place = undefined
        this.#lost = true
      } else if (isPassing(error) && this.#state === 'open') {
        this.#state = 'interrupted'
        this.#say(lasting, { type: 'stream.interrupted', reason: (error as Error).message })
      }
      throw error
    }
  }

  async #follow(lasting: Lasting<PlacedEvent>): Promise<void> {
    const ours = [{ $match: telling(this.#names) }]
    const stream = this.#connection.streamDb.watch(ours, {
      fullDocument: 'updateLookup',
      readConcern: { level: 'majority' },
      maxAwaitTimeMS: AWAIT_MS,
      ...(this.#place !== undefined && { startAfter: this.#place.token }),
    })
    // The server has opened it, and tells what happens from here on; its first answer to a question for more may take a second.
    stream.once('resumeTokenChanged', token => {
      this.#place ??= { token, events: 0 }
      if (this.#state !== 'open' || this.#lost) this.#open(lasting)
    })
    for await (const change of lasting.answers(stream)) {
      // The token of the change itself: that of its batch depends on what else came with it.
      const here = { token: change === null ? stream.resumeToken : change._id, events: 0 }
      const before = this.#place ?? here
      this.#place = before
      if (this.#state !== 'open' || this.#lost) this.#open(lasting)
      if (change !== null) this.#tell(change, before, here, lasting)
      this.#place = change === null ? { ...here, events: before.events } : here
      // Whoever left at the last event hears no place that is later.
      if (!lasting.ended) this.#hearing.onPlace?.(textOf(this.#place))
      await breathe()
    }
    if (!lasting.ended) throw new TidewheelError('unreachable', 'the database ended the stream of changes')
  }

  #open(lasting: Lasting<PlacedEvent>): void {
    const isFirst = this.#state === 'unopened'
    const reason = 'what came after the last position is no longer in the history of MongoDB'
    if (this.#lost) this.#say(lasting, { type: 'stream.resynced', reason, jobs: 0 })
    else this.#say(lasting, isFirst ? { type: 'stream.opened', jobs: 0 } : { type: 'stream.resumed' })
    this.#state = 'open'
    this.#lost = false
  }

  #tell(change: ChangeStreamDocument, before: Place, after: Place, { out }: Lasting<PlacedEvent>): void {
    this.#tellTags(change as unknown as DatabaseChange)
    const events = eventsOf(change as unknown as DatabaseChange, this.#names)
    for (const [index, event] of events.entries()) {
      if (index < before.events || !isWanted(event, this.#query)) continue
      const isLast = index === events.length - 1
      out.next({ ...event, position: textOf(isLast ? after : { token: before.token, events: index + 1 }) })
    }
  }

  #tellTags({ ns, documentKey, fullDocument }: DatabaseChange): void {
    if (ns.coll !== this.#names.jobs || documentKey === undefined || !isObject(fullDocument)) return
    const { tags } = fullDocument as { readonly tags?: unknown }
    this.#hearing.onTags?.(documentKey._id, Array.isArray(tags) ? tags : [])
  }

  #say({ out }: Lasting<PlacedEvent>, news: News): void {
    const position = this.#place === undefined ? '' : textOf(this.#place)
    out.next({ ...news, at: new Date(systemClock.now()), node: '', position } as PlacedEvent)
  }
}

const textOf = ({ token, events }: Place): string =>
  `${Buffer.from(BSON.serialize(token as Record<string, unknown>)).toString('base64url')}.${events}`

function placeOf(position: unknown): Place {
  const [, token = '', events = ''] = /^([\w-]+)\.(\d{1,3})$/.exec(typeof position === 'string' ? position : '') ?? []
  try {
    return { token: BSON.deserialize(Buffer.from(token, 'base64url')), events: Number(events) }
  } catch {
    return refuse('events$', 'after', 'expected the position of an event', position)
  }
}

const FIELDS: readonly string[] = ['job_id', 'node', 'type'] satisfies readonly (keyof EventsQuery)[]

/** Throws `invalid_option`, also for a type that does not exist or is never told. */
export function checkQuery(query: unknown = {}): EventsQuery {
  if (!isObject(query)) refuse('events$', 'query', 'expected an object, such as {type: "run.error"}', query)
  for (const [name, value] of Object.entries(query)) {
    if (!FIELDS.includes(name)) {
      const message = `events$: query: ${name}: there is no such field; ${meantOf(name, FIELDS)}`
      throw new TidewheelError('invalid_option', message, { path: name })
    }
    if (value !== undefined && typeof value !== 'string') refuse('events$', name, 'expected text', value)
  }
  if (query.type !== undefined) checkType(query.type as string)
  return query
}

function checkType(type: string): void {
  const meant = TYPES.filter(known => known === type || known.startsWith(`${type}.`))
  if (meant.some(known => SHOWN[known] || OWN.has(known))) return
  const groups = new Set(TYPES.map(known => known.slice(0, known.indexOf('.'))))
  const near = nearest(type, [...TYPES, ...groups])
  const message =
    meant.length > 0
      ? `${type} is never stored, so only the node itself tells of it (node.events$)`
      : `there is no event ${JSON.stringify(type)}; ${near === undefined ? `known are ${[...groups].join(', ')} and the types below them` : `did you mean ${near}?`}`
  throw new TidewheelError('invalid_option', `type: ${message}`, { path: 'type' })
}
