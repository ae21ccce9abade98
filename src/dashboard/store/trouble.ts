/** Trouble: what is wrong now, worst first.
 *  In: nodes, and jobs that are stranded, invalid or paused by their failures, and runs that failed lately. Out: one line for each
 *  cause; it goes when its cause goes. Nothing is guessed: each line names what the database says. */

import { pathOf } from '../address.ts'
import { get } from '../api.ts'
import { Cell } from '../cell.ts'
import { every, now, throttled } from '../clock.ts'
import type { Job, Page, Run } from '../shapes.ts'
import {
  FAILED,
  JOB_STATUSES,
  NODE_STATUSES,
  nodeStatusOf,
  RUN_STATUSES,
  type Status,
  takesJobs,
} from '../words/status.ts'
import { clockOf, counted, lengthWords } from '../words/time.ts'
import { countWords } from './counts.ts'
import { heed, heedReset } from './live.ts'
import { nodes } from './nodes.ts'
import { listPath, type Search } from './search.ts'

export interface Trouble {
  readonly id: string
  readonly status: Status
  readonly title: string
  readonly about: string
  /** Where to see it. */
  readonly to: string
  readonly see: string
  /** What can be done at once. */
  readonly act?:
    | { readonly action: 'pause' | 'resume'; readonly job: Job }
    | { readonly action: 'move'; readonly all: Search; readonly count: number }
}

/** Undefined until it was looked. */
export const trouble = new Cell<readonly Trouble[] | undefined>(undefined)

const EVERY_MS = 15_000
const LEAST_MS = 3_000
/** A clock that is off by more is told: leases and due times are judged by it. */
const CLOCK_OFF_MS = 200
const LATELY_MS = 3_600_000
const FAILING = 3
/** More of one kind are one line. */
const NAMED = 3

async function look(): Promise<void> {
  try {
    const found = await Promise.all([stranded(), failing(), invalid(), pausedItself()])
    trouble.set([...found.flat(), ...silent(), ...clocks()])
  } catch {
    // What was found stays; that it is not live is said where "Live" stands.
  }
}

const read = (query: Record<string, string | number | boolean>) => get<Page<Job>>('jobs', { sort: '_id', ...query })

async function stranded(): Promise<Trouble[]> {
  const page = await read({ status: 'stranded', limit: 3, count: true })
  const count = page.count ?? page.items.length
  if (count === 0) return []
  const ips = [...new Set(page.items.map(({ ip }) => ip))].filter(ip => ip !== undefined)
  const dead = nodes.value?.filter(node => ips.includes(node._id)) ?? []
  const since = dead[0] === undefined ? '' : ` silent since ${clockOf(dead[0].seen)}`
  return [
    {
      id: 'stranded',
      status: JOB_STATUSES.stranded,
      title: `${countWords({ count, exact: page.count_exact ?? true })} ${count === 1 ? 'job is' : 'jobs are'} stranded`,
      about: `${ips.length === 1 ? `node ${ips[0]}${since}` : `nodes ${ips.join(', ')} and others`}; no living node may take ${count === 1 ? 'it' : 'them'}`,
      to: listPath({ status: 'stranded' }),
      see: `See ${count}`,
      ...(nodes.value?.some(takesJobs) && { act: { action: 'move', all: { status: 'stranded' }, count } as const }),
    },
  ]
}

async function invalid(): Promise<Trouble[]> {
  const page = await read({ status: 'invalid', limit: 2, count: true })
  const count = page.count ?? page.items.length
  if (count === 0) return []
  const [only] = page.items
  return [
    {
      id: 'invalid',
      status: JOB_STATUSES.invalid,
      title: `${counted(count, 'job')} cannot be scheduled`,
      about: page.items.map(({ _id, state }) => `${_id}: ${state?.error ?? ''}`).join(' · '),
      to: count === 1 && only !== undefined ? pathOf('jobs', only._id) : listPath({ status: 'invalid' }),
      see: count === 1 ? 'Open' : `See ${count}`,
    },
  ]
}

async function pausedItself(): Promise<Trouble[]> {
  const { items } = await read({ status: 'paused', limit: 100 })
  const jobs = items.filter(({ state }) => state?.paused_by !== undefined)
  if (jobs.length > NAMED) {
    const ids = jobs.slice(0, NAMED).map(({ _id }) => _id)
    return [
      {
        id: 'paused',
        status: JOB_STATUSES.paused,
        title: `${counted(jobs.length, 'job')} paused themselves`,
        about: `after failed runs in a row: ${ids.join(', ')} and others`,
        to: listPath({ status: 'paused' }),
        see: 'See paused',
      },
    ]
  }
  return jobs.map(job => ({
    id: `paused ${job._id}`,
    status: JOB_STATUSES.paused,
    title: `${job._id} paused itself`,
    about: `after ${counted(job.state?.failures ?? 0, 'failed run')} in a row`,
    to: pathOf('jobs', job._id),
    see: 'Open',
    act: { action: 'resume', job } as const,
  }))
}

/** Jobs whose last runs all failed. */
async function failing(): Promise<Trouble[]> {
  const since = new Date(now() - LATELY_MS).toISOString()
  const pages = await Promise.all(FAILED.map(status => get<Page<Run>>('runs', { status, since, limit: 200 })))
  const ids = [...new Set(pages.flatMap(({ items }) => items.map(({ job_id }) => job_id)))].slice(0, 50)
  if (ids.length === 0) return []
  const recent = await get<Record<string, readonly Run[]>>('runs/recent', { job: ids, count: 24 })
  return ids.flatMap(id => {
    const ended = (recent[id] ?? []).filter(({ status }) => status !== 'started')
    const good = ended.findIndex(({ status }) => !FAILED.includes(status))
    const inARow = good < 0 ? ended.length : good
    const [last] = ended
    if (last === undefined || inARow < FAILING) return []
    return [
      {
        id: `failing ${id}`,
        status: RUN_STATUSES[last.status],
        title: `${id} fails every time`,
        about: `the last ${counted(inARow, 'run')} failed, since ${clockOf(ended[inARow - 1]?.run_time ?? last.run_time)}`,
        to: pathOf('jobs', id),
        see: 'Open',
      },
    ]
  })
}

/** Nodes whose leases have ended lately: they are fenced, or have died. Those that have been away for longer are no news. */
function silent(): Trouble[] {
  return (nodes.value ?? [])
    .filter(node => nodeStatusOf(node).word === NODE_STATUSES.dead.word && now() - Date.parse(node.seen) < LATELY_MS)
    .map(node => ({
      id: `silent ${node._id}`,
      status: NODE_STATUSES.dead,
      title: `${node._id} is silent since ${clockOf(node.seen)}`,
      about: 'its lease has ended: it starts nothing until it holds it again',
      to: '/nodes',
      see: 'Node',
    }))
}

function clocks(): Trouble[] {
  return (nodes.value ?? [])
    .filter(node => node.living && nodeStatusOf(node).word !== 'stopped' && Math.abs(node.offset ?? 0) > CLOCK_OFF_MS)
    .map(node => ({
      id: `clock ${node._id}`,
      status: { word: 'clock off', colour: 'warn', shape: 'diamond-hands' } as const,
      title: `${node._id} is ${lengthWords(Math.abs(node.offset ?? 0))} ${(node.offset ?? 0) > 0 ? 'ahead' : 'behind'}`,
      about: 'its clock differs from the database server',
      to: '/nodes',
      see: 'Node',
    }))
}

const again = throttled(LEAST_MS, () => void look())

export function followTrouble(): void {
  again()
  every(EVERY_MS, () => {
    if (!document.hidden) again()
  })
  heed(({ type }) => {
    if (
      ['job.invalid', 'job.removed', 'job.moved', 'job.paused', 'job.resumed', 'node.lost', 'node.started'].includes(
        type,
      )
    )
      again()
    if (type === 'run.error' || type === 'run.timeout' || type === 'run.interrupted') again()
  })
  heedReset(again)
}
