/** Revoked: whether an edit has taken a claimed run back before its start.
 *  In: the claim, and its document as it is after the edit. Out: why it does not start; undefined: it does. A move, and every other
 *  field, comes after the claim: the run stands where and as it was claimed. Pure. */
import type { Claim } from '../job/claim.ts'
import type { Job } from '../job/job.ts'
import { fingerprint, parseTrigger } from '../trigger/trigger.ts'

/** The fields that tell whether an edit takes a run back. */
export const JUDGED = {
  ip: 1,
  trigger: 1,
  next_run_time: 1,
  'state.over': 1,
  'state.planned': 1,
  'state.running.run_id': 1,
} as const

/** A document, as far as it is read for that. */
export type Judged = Pick<Job, '_id' | 'ip' | 'trigger' | 'next_run_time' | 'state'>

/** `left`: the job left memory since it was claimed, and perhaps came back. */
export function revoked(claim: Claim, job: Judged | null, left: boolean, timezone: string): string | undefined {
  if (job === null) return 'its job was deleted before its start'
  const { run_id, run_time } = claim.entry
  const stands = job.state?.running?.some(entry => entry?.run_id === run_id) === true
  // A document without its entry that did not leave was written back from an old copy, which takes nothing back.
  if (!stands) return left ? 'its job was deleted before its start' : undefined
  if (claim.by === undefined) return undefined
  const { next_run_time: next, state, trigger } = job
  if (next === null && state?.over !== true) return 'its job was paused before its start'
  const planned = state?.planned
  // The claim planned the next time itself; another one, or one that a node has acknowledged since, is a person's.
  const byPerson =
    next instanceof Date && (planned?.ordered === true || next.getTime() !== planned?.next_run_time?.getTime())
  if (byPerson && next > run_time) return `its job was put off before its start, to ${next.toISOString()}`
  if (claim.by === 'person' || fingerprint(trigger, timezone) === claim.trigger) return undefined
  return firesAt(trigger, run_time, timezone)
    ? undefined
    : 'its job got a trigger before its start that does not fire then'
}

function firesAt(trigger: Job['trigger'], time: Date, timezone: string): boolean {
  try {
    return parseTrigger(trigger, { timezone }).next(null, time.getTime()) === time.getTime()
  } catch {
    // What is no trigger fires never.
    return false
  }
}
