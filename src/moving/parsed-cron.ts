/** Parsed cron: crontab text as programs on cron-parser mean it (Agenda, BullMQ), as text that means the same here.
 *  The difference: with day and weekday both restricted cron-parser takes either, also where one of them is a star with a step; cron
 *  and we take both then, so that such a star is spelt out. Text that we refuse stays as it is, and is refused where it is checked. */

const NAMED: Readonly<Record<string, string>> = {
  '@secondly': '* * * * * *',
  '@minutely': '* * * * *',
  '@weekdays': '0 0 * * 1-5',
  '@weekends': '0 0 * * 0,6',
}

export function parsedCron(text: string): string {
  const trimmed = text.trim()
  const named = NAMED[trimmed.toLowerCase()]
  if (named !== undefined || trimmed.startsWith('@')) return named ?? trimmed
  const fields = trimmed.split(/\s+/)
  const [day, , weekday] = fields.slice(-3)
  if (fields.length < 5 || day === undefined || weekday === undefined || isAny(day) || isAny(weekday)) {
    return fields.join(' ')
  }
  const spelt = [...fields]
  spelt[fields.length - 3] = day.replace(/^\*\//, '1-31/')
  spelt[fields.length - 1] = weekday.replace(/^\*\//, '0-7/')
  return spelt.join(' ')
}

const isAny = (field: string) => field === '*' || field === '?'
