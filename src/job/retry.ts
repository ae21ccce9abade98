/** Retry: whether a run that failed, or whose node died, starts again, and when.
 *  In: the job, the attempt that failed, the time. Out: the instant of the next attempt, or none; how often starts have died.
 *  The wait grows by `factor` (2 by default) from attempt to attempt up to `max_delay`, and is lengthened by up to a tenth, fixed by
 *  the run, so that many that failed together do not come back together. Pure. */
import { jitterMs } from '../trigger/trigger.ts'
import type { Job } from './job.ts'
import type { Status } from './outcome.ts'

const FACTOR = 2
const SPREAD = 0.1

/** Epoch ms of the next attempt; undefined: there is none. */
export function retryAt(
  job: Pick<Job, 'retry'>,
  failed: { readonly run_id: string; readonly attempt: number; readonly status: Status | 'started' },
  now: number,
): number | undefined {
  const { retry } = job
  if (retry === undefined || (failed.status !== 'error' && failed.status !== 'timeout')) return undefined
  if (failed.attempt >= retry.max_attempts) return undefined
  const grown = retry.delay * (retry.factor ?? FACTOR) ** (failed.attempt - 1)
  const seconds = Math.min(grown, retry.max_delay ?? Number.POSITIVE_INFINITY, LONGEST_S)
  return now + Math.round(seconds * 1000) + jitterMs(failed.run_id, failed.attempt, seconds * SPREAD)
}

/** A year: more is a mistake, and would leave the range of dates in the end. */
const LONGEST_S = 31_536_000

const MOST_RERUNS = 3

/** Why a job is paused whose run is run again no more. */
export const GIVEN_UP = `on_interrupt: its node died ${MOST_RERUNS + 1} times while it ran`

/** How many starts of a run have died when it starts once more; undefined: it is given up. `died`: this one has, too. */
export function rerunsAfter(reruns: number, died: boolean): number | undefined {
  if (!died) return reruns
  return reruns < MOST_RERUNS ? reruns + 1 : undefined
}
