/** What people hand to a client's handles by mistake: each gets a code and one sentence that says what was expected and found, nothing
 *  is changed, and only what the driver says of connections is called `unreachable`. */
import { MongoClient, ObjectId } from 'mongodb'
import { firstValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb
let client: Client

beforeAll(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
  await client.jobs.add(aJob)
})

afterAll(async () => {
  await client?.close()
  await db?.close()
})

const aJob = { _id: 'a', func: 'note', trigger: { type: 'interval', minutes: 5 } } as const
const all = async (found: AsyncIterable<unknown>) => {
  for await (const _ of found);
}
type Method = (...given: readonly unknown[]) => never
type Loose<T> = { readonly [Name in keyof T]: Method }
type Untyped = { readonly [Handle in 'jobs' | 'history' | 'nodes' | 'users']: Loose<Client[Handle]> } & {
  readonly [Name in 'events$' | 'timeline' | 'stats']: Method
}
/** As a program without types would call it. */
const call = (work: (client: Untyped) => unknown) => async () => await work(client as never)
/** It has not even a `toString`. */
const bare = Object.create(null)
const big = 'x'.repeat(17 * 1024 * 1024)

const WRONG: readonly (readonly [name: string, call: () => Promise<unknown>, code: string, sentence: RegExp])[] = [
  // Operators, and other things, in the place of names.
  ['get', call(c => c.jobs.get({ $ne: null })), 'invalid_option', /^jobs\.get: id: expected text.*; found an object$/],
  [
    'update',
    call(c => c.jobs.update({ $ne: null }, { name: 'x' })),
    'invalid_option',
    /^jobs\.update: id: expected text/,
  ],
  [
    'reschedule',
    call(c => c.jobs.reschedule(/a/, aJob.trigger)),
    'invalid_option',
    /^jobs\.reschedule: id: expected text/,
  ],
  ['move', call(c => c.jobs.move({ $ne: null }, 'b')), 'invalid_option', /^jobs\.move: id: expected text/],
  ['move to', call(c => c.jobs.move('a', { $ne: null })), 'invalid_option', /^jobs\.move: ip: expected text/],
  ['move to nothing', call(c => c.jobs.move('a')), 'invalid_option', /^jobs\.move: ip: .*; found nothing$/],
  [
    'move to no name',
    call(c => c.jobs.move('a', 'two words')),
    'invalid_job',
    /^job a: ip: a node name.*; found "two words"$/,
  ],
  ['pause', call(c => c.jobs.pause({ $gt: '' })), 'invalid_option', /^jobs\.pause: id: expected text/],
  ['pause, note', call(c => c.jobs.pause('a', { a: 1 })), 'invalid_option', /^jobs\.pause: note: expected text/],
  ['resume', call(c => c.jobs.resume({ $gt: '' })), 'invalid_option', /^jobs\.resume: id: expected text/],
  ['run', call(c => c.jobs.run(5)), 'invalid_option', /^jobs\.run: id: expected text.*; found 5$/],
  ['backfill', call(c => c.jobs.backfill({}, {})), 'invalid_option', /^jobs\.backfill: id: expected text/],
  ['remove', call(c => c.jobs.remove({ $ne: null })), 'invalid_option', /^jobs\.remove: id: expected text/],
  ['remove an ObjectId', call(c => c.jobs.remove(new ObjectId())), 'invalid_option', /found an ObjectId$/],
  ['a run', call(c => c.history.get({ $ne: null })), 'invalid_option', /^history\.get: id: expected text/],
  ['cancel', call(c => c.history.cancel({ $ne: null })), 'invalid_option', /^history\.cancel: id: expected text/],
  ['drain', call(c => c.nodes.drain({ $ne: null })), 'invalid_option', /^nodes\.drain: ip: expected text/],
  ['evict', call(c => c.nodes.evict({ $ne: null })), 'invalid_option', /^nodes\.evict: ip: expected text/],
  // Filters.
  ['list', call(c => all(c.jobs.list({ $nonsense: 1 }))), 'invalid_option', /unknown top level operator: \$nonsense/],
  ['list, text', call(c => all(c.jobs.list('a'))), 'invalid_option', /^jobs\.list: query: expected a filter/],
  ['list, null', call(c => all(c.jobs.list(null))), 'invalid_option', /^jobs\.list: query: expected a filter/],
  [
    'removeAll',
    call(c => c.jobs.removeAll()),
    'invalid_option',
    /query: expected a filter .*\{\} for all; found nothing/,
  ],
  ['removeAll, null', call(c => c.jobs.removeAll(null)), 'invalid_option', /query: expected a filter/],
  ['removeAll, wrong', call(c => c.jobs.removeAll({ a: { $in: 5 } })), 'invalid_option', /\$in needs an array/],
  ['changes$', call(c => firstValueFrom(c.jobs.changes$({ $x: 1 }))), 'invalid_option', /unknown top level operator/],
  [
    'changes$, text',
    call(c => firstValueFrom(c.jobs.changes$('a'))),
    'invalid_option',
    /changes\$: query: expected a filter/,
  ],
  ['history', call(c => all(c.history.list({ $nonsense: 1 }))), 'invalid_option', /unknown top level operator/],
  ['purge', call(c => c.history.purge('yesterday')), 'invalid_option', /^history\.purge: before: expected a date/],
  // Options of methods.
  [
    'add, option',
    call(c => c.jobs.add({ ...aJob, _id: 'b' }, { replcae: true })),
    'invalid_option',
    /did you mean replace\?/,
  ],
  ['add, null', call(c => c.jobs.add({ ...aJob, _id: 'b' }, null)), 'invalid_option', /options: expected an object/],
  [
    'add, text',
    call(c => c.jobs.add(aJob, { replace: 'yes' })),
    'invalid_option',
    /replace: expected true or false; found "yes"/,
  ],
  ['drain, option', call(c => c.nodes.drain('a', { undo: 1 })), 'invalid_option', /undo: expected true or false/],
  // Spans.
  ['backfill, nothing', call(c => c.jobs.backfill('a')), 'invalid_option', /^jobs\.backfill: span: expected/],
  [
    'backfill, text',
    call(c => c.jobs.backfill('a', { from: '2026', to: '2027' })),
    'invalid_option',
    /from: expected a date/,
  ],
  [
    'backfill, reversed',
    call(c => c.jobs.backfill('a', { from: new Date(5), to: new Date(4) })),
    'invalid_option',
    /^jobs\.backfill: to: /,
  ],
  // Documents.
  ['add nothing', call(c => c.jobs.add()), 'invalid_job', /a job is an object/],
  [
    'add too much',
    call(c => c.jobs.add({ ...aJob, _id: 'b', args: [big] })),
    'invalid_job',
    /larger than MongoDB takes, 16 MiB/,
  ],
  [
    'update to too much',
    call(c => c.jobs.update('a', { args: [big] })),
    'invalid_job',
    /larger than MongoDB takes, 16 MiB/,
  ],
  [
    'a function',
    call(c => c.jobs.add({ ...aJob, _id: 'b', args: [1, () => 1] })),
    'invalid_job',
    /args\.1: .*; found a function/,
  ],
  [
    'undefined',
    call(c => c.jobs.add({ ...aJob, _id: 'b', kwargs: { to: undefined } })),
    'invalid_job',
    /kwargs\.to: .*; found undefined/,
  ],
  ['a Map', call(c => c.jobs.update('a', { x_own: new Map() })), 'invalid_job', /x_own: .*; found an instance of Map/],
  ['two ids', call(c => c.jobs.add({ ...aJob, id: 'b' })), 'invalid_job', /a job has one id.*found "a" and "b"/],
  ['another id', call(c => c.jobs.update('a', { _id: 'b' })), 'invalid_job', /^job a: _id: a job keeps its id/],
  ['another flat id', call(c => c.jobs.update('a', { id: 'b' })), 'invalid_job', /^job a: _id: a job keeps its id/],
  ['away with func', call(c => c.jobs.update('a', { func: undefined })), 'invalid_job', /func: .*; found nothing/],
  [
    'away with a misspelt field',
    call(c => c.jobs.update('a', { nam: undefined })),
    'invalid_job',
    /did you mean name\?/,
  ],
  [
    'away with state',
    call(c => c.jobs.update('a', { state: undefined })),
    'invalid_job',
    /state: is written by nodes only/,
  ],
  ['changes that are none', call(c => c.jobs.update('a', 'x')), 'invalid_option', /changes: expected an object/],
  [
    'replace_existing',
    call(c => c.jobs.add({ id: 'b', func: 'f', replace_existing: 'yes' })),
    'invalid_job',
    /replace_existing: true or false/,
  ],
  // Pages, bulk and overviews.
  ['page', call(c => c.jobs.page({ filtr: {} })), 'invalid_option', /^jobs\.page: filtr: .*; did you mean filter\?$/],
  [
    'page, limit',
    call(c => c.jobs.page({ limit: 10n })),
    'invalid_option',
    /^jobs\.page: limit: .* 1 to 500; found 10$/,
  ],
  ['page, status', call(c => c.jobs.page({ filter: { status: 'pausd' } })), 'invalid_option', /did you mean paused\?/],
  ['page, after', call(c => c.jobs.page({ after: 'x' })), 'invalid_option', /^jobs\.page: after: expected the `next`/],
  [
    'query',
    call(c => c.jobs.query({ ip: { $ne: 1 } })),
    'invalid_option',
    /^jobs\.query: ip: expected text; found an object$/,
  ],
  ['next', call(c => c.jobs.next('a', bare)), 'invalid_option', /^jobs\.next: count: .*; found an object$/],
  ['bulk', call(c => c.jobs.bulk()), 'invalid_option', /^jobs\.bulk: action: expected pause, .*; found nothing$/],
  [
    'bulk, both',
    call(c => c.jobs.bulk({ action: 'run', ids: [], filter: {} })),
    'invalid_option',
    /ids or filter, one of/,
  ],
  [
    'bulk, ids',
    call(c => c.jobs.bulk({ action: 'run', ids: [{ $ne: 1 }] })),
    'invalid_option',
    /ids: expected an array of texts/,
  ],
  [
    'bulk, dry',
    call(c => c.jobs.bulk({ action: 'run', ids: ['a'], dry_run: true })),
    'invalid_option',
    /did you mean dryRun\?/,
  ],
  [
    'history.page',
    call(c => c.history.page({ status: 10n })),
    'invalid_option',
    /^history\.page: status: .*; found 10$/,
  ],
  ['history.page, nothing', call(c => c.history.page({ status: bare })), 'invalid_option', /; found an object$/],
  ['history.recent', call(c => c.history.recent('a')), 'invalid_option', /jobIds: expected an array of at most 200/],
  ['history.recent, count', call(c => c.history.recent(['a'], 10n)), 'invalid_option', /count: .* 1 to 100; found 10$/],
  [
    'previewDrain',
    call(c => c.nodes.previewDrain(5)),
    'invalid_option',
    /^nodes\.previewDrain: ip: expected text.*found 5$/,
  ],
  ['timeline', call(c => c.timeline()), 'invalid_option', /^timeline: from: expected a date.*; found nothing$/],
  ['timeline, span', call(c => c.timeline({ form: 1 })), 'invalid_option', /^timeline: form: .*; did you mean from\?$/],
  ['stats', call(c => c.stats({ since: '1h' })), 'invalid_option', /^stats: since: expected a date.*; found "1h"$/],
  // Users.
  ['users.add', call(c => c.users.add('ann', null)), 'invalid_option', /^users\.add: options: .*; found null$/],
  ['users.add, field', call(c => c.users.add('ann', { rol: 'admin' })), 'invalid_option', /did you mean role\?/],
  ['users.token', call(c => c.users.token('ann', null)), 'invalid_option', /^users\.token: options: .*; found null$/],
  [
    'users.token, field',
    call(c => c.users.token('ann', { expire: new Date() })),
    'invalid_option',
    /did you mean expires\?/,
  ],
  ['users.used', call(c => c.users.used({ $ne: null }, 'x')), 'invalid_option', /^users\.used: id: expected text/],
  // Triggers.
  [
    'never',
    call(c => c.jobs.reschedule('a', { type: 'cron', month: 2, day: 30 })),
    'invalid_trigger',
    /can never fire/,
  ],
  ['a wrong trigger', call(c => c.jobs.reschedule('a', { type: 'interval' })), 'invalid_trigger', /trigger/],
  // Events.
  [
    'events$, type',
    call(c => firstValueFrom(c.events$({ query: { type: 'run.eror' } }))),
    'invalid_option',
    /did you mean run\.error\?/,
  ],
  [
    'events$, never told',
    call(c => firstValueFrom(c.events$({ query: { type: 'run.claimed' } }))),
    'invalid_option',
    /run\.claimed is never stored/,
  ],
  [
    'events$, query',
    call(c => firstValueFrom(c.events$({ query: { jobid: 'a' } }))),
    'invalid_option',
    /did you mean job_id\?/,
  ],
  ['events$, options', call(c => firstValueFrom(c.events$({ qery: {} }))), 'invalid_option', /did you mean query\?/],
  [
    'events$, onPlace',
    call(c => firstValueFrom(c.events$({ onPlace: 'x' }))),
    'invalid_option',
    /^events\$: onPlace: expected a function; found "x"$/,
  ],
  [
    'events$, no text',
    call(c => firstValueFrom(c.events$({ after: bare }))),
    'invalid_option',
    /after: expected the position/,
  ],
  [
    'events$, after',
    call(c => firstValueFrom(c.events$({ after: 'yesterday' }))),
    'invalid_option',
    /after: expected the position of an event/,
  ],
]

test.each(WRONG)('%s', async (_, wrong, code, sentence) => {
  const error = await wrong().then(
    () => 'nothing was refused',
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ name: 'TidewheelError', code, message: expect.stringMatching(sentence) })
  expect(await db.db.collection('jobs').find().toArray()).toEqual([aJob])
})

test('the wrong name of a database is no trouble of the connection', async () => {
  await expect(connect({ uri: db.uri, db: 'a.b' })).rejects.toMatchObject({ code: 'invalid_option' })
})

test('a server that is gone is unreachable', async () => {
  const gone = await MongoClient.connect(db.uri)
  const other = await connect({ client: gone, db: db.db.databaseName })
  await gone.close()
  await expect(other.jobs.get('a')).rejects.toMatchObject({ code: 'unreachable' })
  // Whoever watches hears that it is over.
  expect(await firstValueFrom(other.jobs.changes$().pipe(toArray()))).toEqual([])
})

test('after its close a client says so', async () => {
  const other = await connect({ uri: db.uri })
  await other.close()
  const closed = { code: 'closed' }
  await expect(other.jobs.get('a')).rejects.toMatchObject(closed)
  await expect(firstValueFrom(other.jobs.changes$())).rejects.toMatchObject(closed)
  await expect(firstValueFrom(other.events$())).rejects.toMatchObject(closed)
  await expect(other.init()).rejects.toMatchObject(closed)
})
