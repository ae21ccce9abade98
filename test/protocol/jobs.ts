/** Jobs of the models: one that runs every minute of the model and was planned for minute 1, and what happens to it. */
import type { Job, RunningEntry } from '../../src/job/job.ts'
import type { Outcome } from '../../src/job/outcome.ts'
import { fingerprint, type Trigger } from '../../src/trigger/trigger.ts'
import { matches, type Plain, updated } from './document.ts'
import { fixed } from './explore.ts'
import { type Command, minute } from './real.ts'

export const EVERY_MINUTE: Trigger = { type: 'interval', minutes: 1, start_date: minute(0) }
export const EVERY_OTHER: Trigger = { type: 'interval', minutes: 2, start_date: minute(0) }

export const plannedFor = (next: Date | null, trigger = EVERY_MINUTE) => ({
  next_run_time: next,
  trigger: fingerprint(trigger, 'UTC'),
})

/** As a node left it that planned it for minute 1. */
export const aJob = (fields: object = {}, state: object = {}): Job =>
  ({
    _id: 'job',
    func: 'note',
    ip: 'a',
    trigger: EVERY_MINUTE,
    misfire_grace_time: null,
    next_run_time: minute(1),
    touch: 'x',
    ...fields,
    state: { job: 'job', planned: plannedFor(minute(1)), ...state },
  }) as unknown as Job

export const anEntry = (run_id: string, incarnation = 'a1', node = 'a'): RunningEntry =>
  ({ run_id, job: 'job', run_time: minute(0), claimed: minute(0), node, incarnation, attempt: 1 }) as RunningEntry

export const anOutcome = (job: Job, run_id: string, more: Partial<Outcome> = {}): Outcome => ({
  job,
  entry: anEntry(run_id),
  stands: 'running',
  status: 'executed',
  finished: minute(0),
  duration: 0,
  late: 0,
  ...more,
})

const STAMPS = { now: minute(0), timestamp: { _bsontype: 'Timestamp' } }

/** A command reaches the document: the document after it, null where it was deleted, undefined where it did not match. */
export function reach(job: Job | null, { filter, update }: Command): Job | null | undefined {
  if (job === null || !matches(job, filter)) return undefined
  return update === undefined ? null : fixed(updated(job, update as Plain, STAMPS, filter))
}
