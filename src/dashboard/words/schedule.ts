/** Schedule: a trigger in as few words as a column holds.
 *  In: a trigger as it lies in the document, which may be wrong. Out: `every 5 min, 05–18, Mon–Fri`, or where that cannot be said
 *  shortly and truly, the fields themselves. The long sentence is the server's (`/api/triggers/preview`). */
import type { Trigger } from '../shapes.ts'
import { placeOf, READERS_ZONE, whenOf } from './time.ts'

const UNITS: readonly (readonly [string, string, string])[] = [
  ['weeks', 'week', 'weeks'],
  ['days', 'day', 'days'],
  ['hours', 'hour', 'hours'],
  ['minutes', 'min', 'min'],
  ['seconds', 's', 's'],
]
const FIELDS = ['second', 'minute', 'hour', 'day', 'month', 'day_of_week', 'week', 'year'] as const
const DAYS: Readonly<Record<string, string>> = {
  mon: 'Mon',
  tue: 'Tue',
  wed: 'Wed',
  thu: 'Thu',
  fri: 'Fri',
  sat: 'Sat',
  sun: 'Sun',
}

/** `now` decides whether a date is today. */
export function scheduleWords(trigger: Trigger | undefined, now: number): string {
  if (typeof trigger !== 'object' || trigger === null) return 'no trigger'
  const zone = typeof trigger.timezone === 'string' ? trigger.timezone : undefined
  const place = zone !== undefined && zone !== READERS_ZONE ? ` ${placeOf(zone)}` : ''
  switch (trigger.type) {
    case 'interval':
      return intervalWords(trigger)
    case 'date':
      return dateWords(trigger.run_date, now) + place
    case 'cron':
      return (typeof trigger.expression === 'string' ? crontabWords(trigger.expression) : cronWords(trigger)) + place
    case 'and':
    case 'or':
      return combined(trigger, now)
    default:
      return String(trigger.type)
  }
}

function intervalWords(trigger: Trigger): string {
  const parts = UNITS.flatMap(([field, one, many]) => {
    const n = Number(trigger[field] ?? 0)
    return n === 0 ? [] : [{ n, one, many }]
  })
  const [first] = parts
  if (first === undefined) return 'every 0 s'
  if (parts.length === 1 && first.n === 1)
    return `every ${first.one === 'min' ? 'minute' : first.one === 's' ? 'second' : first.one}`
  return `every ${parts.map(({ n, one, many }) => `${n} ${n === 1 ? one : many}`).join(' ')}`
}

function dateWords(date: unknown, now: number): string {
  if (date === undefined || date === null) return 'once'
  const ms = Date.parse(String(date))
  return /[zZ]|[+-]\d\d:?\d\d$/.test(String(date)) && !Number.isNaN(ms) ? `once, ${whenOf(ms, now)}` : `once, ${date}`
}

const combined = (trigger: Trigger, now: number): string => {
  const members = Array.isArray(trigger.triggers) ? (trigger.triggers as readonly Trigger[]) : []
  return members.map(member => scheduleWords(member, now)).join(` ${trigger.type} `) || 'never'
}

type Fields = Readonly<Record<(typeof FIELDS)[number], string>>

function crontabWords(expression: string): string {
  const parts = expression.trim().split(/\s+/)
  const [second = '0', minute, hour, day, month, weekday] = parts.length === 5 ? ['0', ...parts] : parts
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined) {
    return expression
  }
  const named = weekday.replace(
    /(?<![/\w])[0-7](?!\w)/g,
    n => ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'][Number(n)] ?? n,
  )
  return said({ second, minute, hour, day, month, day_of_week: named, week: '*', year: '*' }) ?? expression
}

function cronWords(trigger: Trigger): string {
  const given = FIELDS.filter(field => trigger[field] !== undefined && trigger[field] !== null)
  const order = ['year', 'month', 'day', 'week', 'day_of_week', 'hour', 'minute', 'second'] as const
  const finest = Math.max(...given.map(field => order.indexOf(field)))
  const lowest = { second: '0', minute: '0', hour: '0', day: '1', month: '1', week: '*', day_of_week: '*', year: '*' }
  const fields = Object.fromEntries(
    order.map((field, i) => {
      const value = trigger[field]
      const text = value === undefined || value === null ? (i < finest ? '*' : lowest[field]) : String(value)
      return [field, text.trim().toLowerCase()]
    }),
  ) as Fields
  const days = fields.day_of_week.replace(/(?<![/\w])[0-6](?!\w)/g, n => Object.keys(DAYS)[Number(n)] ?? n)
  return said({ ...fields, day_of_week: days }) ?? given.map(field => `${field} ${trigger[field]}`).join(', ')
}

/** Undefined: not shortly. */
function said(fields: Fields): string | undefined {
  if (fields.week !== '*' || fields.year !== '*') return undefined
  const days = dayWords(fields)
  const times = timeWords(fields)
  return days === undefined || times === undefined ? undefined : [times, days].filter(part => part !== '').join(', ')
}

function dayWords({ day, month, day_of_week }: Fields): string | undefined {
  if (month !== '*') return undefined
  if (day !== '*' && day_of_week !== '*') return undefined
  if (day === 'last') return 'on the last day of the month'
  if (/^\d+$/.test(day)) return `on the ${ordinal(Number(day))}`
  if (day !== '*') return undefined
  if (day_of_week === '*' || day_of_week === '?') return ''
  const words = day_of_week.split(',').map(part => {
    const [from, to, more] = part.split('-')
    if (more !== undefined || from === undefined || DAYS[from] === undefined) return undefined
    return to === undefined ? DAYS[from] : DAYS[to] === undefined ? undefined : `${DAYS[from]}–${DAYS[to]}`
  })
  return words.includes(undefined) ? undefined : words.join(', ')
}

function ordinal(n: number): string {
  const ending = n % 100 > 10 && n % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')
  return `${n}${ending}`
}

const pad = (text: string): string => text.padStart(2, '0')
const isNumber = (text: string): boolean => /^\d+$/.test(text)

function timeWords({ second, minute, hour }: Fields): string | undefined {
  const every = /^\*\/(\d+)$/
  if (second !== '0') {
    if (hour !== '*' || minute !== '*') return undefined
    const steps = every.exec(second)?.[1]
    if (second === '*') return 'every second'
    return steps === undefined ? (isNumber(second) ? `every minute, :${pad(second)}` : undefined) : `every ${steps} s`
  }
  const hours = hour === '*' ? '' : /^\d+-\d+$/.test(hour) ? `, ${hour.split('-').map(pad).join('–')}` : undefined
  const stepped = every.exec(minute)?.[1]
  if (minute === '*' || stepped !== undefined) {
    return hours === undefined ? undefined : `every ${stepped === undefined ? 'minute' : `${stepped} min`}${hours}`
  }
  if (!/^\d+(,\d+)*$/.test(minute)) return undefined
  const minutes = minute.split(',').map(one => `:${pad(one)}`)
  if (hours !== undefined) {
    return minute === '0'
      ? `every hour${hours}`
      : minutes.length === 1
        ? `every hour at ${minutes[0]}${hours}`
        : `at ${listed(minutes)}${hours}`
  }
  const hourly = every.exec(hour)?.[1]
  if (hourly !== undefined) return `every ${hourly} hours${minute === '0' ? '' : ` at ${listed(minutes)}`}`
  if (!/^\d+(,\d+)*$/.test(hour) || minutes.length > 1) return undefined
  return `at ${listed(hour.split(',').map(one => `${pad(one)}${minutes[0]}`))}`
}

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
