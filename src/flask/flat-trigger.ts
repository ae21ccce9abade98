/** Flat trigger: a trigger as Flask-APScheduler shows it, its fields beside those of the job.
 *  In: a trigger as it lies in the database, the zone that it means, the next run time. Out: `trigger` as a word, dates with an
 *  offset, an interval split into weeks to seconds, cron fields as text; what is shown may be given back and means the same.
 *  What Flask-APScheduler has no words for (crontab text, `and`, `or`, `jitter`, `exclude`) keeps ours. Pure. */
import { isObject } from '../job/job.ts'
import { dateIn, isoText } from '../trigger/iso.ts'
import type { Trigger } from '../trigger/trigger.ts'

export type Fields = Readonly<Record<string, unknown>>

const CRON = ['year', 'month', 'day', 'week', 'day_of_week', 'hour', 'minute', 'second'] as const
const LENGTHS_MS = { weeks: 604_800_000, days: 86_400_000, hours: 3_600_000, minutes: 60_000 } as const

/** Of a trigger that is valid. An interval or a date that has no date of its own begins with its next run. */
export function flatTrigger(trigger: Trigger, timezone: string, next: Date | null): Fields {
  const date = (value: Date | string | null | undefined) => shownDate(value ?? next, timezone)
  const more = given(trigger, ['jitter', 'exclude'], timezone)
  switch (trigger.type) {
    case 'date':
      return { trigger: 'date', run_date: date(trigger.run_date), ...more }
    case 'interval':
      return {
        trigger: 'interval',
        start_date: date(trigger.start_date),
        ...given(trigger, ['end_date'], timezone),
        ...splitLength(trigger),
        ...more,
      }
    case 'cron':
      return {
        trigger: 'cron',
        ...given(trigger, ['start_date', 'end_date'], timezone),
        ...cronTexts(trigger),
        ...given(trigger, ['expression'], timezone),
        ...more,
      }
    default:
      return { trigger: trigger.type, triggers: shown(trigger.triggers, timezone), ...more }
  }
}

/** Of whatever lies there, as it is. */
export function rawTrigger(trigger: unknown, timezone: string): Fields {
  if (!isObject(trigger)) return { trigger }
  const { type, ...fields } = trigger
  return { trigger: type, ...(shown(fields, timezone) as Fields) }
}

/** The given ones of some fields: null counts as not given. */
function given(trigger: Trigger, names: readonly string[], timezone: string): Fields {
  const fields = trigger as unknown as Fields
  const found = names.filter(name => (fields[name] ?? null) !== null)
  return Object.fromEntries(
    found.map(name => [
      name,
      name.endsWith('_date') ? shownDate(fields[name], timezone) : shown(fields[name], timezone),
    ]),
  )
}

/** The parts above 0, each as large as it can be; seconds keep their fraction. */
function splitLength(parts: Readonly<Partial<Record<keyof typeof LENGTHS_MS | 'seconds', number | null>>>): Fields {
  let rest = (parts.seconds ?? 0) * 1_000
  for (const [name, ms] of Object.entries(LENGTHS_MS)) rest += (parts[name as keyof typeof LENGTHS_MS] ?? 0) * ms
  rest = Math.round(rest)
  const split: Record<string, number> = {}
  for (const [name, ms] of Object.entries(LENGTHS_MS)) {
    if (rest >= ms) split[name] = Math.floor(rest / ms)
    rest %= ms
  }
  return { ...split, ...(rest > 0 && { seconds: rest / 1_000 }) }
}

/** In the spelling of APScheduler: small letters, no space around commas, no zero in front. */
function cronTexts(trigger: Trigger): Fields {
  const fields = trigger as unknown as Fields
  const found = CRON.filter(name => (fields[name] ?? null) !== null)
  const text = (value: unknown) =>
    String(value)
      .trim()
      .toLowerCase()
      .replace(/ *, */g, ',')
      .replace(/\b0+(?=\d)/g, '')
  return Object.fromEntries(found.map(name => [name, text(fields[name])]))
}

function shownDate(value: unknown, timezone: string): unknown {
  if (value === null || value === undefined) return null
  try {
    return isoText(dateIn(value, timezone, 'date'), timezone)
  } catch {
    return value
  }
}

/** With dates as text, however deep they lie; members mean their own zone where they name one. */
function shown(value: unknown, timezone: string): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : isoText(value, timezone)
  if (Array.isArray(value)) return value.map(item => shown(item, timezone))
  if (!isObject(value)) return value
  const zone = typeof value.timezone === 'string' ? value.timezone : timezone
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shown(part, zone)]))
}
