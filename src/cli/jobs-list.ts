/** `tidewheel jobs list`: jobs as rows, filtered by node, tag, function, status and text.
 *  The database filters; what is shown and what is filtered by come from one table (client/which.ts). */
import { Command } from 'commander'
import { givenStatus, JOB_STATUSES, type JobFilter, statusesOf } from '../client/which.ts'
import { TidewheelError } from '../errors.ts'
import type { Job } from '../index.ts'
import { addSettings, type Call, run, withClient, withExample } from './call.ts'
import { countOf, timeCell } from './instant.ts'
import { watchJobs } from './jobs-watch.ts'

interface Options {
  readonly ip?: string
  readonly tag?: string
  readonly func?: string
  readonly status?: string
  readonly search?: string
  readonly limit?: string
  readonly watch?: boolean
}

export const statusOf = (job: Job): string => statusesOf(job).join('+')

export const listCommand = () =>
  withExample(
    addSettings(
      new Command('list')
        .description('jobs by id')
        .option('--ip <ip>', "only this node's; '' for those without a node")
        .option('--tag <tag>', 'only those with this tag')
        .option('--func <name>', 'only those that call this function')
        .option('--status <status>', `only those that are ${JOB_STATUSES.join(', ')}`)
        .option('--search <text>', 'only those with this text in id, name, description, function or note')
        .option('--limit <n>', 'so many at most')
        .option('--watch', 'go on showing them as they change, until Ctrl-C')
        .action(
          run(['timezone'], async (call, options: Options) => {
            const filter = filterOf(options)
            const { limit, watch = false } = options
            const row = (job: Job) => rowOf(job, call.settings.timezone)
            if (watch && limit !== undefined) {
              const message = 'jobs list: --watch shows as many as the screen has rows; leave --limit out'
              throw new TidewheelError('invalid_option', message, { path: 'limit' })
            }
            if (watch) await watchJobs(call, filter, { head: HEAD, narrow: NARROW, rowOf: row })
            else await listOnce(call, filter, { limit, row })
          }),
        ),
      ['timezone'],
    ),
    [
      'tidewheel jobs list --ip 10.0.0.7 --status paused',
      'tidewheel jobs list --limit 20 --timezone Europe/Berlin',
      'tidewheel jobs list --status running --watch',
    ],
  )

const HEAD = ['ID', 'IP', 'STATUS', 'NEXT RUN', 'LAST RUN', 'FUNC', 'NOTE']
const NARROW = { spare: ['LAST RUN', 'FUNC'] }
const MOST_JOBS = 1_000_000

interface Listing {
  readonly limit: string | undefined
  readonly row: (job: Job) => readonly string[]
}

async function listOnce({ settings, out }: Call, filter: JobFilter, { limit, row }: Listing): Promise<void> {
  const most = limit === undefined ? Number.POSITIVE_INFINITY : countOf(limit, '--limit', MOST_JOBS)
  const { jobs, more } = await withClient(settings, async client =>
    firstOf(client.jobs.list(await client.jobs.query(filter)), most),
  )
  out.rows(jobs, HEAD, jobs.map(row), NARROW)
  if (jobs.length === 0 && !out.json) out.note('There is no such job.')
  if (more) out.note(`There are more than ${most}.`)
}

async function firstOf(found: AsyncIterable<Job>, most: number): Promise<{ jobs: readonly Job[]; more: boolean }> {
  const jobs: Job[] = []
  for await (const job of found) {
    if (jobs.length === most) return { jobs, more: true }
    jobs.push(job)
  }
  return { jobs, more: false }
}

const rowOf = (job: Job, timezone: string | undefined): readonly string[] => [
  job._id,
  job.ip ?? '-',
  statusOf(job),
  timeCell(job.next_run_time, timezone),
  job.state?.last_status ?? '-',
  job.func,
  job.state?.error ?? job.note ?? '',
]

const filterOf = ({ ip, tag, func, status, search }: Options): JobFilter => ({
  ...(ip !== undefined && { ip }),
  ...(tag !== undefined && { tag }),
  ...(func !== undefined && { func }),
  ...(status !== undefined && { status: givenStatus(status, '--status') }),
  ...(search !== undefined && { search }),
})
