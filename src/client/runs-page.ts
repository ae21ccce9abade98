/** Pages of runs: the history a part at a time, newest first, each part a walk on an index from where the last one ended.
 *  In: which runs, and a cursor. Out: rows, and where to go on. Runs of one job go by when they were due (`run_time`), all others by when
 *  their row was stored last (`recorded`), and a span of time means that time. Many rows may have the same one: they go by id. */
import type { Collection, Document, Filter } from 'mongodb'
import { nearest, TidewheelError } from '../errors.ts'
import type { Execution } from '../history/rows.ts'
import { STATUSES } from '../job/outcome.ts'
import { show } from '../job/parse.ts'
import { areTimeAndId, cursorOf, givenLimit, keysOf, type Page } from './cursor.ts'
import { givenDate, givenFields, refuse } from './given.ts'

/** What `history.page` takes: which runs, and how many. */
export interface RunsPageOptions {
  /** Only runs of this job, by when they were due. */
  readonly job?: string
  /** Only runs on this node. */
  readonly ip?: string
  /** Only runs that ended like this, or `started`: that go on. */
  readonly status?: Execution['status']
  /** From here on: when they were due with `job`, else when their row was stored last. */
  readonly since?: Date
  /** Before then, by the same time. */
  readonly until?: Date
  /** 1 to 500, default 100. */
  readonly limit?: number
  /** The `next` of the page before. */
  readonly after?: string
}

const NAMES = ['job', 'ip', 'status', 'since', 'until', 'limit', 'after'] as const

/** All that a row can say. */
export const RUN_STATUSES = ['started', ...STATUSES] as const satisfies readonly Execution['status'][]

/** The time by which a list goes. */
type Time = 'run_time' | 'recorded'

export async function runsPageOf(executions: Collection<Execution>, given: unknown): Promise<Page<Execution>> {
  const where = 'history.page'
  const { job, ip, status, since, until, after, ...options } = givenFields(given, where, NAMES)
  for (const [name, value] of Object.entries({ job, ip }))
    if (value !== undefined && typeof value !== 'string') refuse(where, name, 'expected text', value)
  if (status !== undefined) givenStatus(status, where)
  const time: Time = job === undefined ? 'recorded' : 'run_time'
  const limit = givenLimit(options.limit, where)
  const list = `runs ${time}`
  const from = keysOf(after, list, where, areTimeAndId)
  const span = {
    ...(since !== undefined && { $gte: givenDate(since, where, 'since') }),
    ...(until !== undefined && { $lt: givenDate(until, where, 'until') }),
  }
  const query: Document = {
    ...(job !== undefined && { job_id: job }),
    ...(ip !== undefined && { ip }),
    ...(status !== undefined && { status }),
  }
  const found = await newest({ executions, query, span, time }, from, limit + 1)
  const items = found.slice(0, limit)
  const last = found.length > limit ? items.at(-1) : undefined
  return { items, next: last === undefined ? null : cursorOf(list, [last[time], last._id]) }
}

function givenStatus(value: unknown, where: string): void {
  if ((RUN_STATUSES as readonly unknown[]).includes(value)) return
  const near = typeof value === 'string' ? nearest(value, RUN_STATUSES) : undefined
  const advice = near === undefined ? '' : `; did you mean ${near}?`
  const message = `${where}: status: expected ${RUN_STATUSES.join(', ')}; found ${show(value)}${advice}`
  throw new TidewheelError('invalid_option', message, { path: 'status' })
}

interface Look {
  readonly executions: Collection<Execution>
  readonly query: Document
  readonly span: Document
  readonly time: Time
}

/** The index knows the time alone: rows of one and the same time are sorted by id when there may be more of them than fit. */
async function newest(
  look: Look,
  from: readonly [Date, string] | undefined,
  limit: number,
): Promise<readonly Execution[]> {
  const { span, time } = look
  const same = from === undefined ? [] : await ofTime(look, from[0], { _id: { $lt: from[1] } }, limit)
  if (same.length === limit) return same
  const left = limit - same.length
  const older = from === undefined ? [span] : [span, { $lt: from[0] }]
  const rows = await find(look, older, { [time]: -1 }, left)
  if (rows.length < left) return [...same, ...sorted(rows, time)]
  const last = rows.at(-1)?.[time] as Date
  const whole = rows.filter(row => row[time].getTime() > last.getTime())
  return [...same, ...sorted(whole, time), ...(await ofTime(look, last, {}, left - whole.length))]
}

const ofTime = (look: Look, at: Date, ids: Document, limit: number) =>
  find(look, [{ $eq: at }], { _id: -1 }, limit, ids)

const find = (
  { executions, query, time }: Look,
  times: readonly Document[],
  sort: Record<string, -1>,
  limit: number,
  ids: Document = {},
) => {
  const spans = times.filter(span => Object.keys(span).length > 0).map(span => ({ [time]: span }))
  const filter = { ...query, ...ids, ...(spans.length > 0 && { $and: spans }) } as Filter<Execution>
  return executions.find(filter).sort(sort).limit(limit).toArray() as Promise<Execution[]>
}

const sorted = (rows: readonly Execution[], time: Time): readonly Execution[] =>
  [...rows].sort((a, b) => b[time].getTime() - a[time].getTime() || (a._id < b._id ? 1 : -1))
