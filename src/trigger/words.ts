/** Triggers in words, for people: crontab text through cronstrue, cron fields too where crontab can say the same,
 *  everything else by short sentences of our own. The trigger is checked first; a wrong one is refused as ever. */
import cronstrue from 'cronstrue'
import { CRON_FIELDS, type CronField } from './cron-field.ts'
import { crontabFields } from './crontab.ts'
import { LENGTHS_MS } from './interval.ts'
import { parseTrigger, type Trigger } from './trigger.ts'

/** `At 09:00, Monday through Friday`. */
export function inWords(trigger: Trigger, options: { readonly timezone?: string } = {}): string {
  parseTrigger(trigger, options)
  return words(trigger)
}

function words(trigger: Trigger): string {
  switch (trigger.type) {
    case 'date':
      return trigger.run_date ? `Once, at ${dateText(trigger.run_date)}` : 'Once, at its creation'
    case 'interval': {
      const parts = Object.keys(LENGTHS_MS).flatMap(name => {
        const n = trigger[name as keyof typeof LENGTHS_MS] ?? 0
        return n === 0 ? [] : [n === 1 ? `1 ${name.slice(0, -1)}` : `${n} ${name}`]
      })
      return `Every ${parts.join(' ')}`
    }
    case 'cron':
      return typeof trigger.expression === 'string' ? crontabWords(trigger.expression) : cronWords(trigger)
    default:
      if (trigger.triggers.length === 0) return 'Never'
      return trigger.triggers.map(member => `(${words(member)})`).join(` ${trigger.type} `)
  }
}

const dateText = (date: Date | string): string => (date instanceof Date ? date.toISOString() : date)

function crontabWords(expression: string): string {
  const fields = crontabFields(expression, 'trigger.expression')
  return cronstrue.toString(fields.join(' '), { use24HourTimeFormat: true })
}

function cronWords(trigger: Readonly<Partial<Record<CronField, number | string | null>>>): string {
  const text = (field: CronField): string | undefined => {
    const value = trigger[field]
    return value === undefined || value === null ? undefined : String(value).trim().replace(/ *, */g, ',')
  }
  const least = CRON_FIELDS.findLastIndex(field => text(field) !== undefined)
  const absent = (field: CronField, lowest: string) => (CRON_FIELDS.indexOf(field) < least || least < 0 ? '*' : lowest)
  const day = text('day') ?? absent('day', '1')
  const weekday = text('day_of_week') ?? '*'
  const plain = (text('year') ?? '*') === '*' && (text('week') ?? '*') === '*'
  if (!plain || (day !== '*' && weekday !== '*') || /[a-z]/i.test(day)) return fieldWords(text)
  const rest = [
    text('second') ?? absent('second', '0'),
    text('minute') ?? absent('minute', '0'),
    text('hour') ?? absent('hour', '0'),
  ]
  const crontab = [...rest, day, text('month') ?? absent('month', '1'), fromMonday(weekday)].join(' ')
  return cronstrue.toString(crontab, { use24HourTimeFormat: true, dayOfWeekStartIndexZero: true })
}

/** Weekdays counted from Monday as crontab counts them, by name. */
function fromMonday(text: string): string {
  const names = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN']
  return text.replace(/(^|[,-])(\d)(?=$|[,/-])/g, (_, before: string, n: string) => before + names[Number(n)])
}

/** What crontab cannot say: the fields themselves. */
function fieldWords(text: (field: CronField) => string | undefined): string {
  const parts = CRON_FIELDS.flatMap(field => (text(field) === undefined ? [] : [`${field} ${text(field)}`]))
  return `When ${parts.join(', ')}`
}
