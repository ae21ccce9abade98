/** `tidewheel logs`: what a run has logged; of a job, its latest run. `--follow` goes on until the run ends, or Ctrl-C.
 *  In: rows of the history, which hold the last lines of a run and are stored once a second while it goes on. Out: its lines on stdout;
 *  on stderr how it ended. */
import { Command } from 'commander'
import { exhaustMap, takeWhile, timer } from 'rxjs'
import { systemClock } from '../clock.ts'
import type { Database } from '../database/database.ts'
import { TidewheelError } from '../errors.ts'
import type { Client, Execution } from '../index.ts'
import { type Call, run, withClient, withExample } from './call.ts'
import { EXIT } from './exit-codes.ts'
import { rounded } from './instant.ts'
import { until } from './jobs-watch.ts'
import { signals } from './signals.ts'

/** Nodes store what a run has logged as often. */
const LOOK_MS = 1_000

export const logsCommand = () =>
  withExample(
    new Command('logs')
      .description('what a run has logged; of a job, its latest run')
      .argument('<id>', 'of a run or a job')
      .option('-f, --follow', 'go on until the run ends')
      .action(
        run([], async ({ settings, out }, { follow = false }: { follow?: boolean }, id: string) => {
          await withClient(settings, async (client, database) => {
            const row = await find(client, database, id)
            if (row === undefined) out.note(`${id} has not run yet.`)
            else if (follow) await followed(client, row._id, { out, settings })
            else show(row, { out, settings })
          })
        }),
      ),
    ['tidewheel logs digest --follow', 'tidewheel logs 65b9f0c2a1b2c3d4e5f60718'],
  )

/** A run of this id, else the latest of a job; undefined: it has not run yet. Throws `not_found`. */
async function find(client: Client, { collections }: Database, id: string): Promise<Execution | undefined> {
  const found = (await present(client.history.get(id))) ?? (await latestOf(client, collections, id))
  if (found !== undefined) return found
  if ((await present(client.jobs.get(id))) !== undefined) return undefined
  throw new TidewheelError('not_found', `${id}: there is no run and no job of this id`, { id })
}

/** One that goes on before one that has ended. */
async function latestOf(client: Client, { executions }: Database['collections'], job_id: string) {
  const job = await present(client.jobs.get(job_id))
  const going = job?.state?.running?.at(-1)?.run_id
  const row = going === undefined ? undefined : await present(client.history.get(going))
  if (row !== undefined) return row
  const [last] = await executions.find({ job_id }).sort({ run_time: -1 }).limit(1).toArray()
  return last
}

async function present<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (error instanceof TidewheelError && error.code === 'not_found') return undefined
    throw error
  }
}

/** Until it ends, or a signal. */
async function followed(client: Client, id: string, { out, settings }: Pick<Call, 'out' | 'settings'>): Promise<void> {
  const { first, close } = signals()
  const looks$ = timer(0, LOOK_MS, systemClock).pipe(
    exhaustMap(() => client.history.get(id)),
    takeWhile(({ status }) => status === 'started', true),
  )
  let told: readonly string[] = []
  try {
    const signal = await until(first, looks$, look => {
      const lines = linesOf(look)
      for (const line of newLines(told, lines)) out.each({ run_id: id, line }, line)
      told = lines
      if (look.status !== 'started') out.note(endOf(look, settings.verbose))
    })
    if (signal !== undefined) process.exitCode = EXIT[signal]
  } finally {
    close()
  }
}

function show(row: Execution, { out, settings }: Pick<Call, 'out' | 'settings'>): void {
  const { _id: run_id, job_id, status, exception, traceback, log } = row
  out.result({ run_id, job_id, status, exception, traceback, log }, linesOf(row))
  if (!out.json) out.note(endOf(row, settings.verbose))
}

const linesOf = ({ log }: Pick<Execution, 'log'>): readonly string[] =>
  log === null || log === '' ? [] : log.replace(/\n$/, '').split('\n')

/** What was logged since: a row holds the last lines only, so what was told before may have left it at its beginning. */
export function newLines(told: readonly string[], lines: readonly string[]): readonly string[] {
  for (let gone = 0; gone <= told.length; gone++) {
    const left = told.slice(gone)
    if (left.length <= lines.length && left.every((line, i) => line === lines[i])) return lines.slice(left.length)
  }
  return lines
}

function endOf({ _id, job_id, status, duration, exception, traceback }: Execution, verbose = false): string {
  if (status === 'started') return `Run ${_id} of ${job_id} goes on; --follow shows the rest.`
  const took = duration === null ? '' : ` after ${rounded(duration)} ms`
  const why = exception === null ? '' : `: ${exception}`
  return `Run ${_id} of ${job_id} ended ${status}${took}${why}${verbose && traceback !== null ? `\n${traceback}` : ''}`
}
