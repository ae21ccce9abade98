/** `tidewheel jobs list`: jobs as rows, filtered by node, tag, status and text.
 *  A job can have several statuses: `invalid` (its document says why it cannot be scheduled), `paused`, `over` (its last run
 *  still goes on), `armed`, or `new` (no node has planned it yet); and `running` beside any of them.
 *  The database filters; what is shown and what is filtered by come from one table. */
import { Command } from 'commander'
import { nearest } from '../errors.ts'
import { type Client, type Job, TidewheelError } from '../index.ts'
import { addSettings, type Call, run, withClient, withExample } from './call.ts'
import { countOf, timeCell } from './instant.ts'
import { watchJobs } from './jobs-watch.ts'

type Query = NonNullable<Parameters<Client['jobs']['list']>[0]>

interface Options {
  readonly ip?: string
  readonly tag?: string
  readonly status?: string
  readonly search?: string
  readonly limit?: string
  readonly watch?: boolean
}

const VALID = { 'state.error': { $exists: false } }
const isValid = (job: Job) => job.state?.error === undefined

const STATUSES: Readonly<
  Record<string, { readonly query: Readonly<Record<string, unknown>>; readonly is: (job: Job) => boolean }>
> = {
  invalid: { query: { 'state.error': { $exists: true } }, is: job => !isValid(job) },
  paused: {
    query: { ...VALID, next_run_time: { $type: 'null' }, 'state.over': { $ne: true } },
    is: job => isValid(job) && job.next_run_time === null && job.state?.over !== true,
  },
  over: {
    query: { ...VALID, next_run_time: { $type: 'null' }, 'state.over': true },
    is: job => isValid(job) && job.next_run_time === null && job.state?.over === true,
  },
  armed: {
    query: { ...VALID, next_run_time: { $type: 'date' } },
    is: job => isValid(job) && job.next_run_time instanceof Date,
  },
  new: {
    query: { ...VALID, next_run_time: { $exists: false } },
    is: job => isValid(job) && job.next_run_time === undefined,
  },
  running: {
    query: { 'state.running.0': { $exists: true } },
    is: job => (job.state?.running?.length ?? 0) > 0,
  },
}

export const STATUS_NAMES = Object.keys(STATUSES)

export const statusOf = (job: Job): string => STATUS_NAMES.filter(name => STATUSES[name]?.is(job)).join('+')

export const listCommand = () =>
  withExample(
    addSettings(
      new Command('list')
        .description('jobs by id')
        .option('--ip <ip>', "only this node's; '' for those without a node")
        .option('--tag <tag>', 'only those with this tag')
        .option('--status <status>', `only those that are ${STATUS_NAMES.join(', ')}`)
        .option('--search <text>', 'only those with this text in id, name, description, function or note')
        .option('--limit <n>', 'so many at most')
        .option('--watch', 'go on showing them as they change, until Ctrl-C')
        .action(
          run(['timezone'], async (call, options: Options) => {
            const query = queryOf(options)
            const { limit, watch = false } = options
            const row = (job: Job) => rowOf(job, call.settings.timezone)
            if (watch && limit !== undefined) {
              const message = 'jobs list: --watch shows as many as the screen has rows; leave --limit out'
              throw new TidewheelError('invalid_option', message, { path: 'limit' })
            }
            if (watch) await watchJobs(call, query, { head: HEAD, rowOf: row })
            else await listOnce(call, query, { limit, row })
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
const MOST_JOBS = 1_000_000

interface Listing {
  readonly limit: string | undefined
  readonly row: (job: Job) => readonly string[]
}

async function listOnce({ settings, out }: Call, query: Query, { limit, row }: Listing): Promise<void> {
  const most = limit === undefined ? Number.POSITIVE_INFINITY : countOf(limit, '--limit', MOST_JOBS)
  const { jobs, more } = await withClient(settings, client => firstOf(client.jobs.list(query), most))
  out.rows(jobs, HEAD, jobs.map(row))
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

function queryOf({ ip, tag, status, search }: Options): Query {
  const all: Readonly<Record<string, unknown>>[] = []
  if (ip !== undefined) all.push({ ip: ip === '' ? null : ip })
  if (tag !== undefined) all.push({ tags: tag })
  if (status !== undefined) {
    const known = STATUSES[status]
    if (known === undefined) {
      const near = nearest(status, STATUS_NAMES)
      const advice = near === undefined ? '' : `; did you mean ${near}?`
      const message = `--status: expected ${STATUS_NAMES.join(', ')}, found ${JSON.stringify(status)}${advice}`
      throw new TidewheelError('invalid_option', message, { path: 'status' })
    }
    all.push(known.query)
  }
  if (search !== undefined) {
    const text = { $regex: search.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), $options: 'i' }
    all.push({ $or: ['_id', 'name', 'description', 'func', 'note'].map(field => ({ [field]: text })) })
  }
  return (all.length === 0 ? {} : { $and: all }) as Query
}
