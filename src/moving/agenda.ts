/** Agenda: documents of an Agenda collection as jobs.
 *  In: documents as the database has them. Out: a job for each that has a next run: it keeps that time, its data, its pause and its
 *  zone. As in Agenda, a job that is late still runs, and one whose process died runs again. Pure: the collection is only read. */
import type { JobInput } from '../job/job.ts'
import type { Trigger } from '../trigger/trigger.ts'
import { dataOf } from './data.ts'
import { Finding, type Found } from './found.ts'
import { parsedCron } from './parsed-cron.ts'
import { Slugs, slugOf } from './slug.ts'
import { spokenInterval } from './spoken-interval.ts'

/** What is read of a document of Agenda 4 to 6. */
export interface AgendaJob {
  readonly _id?: unknown
  readonly name?: unknown
  readonly data?: unknown
  /** `single`: the one of its name, as `every` makes it. */
  readonly type?: unknown
  readonly nextRunAt?: unknown
  readonly repeatInterval?: unknown
  readonly repeatTimezone?: unknown
  readonly repeatAt?: unknown
  readonly startDate?: unknown
  readonly endDate?: unknown
  readonly skipDays?: unknown
  readonly disabled?: unknown
  readonly fork?: unknown
}

export interface AgendaOptions {
  /** What ids begin with. Default `agenda`. */
  readonly prefix?: string
  readonly ip?: string
  /** Of schedules that name no zone: Agenda means that of its process. */
  readonly timezone?: string
  /** Our function for a name of theirs. Default: the same name. */
  readonly funcs?: Readonly<Record<string, string>>
}

export const AGENDA_PREFIX = 'agenda'

export function fromAgenda(documents: readonly AgendaJob[], options: AgendaOptions = {}): Found {
  const { prefix = AGENDA_PREFIX, ip, timezone, funcs = {} } = options
  const found = new Finding()
  const slugs = new Slugs()
  for (const document of documents) {
    const { _id, name, nextRunAt } = document
    const from = { text: `${String(name)} (${String(_id)})` }
    if (typeof name !== 'string' || name === '') {
      found.skip(from, 'it has no name')
      continue
    }
    const trigger = triggerOf(document, timezone)
    if (typeof trigger === 'string') {
      found.skip(from, trigger)
      continue
    }
    const slug = slugOf(name) || 'job'
    const own = document.type === 'single' ? slugs.give(slug) : `${slug}-${String(_id)}`
    const job: JobInput = {
      _id: `${prefix}-${own}`,
      name,
      func: Object.hasOwn(funcs, name) ? (funcs[name] as string) : name,
      ...dataOf(document.data),
      trigger,
      ...(document.fork === true && { executor: 'process' }),
      misfire_grace_time: null,
      on_interrupt: 'rerun',
      ...(ip !== undefined && { ip }),
      next_run_time: document.disabled === true ? null : (nextRunAt as Date),
    }
    found.take(job, from)
  }
  return found
}

/** Or why there is none. */
function triggerOf(document: AgendaJob, timezone: string | undefined): Trigger | string {
  const { nextRunAt, repeatInterval, repeatAt, repeatTimezone, skipDays } = document
  if (!(nextRunAt instanceof Date)) return 'it has no next run: it has run, or its dates are over'
  if (Array.isArray(skipDays) && skipDays.length > 0) {
    return `skipDays ${JSON.stringify(skipDays)}: moves a run to the next day; say the days in the trigger's day_of_week`
  }
  const zone = typeof repeatTimezone === 'string' && repeatTimezone !== '' ? repeatTimezone : timezone
  const zoned = zone === undefined ? {} : { timezone: zone }
  const bounds = {
    ...(document.startDate instanceof Date && { start_date: document.startDate }),
    ...(document.endDate instanceof Date && { end_date: document.endDate }),
  }
  if (isSaid(repeatInterval) && isStrange(repeatInterval)) {
    return `repeatInterval ${JSON.stringify(repeatInterval)}: expected an interval such as 3 minutes, or crontab text`
  }
  if (isSaid(repeatInterval)) return { ...repeated(repeatInterval, zoned), ...bounds } as Trigger
  if (!isSaid(repeatAt)) return { type: 'date', run_date: nextRunAt }
  const time = timeOf(String(repeatAt))
  if (time === undefined)
    return `repeatAt ${JSON.stringify(repeatAt)}: expected a time such as 3:30pm; give it a trigger by hand`
  return { type: 'cron', ...time, ...zoned, ...bounds }
}

const isSaid = (value: unknown): value is string | number =>
  typeof value === 'number' || (typeof value === 'string' && value.trim() !== '')

/** Words that are no interval; to Agenda some of them mean without any pause. */
const isStrange = (given: string | number) =>
  /^\s*[a-z][a-z\s]+$/i.test(String(given)) && !spokenInterval(String(given))

/** Milliseconds, an interval in words, or crontab text. */
function repeated(given: string | number, zoned: { readonly timezone?: string }): Trigger {
  const ms = Number(given)
  if (Number.isFinite(ms)) return { type: 'interval', seconds: ms / 1000 }
  const text = String(given)
  const parts = spokenInterval(text)
  return parts === undefined ? { type: 'cron', expression: parsedCron(text), ...zoned } : { type: 'interval', ...parts }
}

const TIME = /^(?:at )?(\d{1,2})(?::(\d\d))?\s*(am|pm)?$/i

/** A time of the day that can be read in one way only. */
function timeOf(text: string): { readonly hour: number; readonly minute: number } | undefined {
  const [, hours, minutes, half] = TIME.exec(text.trim()) ?? []
  if (hours === undefined || (minutes === undefined && half === undefined)) return undefined
  const hour = half === undefined ? Number(hours) : (Number(hours) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  const minute = Number(minutes ?? 0)
  return hour > 23 || minute > 59 || (half !== undefined && Number(hours) > 12) ? undefined : { hour, minute }
}
