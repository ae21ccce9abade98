/** Rerun: what becomes of a dead entry when the answer to the write that takes it over is lost, or comes late. */
import { expect, test } from 'vitest'
import { type Recovered, type RecoveryContext, recover } from '../../src/cluster/recovery.ts'
import type { Job, RunningEntry } from '../../src/job/job.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { aJob, anEntry } from '../support/jobs.ts'

const dead = anEntry({ run_id: 'r1', job: 'j', run_time: new Date(500), node: 'a', incarnation: 'mine' })
const job = aJob({ _id: 'j', ip: 'a', on_interrupt: 'rerun', state: { job: 'j', running: [dead] } })

/** `jobs` as far as recovery writes and reads it; nobody has a row. */
function contextOf(
  jobs: { findOneAndUpdate: () => Promise<Job | null>; findOne: () => Promise<Job | null> },
  { running = [dead], mayRun = true }: { running?: readonly RunningEntry[]; mayRun?: boolean } = {},
) {
  const clock = { now: 1_000 }
  const forgotten: string[] = []
  const writer = new Writer({ jobs: jobs as never, by: { ip: 'a', incarnation: 'mine' } })
  const executor = { places: 1, problem: () => (mayRun ? undefined : 'unknown'), perform: lost, close: async () => {} }
  const context: RecoveryContext = {
    writer,
    rows: { final: async () => new Map() },
    nodes: { find: () => ({ toArray: async () => [] }) } as never,
    book: { has: () => false, newId: () => 'r2', forget: id => void forgotten.push(id) },
    executors: new Map([['default', executor]]),
    clock: { now: () => clock.now } as never,
  }
  const told: Recovered[] = []
  const recovering = async () => {
    for await (const one of recover({ ...job, state: { job: 'j', running } }, context)) told.push(one)
    return told
  }
  return { recovering, told, clock, forgotten }
}
const lost = () => Promise.reject(new Error('connection closed'))

test('a rerun whose write came, though its answer was lost, is performed', async () => {
  const { recovering, forgotten } = contextOf({ findOneAndUpdate: lost, findOne: async () => job })
  expect(await recovering()).toMatchObject([
    { type: 'interrupted', outcome: { entry: { run_id: 'r1' }, rerun: true } },
    { type: 'again', claim: { entry: { run_id: 'r2' } } },
  ])
  expect(forgotten).toEqual([])
})

test('what became of one dead entry is told although the next one fails, and the one after that is tried', async () => {
  const more = ['r1', 'r3', 'r4'].map(run_id => ({ ...dead, run_id }))
  let asked = 0
  const second = async () => (++asked === 2 ? await lost() : job)
  const { recovering, told } = contextOf({ findOneAndUpdate: second, findOne: async () => null }, { running: more })
  await expect(recovering()).rejects.toThrow('connection closed')
  expect(told.map(({ type }) => type)).toEqual(['interrupted', 'again', 'interrupted', 'interrupted', 'again'])
})

test('an interrupted run is told although nobody knows whether it was taken over', async () => {
  const { recovering, told } = contextOf({ findOneAndUpdate: lost, findOne: lost })
  await expect(recovering()).rejects.toThrow('connection closed')
  expect(told).toMatchObject([{ type: 'interrupted', outcome: { entry: { run_id: 'r1' } } }])
  expect(told[0]).not.toHaveProperty('outcome.stands')
})

test('a run is not taken over by a node that cannot run it', async () => {
  const { recovering } = contextOf({ findOneAndUpdate: async () => job, findOne: lost }, { mayRun: false })
  expect(await recovering()).toEqual([])
})

test.each([
  ['only waited for its start', { node: 'b', retry_at: new Date(600) }, 2],
  ['was claimed by this process and never performed', {}, 2],
  ['may have started', { node: 'b' }, 3],
])('a start that %s counts as a death accordingly', async (_, more, reruns) => {
  const running = [{ ...dead, reruns: 2, ...more }]
  const { recovering } = contextOf({ findOneAndUpdate: async () => job, findOne: lost }, { running })
  expect((await recovering()).at(-1)).toMatchObject({
    type: 'again',
    claim: { entry: { reruns, retry_at: expect.any(Date) } },
  })
})

test.each([
  ['did not come', async () => null],
  ['nobody can tell of', lost],
])('a rerun whose write %s is nobody’s, and is tried again', async (_, findOne) => {
  const { recovering, forgotten } = contextOf({ findOneAndUpdate: lost, findOne })
  await expect(recovering()).rejects.toThrow('connection closed')
  expect(forgotten).toEqual(['r2'])
})

test.each([
  ['at once', 700, 700],
  ['not before its time, where it was claimed by a clock that was ahead', 400, 500],
])('a rerun starts %s, also when the wall clock was set back while it was written', async (_, setTo, at) => {
  const { recovering, clock } = contextOf({
    findOneAndUpdate: async () => {
      clock.now = setTo
      return job
    },
    findOne: lost,
  })
  expect(await recovering()).toMatchObject([{ type: 'interrupted' }, { type: 'again', claim: { at } }])
})
