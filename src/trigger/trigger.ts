/** Triggers: when does it fire next? A document becomes a ParsedTrigger, a pure function of the previous run and now.
 *  Everything wrong with a document is a TidewheelError('invalid_trigger') that names the field.
 *  Inside, times are epoch milliseconds; Date stands only in documents and in the public functions.
 *  Knows no job, no database and no clock. */
import { systemClock } from '../clock.ts'
import { givenCount, givenOptions, givenZone, instant } from './given.ts'
import { readTrigger } from './read.ts'
import { fullReach, type Reach, type Schedule } from './schedule.ts'

export { TRIGGER_FIELDS } from './fields.ts'
export { fingerprint, jitterMs } from './hash.ts'

/** A local day, or a span with both ends included; a day as an end is meant whole. */
export type Exclusion = Date | string | { readonly from: Date | string; readonly to: Date | string }

interface Common {
  /** An IANA name, such as `Europe/Berlin`. Absent: the zone of the node that runs the job, or that of the call. */
  readonly timezone?: string | null
  /** Days and spans, in the trigger's zone, in which it does not fire. */
  readonly exclude?: readonly Exclusion[] | null
}

interface Repeating extends Common {
  /** Seconds by which a start may be delayed, from 0; the schedule itself never shifts. Default 0. */
  readonly jitter?: number | null
}

interface Bounded extends Repeating {
  /** It does not fire before; a date, or text such as `2026-01-31 08:00` in the trigger's zone. */
  readonly start_date?: Date | string | null
  /** It does not fire after; included. */
  readonly end_date?: Date | string | null
}

/** Fires once. */
export interface DateTrigger extends Common {
  readonly type: 'date'
  /** When: a date, or text such as `2026-01-31 08:00` in the trigger's zone. Absent: the moment the trigger is created. */
  readonly run_date?: Date | string | null
}

/** Fires each so often: the sum of its parts, which is above 0. It begins at `start_date`, else one length from now. */
export interface IntervalTrigger extends Bounded {
  readonly type: 'interval'
  readonly weeks?: number | null
  readonly days?: number | null
  readonly hours?: number | null
  readonly minutes?: number | null
  readonly seconds?: number | null
}

/** Fires where all fields match. Fields are numbers or text such as `9-17`, `9-17/2`, `1,15`; a given field that is coarser than the
 *  finest one may be left out (any), what is finer counts as its least value. */
export interface CronTrigger extends Bounded {
  readonly type: 'cron'
  /** 1970–9999. */
  readonly year?: number | string | null
  /** 1–12, or names: `jan-mar`. */
  readonly month?: number | string | null
  /** 1–31, `last`, or a place: `2nd mon`. */
  readonly day?: number | string | null
  /** ISO week, 1–53. */
  readonly week?: number | string | null
  /** 0–6, where 0 is Monday, or names: `mon-fri`. */
  readonly day_of_week?: number | string | null
  /** 0–23. */
  readonly hour?: number | string | null
  /** 0–59. */
  readonly minute?: number | string | null
  /** 0–59. */
  readonly second?: number | string | null
  readonly expression?: null
}

/** Fires as crontab text says. */
export interface CrontabTrigger extends Bounded {
  readonly type: 'cron'
  /** Five fields, six with seconds first, or a nickname such as `@daily`; weekday 0 and 7 are Sunday. */
  readonly expression: string
}

/** Fires when all its members do. */
export interface AndTrigger extends Repeating {
  readonly type: 'and'
  readonly triggers: readonly Trigger[]
}

/** Fires when any of its members does. */
export interface OrTrigger extends Repeating {
  readonly type: 'or'
  readonly triggers: readonly Trigger[]
}

/** When a job runs. */
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
  const { schedule, jitter } = readTrigger(raw, {
    timezone: options.timezone ?? 'UTC',
    path: options.path ?? 'trigger',
    depth: 0,
  })
  return new Parsed(schedule, jitter)
}

/** The next run time of a trigger, by APScheduler's chain: `previous` null when it begins, else the run time before.
 *  Null when the schedule is over. */
export function nextFireTime(
  trigger: Trigger | ParsedTrigger,
  previous: Date | null,
  now: Date,
  options: { readonly timezone?: string } = {},
): Date | null {
  const where = 'nextFireTime'
  const { timezone } = givenOptions(options, where, ['timezone'])
  const next = parsed(trigger, givenZone(timezone, where)).next(
    previous === null ? null : instant(previous, `${where}: previous`),
    instant(now, `${where}: now`),
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
  const where = 'fireTimes'
  const { after, timezone, ...given } = givenOptions(options, where, ['after', 'count', 'timezone'])
  const count = givenCount(given.count, where, MAX_COUNT)
  const source = parsed(trigger, givenZone(timezone, where))
  const now = after === undefined ? systemClock.now() : instant(after, `${where}: after`)
  const times: Date[] = []
  for (let next = count > 0 ? source.next(null, now) : null; next !== null; next = source.next(next, next)) {
    times.push(new Date(next))
    if (times.length >= count) break
  }
  return times
}

/** The trigger read, if it is not yet. */
export function parsed(trigger: Trigger | ParsedTrigger, { timezone }: { readonly timezone?: string }): ParsedTrigger {
  return trigger instanceof Parsed ? trigger : parseTrigger(trigger, timezone === undefined ? {} : { timezone })
}
