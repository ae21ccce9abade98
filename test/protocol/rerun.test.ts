/** Rerun: what becomes of a dead entry when the answer to the write that takes it over is lost, or comes late. */
import type { Collection } from 'mongodb'
import { expect, test } from 'vitest'
import { type RecoveryContext, recover } from '../../src/cluster/recovery.ts'
import type { Job } from '../../src/job/job.ts'
import { aJob, anEntry } from '../support/jobs.ts'

const dead = anEntry({ run_id: 'r1', job: 'j', run_time: new Date(500), node: 'a', incarnation: 'mine' })
const job = aJob({ _id: 'j', ip: 'a', on_interrupt: 'rerun', state: { job: 'j', running: [dead] } })

/** `jobs` as far as recovery writes and reads it; nobody has a row. */
function contextOf(jobs: { findOneAndUpdate: () => Promise<Job | null>; findOne: () => Promise<Job | null> }) {
  const clock = { now: 1_000 }
  const forgotten: string[] = []
  const context: RecoveryContext = {
    jobs: jobs as unknown as Collection<Job>,
    executions: { find: () => ({ toArray: async () => [] }) } as never,
    nodes: { find: () => ({ toArray: async () => [] }) } as never,
    ip: 'a',
    incarnation: () => 'mine',
    isMine: () => false,
    now: () => clock.now,
    freshTouch: () => 't',
    newRunId: () => 'r2',
    forgetRun: id => void forgotten.push(id),
  }
  return { context, clock, forgotten }
}
const lost = () => Promise.reject(new Error('connection closed'))

test('a rerun whose write came, though its answer was lost, is performed', async () => {
  const { context, forgotten } = contextOf({ findOneAndUpdate: lost, findOne: async () => job })
  expect(await recover(job, context)).toMatchObject([
    { type: 'interrupted', outcome: { run_id: 'r1', rerun: true } },
    { type: 'again', entry: { run_id: 'r2' } },
  ])
  expect(forgotten).toEqual([])
})

test.each([
  ['did not come', async () => null],
  ['nobody can tell of', lost],
])('a rerun whose write %s is nobody’s, and is tried again', async (_, findOne) => {
  const { context, forgotten } = contextOf({ findOneAndUpdate: lost, findOne })
  await expect(recover(job, context)).rejects.toThrow('connection closed')
  expect(forgotten).toEqual(['r2'])
})

test.each([
  ['at once', 700, 700],
  ['not before its time, where it was claimed by a clock that was ahead', 400, 500],
])('a rerun starts %s, also when the wall clock was set back while it was written', async (_, setTo, at) => {
  const { context, clock } = contextOf({
    findOneAndUpdate: async () => {
      clock.now = setTo
      return job
    },
    findOne: lost,
  })
  expect(await recover(job, context)).toMatchObject([{ type: 'interrupted' }, { type: 'again', at }])
})
