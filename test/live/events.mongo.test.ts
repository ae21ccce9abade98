/** Live events over HTTP: what is told, to whom, and from where on. */
import { connect as connectSocket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import { type LiveClient, listenTo, type Served, serve } from '../support/live.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

let db: TestDb
let client: Client
let served: Served

beforeEach(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  served = await serve({ client })
})

afterEach(async () => {
  await served?.close()
  await client?.close()
  await db?.close()
})

const jobs = () => db.db.collection<{ _id: string }>('jobs')
const aJob = (_id: string, fields: object = {}) =>
  ({ _id, func: 'f', trigger: { type: 'interval', hours: 1 }, ...fields }) as { _id: string }
const rows = () => db.db.collection<{ _id: string }>('executions')
const aRow = (_id: string, job_id: string, ip: string, status = 'executed') =>
  ({ _id, job_id, ip, status, run_time: new Date(), attempt: 1, duration: 1, result: null }) as { _id: string }
const listen = (query = '', lastId?: string) => listenTo(`${served.url}/api/events${query}`, lastId)
const about = ({ events }: LiveClient) => events.map(({ type, data }) => `${type} ${data.run_id ?? data.job_id}`)
const open = (name: string) =>
  db.client
    .db('admin')
    .command({ serverStatus: 1 })
    .then(status => status.metrics.cursor.open[name])

test('an edit made right after the first bytes is told, with an id, within a second', async () => {
  const live = await listen()
  expect(live.comments).toBeGreaterThan(0)
  const began = performance.now()
  await jobs().insertOne(aJob('a'))
  await until(() => expect(about(live)).toEqual(['job.added a']))
  expect(performance.now() - began).toBeLessThan(1_000)
  const [event] = live.events
  expect(event?.data).toMatchObject({ type: 'job.added', job_id: 'a', node: '', next_run_time: null })
  expect(event?.id).toBe(live.lastId)
})

test('each parameter leaves out what it does not ask for, also where the tags changed, or the job is gone', async () => {
  await jobs().insertMany([aJob('old', { tags: ['night'] }), aJob('other')])
  const all = await listen()
  const [job, ip, type, tag] = await Promise.all([
    listen('?job=old'),
    listen('?ip=n2'),
    listen('?type=run'),
    listen('?tag=night'),
  ])
  await rows().insertMany([aRow('r1', 'old', 'n1'), aRow('r2', 'other', 'n2', 'missed')])
  await jobs().insertOne(aJob('new', { tags: ['night', 'x'] }))
  await jobs().deleteOne({ _id: 'new' })
  await rows().insertOne(aRow('r3', 'new', 'n1'))
  await jobs().updateOne({ _id: 'old' }, { $set: { tags: ['day'] } } as object)
  await rows().insertOne(aRow('r4', 'old', 'n2'))
  const told = ['run.executed r1', 'run.missed r2', 'job.added new', 'job.removed new', 'run.executed r3']
  await until(() => expect(about(all)).toEqual([...told, 'job.modified old', 'run.executed r4']))
  await until(() =>
    expect(about(job as LiveClient)).toEqual(['run.executed r1', 'job.modified old', 'run.executed r4']),
  )
  expect(about(ip as LiveClient)).toEqual(['run.missed r2', 'run.executed r4'])
  expect(about(type as LiveClient)).toEqual(['run.executed r1', 'run.missed r2', 'run.executed r3', 'run.executed r4'])
  expect(about(tag as LiveClient)).toEqual(['run.executed r1', 'job.added new', 'job.removed new', 'run.executed r3'])
})

test.each([
  ['?type=run.claimed', 'never stored'],
  ['?type=rum', 'did you mean run?'],
  ['?node=a', 'node: not known here'],
  ['?after=x', 'expected the position of an event'],
])('%s is refused', async (query, word) => {
  const response = await fetch(`${served.url}/api/events${query}`)
  expect([response.status, await response.json()]).toMatchObject([
    400,
    { error_message: expect.stringContaining(word) },
  ])
})

test('many clients have one stream of the database, and none is left when the server has closed', async () => {
  const before = await open('total')
  const clients = await Promise.all(Array.from({ length: 20 }, () => listen()))
  await jobs().insertOne(aJob('a'))
  for (const live of clients) await until(() => expect(about(live)).toEqual(['job.added a']))
  expect((await open('total')) - before).toBeLessThanOrEqual(1)
  await served.close()
  await Promise.all(clients.map(({ ended }) => ended))
})

test('one that never reads is dropped, and the others go on', async () => {
  const reading = await listen()
  const socket = connectSocket(served.port, '127.0.0.1')
  socket.pause()
  socket.write('GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const metric = async (name: string) =>
    Number(new RegExp(`^${name} (.*)$`, 'm').exec(await (await fetch(`${served.url}/metrics`)).text())?.[1])
  await until(async () => expect(await metric('tidewheel_live_clients')).toBe(2))
  const gone = new Promise(resolve => socket.on('error', resolve).on('close', resolve))
  // What the kernel keeps for a socket comes on top.
  const result = 'x'.repeat(200_000)
  let written = 0
  await until(async () => {
    const row = { ...aRow(`r${written++}`, 'a', 'n'), result }
    await rows().insertOne(row)
    expect(await metric('tidewheel_live_dropped_total')).toBe(1)
  }, 30_000)
  expect(await metric('tidewheel_live_clients')).toBe(1)
  socket.resume()
  await gone
  await until(() => expect(reading.events).toHaveLength(written))
})

test('goes on exactly after each cut at any place, also across restarts of the server', async () => {
  const edits = 300
  const ids = Array.from({ length: edits }, (_, i) => `j${i}`)
  const told: string[] = []
  let live = await listen()
  const restart = async () => {
    await served.close()
    served = await serve({ client })
  }
  const writing = (async () => {
    for (const [i, id] of ids.entries()) {
      // One edit that is two events, at each tenth.
      await jobs().insertOne(aJob(id))
      if (i % 10 === 0) await jobs().updateOne({ _id: id }, { $set: { ip: 'b', next_run_time: null } } as object)
    }
  })()
  let seed = 7
  const below = (n: number) => {
    seed = (seed * 16807) % 2147483647
    return seed % n
  }
  const expected = ids.flatMap((id, i) =>
    i % 10 === 0 ? [`job.added ${id}`, `job.moved ${id}`, `job.paused ${id}`] : [`job.added ${id}`],
  )
  for (let cuts = 0; told.length < expected.length; cuts++) {
    const last = await hear(live, Math.min(1 + below(25), expected.length - told.length), told)
    live.cut()
    if (cuts % 5 === 4) await restart()
    live = await listen('', last)
  }
  await writing
  expect(told).toEqual(expected)
}, 60_000)

/** Takes so many events and no more; the id of the last one. */
function hear(live: LiveClient, most: number, told: string[]): Promise<string> {
  let left = most
  return new Promise(resolve => {
    live.onEvent = ({ id, type, data }) => {
      if (left === 0) return
      told.push(`${type} ${data.job_id}`)
      if (--left === 0) resolve(id)
    }
    for (const event of [...live.events]) live.onEvent(event)
  })
}

test('many that come back to a new server, each with another place, catch up from few streams', async () => {
  const live = await listen()
  const ids = Array.from({ length: 40 }, (_, i) => `j${i}`)
  await jobs().insertMany(ids.map(id => aJob(id)))
  await until(() => expect(live.events).toHaveLength(40))
  await served.close()
  served = await serve({ client })
  await jobs().insertOne(aJob('late'))
  const places = live.events.map(({ id }) => id)
  const clients = await Promise.all(places.map(id => listen('', id)))
  await jobs().insertOne(aJob('last'))
  for (const [i, one] of clients.entries())
    await until(() => expect(about(one)).toEqual([...ids.slice(i + 1), 'late', 'last'].map(id => `job.added ${id}`)))
}, 30_000)

test('a place whose history is gone, or that is none, is told as reset, and costs nobody else the own one', async () => {
  const live = await listen()
  await jobs().insertOne(aJob('a'))
  await until(() => expect(live.events).toHaveLength(1))
  const { lastId } = live
  await served.close()
  served = await serve({ client })
  const present = await listen()
  await jobs().insertOne(aJob('b'))
  // What the stream has not told yet is told to whoever comes meanwhile.
  await until(() => expect(about(present)).toEqual(['job.added b']))
  // The first second of 2001.
  const token = Buffer.from(lastId.replace(/\..*$/, ''), 'base64url').toString('latin1')
  const ancient = `${Buffer.from(token.replace(/82[0-9A-F]{8}/, '823A4FC880'), 'latin1').toString('base64url')}.0`
  const [gone, wrong, good] = await Promise.all([listen('', ancient), listen('', 'nonsense'), listen('', lastId)])
  await until(() => expect(gone?.events[0]).toMatchObject({ type: 'reset', data: { reason: expect.any(String) } }))
  await until(() => expect(wrong?.events[0]?.type).toBe('reset'))
  await jobs().insertOne(aJob('c'))
  await until(() => expect(about(good as LiveClient)).toEqual(['job.added b', 'job.added c']))
  for (const one of [gone, wrong]) await until(() => expect(about(one as LiveClient).slice(1)).toEqual(['job.added c']))
})
