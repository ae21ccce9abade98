/** Columns: what the list of jobs shows of each, said once: head, width, cell.
 *  In: a row as it stands. Out: its cells. If a job has no next run, the reason stands in that column. A value that a person changed
 *  a moment ago is tinted, the old one struck through beside it. */
import type { ComponentChildren } from 'preact'
import type { Job, Recent } from '../shapes.ts'
import type { Row } from '../store/job-list.ts'
import { listPath } from '../store/search.ts'
import { scheduleWords } from '../words/schedule.ts'
import { type JobStatus, reasonOf, runStatusOf } from '../words/status.ts'
import { away, dueWords, exactly, lengthWords, whenOf } from '../words/time.ts'
import { Link } from './controls.tsx'
import { Mark } from './mark.tsx'
import { Spark } from './spark.tsx'

export interface Cell {
  readonly row: Row
  readonly job: Job
  readonly status: JobStatus
  /** Newest first. */
  readonly recent: readonly Recent[] | undefined
  readonly now: number
}

export interface Column {
  readonly name: string
  readonly head: string
  /** What the API can sort by. */
  readonly sort?: string
  readonly right?: boolean
  readonly cell: (cell: Cell) => ComponentChildren
}

export const COLUMNS: readonly Column[] = [
  {
    name: 'node',
    head: 'Node',
    cell: ({ row, job }) => <Changed row={row} value={job.ip ?? '–'} of={before => before.ip ?? '–'} mono />,
  },
  {
    name: 'schedule',
    head: 'Schedule',
    cell: ({ row, job, now }) => (
      <Changed row={row} value={scheduleWords(job.trigger, now)} of={before => scheduleWords(before.trigger, now)} />
    ),
  },
  { name: 'next', head: 'Next run', sort: 'next_run_time', right: true, cell: cell => <Next {...cell} /> },
  { name: 'yours', head: 'your time', cell: cell => <Yours {...cell} /> },
  { name: 'last', head: 'Last run', cell: cell => <Last {...cell} /> },
  { name: 'took', head: 'took', right: true, cell: ({ recent }) => <Took run={recent?.[0]} /> },
  { name: 'spark', head: 'Last 24 runs', cell: ({ recent }) => <Spark runs={recent} /> },
  {
    name: 'func',
    head: 'Function',
    cell: ({ row, job }) => <Changed row={row} value={job.func} of={({ func }) => func} mono />,
  },
  { name: 'tags', head: 'Tags', cell: ({ row, job }) => <Tags row={row} job={job} /> },
]

interface ChangedProps {
  readonly row: Row
  readonly value: string
  readonly of: (before: Job) => string
  readonly mono?: boolean
}

/** Why it has no next run, or none to rely on, takes the place of both times. */
export const spansTimes = ({ job, status }: Cell): boolean =>
  status === 'stranded' || reasonOf(job, status) !== undefined

/** The value, and what it was. */
export function Changed({ row, value, of, mono = false }: ChangedProps) {
  const old = row.before === undefined ? value : of(row.before.job)
  const name = mono ? 'mono clip' : 'clip'
  if (old === value) {
    return (
      <span class={name} title={value}>
        {value}
      </span>
    )
  }
  return (
    <span class={`${name} changed`} title={`${old} became ${value}`}>
      <del>{old}</del> <ins>{value}</ins>
    </span>
  )
}

function Next({ job, status, now }: Cell) {
  const reason = reasonOf(job, status)
  if (reason !== undefined) {
    return (
      <span class={`reason ${status === 'invalid' ? 'bad' : 'support'}`} title={reason}>
        {reason}
      </span>
    )
  }
  const at = job.next_run_time
  if (at === undefined || at === null) return null
  if (status === 'stranded') {
    return (
      <span class="reason warn">
        {dueWords(at, now)}
        <span class="wide-only">, its node is not there</span>
      </span>
    )
  }
  return (
    <time dateTime={at} title={exactly(at)}>
      {dueWords(at, now)}
    </time>
  )
}

function Yours({ job, status, now }: Cell) {
  const at = job.next_run_time
  if (at === undefined || at === null || reasonOf(job, status) !== undefined) return null
  return (
    <time class="support" dateTime={at} title={exactly(at)}>
      {whenOf(at, now)}
    </time>
  )
}

function Last({ job, recent, now }: Cell) {
  const [run] = recent ?? []
  const status = run?.status ?? job.state?.last_status
  const at = run?.run_time ?? job.state?.last_run_time
  if (status === undefined || at === undefined) return <span class="label">–</span>
  const shown = runStatusOf(status)
  return (
    <span class="last" title={`${shown.word}, ${exactly(at)}`}>
      <Mark status={shown} label={shown.word} />
      <span class="support">{away(at, now)}</span>
    </span>
  )
}

const Took = ({ run }: { readonly run: Recent | undefined }) =>
  run?.duration === undefined || run.duration === null ? null : <span class="support">{lengthWords(run.duration)}</span>

function Tags({ row, job }: { readonly row: Row; readonly job: Job }) {
  const [first, ...others] = job.tags ?? []
  return (
    <>
      {row.before !== undefined && <span class="hand-text">edited </span>}
      {first !== undefined && (
        <Link to={listPath({ tag: first })} class="tag" title={(job.tags ?? []).join(', ')}>
          {first}
        </Link>
      )}
      {others.length > 0 && <span class="label"> +{others.length}</span>}
    </>
  )
}
