/** Top job: one job as `tidewheel top` shows it: its document, a line a field, and its latest runs.
 *  In: the job as it is known, undefined where it is gone; its runs, newest first, as far as they are read. Out: lines. Pure. */
import type { Execution, Job } from '../index.ts'
import { toJson } from '../json.ts'
import { fromNow, spanOf } from './instant.ts'
import { statusOf } from './jobs-list.ts'
import { tableOf } from './table.ts'

export interface OpenJob {
  readonly id: string
  readonly job: Job | undefined
  /** Not read yet: undefined. */
  readonly runs: readonly Execution[] | undefined
}

export function jobLines({ id, job, runs }: OpenJob, columns: number, now: number): readonly string[] {
  const head = job === undefined ? `${id}  is gone` : `${id}  ${statusOf(job)}`
  const fields = Object.entries(job ?? {}).flatMap(([name, value]) =>
    name === 'state' ? Object.entries(value).map(([part, of]) => [`state.${part}`, of]) : [[name, value]],
  )
  const cells = (runs ?? []).map(({ run_time, ip, status, late, duration, _id, exception }) => [
    run_time instanceof Date ? fromNow(run_time, now) : '-',
    ip ?? '-',
    status,
    typeof late === 'number' ? spanOf(late) : '-',
    typeof duration === 'number' ? spanOf(duration) : '-',
    _id,
    exception ?? '',
  ])
  return [
    head,
    '',
    ...tableOf(
      ['FIELD', 'VALUE'],
      fields.map(([name, value]) => [String(name), valueText(value)]),
      columns,
    ),
    '',
    ...(runs?.length === 0 ? ['It has not run yet.'] : []),
    ...tableOf(['DUE', 'NODE', 'STATUS', 'LATE', 'TOOK', 'RUN', 'WHY'], cells, columns),
  ]
}

function valueText(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' ? value : toJson(value)
}
