/** The two users of MongoDB that scripts/ makes, on a replica set with authentication: a real node runs as the one, a person works
 *  in the real mongosh as the other, and whatever else each tries the server refuses. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Db, type Document, MongoClient, MongoServerError } from 'mongodb'
import { bufferCount, firstValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../src/api/app.ts'
import { connect } from '../../src/client/connect.ts'
import { ensureCollections } from '../../src/database/ensure.ts'
import { directClient } from '../../src/dev/mongod.ts'
import { assertServable } from '../../src/http/door.ts'
import { jsonLogger } from '../../src/log.ts'
import { endAll } from '../support/cli.ts'
import { collect } from '../support/events.ts'
import { type Mongosh, openMongosh, type Step } from '../support/mongosh.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'
import { type ReplicaSet, startReplicaSet } from '../support/replica-set.ts'

const NAME = 'guarded'
const SCRIPTS = join(import.meta.dirname, '..', '..', 'scripts')
const load = (file: string) => `load(${JSON.stringify(join(SCRIPTS, file))})`
const UNAUTHORISED = 13

let folder: string
let set: ReplicaSet
let mongosh: Mongosh
let root: MongoClient
let db: Db
let made: Record<string, Step>

/** The connection string of a user of this database, or of root. */
const uriOf = (user: string, password: string) =>
  `mongodb://${user}:${password}@127.0.0.1:${set.ports[0]}/${NAME}?directConnection=true`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-users-'))
  const keyFile = join(folder, 'key')
  await writeFile(keyFile, randomBytes(300).toString('base64'), { mode: 0o600 })
  mongosh = await openMongosh(folder)
  set = await startReplicaSet({ members: 1, dataDir: join(folder, 'set'), args: ['--auth', '--keyFile', keyFile] })
  // The first user is made without one.
  await using first = directClient(set.ports[0] as number, 20_000)
  const createRoot = { createUser: 'root', pwd: 'r', roles: ['root'], writeConcern: { w: 'majority' } }
  await until(() => first.db('admin').command(createRoot), 20_000)
  const uri = `${uriOf('root', 'r')}&authSource=admin`
  root = await MongoClient.connect(uri)
  db = root.db(NAME)
  await ensureCollections(db)
  const create = (kind: string, name: string, http = 0) =>
    `(globalThis.HTTP = ${http}, globalThis.NEW_USER = "${name}", globalThis.PASSWORD = "secret-${name}", ${load(`create-${kind}-user.js`)})`
  made = await mongosh.session(uri, {
    node: create('node', 'node'),
    web: create('node', 'web', 1),
    person: create('person', 'ann'),
    again: create('person', 'ann'),
  })
}, 360_000)

afterAll(async () => {
  await endAll()
  await root?.close()
  await set?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** What the user gets for each of these commands: undefined, or the code of the refusal. */
async function answers(
  user: string,
  commands: Readonly<Record<string, readonly [database: string, command: Document]>>,
): Promise<Record<string, unknown>> {
  await using client = await MongoClient.connect(uriOf(user, `secret-${user}`))
  const codes: Record<string, unknown> = {}
  for (const [name, [database, command]] of Object.entries(commands)) {
    try {
      await client.db(database).command(command)
      codes[name] = undefined
    } catch (error) {
      codes[name] = error instanceof MongoServerError ? error.code : error
    }
  }
  return codes
}

const insert = (collection: string) => ({ insert: collection, documents: [{ _id: 'x' }] })
const update = (collection: string) => ({
  update: collection,
  updates: [{ q: {}, u: { $set: { x: 1 } }, multi: true }],
})
const remove = (collection: string) => ({ delete: collection, deletes: [{ q: { _id: 'nobody' }, limit: 0 }] })
const watch = (of: string | 1) => ({ aggregate: of, pipeline: [{ $changeStream: {} }], cursor: {} })

/** What neither of them may do. */
const NOBODYS: Readonly<Record<string, readonly [string, Document]>> = {
  'drop jobs': [NAME, { drop: 'jobs' }],
  'drop executions': [NAME, { drop: 'executions' }],
  'drop nodes': [NAME, { drop: 'nodes' }],
  'drop the database': [NAME, { dropDatabase: 1 }],
  'drop an index': [NAME, { dropIndexes: 'jobs', index: 'ip_1__id_1' }],
  'rename a collection': ['admin', { renameCollection: `${NAME}.jobs`, to: `${NAME}.jobs2` }],
  'compact a collection': [NAME, { compact: 'jobs' }],
  'remove history': [NAME, remove('executions')],
  'go round the validator': [NAME, { ...insert('jobs'), bypassDocumentValidation: true }],
  'read another collection': [NAME, { find: 'users' }],
  'write another collection': [NAME, insert('users')],
  'create another collection': [NAME, { create: 'more' }],
  'follow the whole database': [NAME, watch(1)],
  'read another database': ['other', { find: 'jobs' }],
  'write another database': ['other', insert('jobs')],
  'read the oplog': ['local', { find: 'oplog.rs' }],
  'read users': [NAME, { usersInfo: { forAllDBs: true } }],
  'create a user': [NAME, { createUser: 'y', pwd: 'y', roles: [] }],
  'change a role': [
    NAME,
    {
      grantPrivilegesToRole: 'tidewheel_node',
      privileges: [{ resource: { db: NAME, collection: 'jobs' }, actions: ['dropCollection'] }],
    },
  ],
  'give itself a role': [NAME, { grantRolesToUser: 'node', roles: ['dbOwner'] }],
  'see what others do': ['admin', { currentOp: 1 }],
  'end what others do': ['admin', { killOp: 1, op: 1 }],
  'see the server’s state': ['admin', { serverStatus: 1 }],
  'shut the server down': ['admin', { shutdown: 1 }],
  'change the replica set': ['admin', { replSetStepDown: 1 }],
}

const refused = (commands: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.keys(commands).map(name => [name, UNAUTHORISED]))

test('the scripts say what they made, and do no harm once more', async () => {
  expect(made.node?.printed.slice(1)).toEqual([
    'made the user "node" with the role "tidewheel_node"',
    `its connection string ends with /${NAME}, the database to which it belongs`,
  ])
  expect(made.again?.printed[1]).toBe(
    'the user "ann" was there: it has the role "tidewheel_person", and its password stays',
  )
  const { users } = await db.command({ usersInfo: 1 })
  const roles = users.map(({ user, roles }: Document) => [user, roles])
  expect(roles.sort()).toEqual([
    ['ann', [{ role: 'tidewheel_person', db: NAME }]],
    ['node', [{ role: 'tidewheel_node', db: NAME }]],
  ])
})

describe('a node', () => {
  let cluster: Nodes
  const warnings: string[] = []

  beforeAll(async () => {
    cluster = await startNodes({ uri: `${uriOf('root', 'r')}&authSource=admin`, count: 0 })
  })

  afterAll(() => cluster?.close())

  const another = (ip: string) => {
    const historyTtl = 3_600_000
    const logger = jsonLogger({ level: 'warn' }, { write: (line: string) => warnings.push(line) })
    return cluster.another({ ip, uri: uriOf('node', 'secret-node'), lease: 1_500, historyTtl, logger })
  }

  test('runs, retries, moves and takes over jobs, and sets up what was dropped, without a warning', async () => {
    await cluster.jobs.deleteMany({})
    // As an earlier version left them; and a node that nobody has seen for long.
    for (const name of ['jobs', 'nodes'])
      await db.command({ collMod: name, validator: { $jsonSchema: { title: `tidewheel ${name} 0` } } })
    const silent = { incarnation: 'x', seen: new Date(Date.now() - 8 * 24 * 3_600_000), lease: 1_500 }
    await db.collection<Loose>('nodes').insertOne({ _id: 'forgotten', ...silent })
    const [a, b] = [another('a'), another('b')]
    await Promise.all([a.start(), b.start()])
    const seen = collect(b)
    const trigger = { type: 'interval', seconds: 1 }
    await cluster.jobs.insertMany([
      { _id: 'runs', func: 'note', trigger, ip: 'a' },
      { _id: 'fails', func: 'fail', trigger, ip: 'a', retry: { max_attempts: 2, delay: 0.1 } },
      { _id: 'once', func: 'note', trigger: { type: 'date', run_date: new Date() } },
      { _id: 'taken', func: 'note', trigger, ip: 'a', standby: ['b'] },
    ])
    await until(() => expect(cluster.ranOf('runs').length).toBeGreaterThan(0))
    await until(async () =>
      expect(await cluster.executions.countDocuments({ job_id: 'fails', attempt: 2 })).not.toBe(0),
    )
    // A job that is over is removed by its node.
    await until(async () => expect(await cluster.jobs.countDocuments({ _id: 'once' })).toBe(0))
    await until(
      async () => expect(await db.collection<Loose>('nodes').countDocuments({ _id: 'forgotten' })).toBe(0),
      15_000,
    )
    expect([await titleOf('jobs'), await titleOf('nodes')]).toEqual(['tidewheel jobs 1', 'tidewheel nodes 2'])
    const indexes = await cluster.executions.indexes()
    expect(indexes.find(({ key }) => key.recorded === 1)?.expireAfterSeconds).toBe(3_600)
    await cluster.jobs.updateOne({ _id: 'runs' }, { $set: { ip: 'b' } })
    await until(() => expect(cluster.ranOf('runs').some(({ ip }) => ip === 'b')).toBe(true))
    await a.stop()
    await until(async () => expect(await cluster.jobs.findOne({ _id: 'taken' })).toMatchObject({ ip: 'b' }), 15_000)
    await b.jobs.add({ _id: 'added', func: 'note', trigger: { type: 'cron', hour: 8 } })
    await b.jobs.remove('added')
    await db.dropCollection('jobs')
    await until(() => expect(seen.of('stream.resynced').length).toBeGreaterThan(0), 15_000)
    await until(async () => expect(await titleOf('jobs')).toBe('tidewheel jobs 1'), 15_000)
    await cluster.jobs.insertOne({ _id: 'again', func: 'note', trigger, ip: 'b' })
    await until(() => expect(cluster.ranOf('again').length).toBeGreaterThan(0))
    await b.stop()
    const told = warnings.filter(line => /may not|authori/i.test(line))
    expect(told).toEqual([])
  }, 90_000)

  test('may do nothing else', async () => {
    expect(await answers('node', NOBODYS)).toEqual(refused(NOBODYS))
    const more = {
      'follow the history': [NAME, watch('executions')],
      'follow the registry': [NAME, watch('nodes')],
      'index the registry': [NAME, { createIndexes: 'nodes', indexes: [{ key: { x: 1 }, name: 'x' }] }],
    } as const
    expect(await answers('node', more)).toEqual(refused(more))
  })

  test('has the rights that are listed, and no others', async () => {
    expect(await rightsOf('tidewheel_node')).toEqual({
      '': ['listCollections'],
      jobs: ['changeStream', 'collMod', 'createCollection', 'createIndex', 'find', 'insert', 'remove', 'update'],
      executions: ['collMod', 'createCollection', 'createIndex', 'find', 'insert', 'update'],
      nodes: ['collMod', 'createCollection', 'find', 'insert', 'remove', 'update'],
    })
  })
})

describe('a node that serves HTTP', () => {
  test('may let people in, and follow what is shown live', async () => {
    await using client = await connect({ uri: uriOf('web', 'secret-web') })
    await client.users.add('ann', { role: 'admin', password: 'a long password' })
    await client.users.token('ann')
    await assertServable('0.0.0.0', client)
    const [opened] = await firstValueFrom(client.events$().pipe(bufferCount(1)))
    expect(opened?.type).toBe('stream.opened')
    await client.users.remove('ann')
  }, 30_000)

  test('has the rights of a node and these, and no others', async () => {
    const { '': all, users, ...rest } = await rightsOf('tidewheel_node_http')
    const { '': _, ...node } = await rightsOf('tidewheel_node')
    expect([all, users, rest]).toEqual([
      ['changeStream', 'find', 'listCollections'],
      ['find', 'insert', 'remove', 'update'],
      node,
    ])
  })

  test('where its user may not read users, nobody comes in, and it says so', async () => {
    await using client = await connect({ uri: uriOf('node', 'secret-node') })
    await expect(assertServable('0.0.0.0', client)).rejects.toMatchObject({ code: 'unauthorised' })
    const { fetch } = createApp({ client, logger: false })
    const incoming = { socket: { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1' } }
    const answer = await fetch(new Request('http://localhost/api/me'), { incoming } as never)
    expect([answer.status, await answer.json()]).toEqual([503, expect.objectContaining({ code: 'unauthorised' })])
  })
})

describe('a person', () => {
  test('has every verb in mongosh', async () => {
    await db.collection<Loose>('executions').deleteMany({})
    await db.collection<Loose>('executions').insertOne({
      _id: 'r',
      job_id: 'mail',
      run_time: new Date(),
      status: 'executed',
      recorded: new Date(),
      log: 'hi',
    })
    const steps = {
      load: load('tidewheel.mongosh.js'),
      help: 'tw.help()',
      add: 'tw.add({_id: "mail", func: "f", trigger: {type: "interval", minutes: 5}, ip: "nobody"})',
      list: 'tw.list({_id: "mail"})',
      get: 'tw.get("mail")',
      move: 'tw.move("mail", "nobody-else")',
      moveAll: 'tw.moveAll("nobody-else", "nobody")',
      pause: 'tw.pause("mail", "ask Ann")',
      resume: 'tw.resume("mail")',
      run: 'tw.run("mail")',
      restart: 'tw.run("mail", {restart: true})',
      reschedule: 'tw.reschedule("mail", "*/5 * * * *")',
      next: 'tw.next("mail")',
      history: 'tw.history("mail")',
      log: 'tw.log("mail")',
      nodes: 'tw.nodes()',
      stranded: 'tw.stranded()',
      invalid: 'tw.invalid()',
      wish: 'db.nodes.updateOne({_id: "a"}, {$set: {wanted: "draining"}})',
      remove: 'db.jobs.deleteOne({_id: "mail"})',
      refused: 'db.executions.deleteOne({_id: "r"})',
    }
    const said = await mongosh.session(uriOf('ann', 'secret-ann'), steps)
    const errors = Object.entries(said).filter(([, { error }]) => error !== undefined)
    expect(errors).toEqual([['refused', expect.objectContaining({ error: expect.stringMatching(/not authorized/) })]])
    expect(said.list.value).toHaveLength(1)
    expect(said.log.printed.at(-1)).toBe('hi')
  })

  test('watches, and leaves no stream behind', async () => {
    const watching = mongosh.start([uriOf('ann', 'secret-ann'), '--file', join(SCRIPTS, 'watch.js')], { LIMIT: '1' })
    await watching.saw(/^watching/m)
    await db.collection<Loose>('jobs').insertOne({ _id: 'seen', func: 'f', trigger: { type: 'cron', hour: 8 } })
    expect(await watching.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/job\.added +seen/) })
    const stages = [
      { $currentOp: { allUsers: true, idleCursors: true } },
      { $match: { ns: { $regex: `^${NAME}\\.` } } },
    ]
    expect(await root.db('admin').aggregate(stages).toArray()).toEqual([])
  })

  test('may do nothing else', async () => {
    expect(await answers('ann', NOBODYS)).toEqual(refused(NOBODYS))
    const more = {
      'write history': [NAME, insert('executions')],
      'change history': [NAME, update('executions')],
      'make a node': [NAME, insert('nodes')],
      'remove a node': [NAME, remove('nodes')],
      'change the validator': [NAME, { collMod: 'jobs', validator: {} }],
      'change how long history is kept': [
        NAME,
        { collMod: 'executions', index: { keyPattern: { recorded: 1 }, expireAfterSeconds: 1 } },
      ],
      'index jobs': [NAME, { createIndexes: 'jobs', indexes: [{ key: { x: 1 }, name: 'x' }] }],
    } as const
    expect(await answers('ann', more)).toEqual(refused(more))
  })

  test('has the rights that are listed, and no others', async () => {
    expect(await rightsOf('tidewheel_person')).toEqual({
      '': ['listCollections'],
      jobs: ['changeStream', 'find', 'insert', 'remove', 'update'],
      executions: ['changeStream', 'find'],
      nodes: ['changeStream', 'find', 'update'],
    })
  })

  test('is told in one sentence what a user without rights may not', async () => {
    await db.command({ createUser: 'nobody', pwd: 'secret-nobody', roles: [] })
    const { code, stderr } = await mongosh.run([
      uriOf('nobody', 'secret-nobody'),
      '--file',
      join(SCRIPTS, 'list-jobs.js'),
    ])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `Error: not authorised: this user may not do that in the database "${NAME}"\n`,
    })
  })
})

/** The title of a collection's validator; undefined: it has none, or is not there. */
async function titleOf(name: string): Promise<unknown> {
  const [info] = (await db.listCollections({ name }).toArray()) as Document[]
  return info?.options.validator?.$jsonSchema.title
}

/** What a role may do, by collection; all of it in this database. */
async function rightsOf(role: string): Promise<Record<string, readonly string[]>> {
  const { roles } = await db.command({ rolesInfo: role, showPrivileges: true })
  const [{ inheritedPrivileges }] = roles
  expect(inheritedPrivileges.every(({ resource }: Document) => resource.db === NAME)).toBe(true)
  return Object.fromEntries(
    inheritedPrivileges.map(({ resource, actions }: Document) => [resource.collection, [...actions].sort()]),
  )
}
