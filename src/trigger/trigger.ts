/** Triggers: when does it fire next? A document becomes a ParsedTrigger, a pure function of the previous run and now.
 *  Everything wrong with a document is a TidewheelError('invalid_trigger') that names the field.
 *  Inside, times are epoch milliseconds; Date stands only in documents and in the public functions.
 *  Knows no job, no database and no clock. */
import { Settings } from 'luxon'
import { nearest, TidewheelError } from '../errors.ts'
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
import { fullReach, LAST_INSTANT, type Reach, type Schedule } from './schedule.ts'

export { TRIGGER_FIELDS } from './fields.ts'
export { fingerprint, jitterMs } from './hash.ts'

/** A local day, or a span with both ends included; a day as an end is meant whole. */
export type Exclusion = Date | string | { readonly from: Date | string; readonly to: Date | string }

interface Common {
  readonly timezone?: string | null
  /** Days and spans, in the trigger's zone, in which it does not fire. */
  readonly exclude?: readonly Exclusion[] | null
}

interface Repeating extends Common {
  /** Seconds by which a start may be delayed; the schedule itself never shifts. */
  readonly jitter?: number | null
}

interface Bounded extends Repeating {
  readonly start_date?: Date | string | null
  /** Included. */
  readonly end_date?: Date | string | null
}

export interface DateTrigger extends Common {
  readonly type: 'date'
  /** Absent: the moment the trigger is created. */
  readonly run_date?: Date | string | null
}

export interface IntervalTrigger extends Bounded {
  readonly type: 'interval'
  readonly weeks?: number | null
  readonly days?: number | null
  readonly hours?: number | null
  readonly minutes?: number | null
  readonly seconds?: number | null
}

export interface CronTrigger extends Bounded {
  readonly type: 'cron'
  readonly year?: number | string | null
  readonly month?: number | string | null
  readonly day?: number | string | null
  /** ISO week. */
  readonly week?: number | string | null
  /** 0 is Monday. */
  readonly day_of_week?: number | string | null
  readonly hour?: number | string | null
  readonly minute?: number | string | null
  readonly second?: number | string | null
  readonly expression?: null
}

export interface CrontabTrigger extends Bounded {
  readonly type: 'cron'
  /** Five fields, six with seconds first, or a nickname such as `@daily`; weekday 0 and 7 are Sunday. */
  readonly expression: string
}

export interface AndTrigger extends Repeating {
  readonly type: 'and'
  readonly triggers: readonly Trigger[]
}

export interface OrTrigger extends Repeating {
  readonly type: 'or'
  readonly triggers: readonly Trigger[]
}

export type Trigger = DateTrigger | IntervalTrigger | CronTrigger | CrontabTrigger | AndTrigger | OrTrigger

/** A trigger read once and asked often; holds no state that an answer depends on, so jobs may share it. */
export interface ParsedTrigger {
  /** The next run time: `previous` null when a schedule begins, else the run time to go on from. */
  next(previous: number | null, now: number): number | null
  /** The first run time >= `t` of the chain that goes on from `previous` (`t` is later than it), by a leap. */
  seek(previous: number, t: number, reach?: Reach): number | null
  /** Seconds; 0 when there is none. Of `and` and `or`: their own or the largest of their members'. */
  readonly jitter: number
}

class Parsed implements ParsedTrigger {
  readonly #schedule: Schedule
  readonly jitter: number

  constructor(schedule: Schedule, jitter: number) {
    this.#schedule = schedule
    this.jitter = jitter
  }

  next(previous: number | null, now: number): number | null {
    if (previous !== null) return this.#schedule.seek(previous, previous + 1, fullReach())
    return this.#schedule.start(now, fullReach())
  }

  seek(previous: number, t: number, reach = fullReach()): number | null {
    return this.#schedule.seek(previous, t, reach)
  }
}

export interface ParseOptions {
  /** Zone of triggers that name none; default UTC. */
  readonly timezone?: string
  /** How messages call the trigger; default `trigger`. */
  readonly path?: string
}

/** Reads a trigger document; throws TidewheelError('invalid_trigger') with `data.path` and `data.found`. */
export function parseTrigger(raw: unknown, options: ParseOptions = {}): ParsedTrigger {
  const { schedule, jitter } = read(raw, {
    timezone: options.timezone ?? 'UTC',
    path: options.path ?? 'trigger',
    depth: 0,
  })
  return new Parsed(schedule, jitter)
}

/** Deeper nests of and, or are refused. */
const MAX_DEPTH = 50

interface Place {
  readonly timezone: string
  readonly path: string
  /** Number of and, or around it. */
  readonly depth: number
}

interface Read {
  readonly schedule: Schedule
  readonly jitter: number
}

type Fields = Readonly<Record<string, unknown>>

function read(raw: unknown, place: Place): Read {
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

function checkFields(fields: Fields, kind: TriggerKind, path: string): void {
  const table: Readonly<Record<string, TriggerField>> = TRIGGER_FIELDS
  for (const name of Object.keys(fields)) {
    const field = Object.hasOwn(table, name) ? table[name] : undefined
    if (field?.types.includes(kind)) continue
    const where = `${path}.${name}`
    if (field) refuse(where, `is not a field of type ${kind}, but of ${field.types.join(', ')}`, fields[name])
    const known = Object.keys(table).filter(other => table[other]?.types.includes(kind))
    const near = nearest(name, known)
    refuse(where, `unknown field; ${near ? `did you mean ${near}? ` : ''}allowed are ${known.join(', ')}`, fields[name])
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
    read(raw, { timezone, path: `${path}.triggers[${i}]`, depth: depth + 1 }),
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

/** The next run time of a trigger, by APScheduler's chain: `previous` null when it begins, else the run time before.
 *  Null when the schedule is over. */
export function nextFireTime(
  trigger: Trigger | ParsedTrigger,
  previous: Date | null,
  now: Date,
  options: { readonly timezone?: string } = {},
): Date | null {
  const next = parsed(trigger, options).next(
    previous === null ? null : instant(previous, 'previous'),
    instant(now, 'now'),
  )
  return next === null ? null : new Date(next)
}

export interface FireTimesOptions {
  /** From here on, a run time equal to it included; default: the present. */
  readonly after?: Date
  /** How many at most, 0 to 100,000; default 10. */
  readonly count?: number
  readonly timezone?: string
}

const MAX_COUNT = 100_000

/** The next run times of a trigger that begins at `after`; fewer when the schedule ends. */
export function fireTimes(trigger: Trigger | ParsedTrigger, options: FireTimesOptions = {}): Date[] {
  const { after, count = 10 } = options
  if (!Number.isInteger(count) || count < 0 || count > MAX_COUNT)
    throw new TidewheelError('invalid_option', `count: ${count} found, a whole number 0-${MAX_COUNT} is allowed`, {
      count,
    })
  const source = parsed(trigger, options)
  const now = after === undefined ? Settings.now() : instant(after, 'after')
  const times: Date[] = []
  for (let next = count > 0 ? source.next(null, now) : null; next !== null; next = source.next(next, next)) {
    times.push(new Date(next))
    if (times.length >= count) break
  }
  return times
}

function parsed(trigger: Trigger | ParsedTrigger, { timezone }: { readonly timezone?: string }): ParsedTrigger {
  return trigger instanceof Parsed ? trigger : parseTrigger(trigger, timezone === undefined ? {} : { timezone })
}

function instant(date: Date, name: string): number {
  const time = date instanceof Date ? date.getTime() : Number.NaN
  if (!Number.isNaN(time)) return time
  throw new TidewheelError('invalid_option', `${name}: a valid Date is needed`, { [name]: date })
}
