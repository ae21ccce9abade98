/** `tidewheel jobs list`: jobs as rows, filtered by node, tag, status and text.
 *  A job can have several statuses: `invalid` (its document says why it cannot be scheduled), `paused`, `over` (its last run
 *  still goes on), `armed`, or `new` (no node has planned it yet); and `running` beside any of them.
 *  The database filters; what is shown and what is filtered by come from one table. */
import { Command } from 'commander'
import { type Client, type Job, TidewheelError } from '../index.ts'
import { run, withClient } from './call.ts'

type Query = NonNullable<Parameters<Client['jobs']['list']>[0]>

interface Options {
  readonly ip?: string
  readonly tag?: string
  readonly status?: string
  readonly search?: string
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

const NAMES = Object.keys(STATUSES)

export const statusOf = (job: Job): string => NAMES.filter(name => STATUSES[name]?.is(job)).join('+')

export const listCommand = () =>
  new Command('list')
    .description('jobs by id')
    .option('--ip <ip>', "only this node's; '' for those without a node")
    .option('--tag <tag>', 'only those with this tag')
    .option('--status <status>', `only those that are ${NAMES.join(', ')}`)
    .option('--search <text>', 'only those with this text in id, name, description, function or note')
    .action(
      run([], async ({ settings, out }, options: Options) => {
        const query = queryOf(options)
        const jobs = await withClient(settings, async client => {
          const found: Job[] = []
          for await (const job of client.jobs.list(query)) found.push(job)
          return found
        })
        out.rows(jobs, ['ID', 'IP', 'STATUS', 'NEXT RUN', 'LAST RUN', 'FUNC', 'NOTE'], jobs.map(rowOf))
        if (jobs.length === 0 && !out.json) out.note('There is no such job.')
      }),
    )

const rowOf = (job: Job): readonly string[] => [
  job._id,
  job.ip ?? '-',
  statusOf(job),
  job.next_run_time?.toISOString() ?? '-',
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
      const message = `--status: expected ${NAMES.join(', ')}, found ${JSON.stringify(status)}`
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
