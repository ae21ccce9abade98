/** `events$` of a client: what the database shows as events, from any position on without a gap and without a repetition. */
import { firstValueFrom, type Subscription, tap } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import { type EventsOptions, isWanted, type PlacedEvent, TYPES, UNSHOWN } from '../../src/client/events.ts'
import { ofType } from '../../src/event.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { startNodes, until } from '../support/node.ts'

let db: TestDb
let client: Client

beforeEach(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
})

afterEach(async () => {
  await client?.close()
  await db?.close()
})

const jobs = () => db.db.collection<{ _id: string }>('jobs')
const aJob = (_id: string) => ({ _id, func: 'f', trigger: { type: 'interval', hours: 1 } })

function listen(options: EventsOptions = {}): { readonly events: PlacedEvent[]; readonly subscription: Subscription } {
  const events: PlacedEvent[] = []
  return { events, subscription: client.events$(options).subscribe(event => events.push(event)) }
}
const types = (events: readonly PlacedEvent[]) => events.map(({ type }) => type)
/** One edit that is two events. */
const moveAndPause = { $set: { ip: 'b', next_run_time: null } }

test('tells of edits, runs and nodes', async () => {
  const { events } = listen()
  await until(() => expect(types(events)).toEqual(['stream.opened']))
  const cluster = await startNodes({ uri: db.uri })
  const [ip = ''] = cluster.ips
  await cluster.nodes[0]?.jobs.add({ _id: 'a', func: 'note', trigger: { type: 'date' } })
  await cluster.nodes[0]?.jobs.add({ _id: 'b', func: 'fail', trigger: { type: 'date' } })
  await until(() => expect(types(events)).toEqual(expect.arrayContaining(['run.executed', 'run.error', 'job.removed'])))
  await cluster.close()
  await until(() => expect(types(events)).toContain('node.stopped'))
  expect(events.find(({ type }) => type === 'node.started')).toMatchObject({ node: ip, at: expect.any(Date) })
  expect(events.find(({ type }) => type === 'run.error')).toMatchObject({
    job_id: 'b',
    error: { name: 'RangeError', message: 'out of range' },
  })
})

test('goes on from every position exactly, also in the middle of one edit', async () => {
  const { events } = listen()
  await until(() => expect(events).toHaveLength(1))
  await jobs().insertOne(aJob('a') as never)
  await jobs().updateOne({ _id: 'a' }, moveAndPause as never)
  await jobs().updateOne({ _id: 'a' }, { $unset: { next_run_time: '' } } as never)
  await jobs().deleteOne({ _id: 'a' })
  const all = ['stream.opened', 'job.added', 'job.moved', 'job.paused', 'job.resumed', 'job.removed']
  await until(() => expect(types(events)).toEqual(all))
  for (const [index, { position }] of events.entries()) {
    const again = listen({ after: position })
    await until(() => expect(types(again.events)).toEqual(['stream.opened', ...all.slice(index + 1)]))
    expect(again.events.slice(1).map(event => event.position)).toEqual(events.slice(index + 1).map(e => e.position))
    again.subscription.unsubscribe()
  }
})

test('leaves out what a query does not ask for, and loses no place by that', async () => {
  const { events } = listen({ query: { type: 'job.paused', job_id: 'a' } })
  await until(() => expect(events).toHaveLength(1))
  await jobs().insertMany([aJob('a'), aJob('b')] as never)
  for (const _id of ['b', 'a']) await jobs().updateOne({ _id }, moveAndPause as never)
  await until(() => expect(types(events)).toEqual(['stream.opened', 'job.paused']))
  const paused = events.at(-1)
  expect(paused).toMatchObject({ job_id: 'a', node: 'b' })
  await jobs().deleteOne({ _id: 'a' })
  const again = listen({ after: paused?.position ?? '' })
  await until(() => expect(types(again.events)).toEqual(['stream.opened', 'job.removed']))
})

test('who leaves at any moment, and closes the client then, leaves nothing on the server', async () => {
  const { events } = listen()
  await until(() => expect(events).toHaveLength(1))
  const after = events[0]?.position ?? ''
  for (let i = 0; i < 25; i++) {
    const other = listen({ after })
    // So many round trips later.
    for (let turn = 0; turn < i; turn++) await db.db.command({ ping: 1 })
    other.subscription.unsubscribe()
  }
  // What is left the closing of the database finds.
  await client.close()
})

test('who left hears no place any more, though an answer of the database was under way', async () => {
  const places: string[] = []
  const { events } = listen()
  await until(() => expect(types(events)).toEqual(['stream.opened']))
  await firstValueFrom(client.events$({ onPlace: position => places.push(position) }))
  await jobs().insertOne(aJob('a') as never)
  await until(() => expect(types(events)).toContain('job.added'))
  // Waits for the answers that are under way.
  await client.close()
  expect(places).toEqual([])
})

test('narrows as the events of a node do', async () => {
  const seen: string[] = []
  const added: string[] = []
  client
    .events$()
    .pipe(
      tap(({ type }) => seen.push(type)),
      ofType('job.added'),
    )
    .subscribe(({ job_id, next_run_time }) => added.push(`${job_id} ${next_run_time}`))
  await until(() => expect(seen).toEqual(['stream.opened']))
  await jobs().insertOne(aJob('a') as never)
  await until(() => expect(added).toEqual(['a null']))
})

test('what is never told is known, and a group is wanted with all below it', () => {
  expect(UNSHOWN).toEqual(
    expect.arrayContaining(['run.claimed', 'run.retrying', 'job.stranded', 'node.fenced', 'stream.opened']),
  )
  expect(TYPES.filter(type => !UNSHOWN.includes(type))).toContain('run.executed')
  const event = { type: 'run.error', at: new Date(), node: 'n', job_id: 'a' } as never
  expect([{}, { type: 'run' }, { node: 'n' }, { job_id: 'a' }].every(query => isWanted(event, query))).toBe(true)
  expect([{ type: 'ru' }, { node: 'm' }, { job_id: 'b' }].some(query => isWanted(event, query))).toBe(false)
})
