/** Flat job: a job as Flask-APScheduler shows it.
 *  In: a document as it lies in the database, the zone in which it is reckoned, the present. Out: its fields under the names of
 *  APScheduler, what is absent as what it means, and `next_run_time` as its owner will plan it, also where that is still to come.
 *  Every document has a form, also one that breaks the rules: it has no next run then. Pure. */
import { JOB_DEFAULTS, type Job, nameOf } from '../job/job.ts'
import { parseJob } from '../job/parse.ts'
import { ownState, plan } from '../job/plan.ts'
import { isoText } from '../trigger/iso.ts'
import { fingerprint } from '../trigger/trigger.ts'
import { type Fields, flatTrigger, rawTrigger } from './flat-trigger.ts'

export interface FlatOptions {
  /** The zone of the job: its trigger's, else that of its node. */
  readonly timezone: string
  /** Epoch ms. */
  readonly now: number
  /** It was changed just now: what its owner complained of (`state.error`) says nothing any more. Default: false. */
  readonly edited?: boolean
}

export function flatOf(job: Job, { timezone, now, edited = false }: FlatOptions): Fields {
  const read = parseJob(job, { timezone })
  const isValid = 'trigger' in read
  const next =
    isValid && (edited || ownState(job)?.error === undefined) ? nextOf(job, timezone, now, read.trigger) : null
  return {
    id: job._id,
    name: nameOf(job),
    func: job.func,
    args: job.args ?? JOB_DEFAULTS.args,
    kwargs: job.kwargs ?? JOB_DEFAULTS.kwargs,
    ...(isValid ? flatTrigger(job.trigger, timezone, next) : rawTrigger(job.trigger, timezone)),
    timezone,
    misfire_grace_time: job.misfire_grace_time === undefined ? JOB_DEFAULTS.misfire_grace_time : job.misfire_grace_time,
    coalesce: job.coalesce ?? JOB_DEFAULTS.coalesce,
    max_instances: job.max_instances ?? JOB_DEFAULTS.max_instances,
    executor: job.executor ?? JOB_DEFAULTS.executor,
    ip: job.ip ?? null,
    standby: job.standby ?? (ownState(job)?.placed === true ? 'any' : JOB_DEFAULTS.standby),
    tags: job.tags ?? JOB_DEFAULTS.tags,
    next_run_time: next === null ? null : isoText(next, timezone),
  }
}

type Parsed = Parameters<typeof plan>[0]['trigger']

/** When the owner will run it next; null: it is paused, or over. */
function nextOf(job: Job, timezone: string, now: number, trigger: Parsed): Date | null {
  const planned = plan({ job, trigger, fingerprint: fingerprint(job.trigger, timezone), now })
  return planned.state === 'armed' ? new Date(planned.due) : null
}
