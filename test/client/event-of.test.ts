/** What changes in the database mean: edits, what nodes write of jobs, rows of history, and the registry. */
import { expect, test } from 'vitest'
import { type DatabaseChange, eventsOf } from '../../src/client/event-of.ts'

const names = { jobs: 'jobs', executions: 'executions', nodes: 'nodes' }
const at = new Date('2026-01-31T08:00:00Z')
const run_time = new Date('2026-01-31T07:59:00Z')

const events = (coll: string, change: Partial<DatabaseChange>) =>
  eventsOf({ operationType: 'update', ns: { coll }, documentKey: { _id: 'x' }, wallTime: at, ...change }, names)
const update = (updatedFields: object, removedFields: string[] = [], fullDocument: object = {}) =>
  events('jobs', {
    updateDescription: { updatedFields: updatedFields as Record<string, unknown>, removedFields },
    fullDocument: { _id: 'x', ip: 'a', ...fullDocument },
  }).map(({ type }) => type)
const row = (fields: object) =>
  events('executions', {
    operationType: 'replace',
    fullDocument: { _id: 'r', job_id: 'x', ip: 'a', run_time, attempt: 1, ...fields },
  })

test("people's edits", () => {
  expect(update({ args: [1] })).toEqual(['job.modified'])
  expect(update({ ip: 'b' })).toEqual(['job.moved'])
  expect(update({}, ['ip'])).toEqual(['job.moved'])
  expect(update({ next_run_time: null })).toEqual(['job.paused'])
  expect(update({}, ['next_run_time'])).toEqual(['job.resumed'])
  expect(events('jobs', { operationType: 'delete' })).toEqual([{ type: 'job.removed', at, node: '', job_id: 'x' }])
})

test("a node's own writes say only how a job fares", () => {
  expect(update({ touch: 't', next_run_time: at })).toEqual([])
  expect(update({ touch: 't', 'state.error': 'func: no' })).toEqual(['job.invalid'])
  expect(update({ touch: 't', ip: 'b', 'state.placed': true })).toEqual(['job.adopted'])
  expect(update({ touch: 't', next_run_time: null }, [], { state: { over: true } })).toEqual([])
})

test('rows of history are how runs went', () => {
  expect(row({ status: 'executed', duration: 3, result: 1 })).toEqual([
    { type: 'run.executed', at, node: 'a', run_id: 'r', job_id: 'x', run_time, attempt: 1, duration: 3, result: 1 },
  ])
  expect(row({ status: 'error', duration: 3, exception: 'TypeError: a: b', traceback: null })).toMatchObject([
    { type: 'run.error', error: { name: 'TypeError', message: 'a: b' } },
  ])
  expect(row({ status: 'missed', late: 5, coalesced: 2 })).toMatchObject([
    { type: 'run.missed', late: 5, coalesced: 2 },
  ])
  const ended = { duration: 3, exception: 'Cancelled: cancelled by request', traceback: null }
  expect(row({ status: 'cancelled', ...ended })).toEqual([
    {
      type: 'run.cancelled',
      at,
      node: 'a',
      run_id: 'r',
      job_id: 'x',
      run_time,
      attempt: 1,
      duration: 3,
      reason: 'cancelled by request',
    },
  ])
  expect(row({ status: 'interrupted', ...ended })).toEqual([
    { type: 'run.interrupted', at, node: 'a', run_id: 'r', job_id: 'x', run_time, attempt: 1, lost_node: 'a' },
  ])
  const growing = { updateDescription: { updatedFields: { log: 'more' } }, fullDocument: { status: 'started' } }
  expect(events('executions', growing)).toEqual([])
  expect(events('executions', { operationType: 'delete' })).toEqual([])
})

test('the registry tells of nodes, its heartbeats of nothing', () => {
  const node = (updatedFields: Record<string, unknown>) =>
    events('nodes', { updateDescription: { updatedFields } }).map(({ type }) => type)
  expect(node({ incarnation: 'i', status: 'active' })).toEqual(['node.started'])
  expect(node({ seen: at })).toEqual([])
  expect(node({ status: 'draining' })).toEqual(['node.draining'])
  expect(node({ status: 'stopped' })).toEqual(['node.stopped'])
  expect(node({ status: 'active' })).toEqual(['node.resumed'])
})

test('before MongoDB 6 the time is that of the cluster', () => {
  const change = { wallTime: undefined as never, clusterTime: { getHighBits: () => 1_000 } }
  expect(events('jobs', { operationType: 'delete', ...change })).toMatchObject([{ at: new Date(1_000_000) }])
})
