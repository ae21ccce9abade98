/** Check: each thing that can be wrong is found and answered with what to do; what is well is not called wrong. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient, MongoServerError } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { check } from '../../src/client/check.ts'
import { openDatabase } from '../../src/database/database.ts'
import { clockFinding, type Finding, looked, oplogFinding } from '../../src/database/inspect.ts'
import { directClient } from '../../src/dev/mongod.ts'
import { called } from '../support/called.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { startReplicaSet } from '../support/replica-set.ts'

let testDb: TestDb

const env = () => ({ MONGODB_URI: testDb.uri })
const collection = (name: string) => testDb.db.collection<{ _id: string }>(name)

async function findings(): Promise<readonly Finding[]> {
  const database = await openDatabase({ uri: testDb.uri })
  try {
    return await check(database)
  } finally {
    await database.connection.close()
  }
}

const of = async (what: string) => (await findings()).filter(finding => finding.check === what)
const wrong = async () => (await findings()).filter(({ status }) => status === 'wrong')

/** A node of the registry that lives for a minute. */
const aNode = (_id: string, fields: object = {}) =>
  collection('nodes').insertOne({
    _id,
    incarnation: 'i',
    seen: new Date(),
    lease: 60_000,
    status: 'active',
    version: '1',
    offset: 0,
    ...fields,
  } as never)

const jobs = (...documents: readonly object[]) => collection('jobs').insertMany(documents as never)

beforeEach(async () => {
  testDb = await openTestDb()
  await called(['init', '--quiet'], env())
})

afterEach(() => testDb.close())

test('a database that is as it should be: exit 0, nothing wrong, each thing looked at', async () => {
  await aNode('a')
  await jobs(aJob({ ip: 'a' }), aJob())
  const { code, stdout, stderr } = await called(['check'], env())
  expect([code, stderr]).toEqual([0, 'Nothing is wrong.\n'])
  const rows = stdout
    .trim()
    .split('\n')
    .map(line => line.split('\t'))
  expect(new Set(rows.map(([status]) => status))).toEqual(new Set(['ok']))
  expect(rows.map(([, what]) => what)).toEqual([
    'server',
    'replica set',
    'oplog',
    'clock',
    'validator',
    'validator',
    'index',
    'index',
    'nodes',
    'stranded jobs',
    'invalid jobs',
  ])
})

test('a database in which nothing was made: exit 1, and init is the advice', async () => {
  await testDb.db.dropDatabase()
  const { code, stdout, stderr } = await called(['check', '--json'], env())
  expect([code, stderr]).toEqual([1, ''])
  const found: readonly Finding[] = JSON.parse(stdout)
  const missing = found.filter(({ status }) => status === 'wrong')
  expect(missing.map(({ check: what, found: text }) => `${what}: ${text}`)).toEqual([
    'validator: there is no collection jobs',
    'validator: there is no collection nodes',
    'index: there is no collection jobs',
    'index: there is no collection executions',
  ])
  for (const { advice } of missing) expect(advice).toBe('tidewheel init puts that right.')
})

describe('what init makes', () => {
  test('an index that is gone or of another kind is named, and init makes it again', async () => {
    await collection('executions').dropIndex('job_id_1_run_time_-1')
    await collection('executions').dropIndex('recorded_1')
    await collection('executions').createIndex({ recorded: 1 })
    await collection('jobs').dropIndex('ip_1__id_1')
    expect((await wrong()).map(({ found }) => found)).toEqual([
      'jobs lacks {"ip":1,"_id":1}',
      'executions lacks {"job_id":1,"run_time":-1}, {"recorded":1}',
    ])
    await collection('executions').dropIndex('recorded_1')
    await called(['init', '--quiet'], env())
    expect(await wrong()).toEqual([])
  })

  test.each([
    [{ $jsonSchema: { title: 'tidewheel jobs 0' } }, 'wrong', 'jobs has version 0, ours is 1'],
    [{ $jsonSchema: { title: 'tidewheel jobs 99' } }, 'note', 'jobs has version 99, newer than ours'],
    [{ x: 1 }, 'wrong', 'jobs has one that is not ours'],
    [{}, 'wrong', 'jobs has none'],
  ])('validator %j: %s, %s', async (validator, status, found) => {
    await testDb.db.command({ collMod: 'jobs', validator })
    expect((await of('validator'))[0]).toMatchObject({ status, found, advice: expect.any(String) })
  })

  test('a validator that only warns is wrong', async () => {
    await testDb.db.command({ collMod: 'jobs', validationAction: 'warn' })
    expect(await wrong()).toMatchObject([{ check: 'validator', found: 'jobs: level moderate, action warn' }])
  })

  test('other names of the collections count', async () => {
    await collection('jobs').rename('work')
    const named = { TIDEWHEEL_COLLECTIONS: '{"jobs": "work"}' }
    expect((await called(['check', '--quiet'], { ...env(), ...named })).code).toBe(0)
    expect((await called(['check', '--quiet'], env())).code).toBe(1)
  })
})

describe('nodes', () => {
  test('no node and no job is nothing wrong; jobs without a node that lives are', async () => {
    expect(await of('nodes')).toMatchObject([{ status: 'note', found: 'none lives, and there is no job' }])
    await jobs(aJob(), aJob())
    expect((await wrong()).map(({ found }) => found)).toEqual([
      'none lives: no job runs',
      '2 jobs without a node, and none lives that takes jobs',
    ])
  })

  test('lost and drained ones, several versions and clocks that are off are told', async () => {
    await aNode('a')
    await aNode('b', { wanted: 'draining', version: '2' })
    await aNode('c', { seen: new Date(0) })
    await aNode('d', { seen: new Date(0), status: 'stopped' })
    await aNode('e', { offset: -2_500 })
    const told = [...(await of('nodes')), ...(await wrong())].map(({ status, found }) => `${status}: ${found}`)
    expect(told).toEqual([
      'ok: 3 nodes living: a, b, e',
      'note: ended without a word: c',
      'note: takes no runs: b (draining)',
      'note: of several versions: 1, 2',
      "wrong: the clock of node e is 2,500 ms behind the server's",
    ])
  })
})

describe('jobs', () => {
  test('stranded: of a node that is dead, has stopped or never was, unless others may take them', async () => {
    await aNode('a')
    await aNode('dead', { seen: new Date(0) })
    await aNode('off', { seen: new Date(0), status: 'stopped' })
    await jobs(
      aJob({ _id: 'mine', ip: 'a' }),
      aJob({ _id: 'goes', ip: 'dead', standby: ['a'] }),
      aJob({ _id: 'goes-too', ip: 'dead', standby: 'any' }),
      aJob({ _id: 'stays', ip: 'dead' }),
      aJob({ _id: 'waits', ip: 'off' }),
      ...Array.from({ length: 7 }, (_, i) => aJob({ _id: `n${i}`, ip: 'nobody' })),
    )
    expect((await of('stranded jobs')).map(({ status, found }) => `${status}: ${found}`)).toEqual([
      'wrong: 1 job of dead, and it is dead: stays',
      'wrong: 7 jobs of nobody, and no node of that name was ever there: n0, n1, n2, n3, n4 and 2 more',
      'wrong: 1 job of off, and it has stopped: waits',
    ])
  })

  test('stranded: also where those that may take them say that they cannot perform them, and why', async () => {
    const executors = { default: 'default' }
    await aNode('red', { tasks: ['red'], executors })
    await aNode('blue', { tasks: ['blue'], executors })
    await aNode('dead', { seen: new Date(0) })
    await jobs(
      aJob({ _id: 'goes', func: 'red', ip: 'dead', standby: 'any' }),
      aJob({ _id: 'nobodys', func: 'bleu', ip: 'dead', standby: 'any' }),
      aJob({ _id: 'not-there', func: 'red', ip: 'dead', standby: ['blue'] }),
      aJob({ _id: 'stays', func: 'red', ip: 'dead' }),
    )
    expect((await of('stranded jobs')).map(({ found }) => found)).toEqual([
      `3 jobs of dead, and it is dead: ${[
        'nobodys (func: no living node has a task "bleu"; did you mean blue? asked: blue, red)',
        'not-there (func: no living node has a task "red"; asked: blue)',
        'stays',
      ].join(', ')}`,
    ])
    const { stdout } = await called(['jobs', 'list', '--status', 'stranded', '--json'], env())
    expect(JSON.parse(stdout).map(({ _id }: { _id: string }) => _id)).toEqual(['nobodys', 'not-there', 'stays'])
  })

  test('invalid: what its node says, and what MongoDB would refuse today', async () => {
    await aNode('a')
    await jobs(aJob({ _id: 'wrong', ip: 'a', state: { error: 'func: this node has no task nothing' } }))
    await testDb.db.command({ collMod: 'jobs', validationLevel: 'off' })
    await jobs({ _id: 'old', func: 'f', ip: 'a', trigger: { type: 'interval' } })
    await testDb.db.command({ collMod: 'jobs', validationLevel: 'moderate' })
    expect((await wrong()).map(({ found }) => found)).toEqual([
      '1 job cannot be scheduled: wrong (func: this node has no task nothing)',
      '1 job would be refused by MongoDB: old',
    ])
  })
})

test.each([
  [{ seconds: 60, size: 10, maxSize: 1_000 }, 'ok'],
  [{ seconds: 60, size: 990, maxSize: 1_000 }, 'wrong'],
  [{ seconds: 3_599, size: 1_001, maxSize: 1_000 }, 'wrong'],
  [{ seconds: 3_600, size: 1_000, maxSize: 1_000 }, 'note'],
  [{ seconds: 86_400, size: 1_000, maxSize: 1_000 }, 'ok'],
])('an oplog of %j is %s', (oplog, status) => {
  expect(oplogFinding(oplog).status).toBe(status)
})

test.each([
  [1_000, 'ok', "it is 1,000 ms ahead of the server's"],
  [1_001, 'wrong', "it is 1,001 ms ahead of the server's"],
  [-1_001, 'wrong', "it is 1,001 ms behind the server's"],
])('a clock that is %i ms ahead is %s', (offset, status, found) => {
  expect(clockFinding('it', offset)).toMatchObject({ status, found })
})

test('a user who may only read the three collections is told what only an administrator sees', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidewheel-check-'))
  const keyFile = join(folder, 'key')
  await writeFile(keyFile, randomBytes(300).toString('base64'), { mode: 0o600 })
  const set = await startReplicaSet({
    members: 1,
    dataDir: join(folder, 'set'),
    args: ['--auth', '--keyFile', keyFile],
  })
  try {
    const port = set.ports[0] as number
    await using first = directClient(port, 20_000)
    const rootUser = { createUser: 'root', pwd: 'r', roles: ['root'], writeConcern: { w: 'majority' } }
    await vi.waitFor(() => first.db('admin').command(rootUser), { timeout: 20_000, interval: 100 })
    const at = (login: string, query = '') =>
      `mongodb://${login}@127.0.0.1:${port}/guarded?directConnection=true${query}`
    await called(['init', '--quiet'], { MONGODB_URI: at('root:r', '&authSource=admin') })
    await using root = await MongoClient.connect(at('root:r', '&authSource=admin'))
    const privileges = ['jobs', 'executions', 'nodes'].map(collection => ({
      resource: { db: 'guarded', collection },
      actions: ['find'],
    }))
    await root.db('guarded').command({ createRole: 'reader', privileges, roles: [] })
    await root.db('guarded').command({ createUser: 'ann', pwd: 'a', roles: ['reader'] })
    const { code, stdout } = await called(['check', '--json'], { MONGODB_URI: at('ann:a') })
    const found: readonly Finding[] = JSON.parse(stdout)
    const unseen = found.filter(({ found: text }) => text === 'this user may not see it')
    expect(unseen.map(({ check: what, status }) => `${status}: ${what}`)).toEqual([
      'note: replica set',
      'note: oplog',
      'note: validator',
      'note: index',
    ])
    expect(found.filter(({ status }) => status === 'ok').map(({ check: what }) => what)).toEqual([
      'server',
      'clock',
      'stranded jobs',
      'invalid jobs',
    ])
    expect(code).toBe(0)
  } finally {
    await set.stop()
    await rm(folder, { recursive: true, force: true })
  }
})

test('what the user may not see is a note; any other failure is one', async () => {
  const refuse = (code: number) =>
    looked('oplog', () => Promise.reject(new MongoServerError({ code, errmsg: 'not authorized on local' })))
  expect(await refuse(13)).toMatchObject([{ check: 'oplog', status: 'note', found: 'this user may not see it' }])
  await expect(refuse(59)).rejects.toMatchObject({ code: 'invalid_option' })
})
