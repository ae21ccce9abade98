/** Given: what a client of Flask-APScheduler hands over, as what `jobs.add` and `jobs.update` take.
 *  In: a body whose names are known. Out: the flat form, with the rules that only Flask-APScheduler has: an id is needed and never
 *  changes, a new trigger comes with all its fields and starts its schedule anew, also that of a paused job.
 *  What else is wrong is told by those who store it. Pure. */
import { TidewheelError } from '../errors.ts'
import { type FlatJob, isObject, type JobChanges } from '../job/job.ts'
import { show } from '../job/parse.ts'
import { dateIn } from '../trigger/iso.ts'
import { TRIGGER_FIELDS } from '../trigger/trigger.ts'
import type { Fields } from './flat-trigger.ts'

/** Fields of a trigger that lie beside the job's. */
export const TRIGGER_NAMES: readonly string[] = Object.keys(TRIGGER_FIELDS).filter(name => name !== 'type')

/** A job to add. `timezone`: of text that names no offset, where the trigger names no zone. */
export function addedOf(body: Fields, timezone: string): FlatJob {
  const { id, name } = body
  if (typeof id !== 'string' || id === '')
    throw wrong('id', `expected the id of the job, text such as digest; found ${show(id)}`)
  const { name: _name, ...rest } = body
  // Flask-APScheduler takes an empty name for none.
  const named = name === undefined || name === null || name === '' ? rest : body
  return withDate(named, timezone) as unknown as FlatJob
}

/** Changes of a job. */
export function changesOf(body: Fields, timezone: string): JobChanges {
  const { id, trigger, jobstore: _store, ...rest } = body
  if (id !== undefined) throw wrong('id', 'a job keeps its id; add another one, and remove this one')
  const isTrigger = typeof trigger === 'string' || isObject(trigger)
  if (trigger !== undefined && !isTrigger) {
    throw wrong('trigger', `expected date, interval, cron, and or or, with its fields; found ${show(trigger)}`)
  }
  const loose = isTrigger ? undefined : TRIGGER_NAMES.find(name => rest[name] !== undefined)
  if (loose !== undefined) {
    throw wrong(
      loose,
      'is a field of a trigger; give trigger and all its fields, such as trigger: interval, seconds: 5',
    )
  }
  if (!isTrigger) return withDate(rest, timezone) as JobChanges
  // Without a time of its own it is planned anew, which ends a pause.
  return { next_run_time: undefined, ...withDate({ ...rest, trigger }, timezone) } as JobChanges
}

/** A zone that the body names, wherever its trigger stands. */
function zoneIn({ trigger, timezone }: Fields): string | undefined {
  const named = (isObject(trigger) ? trigger.timezone : undefined) ?? timezone
  return typeof named === 'string' ? named : undefined
}

function withDate(body: Fields, timezone: string): Fields {
  const { next_run_time: next } = body
  if (typeof next !== 'string') return body
  return { ...body, next_run_time: dateIn(next, zoneIn(body) ?? timezone, 'next_run_time') }
}

const wrong = (path: string, message: string) =>
  new TidewheelError('invalid_job', `${path}: ${message}`, { problems: [{ path, message: `${path}: ${message}` }] })
