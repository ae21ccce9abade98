/** Which errors of a write end a finish, and which only delay it: by the driver's own errors. */
import { type BulkWriteResult, MongoBulkWriteError, MongoNetworkError, MongoServerError } from 'mongodb'
import { expect, test } from 'vitest'
import type { News } from '../../src/event.ts'
import { Finishes, type FinishesOptions } from '../../src/history/finish.ts'
import type { Job } from '../../src/job/job.ts'
import type { Outcome } from '../../src/job/outcome.ts'
import { Patience } from '../../src/pace/patience.ts'
import { Writer } from '../../src/protocol/writer.ts'
import { matches } from '../protocol/document.ts'
import { aJob, anEntry, anOutcome, reach } from '../protocol/jobs.ts'
import { type Command, noting } from '../protocol/real.ts'

/** Finishes on a collection that notes what it is asked, and the words in which an end is told that was refused. */
function finishing(collection: never, options: Pick<FinishesOptions, 'rows'> & Partial<FinishesOptions>) {
  const refused: string[] = []
  const emit = (news: News) => {
    if (news.type === 'job.invalid') refused.push(`${news.job_id}: ${news.problems[0]?.message}`)
  }
  const finishes = new Finishes({
    writer: new Writer({ jobs: collection, by: { ip: 'a', incarnation: 'a1' } }),
    patience: new Patience({ emit, lastingMs: Number.POSITIVE_INFINITY }),
    roster: { overBy: () => undefined },
    follower: { read: () => {} },
    emit,
    ...options,
  })
  return { finishes, refused }
}
const because = (reason: string) => `state: the end of a run could not be stored (${reason})`

/** What becomes of an end whose row meets this error once. */
async function finish(error: Error): Promise<{ stored: number; pulled: number; refused: string[] }> {
  const { commands, collection } = noting()
  let stored = 0
  let errors = [error]
  const store = async (outcomes: readonly Outcome[]) => {
    const [first] = errors
    errors = []
    if (first !== undefined) throw first
    stored += outcomes.length
  }
  const { finishes, refused } = finishing(collection, { rows: { store } })
  await finishes.push(anOutcome(aJob({}, { running: [anEntry('r1')] }), 'r1'))
  return { stored, pulled: commands.length, refused }
}

const none = {} as BulkWriteResult

test.each([
  ['a broken connection', new MongoNetworkError('read ECONNRESET')],
  ['a broken socket that the driver did not wrap', Object.assign(new Error('write ECONNRESET'), { syscall: 'write' })],
  ['a bulk whose connection could not be opened', new MongoBulkWriteError(new MongoNetworkError('ECONNRESET'), none)],
  ['a user that is gone for now', new MongoServerError({ message: 'insert requires authentication', code: 13 })],
  ['a server that is no primary any more', new MongoServerError({ message: 'not primary', code: 10107 })],
  [
    'a write concern that was not met in time',
    new MongoBulkWriteError({ message: 'timed out', code: 64 } as never, none),
  ],
])('%s delays the end of a run', async (_, error) => {
  expect(await finish(error)).toEqual({ stored: 1, pulled: 1, refused: [] })
})

test('a refusal that no retry mends is told, and the place of the run is given back', async () => {
  const error = new MongoServerError({ message: 'not authorised to insert', code: 13 })
  expect(await finish(error)).toEqual({
    stored: 0,
    pulled: 1,
    refused: [`job: ${because('not authorised to insert')}`],
  })
})

test('of a bulk with single errors what may pass is tried again, whatever the first error is; the rest is told by its job', async () => {
  const { commands, collection } = noting()
  const single = (index: number, code: number) => ({ index, code, errmsg: `error ${code}` })
  const error = new MongoBulkWriteError({ message: 'error 121', code: 121, writeErrors: [] } as never, none)
  error.writeErrors = [single(0, 121), single(1, 11602)] as never
  const bulks: unknown[][] = []
  const jobs = {
    bulkWrite: async (writes: { updateOne: Command }[]) => {
      bulks.push(writes.map(({ updateOne }) => updateOne.filter._id))
      if (bulks.length === 1) throw error
      return await (collection as { bulkWrite(writes: unknown[]): Promise<unknown> }).bulkWrite(writes)
    },
  }
  const { finishes, refused } = finishing(jobs as never, { rows: { store: async () => {} } })
  const outcomes = ['j1', 'j2', 'j3'].map(_id => anOutcome(aJob({ _id }, { running: [anEntry('r')] }), 'r'))
  await Promise.all(outcomes.map(outcome => finishes.push(outcome)))
  expect(bulks).toEqual([['j1', 'j2', 'j3'], ['j2']])
  expect(refused).toEqual([`j1: ${because('error 121')}`])
  expect(commands).toHaveLength(1)
})

test('a job that failed too often is paused by the message that stores its end: nobody can be cut off in between', async () => {
  const messages: string[][] = []
  const jobs = {
    bulkWrite: async (writes: { updateOne: Command }[]) => {
      messages.push(writes.map(({ updateOne: { update } }) => Object.keys(update ?? {})[0] ?? ''))
      return none
    },
  }
  const { finishes } = finishing(jobs as never, { rows: { store: async () => {} } })
  const job = aJob({ pause_after_failures: 3 }, { running: [anEntry('r1')] })
  await finishes.push(anOutcome(job, 'r1', { status: 'error' }))
  await finishes.push(anOutcome(job, 'r1'))
  expect(messages).toEqual([['$pull', '$set'], ['$pull']])
})

test('a history that is slow keeps no job that is over: it goes when its row has come', async () => {
  const { commands, collection } = noting()
  let come = () => {}
  const store = () => new Promise<void>(resolve => (come = resolve))
  const { finishes } = finishing(collection, { rows: { store }, roster: { overBy: job => job.trigger } })
  const over = aJob({ next_run_time: null }, { over: true, running: [anEntry('r1')] })
  await finishes.push(anOutcome(over, 'r1'))
  expect(commands).toHaveLength(1)
  come()
  await finishes.idle()
  const [pull, recorded, removal] = commands as [Command, Command, Command]
  const ended = reach(reach(over, pull) as Job, recorded) as Job
  expect(ended.state).toMatchObject({ running: [], unrecorded: [] })
  expect(matches(ended, removal.filter)).toBe(true)
})
