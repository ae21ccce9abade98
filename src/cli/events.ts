/** `tidewheel events`: what happens on all nodes, as their database tells it, until it is interrupted.
 *  In: the change stream of the database. Out: an event a line; what changes mean says event-of.ts.
 *  It is not a node: what nodes keep to themselves, such as the start of a short run, is not seen here. */
import { Command } from 'commander'
import colours from 'picocolors'
import { type Connection, databaseError, open } from '../database/connection.ts'
import { TidewheelError, type TidewheelEvent } from '../index.ts'
import { type Call, connectionOf, run } from './call.ts'
import { type CollectionNames, type DatabaseChange, eventsOf } from './event-of.ts'
import { EXIT } from './exit-codes.ts'
import { toJson } from './output.ts'
import { signals } from './signals.ts'

interface Options {
  readonly job?: string
  readonly type?: string
}

export const eventsCommand = () =>
  new Command('events')
    .description('what happens on all nodes, live, until Ctrl-C')
    .option('--job <id>', 'only of this job')
    .option('--type <type>', 'only of this type, such as run.error, or of all that begin with it, such as run')
    .action(
      run([], async (call, options: Options) => {
        const connection = await open(connectionOf(call.settings))
        const { first, close } = signals()
        try {
          process.exitCode = EXIT[await follow(connection, call, options, first)]
        } finally {
          close()
          await connection.close()
        }
      }),
    )

/** Until a signal, which it answers. Throws what the database throws. */
async function follow<S>(
  { streamDb, db }: Connection,
  { settings, out }: Call,
  options: Options,
  signal: Promise<S>,
): Promise<S> {
  const names = { jobs: 'jobs', executions: 'executions', nodes: 'nodes', ...settings.collections } as CollectionNames
  const ours = { $match: { 'ns.coll': { $in: Object.values(names) } } }
  const stream = streamDb.watch([ours], { fullDocument: 'updateLookup', readConcern: { level: 'majority' } })
  // Once: a second call would overtake the first, and leave the cursor to the server.
  let closing: Promise<void> | undefined
  const end = () => {
    closing ??= stream.close()
    return closing
  }
  void signal.then(end)
  try {
    await stream.tryNext()
    out.note(`listening to database ${db.databaseName}; Ctrl-C ends`)
    for await (const change of stream) {
      for (const event of eventsOf(change as unknown as DatabaseChange, names)) {
        if (isWanted(event, options)) out.each(event, lineOf(event))
      }
    }
    if (closing === undefined) throw new TidewheelError('unreachable', 'the database ended the stream of changes')
  } catch (error) {
    if (closing === undefined) throw databaseError(error)
  } finally {
    await end()
  }
  return await signal
}

const isWanted = (event: TidewheelEvent, { job, type }: Options) =>
  (job === undefined || ('job_id' in event && event.job_id === job)) &&
  (type === undefined || event.type === type || event.type.startsWith(`${type}.`))

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

/** Milliseconds to a tenth. */
export const rounded = (ms: number) => Math.round(ms * 10) / 10

function colour(type: string): string {
  if (/error|timeout|invalid|lost|fenced|interrupted|stranded/.test(type)) return colours.red(type)
  if (/missed|max_instances|standby|retrying/.test(type)) return colours.yellow(type)
  return type === 'run.executed' ? colours.green(type) : type
}
