/** End: what a node writes to a job when a run has ended, or when it is to end, as pure pairs of filter and update.
 *  In: outcomes, requests to abort, entries of runs that no longer go on. Out: writes. Each names the run by its id, or the job by all
 *  that it was judged by, so that doing it twice, or after somebody else did, changes nothing. */
import { factsOf } from '../job/claim.ts'
import type { Job, RunningEntry } from '../job/job.ts'
import { type Actor, isFailure, type Outcome, unrecordedOf } from '../job/outcome.ts'
import { noted } from './skips.ts'
import { type Fields, isField, type Write } from './write.ts'

/** Takes a run's entry out, or makes it that of its next start. `by`: the row is still to come, and who stores it. */
export function endWrite({ job, entry, status, next }: Outcome, by?: Actor): Write {
  const { run_id, run_time, attempt } = factsOf(entry)
  const $push = by && noted([unrecordedOf(job._id, entry, status, by)])
  const filter = { _id: job._id, 'state.running.run_id': run_id }
  if (next !== undefined) {
    const $set = {
      'state.running.$.run_id': next.run_id,
      'state.running.$.attempt': next.reruns === undefined ? attempt + 1 : attempt,
      'state.running.$.retry_at': next.at,
      ...(next.reruns !== undefined && { 'state.running.$.reruns': next.reruns }),
    }
    return { filter, update: { $set, ...($push && { $push }) } }
  }
  return {
    filter,
    update: {
      $pull: { 'state.running': { run_id } },
      ...($push && { $push }),
      $set: {
        'state.last_run_time': run_time,
        'state.last_status': status,
        ...(status === 'executed' && { 'state.failures': 0 }),
      },
      ...(isFailure(status) && { $inc: { 'state.failures': 1 } }),
    },
  }
}

/** A row is stored: the document need not tell of it any more. */
export const recordedWrite = (jobId: string, run_id: string): Write => ({
  filter: { _id: jobId, 'state.unrecorded.run_id': run_id },
  update: { $pull: { 'state.unrecorded': { run_id } } },
})

/** Takes out the entry of a run that ended, or that was copied from another job. */
export const clearWrite = (jobId: string, run_id: string): Write => ({
  filter: { _id: jobId, 'state.running.run_id': run_id },
  update: { $pull: { 'state.running': { run_id } } },
})

/** Pauses a job whose owner asked for that after so many failed runs in a row, if it has failed so often by now. */
export function failingWrite(jobId: string, failures: number): Write {
  const reason = `pause_after_failures: ${failures} failed ${failures === 1 ? 'run' : 'runs in a row'}`
  return pausing(jobId, { 'state.failures': { $gte: failures } }, reason)
}

/** Pauses a job whose run is run again no more. */
export const givenUpWrite = (jobId: string, reason: string): Write => pausing(jobId, {}, reason)

/** Pauses a job that is armed for a time that a node planned: a person's time is not taken away. */
const pausing = (_id: string, guard: Fields, reason: string): Write => ({
  filter: {
    _id,
    next_run_time: { $type: 'date' },
    'state.planned.ordered': { $ne: true },
    $expr: { $eq: ['$next_run_time', '$state.planned.next_run_time'] },
    ...guard,
  },
  update: { $set: { next_run_time: null, 'state.paused_by': reason } },
})

/** Removes a job that is over, as it was judged: nobody armed it again, nothing runs and nothing is asked for. */
export const removeWrite = ({ touch, ...job }: Pick<Job, '_id' | 'trigger' | 'touch'>): Write => ({
  filter: { ...isOver(job), touch: isField(touch), 'state.running.0': { $exists: false } },
})

/** The same with the entry of its last run in it, so that this end is one write. */
export const removeLastWrite = (job: Pick<Job, '_id' | 'trigger'>, run_id: string): Write => ({
  filter: { ...isOver(job), 'state.running.run_id': run_id, 'state.running.1': { $exists: false } },
})

const isOver = ({ _id, trigger }: Pick<Job, '_id' | 'trigger'>) => ({
  _id,
  next_run_time: { $type: 'null' },
  'state.over': true,
  trigger,
  'state.waiting': { $exists: false },
  'state.unrecorded.0': { $exists: false },
  'run_at.0': { $exists: false },
})

/** Asks the node of a run to abort it, unless a request of a person stands there. */
export const askWrite = (jobId: string, run_id: string): Write => ({
  filter: { _id: jobId, 'state.running.run_id': run_id, cancel: { $exists: false } },
  update: { $set: { cancel: run_id } },
})

/** Takes a request to abort away that is served. `unlessEntered`: it stays as long as an entry stands there that matches this. */
export const servedWrite = (jobId: string, cancel: string, unlessEntered?: Fields): Write => ({
  filter: {
    _id: jobId,
    cancel,
    ...(unlessEntered && { 'state.running': { $not: { $elemMatch: unlessEntered } } }),
  },
  update: { $unset: { cancel: '' } },
})

/** Makes a dead entry that of the run's next start, which `entry` is. Of many takers one wins, and none where it has begun since it was
 *  read: its run is interrupted then. `ip`: the node that has the job; absent: the run was claimed by this process and goes on here,
 *  wherever its job is now. */
export const rerunWrite = (job: Job, dead: RunningEntry, entry: RunningEntry, ip?: string): Write => ({
  filter: {
    _id: job._id,
    ...(ip !== undefined && { ip }),
    executor: isField(job.executor),
    'state.running': {
      $elemMatch: { run_id: dead.run_id, incarnation: dead.incarnation, retry_at: isField(dead.retry_at) },
    },
  },
  update: { $set: { 'state.running.$': entry }, $currentDate: { 'state.fence': { $type: 'timestamp' } } },
})
