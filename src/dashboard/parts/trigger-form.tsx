/** Trigger form: when a job runs, by the kinds of trigger people know.
 *  In: a draft. Out: its trigger. `and`, `or` and whatever the form does not show are edited in the document. */

import type { Trigger } from '../shapes.ts'
import { problemsAt } from '../store/draft.ts'
import { Field, type FormProps, Small, Text } from './field.tsx'

const UNITS = ['weeks', 'days', 'hours', 'minutes', 'seconds'] as const
const CRON = ['minute', 'hour', 'day', 'month', 'day_of_week', 'second'] as const

type Kind = 'interval' | 'crontab' | 'cron' | 'date' | 'and' | 'or'

const KINDS: Readonly<Record<Kind, { readonly words: string; readonly first: Trigger }>> = {
  interval: { words: 'every', first: { type: 'interval', minutes: 5 } },
  crontab: { words: 'crontab', first: { type: 'cron', expression: '*/5 * * * *' } },
  cron: { words: 'cron fields', first: { type: 'cron', hour: '9', minute: '0' } },
  date: { words: 'once', first: { type: 'date' } },
  and: { words: 'all of', first: { type: 'and', triggers: [] } },
  or: { words: 'any of', first: { type: 'or', triggers: [] } },
}

function kindOf(trigger: Trigger): Kind {
  if (trigger.type === 'cron') return typeof trigger.expression === 'string' ? 'crontab' : 'cron'
  return trigger.type in KINDS ? (trigger.type as Kind) : 'interval'
}

export function TriggerForm({ draft, problems, set }: FormProps) {
  const given = draft.document.trigger
  const trigger = (typeof given === 'object' && given !== null ? given : { type: 'interval' }) as Trigger
  const kind = kindOf(trigger)
  const turn = (to: Kind) => {
    const zone = trigger.timezone === undefined ? {} : { timezone: trigger.timezone }
    set('trigger', { ...KINDS[to].first, ...zone })
  }
  const own = problemsAt(problems, 'trigger').filter(({ path }) => path !== 'trigger.timezone')
  return (
    <>
      <Field label="When" path="trigger" problems={own} all>
        {id => (
          <div class="when">
            <select
              id={id}
              value={kind}
              aria-label="Kind of trigger"
              onChange={event => turn(event.currentTarget.value as Kind)}
            >
              {Object.entries(KINDS).map(([name, { words }]) => (
                <option key={name} value={name}>
                  {words}
                </option>
              ))}
            </select>
            <Parts kind={kind} trigger={trigger} set={set} problems={own} />
          </div>
        )}
      </Field>
      {kind !== 'and' && kind !== 'or' && (
        <Field label="Zone" path="trigger.timezone" problems={problems}>
          {id => (
            <Text
              id={id}
              value={typeof trigger.timezone === 'string' ? trigger.timezone : ''}
              set={value => set('trigger.timezone', value === '' ? undefined : value)}
              mono
              placeholder="that of its node"
            />
          )}
        </Field>
      )}
    </>
  )
}

interface PartsProps {
  readonly kind: Kind
  readonly trigger: Trigger
  readonly set: FormProps['set']
  readonly problems: FormProps['problems']
}

function Parts({ kind, trigger, set, problems }: PartsProps) {
  const invalid = (name: string) => problems.some(({ path }) => path === `trigger.${name}` || path === 'trigger')
  const text = (name: string) => (trigger[name] === undefined || trigger[name] === null ? '' : String(trigger[name]))
  const setOr = (name: string) => (value: string) => set(`trigger.${name}`, value === '' ? undefined : value)
  switch (kind) {
    case 'interval':
      return (
        <span class="phrase">
          {UNITS.filter(
            unit => trigger[unit] !== undefined || unit === 'minutes' || unit === 'seconds' || unit === 'hours',
          ).map(unit => (
            <span key={unit} class="unit">
              <Small
                value={text(unit)}
                set={value => set(`trigger.${unit}`, value === '' ? undefined : Number(value))}
                placeholder="0"
                label={unit}
                invalid={invalid(unit)}
              />{' '}
              {unit}
            </span>
          ))}
        </span>
      )
    case 'crontab':
      return (
        <Text
          value={text('expression')}
          set={value => set('trigger.expression', value)}
          mono
          label="Crontab expression"
          invalid={invalid('expression')}
        />
      )
    case 'cron':
      return (
        <span class="cron-fields">
          {CRON.map(field => (
            <span key={field}>
              <Text value={text(field)} set={setOr(field)} mono label={field} invalid={invalid(field)} />
              <span class="label">{field === 'day_of_week' ? 'weekday' : field}</span>
            </span>
          ))}
        </span>
      )
    case 'date':
      return (
        <Text
          value={text('run_date')}
          set={setOr('run_date')}
          mono
          placeholder="2026-01-31 08:00"
          label="Run date"
          invalid={invalid('run_date')}
        />
      )
    default:
      return <span class="support">its triggers stand in the document below</span>
  }
}
