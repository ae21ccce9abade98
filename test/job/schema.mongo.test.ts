/** MongoDB's own validator against the parser: what each refuses, and what a person gets to read. */
import fc from 'fast-check'
import { BSON, type Collection, type MongoServerError } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureCollections, INDEXES } from '../../src/database/ensure.ts'
import { jobSchema } from '../../src/job/job.ts'
import { parseJob, validateJob } from '../../src/job/parse.ts'
import { JOBS_VALIDATOR, refusal } from '../../src/job/schema.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { BAD, type Document, EVERY_FIVE_MINUTES, GOOD, job, ONLY_PARSER, UNKNOWN } from './documents.ts'

let test_: TestDb
let jobs: Collection<Document>

beforeAll(async () => {
  test_ = await openTestDb()
  await ensureCollections(test_.db)
  jobs = test_.db.collection('jobs')
})

afterAll(() => test_.close())

/** What the server says of an insert; undefined: it took it. The collection is left as it was. */
async function insert(document: Document): Promise<MongoServerError | undefined> {
  try {
    await jobs.insertOne({ ...document })
    await jobs.deleteOne({ _id: document._id as never })
    return undefined
  } catch (error) {
    return error as MongoServerError
  }
}

/** The first 300 characters; an id that is itself that long stands first and is left out of account. */
const begins = (error: MongoServerError | undefined) =>
  [JSON.stringify(error?.errInfo), BSON.EJSON.stringify(error?.errInfo ?? {}, { relaxed: true })].map(text =>
    text.replace(/x{200,}/, 'x').slice(0, 300),
  )

describe('MongoDB', () => {
  for (const [name, document] of [...GOOD, ...ONLY_PARSER]) {
    test(`takes ${name}`, async () => {
      expect(await insert(document)).toBeUndefined()
    })
  }

  for (const [name, document, field] of BAD) {
    test(`refuses ${name}, and the description of ${field} stands in the first 300 characters`, async () => {
      const error = await insert(document)
      expect(error?.code).toBe(121)
      const line = refusal(error)
      expect(line).toMatch(new RegExp(`^${field.split(':')[0]}`))
      const description = String(line).split('; found')[0] as string
      for (const text of begins(error)) {
        if (field.startsWith('trigger')) expect(text).toContain(description.slice(0, 70))
        else expect(text).toContain(description)
      }
    })
  }

  for (const [field, meant] of UNKNOWN) {
    test(`refuses ${field} and names it in the first 300 characters`, async () => {
      const error = await insert(job({ [field]: 1 }))
      for (const text of begins(error)) expect(text).toContain(`"${field}"`)
      expect(refusal(error)).toContain(meant ? `did you mean ${meant}?` : 'x_')
      expect(refusal(error)).toBe(validateJob(job({ [field]: 1 }))[0]?.message)
    })
  }

  test('refuses a document without an id with a sentence about job ids', async () => {
    const { _id, ...rest } = job()
    const error = await insert(rest)
    for (const text of begins(error)) expect(text).toContain('job ids are strings')
  })

  test('refuses an edit as it refuses an insert, and the line says what was found', async () => {
    await jobs.insertOne(job({ _id: 'edited' }))
    const edit = (change: Document) => jobs.updateOne({ _id: 'edited' as never }, change).catch(refusal)
    expect(await edit({ $set: { max_instances: 0 } })).toBe(
      'max_instances: an integer from 1 to 1000, such as 1; found 0',
    )
    expect(await edit({ $set: { 'trigger.minutes': -5 } })).toMatch(/^trigger\.minutes.*; found -5$/)
    expect(await edit({ $unset: { func: '' } })).toMatch(/^func: .*; found nothing$/)
    expect(await edit({ $set: { 'trigger.minuts': 5 } })).toMatch(/; found minuts$/)
    expect(await edit({ $set: { max_instances: 3 } })).toMatchObject({ modifiedCount: 1 })
  })

  test('gives the same line for one of many writes', async () => {
    const line = await jobs.insertMany([job({ _id: 'b1' }), job({ _id: 'b2', timeout: 0 })]).catch(refusal)
    expect(line).toBe('timeout: seconds above 0, such as 300, or null for none; found 0')
  })

  test('says nothing of errors that are no refusals', () => {
    for (const error of [undefined, null, new Error('x'), { code: 11000 }]) expect(refusal(error)).toBeUndefined()
    expect(refusal({ code: 121 })).toMatch(/rule/)
  })
})

test('the validator knows every field, and no alternatives that print each branch', () => {
  expect(Object.keys((JOBS_VALIDATOR.$jsonSchema as Document).properties as Document)).toEqual(
    Object.keys(jobSchema.shape),
  )
  expect(JSON.stringify(JOBS_VALIDATOR)).not.toContain('oneOf')
})

test('validator and parser agree on documents of every shape', async () => {
  const at = new Date('2026-01-31T08:00:00Z')
  const value = fc.oneof(
    fc.constantFrom<unknown>(null, true, false, '', 'any', 'skip', 'rerun', 'x', '10.0.0.7', at, [], [at], ['x'], {}),
    fc.integer({ min: -2, max: 1_002 }),
    // MongoDB takes for whole what differs from it in the last digits alone; the parser does not, and says so in `state.error`.
    fc.double({ min: -1, max: 10, noNaN: true }).map(number => Math.round(number * 1_000) / 1_000),
    fc.array(fc.constantFrom<unknown>('x', 1, at, null), { maxLength: 2 }),
    fc.record({ max_attempts: fc.integer({ min: 0, max: 3 }), delay: fc.integer({ min: -1, max: 3 }) }),
  )
  const part = fc.constantFrom<unknown>(0, 1, 2.5, -1, '1', null)
  const trigger = fc.oneof(
    fc.record({ type: fc.constant('interval'), minutes: part, hours: part, hour: part }, { requiredKeys: ['type'] }),
    fc.record(
      {
        type: fc.constant('cron'),
        hour: part,
        minute: part,
        seconds: part,
        expression: fc.constantFrom('0 8 * * *', 5),
      },
      { requiredKeys: ['type'] },
    ),
    fc.constantFrom<unknown>(EVERY_FIVE_MINUTES, { type: 'date' }, { type: 'x' }, {}, null, 'date', []),
  )
  const names = Object.keys(jobSchema.shape).filter(name => !['_id', 'func', 'trigger', 'state'].includes(name))
  const some = fc.dictionary(fc.constantFrom(...names, 'x_own', 'other'), value, { maxKeys: 3 })
  await fc.assert(
    fc.asyncProperty(
      some,
      fc.oneof({ weight: 3, arbitrary: fc.constant(EVERY_FIVE_MINUTES) }, { weight: 2, arbitrary: trigger }),
      async (fields, trigger) => {
        const document = job({ ...fields, trigger })
        const parsed = parseJob(document)
        const problems = 'problems' in parsed ? parsed.problems.map(({ message }) => message) : []
        const error = await insert(document)
        // Values of cron fields only the parser reads.
        const onlyParser =
          error === undefined && problems.every(message => /^trigger\.(hour|minute|expression)/.test(message))
        if (!onlyParser)
          expect([error && refusal(error), problems.length > 0]).toEqual([
            error && expect.any(String),
            error !== undefined,
          ])
      },
    ),
    { numRuns: 1_500 },
  )
})

describe('ensureCollections', () => {
  const fresh = async (use: (db: TestDb['db']) => Promise<void>): Promise<void> => {
    const db = test_.client.db(`${test_.db.databaseName}_x`)
    try {
      await use(db)
    } finally {
      await db.dropDatabase()
    }
  }
  const optionsOf = async (db: TestDb['db'], name: string) =>
    (await db.listCollections({ name }).toArray())[0] as Document & { options: Document }
  const expiry = async (db: TestDb['db'], name = 'executions') =>
    (await db.collection(name).indexes()).find(index => index.name === 'recorded_1')?.expireAfterSeconds

  test('of twelve nodes at once, and again, gives one set of collections, validators and indexes', () =>
    fresh(async db => {
      const twelve = await Promise.all(Array.from({ length: 12 }, () => ensureCollections(db)))
      expect(twelve.flatMap(({ warnings }) => warnings)).toEqual([])
      await ensureCollections(db)
      expect((await db.listCollections().toArray()).map(({ name }) => name).sort()).toEqual([
        'executions',
        'jobs',
        'nodes',
      ])
      expect((await optionsOf(db, 'jobs')).options).toMatchObject({
        validationLevel: 'moderate',
        validationAction: 'error',
      })
      const keys = async (name: string) => (await db.collection(name).indexes()).map(({ key }) => key)
      expect(await keys('jobs')).toEqual([{ _id: 1 }, ...INDEXES.jobs.map(({ key }) => key)])
      expect(await keys('nodes')).toEqual([{ _id: 1 }])
      const ofExecutions = [{ _id: 1 }, { recorded: 1 }, ...INDEXES.executions.map(({ key }) => key)]
      expect(await keys('executions')).toEqual(ofExecutions)
      expect(await expiry(db)).toBe(7 * 86_400)
    }))

  test('changes how long history is kept when the option differs', () =>
    fresh(async db => {
      await ensureCollections(db)
      await ensureCollections(db, { historyTtlMs: 3_600_000 })
      expect(await expiry(db)).toBe(3_600)
    }))

  test('leaves it as it is where nobody says how long', () =>
    fresh(async db => {
      await ensureCollections(db, { historyTtlMs: 3_600_000 })
      await ensureCollections(db)
      expect(await expiry(db)).toBe(3_600)
    }))

  test('takes other names', () =>
    fresh(async db => {
      await ensureCollections(db, { collections: { jobs: 'j', executions: 'e', nodes: 'n' } })
      expect((await db.listCollections().toArray()).map(({ name }) => name).sort()).toEqual(['e', 'j', 'n'])
    }))

  test('leaves documents alone that were there before, valid or not, and other people can still edit them', () =>
    fresh(async db => {
      const theirs = { _id: 'old', anything: 1 }
      await db.collection<{ _id: string; anything: number }>('jobs').insertOne({ ...theirs })
      await ensureCollections(db)
      expect(await db.collection('jobs').findOne()).toEqual(theirs)
      await db.collection('jobs').updateOne({}, { $set: { anything: 2 } })
      await expect(
        db.collection<{ _id: string; anything: number }>('jobs').insertOne({ _id: 'new', anything: 1 }),
      ).rejects.toMatchObject({
        code: 121,
      })
    }))

  test('brings an older validator up to date and leaves a newer one in force', () =>
    fresh(async db => {
      const title = async () =>
        ((await optionsOf(db, 'jobs')).options.validator as { $jsonSchema: Document }).$jsonSchema.title
      const put = (version: number) =>
        db.command({ collMod: 'jobs', validator: { $jsonSchema: { title: `tidewheel jobs ${version}` } } })
      await ensureCollections(db)
      const ours = await title()
      await put(0)
      expect(await ensureCollections(db)).toEqual({ warnings: [] })
      expect(await title()).toBe(ours)
      await put(99)
      expect(await ensureCollections(db)).toEqual({ warnings: [] })
      expect(await title()).toBe('tidewheel jobs 99')
    }))

  test('warns, and goes on, when this user may not change collections', ({ skip }) =>
    fresh(async db => {
      const refuse = (commands: string[]) =>
        test_.client.db('admin').command({
          configureFailPoint: 'failCommand',
          mode: commands.length > 0 ? 'alwaysOn' : 'off',
          data: { failCommands: commands, errorCode: 13, appName: test_.db.databaseName },
        })
      await db.createCollection('jobs')
      try {
        await refuse(['create', 'collMod', 'createIndexes']).catch(() => skip('the server knows no fail points'))
        const { warnings } = await ensureCollections(db)
        expect(warnings).toHaveLength(4 + INDEXES.jobs.length + INDEXES.executions.length)
        expect(warnings).toContainEqual(expect.stringMatching(/^validator of jobs: this user may not/))
      } finally {
        await refuse([]).catch(() => undefined)
      }
      expect(await ensureCollections(db)).toEqual({ warnings: [] })
    }))

  test("leaves somebody's own validator in force and warns", () =>
    fresh(async db => {
      const validator = { func: { $exists: true } }
      await db.createCollection('jobs', { validator })
      const { warnings } = await ensureCollections(db)
      expect(warnings).toEqual([expect.stringMatching(/^collection jobs has a validator that is not ours/)])
      expect((await optionsOf(db, 'jobs')).options.validator).toEqual(validator)
    }))
})
