/** The follower against the collection: whatever people write and however the stream is cut, when all is quiet memory equals
 *  a `find`. It has a server of its own, because fail points are one for all clients of a server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Collection, type Db, type Document, MongoClient, MongoServerError } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { type Mongod, startMongod } from '../../src/dev/mongod.ts'
import type { Job } from '../../src/job/job.ts'
import { nextEvent } from '../support/events.ts'
import { Followed } from '../support/followed.ts'
import { aJob } from '../support/jobs.ts'
import { type Loose, startNodes, until } from '../support/node.ts'

const MINE = 'mine'
const FOLLOWER = 'follower'

let dataDir: string
let mongod: Mongod
let people: MongoClient
let client: MongoClient
let jobs: Collection<Loose>
let collections = 0

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-follow-'))
  const { path } = await findMongodBinary()
  mongod = await startMongod({ dataDir, binary: path, args: ['--setParameter', 'enableTestCommands=1'] })
  people = await MongoClient.connect(mongod.uri)
  // A fail point says that the server stepped down and changes nothing there, so only the next heartbeat finds it well.
  const heartbeatFrequencyMS = 500
  const options = { appName: FOLLOWER, serverSelectionTimeoutMS: 5_000, heartbeatFrequencyMS, monitorCommands: true }
  client = await MongoClient.connect(mongod.uri, options)
})

afterAll(async () => {
  await people?.close()
  await client?.close()
  await mongod?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
})

afterEach(() => fail('off'))

/** Lets commands of the follower's client fail; one such order is in force at a time. */
const fail = (mode: 'off' | 'alwaysOn' | { readonly times: number }, data: Document = {}) =>
  people.db('admin').command({
    configureFailPoint: 'failCommand',
    mode,
    ...(mode !== 'off' && { data: { appName: FOLLOWER, ...data } }),
  })

/** Kills the stream's cursor on the server, waiting or not. */
async function killCursors(): Promise<void> {
  const ours = { ns: jobs.namespace, appName: FOLLOWER, 'cursor.cursorId': { $exists: true } }
  const operations = await people
    .db('admin')
    .aggregate([{ $currentOp: { allUsers: true, idleCursors: true } }, { $match: ours }])
    .toArray()
  const cursors = operations.map(operation => operation.cursor.cursorId)
  if (cursors.length > 0) await people.db().command({ killCursors: jobs.collectionName, cursors })
}

const agrees = (memory: Followed, timeout = 15_000) => memory.agrees(timeout)

/** Swallows errors of these codes only. */
const ignore =
  (...codes: number[]) =>
  (error: unknown): void => {
    if (!(error instanceof MongoServerError) || !codes.includes(Number(error.code))) throw error
  }

async function following(use: (memory: Followed) => Promise<void>, db?: Db): Promise<void> {
  jobs = people.db().collection<Loose>(`jobs_${++collections}`)
  const prepare = async () => {
    await people.db().createCollection(jobs.collectionName).catch(ignore(48))
  }
  const memory = new Followed({ db: db ?? client.db(), jobs, ip: MINE, prepare })
  try {
    await memory.opened()
    await use(memory)
    expect(memory.ended).toBe(false)
  } finally {
    await memory.close()
    await jobs.drop().catch(ignore(26))
  }
}

const put = (job: Job) => jobs.insertOne(job as unknown as Loose)
const mine = (fields: Partial<Job> = {}) => aJob({ ip: MINE, ...fields })

describe('any writes by many people, the stream cut anywhere', () => {
  const id = fc.nat({ max: 11 }).map(n => `job-${n}`)
  const ip = fc.constantFrom<string | undefined>(MINE, MINE, 'other', undefined)
  const date = fc.nat({ max: 1_000 }).map(n => new Date(Date.UTC(2030, 0, 1) + n * 60_000))
  const set = fc.oneof(
    ip.map(name => (name === undefined ? { $unset: { ip: '' } } : { $set: { ip: name } })),
    fc.constantFrom('note', 'hold').map(func => ({ $set: { func } })),
    date.map(next_run_time => ({ $set: { next_run_time } })),
    fc.constantFrom<Document>({ $set: { next_run_time: null } }, { $unset: { next_run_time: '' } }),
    fc.nat({ max: 50 }).map(n => ({ $set: { 'trigger.hours': n + 1 } })),
    fc.nat({ max: 5 }).map(n => ({ $set: { max_instances: n + 1, note: `note ${n}` } })),
    date.map(time => ({ $push: { run_at: time } })),
    fc.constant({ $unset: { run_at: '' } }),
    fc.tuple(ip, date).map(([name = MINE, next_run_time]) => ({ $set: { ip: name, next_run_time, x_own: 1 } })),
    fc.nat().map(n => ({ $set: { touch: `t${n}`, 'state.runs': n } })),
  )
  const whole = fc.record({ id, ip }).map(({ id: _id, ip }) => aJob({ _id, ...(ip !== undefined && { ip }) }))
  const code = fc.constantFrom(43, 237, 286, 136, 280, 91, 11600, 10107, 8)
  const commands = fc.constantFrom(['getMore'], ['aggregate'], ['getMore', 'aggregate'], ['find'], ['find', 'getMore'])
  const action = fc.oneof(
    { weight: 20, arbitrary: fc.record({ do: fc.constant('insert' as const), job: whole }) },
    { weight: 60, arbitrary: fc.record({ do: fc.constant('update' as const), id, update: set }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('replace' as const), job: whole }) },
    { weight: 10, arbitrary: fc.record({ do: fc.constant('delete' as const), id }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('fail' as const),
        commands,
        errorCode: code,
        times: fc.integer({ min: 1, max: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('disconnect' as const), commands, times: fc.integer({ min: 1, max: 2 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('drop' as const, 'rename' as const) }) },
  )
  type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

  /** A write may find the collection dropped under its hands. */
  const DROPPED = 175

  async function act(one: Action): Promise<void> {
    switch (one.do) {
      case 'insert':
        return void (await put(one.job).catch(ignore(11000, DROPPED)))
      case 'update':
        return void (await jobs.updateOne({ _id: one.id }, one.update as never).catch(ignore(DROPPED)))
      case 'replace': {
        const { _id, ...rest } = one.job
        return void (await jobs.replaceOne({ _id }, rest).catch(ignore(DROPPED)))
      }
      case 'delete':
        return void (await jobs.deleteOne({ _id: one.id }).catch(ignore(DROPPED)))
      case 'kill':
        return await killCursors()
      case 'fail':
        return void (await fail({ times: one.times }, { failCommands: one.commands, errorCode: one.errorCode }))
      case 'disconnect':
        return void (await fail({ times: one.times }, { failCommands: one.commands, closeConnection: true }))
      case 'drop':
        return void (await jobs.drop().catch(ignore(26)))
      case 'rename':
        // There may be nothing to rename, or the old one still stands there.
        return void (await jobs.rename(`${jobs.collectionName}_old`, { dropTarget: true }).catch(ignore(26)))
    }
  }

  test('memory equals a find when all is quiet', async () => {
    let cuts = 0
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 150, maxLength: 400, size: 'max' }), async actions => {
        await following(async memory => {
          const lanes = 8
          const lane = async (from: number) => {
            for (let i = from; i < actions.length; i += lanes) await act(actions[i] as Action)
          }
          await Promise.all(Array.from({ length: lanes }, (_, from) => lane(from)))
          await fail('off')
          await agrees(memory)
          cuts += memory.of('stream.interrupted').length + memory.of('stream.resynced').length
          const news = memory.told.filter(change => change.type.startsWith('stream.')).map(change => change.type)
          for (const [i, type] of news.entries())
            if (type === 'stream.interrupted') expect(news[i + 1]).not.toBe('stream.interrupted')
        })
        await people.db().dropCollection(`${jobs.collectionName}_old`).catch(ignore(26))
      }),
      { numRuns: 12, endOnFailure: true },
    )
    expect(cuts).toBeGreaterThan(10)
  })
})

test('a snapshot leaves out what only a run needs, and tells what is wrong with it', async () => {
  jobs = people.db().collection<Loose>(`jobs_${++collections}`)
  const usual = mine({ args: [1], kwargs: { to: 'ann' }, name: 'Digest', state: { runs: 7 } } as object)
  const odd = { ...mine(), args: 'text', kwargs: [1], unknown: true }
  await jobs.insertMany([usual, odd] as unknown as Loose[])
  const memory = await new Followed({ db: client.db(), jobs, ip: MINE }).opened()
  try {
    const { args: _args, kwargs: _kwargs, ...rest } = usual
    const told = memory.of('put').map(({ job }) => job)
    expect(told).toHaveLength(2)
    expect(told).toEqual(expect.arrayContaining([rest, odd]))
    expect(
      memory.roster
        .get(odd._id)
        ?.problems.map(({ path }) => path)
        .sort(),
    ).toEqual(['args', 'kwargs', 'unknown'])
  } finally {
    await memory.close()
  }
})

describe('a break of the stream', () => {
  test.each([43, 237, 91, 11600, 10107, 8])('of code %i: it goes on where it was', async errorCode => {
    await following(async memory => {
      await put(mine())
      await agrees(memory)
      await fail({ times: 1 }, { failCommands: ['getMore'], errorCode })
      await jobs.insertMany([mine(), mine()] as unknown as Loose[])
      await agrees(memory)
      expect(memory.of('resync')).toHaveLength(1)
    })
  })

  test.each([286, 136, 280, 260, 10334])(
    'of code %i: its history is lost, and all is read anew, once',
    async errorCode => {
      await following(async memory => {
        await put(mine())
        await agrees(memory)
        await fail({ times: 1 }, { failCommands: ['getMore'], errorCode })
        await jobs.insertMany([mine(), mine()] as unknown as Loose[])
        await until(() => expect(memory.of('stream.resynced')).toHaveLength(1))
        await put(mine())
        await agrees(memory)
        expect(memory.of('resync')).toHaveLength(2)
      })
    },
  )

  test('a token that stays dead leads to a new snapshot each time, ever more slowly, and then on', async () => {
    await following(async memory => {
      await put(mine())
      await agrees(memory)
      await fail('alwaysOn', { failCommands: ['aggregate', 'getMore'], errorCode: 286 })
      await put(mine())
      await until(() => expect(memory.of('resync').length).toBeGreaterThan(3))
      const tries = memory.of('resync').length
      expect(memory.of('stream.interrupted').length).toBeLessThanOrEqual(tries)
      // What happened meanwhile is known from the snapshots.
      await agrees(memory)
      await fail('off')
      await put(mine())
      await agrees(memory)
      expect(memory.of('resync').length).toBeLessThan(tries + 4)
    })
  })

  test('connections that break: it goes on', async () => {
    await following(async memory => {
      await put(mine())
      await fail({ times: 3 }, { failCommands: ['getMore', 'aggregate'], closeConnection: true })
      await put(mine())
      await agrees(memory)
    })
  })

  test('a snapshot that breaks off is begun again', async () => {
    await following(async memory => {
      await jobs.insertMany(Array.from({ length: 2_500 }, () => mine()) as unknown as Loose[])
      await agrees(memory)
      await jobs.deleteMany({ _id: /5$/ })
      // The stream, then the second batch of the snapshot.
      await fail({ times: 3 }, { failCommands: ['getMore'], errorCode: 286 })
      await jobs.insertMany([mine(), mine()] as unknown as Loose[])
      await until(() => expect(memory.of('stream.resynced').length).toBeGreaterThan(0))
      await agrees(memory)
    })
  })

  test('a reading that takes longer than the server keeps the past comes to its end, and misses nothing', async () => {
    const admin = people.db('admin')
    jobs = people.db().collection<Loose>(`jobs_${++collections}`)
    // Of small ones the server reads some megabytes ahead, at once, and needs the past no more.
    const kwargs = { pad: '-'.repeat(3_000) }
    const long = Array.from({ length: 5_000 }, (_, i) => mine({ _id: `long-${i}`, kwargs }))
    await jobs.insertMany(long as unknown as Loose[])
    await admin.command({ setParameter: 1, minSnapshotHistoryWindowInSeconds: 0 })
    // Each batch takes its time, in which people write on.
    await fail('alwaysOn', { failCommands: ['getMore'], blockConnection: true, blockTimeMS: 500 })
    let writing = true
    const write = async () => {
      for (let i = 0; writing; i += 7) {
        const _id = `long-${i % 5_000}`
        const how = i % 5
        if (how === 0) await jobs.updateOne({ _id }, { $set: { next_run_time: new Date(4e12 + i) } })
        else if (how === 1) await jobs.updateOne({ _id }, { $set: { next_run_time: null } })
        else if (how === 2) await jobs.updateOne({ _id }, { $set: { ip: i % 2 ? 'other' : MINE } })
        else if (how === 3) await jobs.deleteOne({ _id })
        else await jobs.replaceOne({ _id }, mine({ _id }) as unknown as Loose, { upsert: true })
      }
    }
    const written = write()
    const memory = new Followed({ db: client.db(), jobs, ip: MINE })
    try {
      await until(() => expect(memory.of('stream.opened')).toHaveLength(1), 30_000)
      expect(memory.of('resync')).toHaveLength(2)
      writing = false
      await written
      await fail('off')
      await agrees(memory)
    } finally {
      writing = false
      await written
      await fail('off')
      await memory.close()
      await admin.command({ setParameter: 1, minSnapshotHistoryWindowInSeconds: 300 })
      await jobs.drop()
    }
  })

  test('a read that fails is asked again, not without a pause', async () => {
    await following(async memory => {
      const job = mine()
      await put(job)
      await agrees(memory)
      await fail('alwaysOn', { failCommands: ['find'], errorCode: 8 })
      let finds = 0
      const count = ({ commandName }: { readonly commandName: string }) => {
        if (commandName === 'find') finds++
      }
      client.on('commandStarted', count)
      const began = Date.now()
      await jobs.updateOne({ _id: job._id }, { $set: { func: 'other' } })
      await until(() => expect(Date.now() - began).toBeGreaterThan(400))
      client.off('commandStarted', count)
      await fail('off')
      await agrees(memory)
      expect(finds).toBeLessThan(20)
    })
  })
})

/** The same database, whose answers to reads by id come when `gate` lets them. */
function lateReads(db: Db, gate: () => Promise<void>): Db {
  const bound = (target: object, key: PropertyKey) => {
    const value = Reflect.get(target, key)
    return typeof value === 'function' ? value.bind(target) : value
  }
  const late = (target: Collection) => (filter: Document) => ({
    toArray: async () => {
      const documents = await target.find(filter).toArray()
      await gate()
      return documents
    },
  })
  const collection = (name: string) =>
    new Proxy(db.collection(name), { get: (target, key) => (key === 'find' ? late(target) : bound(target, key)) })
  return new Proxy(db, { get: (target, key) => (key === 'collection' ? collection : bound(target, key)) })
}

test('an answer that an event overtook on its way is not believed', async () => {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  let waiting = 0
  const gate = () => {
    waiting++
    return opened
  }
  const slow = async (memory: Followed) => {
    const [moved, edited, deleted] = [mine(), mine(), mine()]
    await jobs.insertMany([moved, edited, deleted] as unknown as Loose[])
    await agrees(memory)
    const ids = [moved, edited, deleted].map(job => job._id)
    await jobs.updateMany({ _id: { $in: ids } }, { $set: { func: 'other' } })
    await until(() => expect(waiting).toBe(1))
    // Of all three the answer is on its way.
    await jobs.updateOne({ _id: edited._id }, { $set: { next_run_time: null } })
    await jobs.updateOne({ _id: moved._id }, { $set: { ip: 'other' } })
    await jobs.deleteOne({ _id: deleted._id })
    await until(() => expect([...memory.roster.entries()].map(entry => entry.id)).toEqual([edited._id]))
    open()
    await agrees(memory)
    const last = mine()
    await put(last)
    await until(() => expect(memory.roster.get(last._id)).toBeDefined())
    await agrees(memory)
  }
  await following(slow, lateReads(client.db(), gate))
})

describe('the collection', () => {
  test('dropped: everything is gone, what comes after is told', async () => {
    await following(async memory => {
      await jobs.insertMany([mine(), mine(), mine()] as unknown as Loose[])
      await agrees(memory)
      await jobs.drop()
      await until(() => expect(memory.roster.size).toBe(0))
      await put(mine())
      await agrees(memory)
      expect(memory.of('stream.interrupted')).toEqual([])
      expect(memory.of('stream.resynced').map(({ reason }) => reason)).toEqual([expect.stringMatching(/dropped/)])
    })
  })

  test('dropped and filled again at once', async () => {
    await following(async memory => {
      for (let i = 0; i < 5; i++) {
        await put(mine())
        await jobs.drop()
        await put(mine())
      }
      await agrees(memory)
    })
  })

  test('renamed away and back', async () => {
    await following(async memory => {
      await jobs.insertMany([mine(), mine()] as unknown as Loose[])
      await agrees(memory)
      const old = `${jobs.collectionName}_old`
      await jobs.rename(old)
      await until(() => expect(memory.roster.size).toBe(0))
      await people.db().renameCollection(old, jobs.collectionName, { dropTarget: true })
      await until(() => expect(memory.roster.size).toBe(2))
      await agrees(memory)
    })
  })

  test('filled with 10,000 jobs in a burst: each is told once', async () => {
    await following(async memory => {
      const many = Array.from({ length: 10_000 }, () => mine()) as unknown as Loose[]
      const parts = Array.from({ length: 10 }, (_, i) => many.slice(i * 1_000, (i + 1) * 1_000))
      await Promise.all(parts.map(part => jobs.insertMany(part, { ordered: false })))
      await until(() => expect(memory.roster.size).toBe(10_000))
      expect(memory.of('put')).toHaveLength(10_000)
      expect(memory.roster.armed).toBe(10_000)
    })
  })

  test('other nodes’ jobs, and writes by nodes, are not told', async () => {
    await following(async memory => {
      const others = [aJob({ ip: 'other' }), aJob({ ip: 'another' })]
      await jobs.insertMany(others as unknown as Loose[])
      const own = mine({ state: { runs: 0 } })
      await put(own)
      await agrees(memory)
      const before = memory.told.length
      await jobs.updateOne({ _id: own._id }, { $set: { touch: 't', next_run_time: new Date(), 'state.runs': 1 } })
      await jobs.updateMany({ ip: { $ne: MINE } }, { $set: { func: 'other' } })
      const last = mine()
      await put(last)
      await until(() => expect(memory.roster.get(last._id)).toBeDefined())
      expect(memory.told.slice(before).map(change => change.type)).toEqual(['put'])
    })
  })
})

test('a node whose first question to the stream fails starts all the same', async () => {
  const uri = `${mongod.uri.replace(/\/[^/?]*(\?|$)/, '/started$1')}`
  const nodes = await startNodes({ uri })
  const late = nodes.another({ ip: 'late' })
  const interrupted = nextEvent(late, 'stream.interrupted')
  await fail({ times: 1 }, { failCommands: ['ping'], errorCode: 8, appName: 'tidewheel:late' })
  await late.start()
  await interrupted
  expect(late.status().state).toBe('active')
  await nodes.close()
})
