/** Rows that a document waits for (`state.unrecorded`): whoever finds one that nobody stores any more stores it. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { collect } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Nodes, startNodes, until } from '../support/node.ts'

let db: TestDb
let nodes: Nodes | undefined
beforeAll(async () => {
  db = await openTestDb()
})
afterEach(async () => {
  await nodes?.close()
  nodes = undefined
  await db.db.dropDatabase()
})
afterAll(() => db.close())

const start = async () => {
  nodes = await startNodes({ uri: db.uri })
  const [node, ip] = [nodes.nodes[0] as (typeof nodes.nodes)[0], nodes.ips[0] as string]
  return { ...nodes, node, ip }
}
const due = new Date('2026-01-01T00:00:00Z')
const skipped = (fields: object = {}) => ({
  run_id: 'skipped',
  job: 'j',
  run_time: due,
  status: 'missed',
  coalesced: 3,
  node: 'elsewhere',
  incarnation: 'gone',
  ...fields,
})
const cleared = (n: Nodes) =>
  until(async () => expect((await n.jobs.findOne({ _id: 'j' }))?.state.unrecorded).toEqual([]))

test.each([
  ['by a node that is gone', {}],
  ['by an earlier process of this ip', { node: 'mine' }],
])('a due time that was skipped %s has its row and its event', async (_, fields) => {
  const n = await start()
  const seen = collect(n.node, 'j')
  const entry = skipped('node' in fields ? { node: n.ip } : {})
  await n.jobs.insertOne(aJob({ _id: 'j', ip: n.ip, state: { job: 'j', unrecorded: [entry] } }) as never)
  await cleared(n)
  expect(await n.executions.find({ job_id: 'j' }).toArray()).toMatchObject([
    { _id: 'skipped', status: 'missed', run_time: due, coalesced: 3, started: null, scheduled: true },
  ])
  expect(seen.of('run.missed')).toMatchObject([{ run_id: 'skipped', coalesced: 3 }])
})

test('a row that is there already stays as it is', async () => {
  const n = await start()
  await n.executions.insertOne({ _id: 'skipped', job_id: 'j', status: 'executed', result: 42, recorded: new Date() })
  await n.jobs.insertOne(aJob({ _id: 'j', ip: n.ip, state: { job: 'j', unrecorded: [skipped()] } }) as never)
  await cleared(n)
  expect(await n.executions.findOne({ _id: 'skipped' })).toMatchObject({ status: 'executed', result: 42 })
})

test('what came with a copied document says nothing', async () => {
  const n = await start()
  const state = { job: 'another', unrecorded: [skipped({ job: 'another' })] }
  await n.jobs.insertOne(aJob({ _id: 'j', ip: n.ip, state }) as never)
  await until(async () => expect((await n.jobs.findOne({ _id: 'j' }))?.state.planned).toBeDefined())
  expect((await n.jobs.findOne({ _id: 'j' }))?.state.unrecorded).toBeUndefined()
  expect(await n.executions.countDocuments()).toBe(0)
})

test('the row of a living node is left to it', async () => {
  const n = await start()
  const other = n.another({ ip: 'other' })
  await other.start()
  const node = await db.db.collection<{ _id: string; incarnation: string }>('nodes').findOne({ _id: 'other' })
  const entry = skipped({ node: 'other', incarnation: node?.incarnation })
  await n.jobs.insertOne(aJob({ _id: 'j', ip: n.ip, state: { job: 'j', unrecorded: [entry] } }) as never)
  await until(async () => expect((await n.jobs.findOne({ _id: 'j' }))?.state.planned).toBeDefined())
  await n.jobs.insertOne(aJob({ _id: 'later', ip: n.ip, run_at: [new Date()] }) as never)
  await until(() => expect(n.ranOf('later')).toHaveLength(1))
  expect((await n.jobs.findOne({ _id: 'j' }))?.state.unrecorded).toHaveLength(1)
  await other.stop()
  await other.start()
  // Its next process is another incarnation: nobody else stores it any more.
  await cleared(n)
  expect(await n.executions.findOne({ _id: 'skipped' })).toMatchObject({ status: 'missed' })
})

test('a missed last run leaves its row before its job goes', async () => {
  const n = await start()
  const once = { type: 'date', run_date: due } as const
  await n.jobs.insertOne(aJob({ _id: 'j', ip: n.ip, trigger: once }) as never)
  await until(async () => expect(await n.jobs.findOne({ _id: 'j' })).toBeNull())
  expect(await n.executions.find({ job_id: 'j' }).toArray()).toMatchObject([{ status: 'missed', run_time: due }])
})

test('a run of an earlier process whose job was deleted meanwhile does not go on for ever in its row', async () => {
  const n = await start()
  await n.node.stop()
  const row = { node: n.ip, ip: n.ip, status: 'started', run_time: due, attempt: 1, recorded: new Date() }
  const entry = { run_id: 'named', job: 'j', run_time: due, claimed: due, node: 'other', incarnation: 'x', attempt: 1 }
  await n.executions.insertMany([
    { _id: 'left', job_id: 'deleted', ...row },
    { _id: 'named', job_id: 'j', ...row },
    { _id: 'elsewhere', job_id: 'deleted', ...row, node: 'other' },
  ])
  const job = aJob({ _id: 'j', ip: 'nobody', next_run_time: null, state: { job: 'j', running: [entry] } as never })
  await n.jobs.insertOne(job as never)
  const seen = collect(n.node, 'deleted')
  await n.node.start()
  expect(await n.executions.findOne({ _id: 'left' })).toMatchObject({
    status: 'interrupted',
    finished: expect.any(Date),
    exception: expect.stringContaining('its job is gone'),
  })
  expect(seen.of('run.interrupted')).toMatchObject([{ run_id: 'left', lost_node: n.ip }])
  for (const _id of ['named', 'elsewhere'])
    expect(await n.executions.findOne({ _id })).toMatchObject({ status: 'started' })
})

test('a due time for which there is no room has its row, and leaves nothing in the document', async () => {
  const n = await start()
  const trigger = { type: 'interval', seconds: 0.1 } as const
  await n.jobs.insertOne(aJob({ _id: 'j', ip: n.ip, func: 'hold', trigger }) as never)
  const refused = { job_id: 'j', status: 'max_instances' }
  await until(async () => expect(await n.executions.countDocuments(refused)).toBeGreaterThan(3))
  await n.jobs.updateOne({ _id: 'j' }, { $set: { next_run_time: null } })
  n.release('j')
  await cleared(n)
})
