/** `tidewheel history`: past runs, and those that go on, as rows; `history get` shows one as a whole.
 *  In: rows of the history, filtered by the database. Out: newest first; with `--follow` oldest first, and then those that are stored
 *  from now on, a line each, until Ctrl-C. Without `--since` and `--limit` these are the latest 50. */
import { Command } from 'commander'
import { systemClock } from '../clock.ts'
import type { Client, Execution } from '../index.ts'
import { isFailure, STATUSES } from '../job/outcome.ts'
import { addSettings, type Call, run, withClient, withExample } from './call.ts'
import { streamNote } from './events.ts'
import { EXIT } from './exit-codes.ts'
import { followRows } from './history-follow.ts'
import { getCommand } from './history-get.ts'
import { countOf, sinceOf, spanCell, timeCell, wallTime } from './instant.ts'
import { until } from './jobs-watch.ts'
import { isTerminal } from './output.ts'
import { signals } from './signals.ts'
import { oneLine } from './table.ts'

type Query = NonNullable<Parameters<Client['history']['list']>[0]>

interface Options {
  readonly failed?: boolean
  readonly since?: string
  readonly limit?: string
  readonly follow?: boolean
}

interface Asked {
  readonly job: string | undefined
  readonly query: Query
  /** How many of the rows that are there already. */
  readonly most: number
}

const FAILED = STATUSES.filter(isFailure)
const USUAL = 50
const MOST_ROWS = 1_000_000

export function historyCommand(): Command {
  const history = new Command('history')
    .description('past runs, newest first, and those that go on')
    .argument('[job]', "only this job's")
    .option('--failed', `only those that ended ${FAILED.join(', ')}`)
    .option('--since <time>', 'only those stored since then: a time, or a span such as 2h (s, min, h, d, w)')
    .option('--limit <n>', `so many at most (default: ${USUAL}; with --since all)`)
    .option('-f, --follow', 'oldest first, then those that come, until Ctrl-C')
    .action(
      run(['timezone'], async (call, options: Options, job: string | undefined) => {
        const asked = askedOf(job, options, call.settings.timezone)
        if (options.follow === true) await followed(call, asked)
        else await listed(call, asked)
      }),
    )
  withExample(addSettings(history, ['timezone']), [
    'tidewheel history --failed --since 2h',
    'tidewheel history digest --limit 10 --json',
    'tidewheel history --follow',
  ])
  history.addCommand(getCommand())
  return history
}

function askedOf(job: string | undefined, { failed, since, limit }: Options, timezone = 'UTC'): Asked {
  const recorded = since === undefined ? undefined : { $gte: sinceOf(since, '--since', timezone, systemClock.now()) }
  const usual = since === undefined ? USUAL : Number.POSITIVE_INFINITY
  return {
    job,
    query: {
      ...(job !== undefined && { job_id: job }),
      ...(failed === true && { status: { $in: FAILED } }),
      ...(recorded && { recorded }),
    },
    most: limit === undefined ? usual : countOf(limit, '--limit', MOST_ROWS),
  }
}

const HEAD = ['RUN', 'JOB', 'STATUS', 'DUE', 'LATE', 'TOOK', 'NODE', 'ERROR']

async function listed({ settings, out }: Call, asked: Asked): Promise<void> {
  const { rows, more, note } = await withClient(settings, async client => {
    const found = await firstOf(client.history.list(asked.query), asked.most)
    return { ...found, note: found.rows.length > 0 ? undefined : await whyNone(client, asked) }
  })
  const cells = rows.map(row => cellsOf(row, due => timeCell(due, settings.timezone)))
  out.rows(rows, HEAD, cells, { spare: ['LATE', 'NODE'], whole: ['RUN'] })
  if (note !== undefined && !out.json) out.note(note)
  if (more) out.note(`There are more than ${asked.most}; --limit or --since shows more.`)
}

async function firstOf(found: AsyncIterable<Execution>, most: number) {
  const rows: Execution[] = []
  for await (const row of found) {
    if (rows.length === most) return { rows, more: true }
    rows.push(row)
  }
  return { rows, more: false }
}

/** Throws `not_found` where there is no such job and never was. */
async function whyNone(client: Client, { job }: Asked): Promise<string> {
  if (job === undefined || (await hasRows(client, job))) return 'There is no such run.'
  await client.jobs.get(job)
  return `${job} has not run yet.`
}

const hasRows = async (client: Client, job_id: string) =>
  (await firstOf(client.history.list({ job_id }), 1)).rows.length > 0

/** Until a signal. */
async function followed({ settings, out }: Call, { job, query, most }: Asked): Promise<void> {
  const { first, close } = signals()
  const { timezone } = settings
  const dueOf = (due: Date) => (timezone === undefined ? due.toISOString() : wallTime(due, timezone))
  try {
    await withClient(settings, async client => {
      if (job !== undefined && !(await hasRows(client, job))) await client.jobs.get(job)
      const rows$ = followRows(client, {
        job,
        query,
        earlier: async () => (await firstOf(client.history.list(query), most)).rows.toReversed(),
        heard: event => {
          const note = event.type === 'stream.opened' ? 'following the history; Ctrl-C ends.' : streamNote(event)
          if (note !== undefined) out.note(note)
        },
      })
      const signal = await until(first, rows$, row => out.each(row, lineOf(cellsOf(row, dueOf))))
      if (signal !== undefined) process.exitCode = EXIT[signal]
    })
  } finally {
    close()
  }
}

function cellsOf(row: Execution, dueOf: (due: Date) => string): readonly string[] {
  const { _id, job_id, status, run_time, late, duration, ip, exception } = row
  const due = run_time instanceof Date ? dueOf(run_time) : '-'
  return [_id, job_id, status, due, spanCell(late), spanCell(duration), ip ?? '-', exception ?? '']
}

/** Of columns whose next rows are not known yet. */
const WIDTHS = [24, 16, 9, 24, 8, 8, 12]

const lineOf = (cells: readonly string[]): string =>
  isTerminal()
    ? cells
        .map((cell, i) => oneLine(cell).padEnd(WIDTHS[i] ?? 0))
        .join('  ')
        .trimEnd()
    : cells.map(oneLine).join('\t')
