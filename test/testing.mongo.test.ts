/** A node whose time is moved by hand, as tests of users have it: on a real database, with real heartbeats. */
import { MongoClient } from 'mongodb'
import { expect, test } from 'vitest'
import { createTestNode, type TestNode, type TestNodeOptions } from '../src/testing.ts'
import { collect } from './support/events.ts'
import { workersUri } from './support/mongo.ts'

/** What ran, and when by the node's time. */
const ran: string[] = []
const tasks = {
  note: async ({ job, runTime }: { job: { _id: string }; runTime: Date }) =>
    void ran.push(`${job._id} ${runTime.toISOString()}`),
}
async function aNode(options: TestNodeOptions = {}): Promise<TestNode> {
  ran.length = 0
  return await createTestNode({
    ...(options.client === undefined && { uri: workersUri() }),
    at: '2027-01-01T00:00',
    logger: false,
    ...options,
    tasks: { ...tasks, ...options.tasks },
  })
}
const rows = async (node: TestNode) => {
  const found = []
  for await (const row of node.history.list()) found.push(row)
  return found.reverse()
}

test('all that is due until then runs, in order and at its time, and is stored', async () => {
  await using node = await aNode({
    jobs: [
      { _id: 'hourly', func: 'note', trigger: { type: 'cron', hour: '*' } },
      { _id: 'half', func: 'note', trigger: { type: 'interval', minutes: 90 } },
      { _id: 'once', func: 'note', trigger: { type: 'date', run_date: '2027-01-01T02:30:00' } },
    ],
  })
  await node.advanceTo('2027-01-01T03:00')
  const at = (time: string) => `2027-01-01T${time}:00.000Z`
  expect([...ran].sort()).toEqual(
    [
      `half ${at('01:30')}`,
      `half ${at('03:00')}`,
      `hourly ${at('00:00')}`,
      `hourly ${at('01:00')}`,
      `hourly ${at('02:00')}`,
      `hourly ${at('03:00')}`,
      `once ${at('02:30')}`,
    ].sort(),
  )
  expect(ran.slice(0, 5).map(line => line.slice(-13, -8))).toEqual(['00:00', '01:00', '01:30', '02:00', '02:30'])
  const stored = await rows(node)
  expect(stored.map(({ status, run_time, started }) => [status, Number(started) - Number(run_time)])).toEqual(
    Array(7).fill(['executed', 0]),
  )
  expect(node.now().toISOString()).toBe(at('03:00'))
  await expect(node.jobs.get('once')).rejects.toThrow(/once/)
})

test('a year passes in a moment, and the node still holds its lease', async () => {
  await using node = await aNode({ jobs: [{ _id: 'j', func: 'note', trigger: { type: 'cron', day: 1, hour: 9 } }] })
  const seen = collect(node)
  await node.advanceTo('2028-01-01T00:00')
  expect(ran).toHaveLength(12)
  expect(seen.types()).not.toContain('node.fenced')
  expect(node.status()).toMatchObject({ state: 'active', running: 0 })
})

test('a text without an offset is a time of the node’s zone: a clock change moves the run, not the wall time', async () => {
  await using node = await aNode({
    at: '2027-03-27T12:00',
    timezone: 'Europe/Berlin',
    jobs: [{ _id: 'j', func: 'note', trigger: { type: 'cron', hour: 8 } }],
  })
  expect(node.now().toISOString()).toBe('2027-03-27T11:00:00.000Z')
  await node.advanceTo('2027-03-28T08:00')
  expect(ran).toEqual(['j 2027-03-28T06:00:00.000Z'])
})

test('what a test adds and edits counts, and so does what a task adds', async () => {
  const trigger = { type: 'date', run_date: '2027-01-01T02:00:00' } as const
  await using node = await aNode({
    tasks: { spawn: async () => void (await node.jobs.add({ _id: 'child', func: 'note', trigger })) },
  })
  await node.jobs.add({ _id: 'parent', func: 'spawn', trigger: { type: 'date', run_date: '2027-01-01T01:00:00' } })
  await node.jobs.add({ _id: 'moved', func: 'note', trigger: { type: 'interval', hours: 1 } })
  await node.jobs.update('moved', { next_run_time: new Date('2027-01-01T02:30:00Z') })
  await node.advanceTo('2027-01-01T03:00')
  expect(ran).toEqual(['child 2027-01-01T02:00:00.000Z', 'moved 2027-01-01T02:30:00.000Z'])
})

test('a failed run is tried again at its time', async () => {
  let tries = 0
  await using node = await aNode({
    tasks: {
      shaky: async () => {
        if (++tries < 3) throw new Error('not yet')
      },
    },
    jobs: [
      {
        _id: 'j',
        func: 'shaky',
        trigger: { type: 'date', run_date: '2027-01-01T01:00:00' },
        retry: { max_attempts: 3, delay: 600 },
      },
    ],
  })
  await node.advanceTo('2027-01-01T01:05')
  expect(tries).toBe(1)
  await node.advanceTo('2027-01-01T02:00')
  expect((await rows(node)).map(({ status, attempt }) => [status, attempt])).toEqual([
    ['error', 1],
    ['error', 2],
    ['executed', 3],
  ])
})

test('a paused node runs nothing while its time passes, and makes up for it by the misfire rule', async () => {
  await using node = await aNode({
    jobs: [{ _id: 'j', func: 'note', trigger: { type: 'cron', hour: '*' }, misfire_grace_time: null }],
  })
  node.pause()
  await node.advanceTo('2027-01-01T05:30')
  expect(ran).toEqual([])
  node.resume()
  await node.advanceTo('2027-01-01T05:31')
  expect((await rows(node)).map(({ coalesced }) => coalesced)).toEqual([6])
})

test('what does not end is said after a while; a time in the past or none is refused', async () => {
  const hold = new AbortController()
  await using node = await aNode({
    tasks: { hold: () => new Promise<void>(resolve => hold.signal.addEventListener('abort', () => resolve())) },
    jobs: [{ _id: 'j', func: 'hold', trigger: { type: 'date', run_date: '2027-01-01T01:00:00' } }],
  })
  await expect(node.advanceTo('2027-01-01T02:00', { timeout: 50 })).rejects.toThrow(
    /advanceTo: at 2027-01-01T01:00:00.000Z, and 50 ms of real time later: runs go on/,
  )
  hold.abort()
  await node.advanceTo('2027-01-01T02:00')
  await expect(node.advanceTo('2026-01-01')).rejects.toThrow(
    'at: expected a time from 2027-01-01T02:00:00.000Z on, found 2026-01-01T00:00:00.000Z',
  )
  await expect(node.advanceTo('2027-01-02', { timeout: '1s' as never })).rejects.toThrow(
    'timeout: expected milliseconds',
  )
  await expect(node.advanceTo('soon')).rejects.toThrow(
    'at: expected a date, or text such as 2027-03-28T08:00, found "soon"',
  )
  await expect(createTestNode({ uri: workersUri(), at: 'soon' })).rejects.toThrow('at: expected a date')
})

test('its database is its own, and is gone when it is closed; one that is named stays', async () => {
  const client = await MongoClient.connect(workersUri())
  const names = async () => (await client.db('admin').admin().listDatabases()).databases.map(({ name }) => name)
  const before = await names()
  const node = await aNode()
  expect((await names()).filter(name => !before.includes(name))).toEqual([expect.stringMatching(/^tidewheel_test_/)])
  await node.close()
  expect(await names()).toEqual(expect.not.arrayContaining([expect.stringMatching(node.ip ?? '')]))
  const named = await aNode({ client, db: 'tidewheel_test_named' })
  await named.close()
  await expect(named.advanceTo('2028-01-01')).rejects.toMatchObject({ code: 'closed' })
  expect(await names()).toContain('tidewheel_test_named')
  await client.db('tidewheel_test_named').dropDatabase()
  await client.close()
})
