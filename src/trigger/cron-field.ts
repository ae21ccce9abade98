/** One field of a cron trigger: APScheduler's text or number → its items, each a range or a place in the month.
 *  Knows every field's limits and names and refuses everything else with a sentence: which value, what is allowed.
 *  Knows nothing of the other fields, of dates or of crontab text. */
import { nearest } from '../errors.ts'
import { refuse, shown } from './refuse.ts'

export type CronField = 'year' | 'month' | 'day' | 'week' | 'day_of_week' | 'hour' | 'minute' | 'second'

/** `nth` 1-5, or 6 for the last, `weekday` (0 = Monday) of the month. */
export type CronItem =
  | { readonly kind: 'range'; readonly first: number; readonly last: number; readonly step: number }
  | { readonly kind: 'place'; readonly nth: number; readonly weekday: number }
  | { readonly kind: 'last' }

/** Lowest and highest value of each field, from the most to the least significant. */
export const LIMITS: Readonly<Record<CronField, readonly [lowest: number, highest: number]>> = {
  year: [1970, 9999],
  month: [1, 12],
  day: [1, 31],
  week: [1, 53],
  day_of_week: [0, 6],
  hour: [0, 23],
  minute: [0, 59],
  second: [0, 59],
}

export const CRON_FIELDS = Object.keys(LIMITS) as readonly CronField[]

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const PLACES = ['1st', '2nd', '3rd', '4th', '5th', 'last']

/** A field's names and the value of the first of them. */
const NAMES: Partial<Record<CronField, readonly [names: readonly string[], first: number]>> = {
  month: [MONTHS, 1],
  day_of_week: [WEEKDAYS, 0],
}

export function cronItems(field: CronField, value: unknown, path: string): readonly CronItem[] {
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) refuse(path, `${value} is not a whole number; ${allowed(field)}`, value)
  } else if (typeof value !== 'string') refuse(path, `${shown(value)} is not allowed; ${allowed(field)}`, value)
  return String(value)
    .trim()
    .split(/ *, */)
    .map(text => cronItem(field, text, path))
}

function cronItem(field: CronField, text: string, path: string): CronItem {
  if (text === '') refuse(path, `an item is empty; ${allowed(field)}`, text)
  const parts = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(text)
  if (parts) {
    const [lowest, highest] = LIMITS[field]
    const step = parts[3] === undefined ? null : Number(parts[3])
    const first = parts[1] === undefined ? lowest : Number(parts[1])
    const last = parts[2] !== undefined ? Number(parts[2]) : parts[1] === undefined || step !== null ? highest : first
    return range(field, { first, last, step }, text, path)
  }
  const word = text.toLowerCase()
  if (field === 'day') return place(word) ?? refuse(path, `${shown(text)} is not understood; ${allowed(field)}`, text)
  return named(field, word, text, path)
}

function range(
  field: CronField,
  { first, last, step }: { first: number; last: number; step: number | null },
  text: string,
  path: string,
): CronItem {
  const [lowest, highest] = LIMITS[field]
  const note = field === 'day_of_week' ? ' (0 is Monday, 6 is Sunday)' : ''
  for (const value of [first, last]) {
    if (value < lowest) refuse(path, `${value} is below ${lowest}${note}`, text)
    if (value > highest) refuse(path, `${value} is above ${highest}${note}`, text)
  }
  if (first > last)
    refuse(path, `${text} runs backwards; write it as two ranges, such as ${split(field, first, last)}`, text)
  if (step === 0) refuse(path, `the step of ${text} is 0; 1 is the smallest`, text)
  // 0-0/n is let pass, as APScheduler does: there is nothing it could skip.
  if (step !== null && step > last - first && last > 0)
    refuse(path, `the step of ${text} is larger than its range: ${first}-${last} allows ${last - first} at most`, text)
  return { kind: 'range', first, last, step: step ?? 1 }
}

function split(field: CronField, first: number, last: number): string {
  const [lowest, highest] = LIMITS[field]
  const [names, base] = NAMES[field] ?? [[], 0]
  const name = (n: number) => names[n - base] ?? String(n)
  const part = (a: number, b: number) => (a === b ? name(a) : `${name(a)}-${name(b)}`)
  return `${part(first, highest)},${part(lowest, last)}`
}

/** `last`, `last fri`, `2nd mon`. */
function place(word: string): CronItem | undefined {
  if (word === 'last') return { kind: 'last' }
  const [nth = '', name = '', ...rest] = word.split(/ +/)
  const weekday = WEEKDAYS.indexOf(name)
  if (weekday < 0 || rest.length > 0 || !PLACES.includes(nth)) return undefined
  return { kind: 'place', nth: PLACES.indexOf(nth) + 1, weekday }
}

/** `jan`, `mon-fri`. */
function named(field: CronField, word: string, text: string, path: string): CronItem {
  const [names, base] = NAMES[field] ?? [[], 0]
  const values = word.split('-').map(name => names.indexOf(name))
  const [first = -1, last = first] = values
  if (values.length <= 2 && first >= 0 && last >= 0)
    return range(field, { first: first + base, last: last + base, step: null }, text, path)
  const near = nearest(word, names)
  return refuse(
    path,
    `${shown(text)} is not understood; ${near ? `did you mean ${near}? ` : ''}${allowed(field)}`,
    text,
  )
}

function allowed(field: CronField): string {
  const [lowest, highest] = LIMITS[field]
  const names = NAMES[field]?.[0]
  const more = names ? `, names such as ${names[0]} or ${names[0]}-${names[2]}` : ''
  const places = field === 'day' ? ', last, 1st mon, last fri' : ''
  return `allowed are *, */n, a, a-b, a-b/n and a/n within ${lowest}-${highest}${more}${places}, and lists of them`
}
