/** The client of a node: what a door takes is the same with a node and without one. */
import { firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { ofType } from '../../src/event.ts'
import { createNode } from '../../src/node/node.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

let db: TestDb

beforeEach(async () => {
  db = await openTestDb()
})

afterEach(() => db?.close())

const aNode = () => createNode({ uri: db.uri, ip: 'n', logger: false, tasks: { note: async () => {} } })

test('has the handles of the node, and all that a client without one has', async () => {
  await using node = aNode()
  await using other = await connect({ uri: db.uri })
  expect(Object.keys(node.client).sort()).toEqual(Object.keys(other).sort())
  expect(node.client.jobs).toBe(node.jobs)
  expect(node.client.history).toBe(node.history)
  expect(node.client.nodes).toBe(node.nodes)
})

test('throws closed before the start and after the stop, and works in between', async () => {
  await using node = aNode()
  const { client } = node
  const span = { from: new Date(0), to: new Date(1) }
  const all = () => [
    client.timeline(span),
    client.stats(),
    client.init(),
    client.jobs.page(),
    client.jobs.bulk({ action: 'run', ids: [] }),
    client.history.page(),
    client.nodes.list(),
    firstValueFrom(client.events$()),
  ]
  const closed = async () => {
    for (const one of await Promise.allSettled(all())) expect(one).toMatchObject({ reason: { code: 'closed' } })
  }
  await closed()
  await node.start()
  expect((await client.timeline(span)).lanes.map(({ ip }) => ip)).toEqual(['n'])
  expect(await client.init()).toEqual([])
  const executed = firstValueFrom(client.events$({ query: { type: 'run' } }).pipe(ofType('run.executed')))
  // The stream tells what happens from when it listens on.
  const again = { _id: 'again', func: 'note', trigger: { type: 'interval', seconds: 0.2 } } as const
  await client.jobs.add(again)
  expect(await executed).toMatchObject({ job_id: 'again', node: 'n' })
  expect(await client.jobs.get('again')).toHaveProperty('ip', 'n')
  await until(async () => expect((await client.stats()).runs.by_status.executed).toBeGreaterThan(0))
  await client.close()
  expect((await client.jobs.page()).items).toHaveLength(1)
  await node.stop()
  await closed()
})
