/** `tidewheel events`: what happens on all nodes, as their database tells it, until it is interrupted.
 *  In: events of a client (client/events.ts). Out: an event a line; on stderr what it listens to, and what cannot be heard there.
 *  It is not a node: what nodes keep to themselves, such as the start of a short run, is not seen here. */
import { Command } from 'commander'
import type { Observable } from 'rxjs'
import { checkQuery, UNSHOWN } from '../client/events.ts'
import type { EventsQuery, PlacedEvent, TidewheelEvent } from '../index.ts'
import { toJson } from '../json.ts'
import { type Call, run, withClient, withExample } from './call.ts'
import { colours } from './colours.ts'
import { EXIT } from './exit-codes.ts'
import { countOf, rounded } from './instant.ts'
import { type Signal, signals } from './signals.ts'

interface Options {
  readonly job?: string
  readonly node?: string
  readonly type?: string
  readonly limit?: string
}

const MOST_EVENTS = 1_000_000
const UNSEEN = `What is not stored only the node itself tells of (node.events$): ${UNSHOWN.join(', ')}, and the start of runs shorter than a second.`

export const eventsCommand = () =>
  withExample(
    new Command('events')
      .description('what happens on all nodes, live, until Ctrl-C')
      .option('--job <id>', 'only of this job')
      .option('--node <ip>', 'only of this node')
      .option('--type <type>', 'only of this type, such as run.error, or of all that begin with it, such as run')
      .option('--limit <n>', 'end after so many')
      .action(
        run([], async (call, { job, node, type, limit }: Options) => {
          const query = { ...(job && { job_id: job }), ...(node && { node }), ...(type && { type }) }
          checkQuery(query)
          const most = limit === undefined ? Number.POSITIVE_INFINITY : countOf(limit, '--limit', MOST_EVENTS)
          await listen(call, query, most)
        }),
      ),
    ['tidewheel events --type run.error', 'tidewheel events --job digest --json'],
    UNSEEN,
  )

async function listen({ settings, out }: Call, query: EventsQuery, most: number): Promise<void> {
  const { first, close } = signals()
  try {
    await withClient(settings, async (client, { connection }) => {
      const opened = () => {
        out.note(`listening to database ${connection.db.databaseName}; Ctrl-C ends. ${UNSEEN}`)
      }
      const signal = await told(client.events$({ query }), { out, opened, most, first })
      if (signal !== undefined) process.exitCode = EXIT[signal]
    })
  } finally {
    close()
  }
}

interface Telling extends Pick<Call, 'out'> {
  readonly opened: () => void
  readonly most: number
  readonly first: Promise<Signal>
}

/** Until a signal, which it answers, or until so many events were told. Throws what the stream does. */
function told(events$: Observable<PlacedEvent>, { out, opened, most, first }: Telling): Promise<Signal | undefined> {
  let left = most
  return new Promise<Signal | undefined>((resolve, reject) => {
    const next = (event: PlacedEvent) => {
      const { position: _, ...shown } = event
      const note = streamNote(event)
      if (event.type === 'stream.opened') opened()
      else if (note !== undefined) out.note(note)
      else if (left > 0) {
        out.each(event, lineOf(shown as TidewheelEvent))
        if (--left === 0) resolve(undefined)
      }
    }
    // Ends with the client.
    events$.subscribe({ next, error: reject, complete: () => resolve(undefined) })
    void first.then(resolve)
  })
}

/** What a stream that goes on says of itself; undefined: nothing. */
export function streamNote(event: TidewheelEvent): string | undefined {
  switch (event.type) {
    case 'stream.interrupted':
      return `the database is away: ${event.reason}`
    case 'stream.resumed':
      return 'the database is there again; nothing was missed'
    case 'stream.resynced':
      return `something may be missing: ${event.reason}`
    default:
      return undefined
  }
}

/** `12:00:00.000 10.0.0.7 run.executed digest duration=3`. */
export function lineOf({ at, node, type, ...fields }: TidewheelEvent): string {
  const { job_id = '', run_id: _, ...rest } = fields as Record<string, unknown>
  const details = Object.entries(rest).map(([name, value]) => `${name}=${shown(value)}`)
  return [clockTime(at), node || '-', colour(type), job_id, colours.dim(details.join(' '))].filter(Boolean).join('  ')
}

export const clockTime = (at: Date) => at.toISOString().slice(11)

function shown(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'number') return String(rounded(value))
  return typeof value === 'string' ? value : toJson(value)
}

function colour(type: string): string {
  if (/error|timeout|invalid|lost|fenced|interrupted|stranded/.test(type)) return colours.red(type)
  if (/missed|max_instances|standby|retrying/.test(type)) return colours.yellow(type)
  return type === 'run.executed' ? colours.green(type) : type
}
