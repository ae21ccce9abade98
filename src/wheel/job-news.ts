/** Job news: what a change of a document is news of.
 *  In: an entry as it is now and as it was, and how the change came. Out: at most one piece of news; a change that tells nothing
 *  new, such as one that comes twice, is none. Pure. */
import type { Source } from '../change/change.ts'
import type { Problem } from '../errors.ts'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import { ownState, type Plan } from '../job/plan.ts'
import type { Entry } from './entry.ts'

/** News of a job that carries its next run time. */
export function jobNews(type: 'job.added' | 'job.modified' | 'job.resumed', entry: Entry): News {
  const next_run_time = entry.due === undefined ? null : new Date(entry.due)
  return { type, job_id: entry.id, next_run_time }
}

/** Whether an entry was paused or resumed. */
export function turned(before: Plan['state'], entry: Entry, by?: string): News | undefined {
  if (before === 'armed' && entry.state === 'paused')
    return { type: 'job.paused', job_id: entry.id, ...(by !== undefined && { by }) }
  if (before === 'paused' && entry.state === 'armed') return jobNews('job.resumed', entry)
  return undefined
}

/** What a put document is news of: `was` is undefined where the job was not held. */
export function newsOf(
  entry: Entry,
  job: Job,
  was: Pick<Entry, 'state' | 'problems'> | undefined,
  from: Source,
): News | undefined {
  if (entry.state === 'invalid' && !sameProblems(entry.problems, was?.problems)) {
    return { type: 'job.invalid', job_id: job._id, problems: entry.problems }
  }
  if (was === undefined) {
    if (from === 'insert') return jobNews('job.added', entry)
    if (from !== 'read' && from !== 'given' && from !== 'replace') return undefined
    if (ownState(job)?.placed === true) return { type: 'job.adopted', job_id: job._id, ip: job.ip ?? '' }
    return { type: 'job.moved', job_id: job._id, from: null, to: job.ip ?? null }
  }
  const turn = turned(was.state, entry, ownState(job)?.paused_by)
  if (turn !== undefined) return turn
  return entry.edited || from === 'replace' ? jobNews('job.modified', entry) : undefined
}

const sameProblems = (a: readonly Problem[], b: readonly Problem[] | undefined) =>
  b !== undefined && a.length === b.length && a.every((problem, i) => problem.message === b[i]?.message)
