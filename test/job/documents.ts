/** Documents for the parser and for MongoDB's validator: both must say the same of each.
 *  A bad one names the field whose description a person must get to read. */
import { Long, ObjectId, Timestamp } from 'mongodb'

export type Document = Record<string, unknown>

export const EVERY_FIVE_MINUTES = { type: 'interval', minutes: 5 }
const AT = new Date('2026-01-31T08:00:00Z')

export const job = (fields: Document = {}): Document => ({
  _id: 'a',
  func: 'mail:digest',
  trigger: EVERY_FIVE_MINUTES,
  ...fields,
})
const timed = (trigger: unknown) => job({ trigger })
const without = (field: string) => Object.fromEntries(Object.entries(job()).filter(([name]) => name !== field))

const RUNNING = {
  run_id: 'r1',
  job: 'a',
  run_time: AT,
  claimed: AT,
  node: '10.0.0.7',
  incarnation: 'i1',
  attempt: 1,
}

export const GOOD: readonly (readonly [name: string, document: Document])[] = [
  ['only what is required', job()],
  ['an id of 255 characters', job({ _id: 'x'.repeat(255) })],
  ['an id of 255 characters outside the first plane', job({ _id: '🌊'.repeat(255) })],
  ['texts for people', job({ name: 'Digest', description: '', tags: ['mail', ''], note: 'ask Ann' })],
  ['arguments of any kind', job({ args: [1, 'two', { three: [AT, null] }], kwargs: { to: { deep: [1] } } })],
  ['a node by address', job({ ip: 'fe80::1' })],
  ['a node whose name begins with any', job({ ip: 'anyhost' })],
  ['standby of some', job({ standby: ['10.0.0.8', 'b'] })],
  ['standby of all', job({ standby: 'any' })],
  ['standby of none', job({ standby: [] })],
  ['fractions of seconds', job({ misfire_grace_time: 0.5, timeout: 0.001 })],
  ['no limits', job({ misfire_grace_time: null, timeout: null, pause_after_failures: null })],
  ['integers written as doubles', job({ max_instances: 1000, pause_after_failures: 5 })],
  ['a long', job({ max_instances: Long.fromNumber(3) })],
  ['each choice', job({ overlap: 'queue_one', on_interrupt: 'rerun', coalesce: false })],
  ['retry', job({ retry: { max_attempts: 3, delay: 0, factor: 2, max_delay: 60.5 } })],
  ['paused', job({ next_run_time: null })],
  ['armed by hand', job({ next_run_time: AT, run_at: [AT, AT], cancel: '*' })],
  ['own data', job({ x_: 1, x_owner: { any: ['thing'] } })],
  [
    'what nodes write',
    job({
      touch: 't',
      state: {
        job: 'a',
        running: [RUNNING, { ...RUNNING, retry_at: AT }],
        waiting: { run_time: AT },
        runs: 7,
        fence: new Timestamp({ t: 1, i: 2 }),
        claimed_to: AT,
        unrecorded: [{ run_id: 'r0' }],
        last_run_time: AT,
        last_status: 'executed',
        failures: 0,
        error: 'no such func',
        over: false,
        paused_by: 'failures',
        placed: true,
        home: '10.0.0.9',
        planned: { next_run_time: null, trigger: '1:abc', ordered: true },
      },
    }),
  ],
  [
    'what nodes of a newer version write',
    job({ state: { later: 1, planned: { next_run_time: AT, trigger: '2:x', more: 1 } } }),
  ],
  ['a date without a date', timed({ type: 'date' })],
  ['a date', timed({ type: 'date', run_date: AT })],
  ['a date as text', timed({ type: 'date', run_date: '2026-01-31 08:00:00', timezone: 'Europe/Paris' })],
  [
    'an interval in parts',
    timed({ type: 'interval', weeks: 0, days: 1, hours: 0.5, start_date: AT, end_date: '2027-01-01', jitter: 3 }),
  ],
  ['cron of numbers and text', timed({ type: 'cron', day_of_week: 'mon-fri', hour: 8, minute: '*/15' })],
  ['crontab text', timed({ type: 'cron', expression: '*/5 * * * *', timezone: 'America/New_York' })],
  ['days off', timed({ type: 'cron', hour: 8, exclude: ['2026-12-25', { from: '2026-08-01', to: '2026-08-31' }] })],
  ['or', timed({ type: 'or', triggers: [{ type: 'cron', hour: 8 }, EVERY_FIVE_MINUTES], jitter: 1 })],
  [
    'and within or',
    timed({
      type: 'or',
      triggers: [
        {
          type: 'and',
          triggers: [
            { type: 'cron', hour: 8 },
            { type: 'cron', minute: 0 },
          ],
        },
      ],
    }),
  ],
]

/** `field` begins the description that a person gets to read. */
export const BAD: readonly (readonly [name: string, document: Document, field: string])[] = [
  ['no func', without('func'), 'func:'],
  ['no trigger', without('trigger'), 'trigger:'],
  ['an ObjectId as id', job({ _id: new ObjectId() }), '_id: job ids are strings'],
  ['a number as id', job({ _id: 5 }), '_id:'],
  ['an empty id', job({ _id: '' }), '_id:'],
  ['an id of 256 characters', job({ _id: 'x'.repeat(256) }), '_id:'],
  ['an empty func', job({ func: '' }), 'func:'],
  ['name no text', job({ name: 5 }), 'name:'],
  ['description null', job({ description: null }), 'description:'],
  ['tags one text', job({ tags: 'mail' }), 'tags:'],
  ['tags of numbers', job({ tags: [1] }), 'tags:'],
  ['args no array', job({ args: { a: 1 } }), 'args:'],
  ['kwargs no object', job({ kwargs: [1] }), 'kwargs:'],
  ['kwargs a date', job({ kwargs: AT }), 'kwargs:'],
  ['ip null', job({ ip: null }), 'ip:'],
  ['ip empty', job({ ip: '' }), 'ip:'],
  ['ip any', job({ ip: 'any' }), 'ip:'],
  ['ip with a blank', job({ ip: '10.0.0.7 ' }), 'ip:'],
  ['ip with a last newline', job({ ip: '10.0.0.7\n' }), 'ip:'],
  ['standby another word', job({ standby: 'all' }), 'standby:'],
  ['standby with any inside', job({ standby: ['any'] }), 'standby:'],
  ['executor empty', job({ executor: '' }), 'executor:'],
  ['grace 0', job({ misfire_grace_time: 0 }), 'misfire_grace_time:'],
  ['grace below 0', job({ misfire_grace_time: -1 }), 'misfire_grace_time:'],
  ['grace as text', job({ misfire_grace_time: '60' }), 'misfire_grace_time:'],
  ['grace endless', job({ misfire_grace_time: Number.POSITIVE_INFINITY }), 'misfire_grace_time:'],
  ['grace not a number', job({ misfire_grace_time: Number.NaN }), 'misfire_grace_time:'],
  ['coalesce 1', job({ coalesce: 1 }), 'coalesce:'],
  ['max_instances 0', job({ max_instances: 0 }), 'max_instances:'],
  ['max_instances 1001', job({ max_instances: 1001 }), 'max_instances:'],
  ['max_instances 1.5', job({ max_instances: 1.5 }), 'max_instances:'],
  ['max_instances null', job({ max_instances: null }), 'max_instances:'],
  ['overlap unknown', job({ overlap: 'queue' }), 'overlap:'],
  ['pause_after_failures 0', job({ pause_after_failures: 0 }), 'pause_after_failures:'],
  ['note a number', job({ note: 1 }), 'note:'],
  ['timeout 0', job({ timeout: 0 }), 'timeout:'],
  ['retry without delay', job({ retry: { max_attempts: 3 } }), 'retry:'],
  ['retry with a misspelt field', job({ retry: { max_attempts: 3, delay: 1, max_dely: 3 } }), 'retry'],
  ['retry of no attempts', job({ retry: { max_attempts: 0, delay: 1 } }), 'retry:'],
  ['on_interrupt unknown', job({ on_interrupt: 'retry' }), 'on_interrupt:'],
  ['next_run_time as text', job({ next_run_time: '2026-01-31T08:00:00Z' }), 'next_run_time:'],
  ['run_at one date', job({ run_at: AT }), 'run_at:'],
  ['run_at of text', job({ run_at: ['2026-01-31'] }), 'run_at:'],
  ['run_at of 1001', job({ run_at: Array.from({ length: 1001 }, () => AT) }), 'run_at:'],
  ['cancel true', job({ cancel: true }), 'cancel:'],
  ['cancel empty', job({ cancel: '' }), 'cancel:'],
  ['state no object', job({ state: 'x' }), 'state:'],
  ['state.running no array', job({ state: { running: {} } }), 'state:'],
  ['state.runs text', job({ state: { runs: '7' } }), 'state:'],
  ['touch a number', job({ touch: 1 }), 'touch:'],
  ['a trigger as text', timed('interval'), 'trigger:'],
  ['a trigger without type', timed({ minutes: 5 }), 'trigger'],
  ['a trigger of no known type', timed({ type: 'intervall', minutes: 5 }), 'trigger'],
  ['minutes below 0', timed({ type: 'interval', minutes: -5 }), 'trigger.minutes'],
  ['minutes as text', timed({ type: 'interval', minutes: '5' }), 'trigger.minutes'],
  ['an interval of 0', timed({ type: 'interval', minutes: 0, hours: 0 }), 'trigger'],
  ['an interval of nothing', timed({ type: 'interval' }), 'trigger'],
  ['a misspelt part', timed({ type: 'interval', minuts: 5 }), 'trigger'],
  ['a field of another type', timed({ type: 'interval', minutes: 5, hour: 8 }), 'trigger'],
  ['run_date in cron', timed({ type: 'cron', run_date: AT }), 'trigger'],
  ['run_date a number', timed({ type: 'date', run_date: 5 }), 'trigger.run_date'],
  ['a zone that is a number', timed({ type: 'cron', hour: 8, timezone: 1 }), 'trigger.timezone'],
  ['an hour that is a date', timed({ type: 'cron', hour: AT }), 'trigger.hour'],
  ['expression and fields', timed({ type: 'cron', expression: '0 8 * * *', hour: 8 }), 'trigger'],
  ['jitter below 0', timed({ ...EVERY_FIVE_MINUTES, jitter: -1 }), 'trigger.jitter'],
  ['and without triggers', timed({ type: 'and' }), 'trigger'],
  ['triggers no array', timed({ type: 'or', triggers: {} }), 'trigger'],
  ['a member without type', timed({ type: 'or', triggers: [{ hour: 8 }] }), 'trigger'],
  ['a member below 0', timed({ type: 'or', triggers: [{ type: 'interval', minutes: -5 }] }), 'trigger'],
  [
    'a bad member of a member',
    timed({ type: 'or', triggers: [{ type: 'and', triggers: [{ type: 'interval' }] }] }),
    'trigger',
  ],
]

/** Fields that are none: MongoDB names them, we also say what was meant. */
export const UNKNOWN: readonly (readonly [field: string, meant: string | undefined])[] = [
  ['max_instance', 'max_instances'],
  ['Executor', 'executor'],
  ['maxInstances', 'max_instances'],
  ['next_runtime', 'next_run_time'],
  ['owner', undefined],
  ['X_owner', undefined],
]

/** What the validator cannot see. */
export const ONLY_PARSER: readonly (readonly [name: string, document: Document, path: string])[] = [
  ['a zone that does not exist', timed({ type: 'cron', hour: 8, timezone: 'Mars/Olympus' }), 'trigger.timezone'],
  ['an hour out of range', timed({ type: 'cron', hour: 24 }), 'trigger.hour'],
  ['text that is no date', timed({ type: 'date', run_date: 'tomorrow' }), 'trigger.run_date'],
  ['crontab text of four fields', timed({ type: 'cron', expression: '* * * *' }), 'trigger.expression'],
]
