/** Revision: which version of a job people wrote, whatever nodes have written since.
 *  In: a document. Out: a short text that changes with every edit of what people write, and with nothing else; and a condition by
 *  which MongoDB makes a write only where all of that is still as it was read. Pure. */
import { createHash } from 'node:crypto'
import { BSON, type Document } from 'mongodb'
import type { Job } from '../job/job.ts'
import { givenJob } from './given.ts'

/** What a revision does not see: nodes write it with every run, or it is an order that a node takes away. */
export const UNREVISED = ['state', 'touch', 'next_run_time', 'run_at', 'cancel'] as const
const UNSEEN: ReadonlySet<string> = new Set(UNREVISED)

const LENGTH = 16

/** 16 letters, digits, `-` and `_`; for `jobs.update` and `jobs.replace`, and for an ETag. The order of fields says nothing.
 *  Throws `invalid_option` for what is no job. */
export function revisionOf(job: Job): string {
  const fields = Object.entries(givenJob(job, 'revisionOf'))
    .filter(([field, value]) => !UNSEEN.has(field) && value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const text = BSON.EJSON.stringify(fields, { relaxed: false })
  return createHash('sha256').update(text).digest('base64url').slice(0, LENGTH)
}

/** What people wrote, and nothing else, is as it was read: fields that were not there are not there either. */
export const asRead = (job: Job): Document => ({
  $expr: {
    $eq: [
      { $filter: { input: { $objectToArray: '$$ROOT' }, cond: { $not: { $in: ['$$this.k', UNREVISED] } } } },
      Object.entries(job)
        .filter(([field]) => !UNSEEN.has(field))
        .map(([k, v]) => ({ k: { $literal: k }, v: { $literal: v } })),
    ],
  },
})
