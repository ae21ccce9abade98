/** Retry: whether a failed run is tried again, and when.
 *  In: the job, the attempt that failed, the time. Out: the instant of the next attempt, or none.
 *  The wait grows by `factor` (2 by default) from attempt to attempt up to `max_delay`, and is lengthened by up to a tenth, fixed by
 *  the run, so that many that failed together do not come back together. Pure. */
import type { Job } from './job.ts'
import type { Outcome } from './outcome.ts'

const FACTOR = 2
const SPREAD = 0.1

/** Epoch ms of the next attempt; undefined: there is none. */
export function retryAt(
  job: Pick<Job, 'retry'>,
  outcome: Pick<Outcome, 'attempt' | 'run_id'> & { readonly status: Outcome['status'] | 'started' },
  now: number,
): number | undefined {
  const { retry } = job
  if (retry === undefined || (outcome.status !== 'error' && outcome.status !== 'timeout')) return undefined
  if (outcome.attempt >= retry.max_attempts) return undefined
  const grown = retry.delay * (retry.factor ?? FACTOR) ** (outcome.attempt - 1)
  const seconds = Math.min(grown, retry.max_delay ?? Number.POSITIVE_INFINITY, LONGEST_S)
  return now + Math.round(seconds * 1000 * (1 + SPREAD * fraction(outcome.run_id)))
}

/** A year: more is a mistake, and would leave the range of dates in the end. */
const LONGEST_S = 31_536_000

/** 0…1, the same for the same id. */
function fraction(id: string): number {
  let hash = 0
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0
  return (hash >>> 0) / 0xffffffff
}
