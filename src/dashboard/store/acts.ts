/** Acts: what a person does to jobs, each with its way back.
 *  In: jobs as they were seen. Out: the same edits that mongosh would make, a sentence on how they went, and an undo where there is
 *  one: pause, resume, move, remove. A run that was ordered and one that was cancelled cannot be undone. */
import { ask, at, get, post, wordsOf } from '../api.ts'
import type { BulkAction, BulkAnswer, Job } from '../shapes.ts'
import { counted } from '../words/time.ts'
import { rights } from './me.ts'
import { say } from './said.ts'
import { queryOf, type Search } from './search.ts'
import { remember } from './undo.ts'

/** Some jobs, or all that a search finds. */
export type Chosen =
  | { readonly jobs: readonly Job[] }
  | { readonly all: Search; readonly count: number; readonly exact: boolean }

export interface Act {
  readonly action: BulkAction
  readonly ip?: string
  readonly note?: string
}

export const UNDOABLE: ReadonlySet<BulkAction> = new Set(['pause', 'resume', 'move', 'remove'])

export const VERBS: Readonly<Record<BulkAction, { readonly verb: string; readonly done: string }>> = {
  pause: { verb: 'Pause', done: 'paused' },
  resume: { verb: 'Resume', done: 'resumed' },
  run: { verb: 'Run', done: 'ordered to run now' },
  move: { verb: 'Move', done: 'moved' },
  remove: { verb: 'Remove', done: 'removed' },
  cancel: { verb: 'Cancel', done: 'asked to cancel' },
}

const bodyOf = (chosen: Chosen, act: Act) => ({
  ...act,
  ...('jobs' in chosen ? { ids: chosen.jobs.map(({ _id }) => _id) } : { filter: queryOf(chosen.all) }),
})

/** What would happen; nothing does. */
export const preview = (chosen: Chosen, act: Act): Promise<BulkAnswer> =>
  post<BulkAnswer>('jobs/bulk', { ...bodyOf(chosen, act), dry_run: true })

/** False: nothing was done, and a notice says why. */
export async function perform(chosen: Chosen, act: Act): Promise<boolean> {
  const { verb, done } = VERBS[act.action]
  try {
    const { changed, failed } = await post<BulkAnswer>('jobs/bulk', bodyOf(chosen, act))
    const back = 'jobs' in chosen ? backOf(chosen.jobs, act, new Set(failed.map(({ id }) => id))) : undefined
    const named = 'jobs' in chosen && chosen.jobs.length === 1 ? (chosen.jobs[0]?._id ?? '') : counted(changed, 'job')
    if (back !== undefined) remember({ what: `${verb} of ${named}`, back })
    const to = act.action === 'move' ? ` to ${act.ip}` : ''
    if (changed > 0) say(`${named} ${done}${to}.`, { undoable: back !== undefined })
    else if (failed.length === 0) say(`Nothing to do: ${named === '0 jobs' ? 'no job' : 'it'} would change.`)
    const [first] = failed
    if (first !== undefined)
      say(`${counted(failed.length, 'job')} not ${done}: ${first.id}: ${first.message}`, { failed: true })
    return true
  } catch (error) {
    say(`${verb}: ${wordsOf(error)}`, { failed: true })
    return false
  }
}

type Back = () => Promise<string | undefined>

function backOf(before: readonly Job[], { action, ip }: Act, failed: ReadonlySet<string>): Back | undefined {
  const jobs = before.filter(({ _id }) => !failed.has(_id))
  if (jobs.length === 0) return undefined
  switch (action) {
    case 'pause':
      return eachBack(jobs.filter(isArmed), wake)
    case 'resume':
      return eachBack(
        jobs.filter(job => !isArmed(job)),
        sleep,
      )
    case 'move':
      return eachBack(
        jobs.filter(job => job.ip !== ip),
        job => moveBack(job, ip),
      )
    case 'remove':
      return eachBack(jobs, putBack)
    default:
      return undefined
  }
}

const isArmed = (job: Job): boolean => job.next_run_time !== null

function eachBack(jobs: readonly Job[], back: (job: Job) => Promise<string | undefined>): Back | undefined {
  if (jobs.length === 0) return undefined
  return async () => {
    const left: string[] = []
    for (const job of jobs) {
      const but = await back(job).catch(wordsOf)
      if (but !== undefined) left.push(`${job._id}: ${but}`)
    }
    return left.length === 0 ? undefined : left.join('; ')
  }
}

const ELSEWHERE = 'it was changed since, and stays as it is'

/** At the time it had, where somebody may write that; else from now on. */
async function wake(job: Job): Promise<string | undefined> {
  const { body: found, etag } = await ask<Job>(at('jobs', job._id))
  if (isArmed(found)) return ELSEWHERE
  if (!rights().change || job.next_run_time === undefined) {
    await post(`${at('jobs', job._id)}/resume`)
    return undefined
  }
  const body = { next_run_time: job.next_run_time, note: job.note ?? null }
  await ask(at('jobs', job._id), { method: 'PATCH', body, ifMatch: etag })
  return undefined
}

async function sleep(job: Job): Promise<string | undefined> {
  const found = await get<Job>(at('jobs', job._id))
  if (!isArmed(found)) return ELSEWHERE
  await post(`${at('jobs', job._id)}/pause`, job.note === undefined ? {} : { note: job.note })
  return undefined
}

async function moveBack(job: Job, to: string | undefined): Promise<string | undefined> {
  const found = await get<Job>(at('jobs', job._id))
  if (found.ip !== to) return ELSEWHERE
  await post(`${at('jobs', job._id)}/move`, { ip: job.ip ?? null })
  return undefined
}

async function putBack(job: Job): Promise<string | undefined> {
  const { state: _, touch: __, cancel: ___, ...document } = job
  await post('jobs', document)
  return undefined
}
