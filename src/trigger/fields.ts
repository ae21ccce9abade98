/** Every field that a trigger document can have, in one table: the kinds of trigger that take it, its BSON types,
 *  its least value and one sentence for people. Reading triggers, their messages and the database's validator
 *  are all made from it. */

export type TriggerKind = 'date' | 'interval' | 'cron' | 'and' | 'or'

export interface TriggerField {
  readonly types: readonly TriggerKind[]
  readonly bson: readonly ('string' | 'number' | 'date' | 'array' | 'object' | 'null')[]
  readonly minimum?: number
  readonly description: string
}

const ALL: readonly TriggerKind[] = ['date', 'interval', 'cron', 'and', 'or']
const DATE = ['date', 'string', 'null'] as const
const NUMBER = ['number', 'null'] as const

const part = (name: string, example: number): TriggerField => ({
  types: ['interval'],
  bson: NUMBER,
  minimum: 0,
  description: `${name}: a number of ${name} >= 0, such as ${example}`,
})

const cron = (description: string): TriggerField => ({
  types: ['cron'],
  bson: ['number', 'string', 'null'],
  description,
})

export const TRIGGER_FIELDS = {
  type: { types: ALL, bson: ['string'], description: 'type: one of date, interval, cron, and, or' },
  run_date: {
    types: ['date'],
    bson: DATE,
    description: 'run_date: a date or text, such as "2026-01-31 09:00:00"; absent: at once',
  },
  weeks: part('weeks', 2),
  days: part('days', 1),
  hours: part('hours', 1.5),
  minutes: part('minutes', 5),
  seconds: part('seconds', 30),
  year: cron('year: 1970-9999, such as 2026 or "2026-2030"'),
  month: cron('month: 1-12 or names, such as 6, "*/3" or "jan-mar"'),
  day: cron('day: 1-31, "last" or a place, such as 15, "last" or "2nd mon"'),
  week: cron('week: an ISO week 1-53, such as 10 or "*/2"'),
  day_of_week: cron('day_of_week: 0-6 (0 is Monday) or names, such as "mon-fri"'),
  hour: cron('hour: 0-23, such as 9, "*/3" or "9-17"'),
  minute: cron('minute: 0-59, such as 30 or "*/5"'),
  second: cron('second: 0-59, such as 0 or "*/10"'),
  expression: {
    types: ['cron'],
    bson: ['string', 'null'],
    description: 'expression: crontab text instead of cron fields, such as "*/5 * * * *"',
  },
  start_date: {
    types: ['interval', 'cron'],
    bson: DATE,
    description: 'start_date: a date or text before which it does not fire, such as "2026-01-31"',
  },
  end_date: {
    types: ['interval', 'cron'],
    bson: DATE,
    description: 'end_date: a date or text after which it does not fire, such as "2026-12-31"',
  },
  timezone: { types: ALL, bson: ['string', 'null'], description: 'timezone: an IANA name, such as "Europe/Berlin"' },
  jitter: {
    types: ['interval', 'cron', 'and', 'or'],
    bson: NUMBER,
    minimum: 0,
    description: 'jitter: seconds >= 0 by which a start may be delayed, such as 30',
  },
  triggers: { types: ['and', 'or'], bson: ['array'], description: 'triggers: a list of triggers, for and, or' },
  exclude: {
    types: ALL,
    bson: ['array', 'null'],
    description: 'exclude: a list of days or spans, such as ["2026-12-25", {from: "2026-12-30", to: "2027-01-01"}]',
  },
} as const satisfies Readonly<Record<string, TriggerField>>
