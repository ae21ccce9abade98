/** Top view: what `tidewheel top` shows, as lines.
 *  In: the jobs, nodes and latest ends of runs as they are known, a filter, the size of the screen, and the time. Out: a line of sums,
 *  then nodes, runs that go on, what comes next and what has ended, each cut to its share of the rows; and for what a line stands.
 *  Pure. */
import type { Job, ListedNode, TidewheelEvent } from '../index.ts'
import { colours } from './colours.ts'
import { clockTime } from './events.ts'
import { fromNow } from './instant.ts'
import { statusOf } from './jobs-list.ts'
import { cut, tableOf } from './table.ts'
import type { Target } from './top-keys.ts'

export interface TopState {
  readonly jobs: ReadonlyMap<string, Job>
  readonly nodes: readonly ListedNode[]
  /** Newest first. */
  readonly ends: readonly TidewheelEvent[]
  /** Only what has this text in its job's or node's name. */
  readonly filter: string
}

/** A line of the screen, and for what it stands. */
export interface Line {
  readonly text: string
  readonly target?: Target
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

const PARTS = 4
/** The sums, the last row, and of each part its head and a blank row before. */
const FIXED = 2 + 2 * PARTS

export function topLines(state: TopState, { columns, rows }: Size, now: number): readonly Line[] {
  const has = (...texts: readonly (string | undefined)[]) =>
    texts.some(text => text?.toLowerCase().includes(state.filter.toLowerCase()))
  const jobs = [...state.jobs.values()].filter(({ _id, ip }) => has(_id, ip))
  const nodes = state.nodes.filter(({ _id }) => has(_id))
  const going = jobs.flatMap(job => (job.state?.running ?? []).map(entry => ({ job, entry })))
  const ends = state.ends.filter(event => has(event.node, (event as { job_id?: string }).job_id))
  const room = rows - FIXED
  const share = Math.max(1, Math.floor(room / PARTS))
  const running = going.sort((a, b) => Number(a.entry.claimed) - Number(b.entry.claimed)).slice(0, share)
  const used = [nodes, going, ends].reduce((sum, { length }) => sum + Math.min(length, share), 0)
  const next = soonest(state.filter === '' ? jobs.filter(isDue) : jobs, Math.max(1, room - used))
  const lines = [
    { text: cut(sumsOf(state), columns) },
    ...part(
      ['NODE', 'STATUS', 'JOBS', 'RUNNING', 'SEEN'],
      nodes.slice(0, share).map(node => ({ target: nodeTarget(node), cells: nodeRow(node, now) })),
      columns,
    ),
    ...part(
      ['RUNNING', 'NODE', 'SINCE', 'ATTEMPT', 'RUN'],
      running.map(({ job: { _id }, entry }) => ({
        target: jobTarget('running', entry.run_id, _id),
        cells: [_id, entry.node, fromNow(entry.claimed, now), String(entry.attempt), entry.run_id],
      })),
      columns,
    ),
    ...part(
      ['NEXT', 'IP', 'STATUS', 'DUE', 'LAST RUN', 'FUNC'],
      next.map(job => ({ target: jobTarget('next', job._id, job._id), cells: nextRow(job, now) })),
      columns,
    ),
    ...part(
      ['ENDED', 'NODE', 'TYPE', 'JOB', 'WHY'],
      ends.slice(0, share).map(event => ({ target: endTarget(event), cells: endRow(event) })),
      columns,
    ),
  ]
  return lines.slice(0, rows - 1)
}

interface Row {
  readonly target: Target
  readonly cells: readonly string[]
}

function part(head: readonly string[], rows: readonly Row[], columns: number): readonly Line[] {
  if (rows.length === 0) return []
  const [top = '', ...lines] = tableOf(
    head,
    rows.map(({ cells }) => cells),
    columns,
    { spare: ['FUNC', 'LAST RUN', 'ATTEMPT'] },
  )
  return [{ text: '' }, { text: top }, ...rows.map(({ target }, i) => ({ text: lines[i] ?? '', target }))]
}

const nodeTarget = ({ _id }: ListedNode): Target => ({ key: `node ${_id}`, kind: 'node', id: _id })
const jobTarget = (where: string, of: string, id: string): Target => ({ key: `${where} ${of}`, kind: 'job', id })
const endTarget = (event: TidewheelEvent): Target => {
  const { job_id = '', run_id = '' } = event as { job_id?: string; run_id?: string }
  return jobTarget('ended', `${run_id} ${event.type}`, job_id)
}

const nodeRow = (node: ListedNode, now: number) => [
  node._id,
  node.living ? (node.status ?? 'active') : node.status === 'stopped' ? 'stopped' : 'lost',
  String(node.jobs ?? '-'),
  String(node.running ?? '-'),
  fromNow(node.seen, now),
]

const nextRow = (job: Job, now: number) => [
  job._id,
  job.ip ?? '-',
  statusOf(job),
  job.next_run_time instanceof Date ? fromNow(job.next_run_time, now) : '-',
  job.state?.last_status ?? '-',
  job.func,
]

function sumsOf({ jobs, nodes }: TopState): string {
  const statuses = new Map<string, number>()
  for (const job of jobs.values()) {
    for (const status of statusOf(job).split('+')) statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  const living = nodes.filter(node => node.living).length
  const parts = [...statuses].sort(([a], [b]) => (a < b ? -1 : 1)).map(([status, count]) => `${count} ${status}`)
  return [`${living} of ${nodes.length} nodes living`, `${jobs.size} jobs`, ...parts].join('  ')
}

const isDue = ({ next_run_time }: Job) => next_run_time instanceof Date

/** The jobs that run soonest; after them those that do not. */
function soonest(jobs: readonly Job[], count: number): readonly Job[] {
  const at = (job: Job) => (isDue(job) ? Number(job.next_run_time) : Number.MAX_VALUE)
  return jobs.toSorted((a, b) => at(a) - at(b)).slice(0, count)
}

function endRow(event: TidewheelEvent): readonly string[] {
  const { job_id = '', error, reason = '' } = event as { job_id?: string; error?: { message: string }; reason?: string }
  const type = event.type.replace(/^run\./, '')
  const shown = /error|timeout|interrupted/.test(type) ? colours.red(type) : type
  return [clockTime(event.at), event.node || '-', shown, job_id, error?.message ?? reason]
}
