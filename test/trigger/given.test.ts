/** What the functions of triggers refuse beside a wrong trigger: each in a sentence with where it is, what is expected and found. */
import { expect, test } from 'vitest'
import { dueRuns } from '../../src/claim/due.ts'
import { revisionOf } from '../../src/client/revision.ts'
import { statusesOf } from '../../src/client/which.ts'
import { ofType } from '../../src/event.ts'
import { previewTrigger } from '../../src/trigger/preview.ts'
import { fireTimes, nextFireTime } from '../../src/trigger/trigger.ts'

const trigger = { type: 'interval', minutes: 5 } as const
const now = new Date('2027-01-31T08:00:00Z')
const bare = Object.create(null)
/** As a program without types calls them. */
const of = { dueRuns, fireTimes, nextFireTime, ofType, previewTrigger, revisionOf, statusesOf } as unknown as Record<
  string,
  (...given: readonly unknown[]) => unknown
>
const job = { trigger, next_run_time: now }

test.each<[name: string, given: readonly unknown[], sentence: string]>([
  ['nextFireTime', [trigger, undefined, now], 'nextFireTime: previous: expected a date, such as new Date('],
  ['nextFireTime', [trigger, null, '2027'], 'nextFireTime: now: expected a date'],
  ['nextFireTime', [trigger, null, now, null], 'nextFireTime: options: expected an object such as {timezone'],
  ['nextFireTime', [trigger, null, now, 5], 'nextFireTime: options: expected an object'],
  [
    'nextFireTime',
    [trigger, null, now, { zone: 'UTC' }],
    'nextFireTime: zone: there is no such option; known: timezone',
  ],
  ['nextFireTime', [trigger, null, now, { timezone: 'Mars' }], 'nextFireTime: timezone: expected a time zone'],
  ['fireTimes', [trigger, null], 'fireTimes: options: expected an object'],
  ['fireTimes', [trigger, { cuont: 3 }], 'fireTimes: cuont: there is no such option; did you mean count?'],
  [
    'fireTimes',
    [trigger, { count: bare }],
    'fireTimes: count: expected a whole number from 0 to 100000; found an object',
  ],
  ['fireTimes', [trigger, { count: Symbol('x') }], 'fireTimes: count: expected a whole number'],
  ['fireTimes', [trigger, { after: new Date(Number.NaN) }], 'fireTimes: after: expected a date, such as'],
  [
    'fireTimes',
    [trigger, { timezone: 5 }],
    'fireTimes: timezone: expected a time zone such as Europe/Berlin or UTC; found 5',
  ],
  ['previewTrigger', [trigger, null], 'previewTrigger: options: expected an object'],
  ['previewTrigger', [trigger, { timezone: 'Mars' }], 'previewTrigger: timezone: expected a time zone'],
  ['previewTrigger', [trigger, { count: bare }], 'previewTrigger: count: expected a whole number'],
  ['previewTrigger', [trigger, { after: 'now' }], 'previewTrigger: after: expected a date'],
  ['dueRuns', [null, now], 'dueRuns: job: expected an object with a trigger; found null'],
  ['dueRuns', [{ ...job, coalesce: bare }, now], 'dueRuns: coalesce: expected true or false; found an object'],
  ['dueRuns', [{ ...job, misfire_grace_time: bare }, now], 'dueRuns: misfire_grace_time: expected seconds above 0'],
  ['dueRuns', [{ ...job, next_run_time: 'soon' }, now], 'dueRuns: next_run_time: expected a date'],
  ['dueRuns', [job, now, null], 'dueRuns: options: expected an object'],
  ['dueRuns', [job, now, { timezone: 'Mars' }], 'dueRuns: timezone: expected a time zone'],
  ['ofType', ['run.eror'], 'ofType: there is no event "run.eror"; did you mean run.error?'],
  ['ofType', ['run.error', 5], 'ofType: there is no event of type number'],
  ['statusesOf', [null], 'statusesOf: job: expected a job; found null'],
  ['statusesOf', [5], 'statusesOf: job: expected a job; found 5'],
  ['revisionOf', [undefined], 'revisionOf: job: expected a job; found nothing'],
])('%s(%o)', (name, given, sentence) => {
  let thrown: unknown
  try {
    of[name]?.(...given)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject({ name: 'TidewheelError', code: 'invalid_option' })
  expect((thrown as Error).message.slice(0, sentence.length)).toBe(sentence)
})

test('a wrong zone of the trigger itself is the trigger’s', () => {
  expect(() => fireTimes({ ...trigger, timezone: 'Mars' })).toThrow(/^trigger\.timezone: /)
})
