/** `tidewheel history get`: one run as a whole: when, where, how it ended, its result, traceback and log.
 *  In: its id. Out: the row with `--json`, else a line for each of these. */
import { Command } from 'commander'
import type { Execution } from '../index.ts'
import { toJson } from '../json.ts'
import { run, withClient, withExample } from './call.ts'
import { spanOf, wallTime } from './instant.ts'

export const getCommand = () =>
  withExample(
    new Command('get')
      .description('one run, with its result, traceback and log')
      .argument('<run>', 'its id')
      .action(
        run(['timezone'], async ({ settings, out }, _, id: string) => {
          const row = await withClient(settings, client => client.history.get(id))
          out.result(row, linesOf(row, settings.timezone))
        }),
      ),
    ['tidewheel history get 65b9f0c2a1b2c3d4e5f60718', 'tidewheel history get 65b9f0c2a1b2c3d4e5f60718 --json'],
  )

function linesOf(row: Execution, timezone: string | undefined): readonly string[] {
  const { _id, job_id, job_name = job_id, func, status, attempt = 1, coalesced = 1, ip } = row
  const at = (instant: Date | null | undefined, more = '') => {
    if (!(instant instanceof Date)) return undefined
    return (timezone === undefined ? instant.toISOString() : wallTime(instant, timezone)) + more
  }
  const span = (ms: number | null | undefined, words: (span: string) => string) =>
    typeof ms === 'number' ? `, ${words(spanOf(ms))}` : ''
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['run', _id],
    ['job', job_name === job_id ? job_id : `${job_id} (${job_name})`],
    ['func', func],
    ['status', `${status}${attempt > 1 ? `, attempt ${attempt}` : ''}`],
    ['due', at(row.run_time, row.scheduled === false ? ', ordered' : '')],
    ['stands for', coalesced > 1 ? `${coalesced} due times` : undefined],
    ['claimed', at(row.claimed)],
    [
      'started',
      at(
        row.started,
        span(row.late, late => `${late} late`),
      ),
    ],
    [
      'finished',
      at(
        row.finished,
        span(row.duration, took => `took ${took}`),
      ),
    ],
    ['node', ip],
    ['result', resultOf(row)],
  ]
  const shown = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(10)}  ${value}`]))
  return [...shown, ...part('error', row.traceback ?? row.exception), ...part('log', row.log)]
}

function resultOf({ result, result_truncated }: Execution): string | undefined {
  if (result_truncated === true) return 'too large, or not to be said in JSON'
  return result === null || result === undefined ? undefined : toJson(result)
}

const part = (name: string, text: string | null | undefined): readonly string[] =>
  text === null || text === undefined || text === '' ? [] : ['', `${name}:`, ...text.replace(/\n$/, '').split('\n')]
