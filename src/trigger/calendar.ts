/** The Gregorian calendar by arithmetic: days are counted from 1 January 1970 (day 0), months from 0.
 *  Knows months' lengths, weekdays (0 = Monday), ISO weeks and the 21 shapes a year can have.
 *  Knows no time zone and no time of day; any integer day is a valid input. */

export const SECOND_MS = 1_000
export const DAY_MS = 86_400_000

/** Days and milliseconds after which dates, weekdays and ISO weeks all come round again: 400 years. */
const CYCLE_DAYS = 146_097
export const CYCLE_MS = CYCLE_DAYS * DAY_MS

const BEFORE_MONTH: readonly number[] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
const LENGTHS: readonly number[] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

export const monthLength = (year: number, month: number): number =>
  month === 1 && isLeap(year) ? 29 : (LENGTHS[month] as number)

/** Day number of 1 January. */
function newYear(year: number): number {
  const y = year - 1
  return 365 * (year - 1970) + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) - 477
}

/** Day number of the first of a month. */
export const monthStart = (year: number, month: number): number =>
  newYear(year) + (BEFORE_MONTH[month] as number) + (month > 1 && isLeap(year) ? 1 : 0)

/** 0 = Monday … 6 = Sunday; day 0 was a Thursday. */
export const weekdayOf = (day: number): number => (((day + 3) % 7) + 7) % 7

export function yearOf(day: number): number {
  let year = 1970 + Math.floor(day / 365.2425)
  if (newYear(year) > day) year -= 1
  else if (newYear(year + 1) <= day) year += 1
  return year
}

/** The month (0-11) of a day in its year. */
export function monthOf(day: number, year: number): number {
  let month = Math.min(11, Math.floor((day - newYear(year)) / 29))
  while (monthStart(year, month) > day) month -= 1
  return month
}

/** ISO week (1-53) of the week that holds this Thursday. */
export function weekOfThursday(thursday: number): number {
  return Math.floor((thursday - newYear(yearOf(thursday))) / 7) + 1
}

/** Years of one shape (0-20) have the same weekdays and ISO weeks on all their days. */
export function yearShape(year: number): number {
  const kind = isLeap(year) ? 1 : isLeap(year - 1) ? 2 : 0
  return weekdayOf(newYear(year)) + 7 * kind
}
