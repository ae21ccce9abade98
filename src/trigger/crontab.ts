/** Crontab text: five fields, six with seconds first, or a nickname, parsed by cron-parser, item by item.
 *  What cron-parser would let pass and cron does not have (H, four fields, steps beyond the range) is refused before.
 *  Weekday 0 and 7 are Sunday. Day and weekday both restricted: either matches; one beginning with `*`: both must. */
import { CronExpressionParser } from 'cron-parser'
import { bitsOf, type CronRule, dayBits, isFixed, placesOf } from './cron.ts'
import type { CronItem } from './cron-field.ts'
import { Readings } from './cron-reading.ts'
import { refuse, shown } from './refuse.ts'

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const FIELDS = ['second', 'minute', 'hour', 'day', 'month', 'weekday'] as const
type Field = (typeof FIELDS)[number]

const LIMITS: Readonly<Record<Field, readonly [number, number]>> = {
  second: [0, 59],
  minute: [0, 59],
  hour: [0, 23],
  day: [1, 31],
  month: [1, 12],
  weekday: [0, 7],
}

/** The fields of crontab text, seconds first, nicknames spelt out. */
export function crontabFields(expression: unknown, path: string): readonly string[] {
  if (typeof expression !== 'string')
    refuse(path, `${shown(expression)} is not crontab text such as "*/5 * * * *"`, expression)
  const text = expression.trim()
  if (text.startsWith('@') && !Object.hasOwn(NICKNAMES, text.toLowerCase()))
    refuse(path, `${shown(text)} is not one of ${Object.keys(NICKNAMES).join(', ')}`, expression)
  const fields = (NICKNAMES[text.toLowerCase()] ?? text).split(/\s+/)
  if (fields.length === 6) return fields
  if (fields.length === 5) return ['0', ...fields]
  const count = text === '' ? 0 : fields.length
  return refuse(
    path,
    `${count} fields found, 5 needed (minute hour day month weekday), or 6 with seconds first`,
    expression,
  )
}

export function crontabRule(expression: unknown, path: string): CronRule {
  const texts = crontabFields(expression, path)
  const items = {} as Record<Field, readonly CronItem[]>
  for (const [index, field] of FIELDS.entries()) {
    items[field] = (texts[index] as string).split(',').flatMap(text => item(field, text, path))
  }
  const [, , hour = '', day = '', , weekday = ''] = texts
  const readings = new Readings({
    years: null,
    months: bitsOf(items.month, 1)[0],
    days: dayBits(items.day),
    lastDay: items.day.some(item => item.kind === 'last'),
    dayPlaces: [],
    weekdayPlaces: placesOf(items.weekday),
    weekdays: bitsOf(items.weekday, 0)[0],
    either: !/^[*?]/.test(day) && !/^[*?]/.test(weekday),
    weeks: null,
    hours: bitsOf(items.hour, 0)[0],
    minutes: bitsOf(items.minute, 0),
    seconds: bitsOf(items.second, 0),
  })
  return { readings, once: isFixed(hour) }
}

const ITEM = /^(?:[*?]|(\d{1,2}|[a-z]{3})(?:-(\d{1,2}|[a-z]{3}))?)(?:\/(\d+))?$/i

/** Items already parsed, by field and text: most crontabs are made of the same few. */
const known = new Map<string, readonly CronItem[]>()
const MAX_KNOWN = 2_000

function item(field: Field, text: string, path: string): readonly CronItem[] {
  const key = `${field} ${text}`
  const before = known.get(key)
  if (before) return before
  const items = parsed(field, text, path)
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(key, items)
  return items
}

/** One item of a list; parsed alone, so that lists may overlap and 30 February is merely a day that never comes. */
function parsed(field: Field, text: string, path: string): readonly CronItem[] {
  const where = `${field} ${shown(text)}`
  const place = field === 'weekday' ? /^(?:[a-z]{3}|[0-7])(?:L|#\d)$/i.test(text) : field === 'day' && /^L$/i.test(text)
  const parts = ITEM.exec(text)
  if (/^H(?![a-z])|^(?:\d+|L)W$/i.test(text)) refuse(path, `${where}: H and W are not supported`, text)
  if (!parts && !place)
    refuse(path, `${where} is not understood; allowed are *, */n, a, a-b, a-b/n and lists of them`, text)
  const values = parse(field, text, where, path)
  if (parts?.[3] !== undefined) checkStep(field, parts, where, path)
  return values.map(value => toItem(field, value))
}

function parse(field: Field, text: string, where: string, path: string): readonly (number | string)[] {
  const expression = FIELDS.map(name => (name === field ? text.toUpperCase() : '*')).join(' ')
  try {
    const { fields } = CronExpressionParser.parse(expression)
    const nth = fields.dayOfWeek.nthDay
    if (field === 'weekday' && nth > 0) return fields.dayOfWeek.values.map(value => `${value}#${nth}`)
    const name = field === 'day' ? 'dayOfMonth' : field === 'weekday' ? 'dayOfWeek' : field
    return fields[name].values
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse(path, `${where}: ${LIMITS[field].join('-')} is allowed (${reason})`, text)
  }
}

function checkStep(field: Field, parts: RegExpExecArray, where: string, path: string): void {
  const [lowest, highest] = LIMITS[field]
  const number = (text: string | undefined, absent: number) => (/^\d+$/.test(text ?? '') ? Number(text) : absent)
  const first = number(parts[1], lowest)
  const last = number(parts[2], highest)
  const step = Number(parts[3])
  if (step > 1 && step > last - first)
    refuse(path, `${where}: the step ${step} is beyond the range ${first}-${last}`, parts[0])
}

/** cron-parser's value: a number, `L`, `5L` or our `1#2`. */
function toItem(field: Field, value: number | string): CronItem {
  const text = String(value)
  if (text === 'L') return { kind: 'last' }
  const number = Number.parseInt(text, 10)
  const weekday = (number + 6) % 7
  if (text.endsWith('L')) return { kind: 'place', nth: 6, weekday }
  if (text.includes('#')) return { kind: 'place', nth: Number(text.slice(text.indexOf('#') + 1)), weekday }
  const n = field === 'weekday' ? weekday : number
  return { kind: 'range', first: n, last: n, step: 1 }
}
