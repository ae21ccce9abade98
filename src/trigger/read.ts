/** Documents to schedules: checks every field of a trigger, of any kind, and builds what computes its times.
 *  What is wrong is refused with the field's path; null counts as absent, unknown fields are never ignored.
 *  Holds: what is returned needs the document no more. */
import { nearest } from '../errors.ts'
import { DAY_MS } from './calendar.ts'
import { ExceptSchedule, type Gap, intersection, UnionSchedule } from './combine.ts'
import { CronSchedule, cronRule } from './cron.ts'
import { CRON_FIELDS } from './cron-field.ts'
import { crontabRule } from './crontab.ts'
import { DateSchedule, readBound, readDate } from './date.ts'
import { TRIGGER_FIELDS, type TriggerField, type TriggerKind } from './fields.ts'
import { IntervalSchedule, intervalLength, type LENGTHS_MS } from './interval.ts'
import { instantOf, type Zone } from './local-time.ts'
import { readAmount, readZone, refuse, shown } from './refuse.ts'
import { LAST_INSTANT, type Schedule } from './schedule.ts'

/** Deeper nests of and, or are refused. */
const MAX_DEPTH = 50

/** Where a trigger stands. */
export interface Place {
  readonly timezone: string
  readonly path: string
  /** Number of and, or around it. */
  readonly depth: number
}

/** What a document means. */
export interface Read {
  readonly schedule: Schedule
  readonly jitter: number
}

type Fields = Readonly<Record<string, unknown>>

export function readTrigger(raw: unknown, place: Place): Read {
  const { path, depth } = place
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw) || raw instanceof Date)
    refuse(path, `${shown(raw)} is not a trigger; a trigger is an object such as {type: "interval", minutes: 5}`, raw)
  if (depth > MAX_DEPTH) refuse(path, `and, or are nested deeper than ${MAX_DEPTH} levels`)
  const fields = raw as Fields
  const kind = readKind(fields, path)
  checkFields(fields, kind, path)
  const zone = readZone(fields.timezone, place.timezone, `${path}.timezone`)
  const own = readAmount(fields.jitter, 0, `${path}.jitter`)
  const { schedule, jitter } = readers[kind](fields, zone, { ...place, timezone: zone.name })
  const gaps = readGaps(fields.exclude, zone, `${path}.exclude`)
  return { schedule: gaps.length === 0 ? schedule : new ExceptSchedule(schedule, gaps), jitter: own || jitter }
}

const KINDS: readonly TriggerKind[] = ['date', 'interval', 'cron', 'and', 'or']

function readKind(fields: Fields, path: string): TriggerKind {
  const type = fields.type
  const kind = KINDS.find(name => name === type)
  if (kind) return kind
  const near = typeof type === 'string' ? nearest(type, KINDS) : undefined
  const message = type === undefined ? 'is missing' : `${shown(type)} is no kind of trigger`
  return refuse(
    `${path}.type`,
    `${message}; ${near ? `did you mean ${near}? ` : ''}allowed are ${KINDS.join(', ')}`,
    type,
  )
}

/** Words that people use for a field and that no misspelling explains. */
const SYNONYMS: Readonly<Record<string, string>> = {
  weekday: 'day_of_week',
  dow: 'day_of_week',
  dayOfWeek: 'day_of_week',
}

function checkFields(fields: Fields, kind: TriggerKind, path: string): void {
  const table: Readonly<Record<string, TriggerField>> = TRIGGER_FIELDS
  for (const name of Object.keys(fields)) {
    const field = Object.hasOwn(table, name) ? table[name] : undefined
    if (field?.types.includes(kind) || fields[name] === undefined) continue
    const known = Object.keys(table).filter(other => table[other]?.types.includes(kind))
    const near = known.find(other => other === SYNONYMS[name]) ?? nearest(name, known)
    const what = field ? `is not a field of type ${kind}, but of ${field.types.join(', ')}` : 'unknown field'
    const hint = near ? `did you mean ${near}? ` : ''
    refuse(`${path}.${name}`, `${what}; ${hint}allowed are ${known.join(', ')}`, fields[name])
  }
}

const readers: Readonly<Record<TriggerKind, (fields: Fields, zone: Zone, place: Place) => Read>> = {
  date({ run_date }, zone, { path }) {
    const at = run_date === undefined || run_date === null ? null : readDate(run_date, zone, `${path}.run_date`).instant
    return { schedule: new DateSchedule(at), jitter: 0 }
  },
  interval(fields, zone, { path, depth }) {
    const part = (name: keyof typeof LENGTHS_MS) => readAmount(fields[name], 0, `${path}.${name}`)
    const parts = { weeks: part('weeks'), days: part('days'), hours: part('hours'), minutes: part('minutes') }
    const length = intervalLength({ ...parts, seconds: part('seconds') }, path)
    const [begin, end] = readBounds(fields, zone, path)
    const anchor = begin !== -Infinity ? begin : depth === 0 ? null : 0
    return { schedule: new IntervalSchedule(length, anchor, end), jitter: 0 }
  },
  cron(fields, zone, { path }) {
    const [begin, end] = readBounds(fields, zone, path)
    return { schedule: new CronSchedule(readRule(fields, path), zone, begin, end), jitter: 0 }
  },
  and(fields, _zone, place) {
    const { schedules, jitter } = readMembers(fields, place)
    if (schedules.length === 0) refuse(`${place.path}.triggers`, 'and needs at least one trigger', fields.triggers)
    return { schedule: intersection(schedules), jitter }
  },
  or(fields, _zone, place) {
    const { schedules, jitter } = readMembers(fields, place)
    return { schedule: new UnionSchedule(schedules), jitter }
  },
}

const readBounds = (fields: Fields, zone: Zone, path: string): [begin: number, end: number] => [
  readBound(fields.start_date, -Infinity, zone, `${path}.start_date`),
  readBound(fields.end_date, LAST_INSTANT, zone, `${path}.end_date`),
]

function readRule(fields: Fields, path: string) {
  if (fields.expression === undefined || fields.expression === null) return cronRule(fields, path)
  const other = CRON_FIELDS.find(field => fields[field] !== undefined && fields[field] !== null)
  if (other) refuse(`${path}.${other}`, 'expression and single fields exclude each other; leave one out', fields[other])
  return crontabRule(fields.expression, `${path}.expression`)
}

function readMembers(fields: Fields, { timezone, path, depth }: Place): { schedules: Schedule[]; jitter: number } {
  const { triggers } = fields
  if (!Array.isArray(triggers)) refuse(`${path}.triggers`, `${shown(triggers)} is not a list of triggers`, triggers)
  const members = (triggers as unknown[]).map((raw, i) =>
    readTrigger(raw, { timezone, path: `${path}.triggers[${i}]`, depth: depth + 1 }),
  )
  return { schedules: members.map(m => m.schedule), jitter: members.reduce((most, m) => Math.max(most, m.jitter), 0) }
}

function readGaps(exclude: unknown, zone: Zone, path: string): Gap[] {
  if (exclude === undefined || exclude === null) return []
  if (!Array.isArray(exclude)) refuse(path, `${shown(exclude)} is not a list of days and {from, to} spans`, exclude)
  return (exclude as unknown[]).map((item, i) => readGap(item, zone, `${path}[${i}]`))
}

function readGap(item: unknown, zone: Zone, path: string): Gap {
  if (typeof item !== 'object' || item === null || item instanceof Date) {
    const { instant } = readDate(item, zone, path)
    const day = Math.floor((instant + zone.spanAt(instant).offset) / DAY_MS) * DAY_MS
    return { from: instantOf(day, zone), to: instantOf(day + DAY_MS, zone) - 1 }
  }
  const span = item as Fields
  const extra = Object.keys(span).find(key => key !== 'from' && key !== 'to')
  if (extra !== undefined) refuse(`${path}.${extra}`, 'unknown field; a span has from and to', span[extra])
  const from = readDate(span.from, zone, `${path}.from`).instant
  const last = readDate(span.to, zone, `${path}.to`)
  const to = last.whole
    ? instantOf(Math.floor((last.instant + zone.spanAt(last.instant).offset) / DAY_MS + 1) * DAY_MS, zone) - 1
    : last.instant
  return to < from ? refuse(path, 'the span ends before it begins', item) : { from, to }
}
