/** The history through the handles: rows as their type says, runs that have no row yet, and runs whose job was removed. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import type { Execution } from '../../src/history/rows.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Nodes, startNodes, until } from '../support/node.ts'

let db: TestDb
let cluster: Nodes
let client: Client

beforeEach(async () => {
  db = await openTestDb()
  cluster = await startNodes({ uri: db.uri })
  client = await connect({ uri: db.uri })
})

afterEach(async () => {
  await client?.close()
  await cluster?.close()
  await db?.close()
})

const add = (_id: string, func: string) => cluster.nodes[0]?.jobs.add({ _id, func, trigger: { type: 'date' } })
const started = (_id: string) =>
  until(() => expect(cluster.ranOf(_id)).toHaveLength(1)).then(() => cluster.ranOf(_id)[0])

test('the fence of a row is the one that the run had, a bigint', async () => {
  await add('a', 'note')
  const ran = await started('a')
  const row = await until(() => client.history.get(ran?.id ?? ''))
  expect(typeof row.fence).toBe('bigint')
  expect(row.fence).toBe(ran?.fence)
  const rows: Execution[] = []
  for await (const one of client.history.list({ job_id: 'a' })) rows.push(one)
  expect(rows.map(({ fence }) => fence)).toEqual([ran?.fence])
})

test('a run that has no row yet is told from its job', async () => {
  await add('a', 'hold')
  const ran = await started('a')
  await cluster.executions.deleteMany({})
  expect(await client.history.get(ran?.id ?? '')).toMatchObject({
    _id: ran?.id,
    job_id: 'a',
    func: 'hold',
    status: 'started',
    run_time: ran?.run_time,
    attempt: 1,
    scheduled: true,
    started: null,
    node: cluster.ips[0],
  })
  cluster.release()
})

test('a run whose job was removed goes on, and nobody can be asked to abort it', async () => {
  await add('a', 'hold')
  const ran = await started('a')
  const id = ran?.id ?? ''
  await until(async () => expect(await cluster.executions.countDocuments({ status: 'started' })).toBe(1))
  await client.jobs.remove('a')
  await expect(client.history.cancel(id)).rejects.toMatchObject({ code: 'conflict', message: /job a was removed/ })
  cluster.release()
  await until(async () => expect(await client.history.get(id)).toMatchObject({ status: 'executed' }))
  await expect(client.history.cancel(id)).rejects.toMatchObject({ code: 'not_found', message: /it ended executed/ })
  await expect(client.history.cancel('nothing')).rejects.toMatchObject({ code: 'not_found' })
})
