/** Documents that break every rule, beside one that is well: whatever lies in the collection, the node lives, the healthy job
 *  runs, and what is put right runs too. */
import { ObjectId } from 'mongodb'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { aBrokenJob, aWrongValue, diceOf, farDate, insertUnchecked } from '../support/broken.ts'
import { collect, nextEvent } from '../support/events.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Loose, type Nodes, startNodes, until } from '../support/node.ts'

let testDb: TestDb
let cluster: Nodes
const thrown: unknown[] = []
const keep = (error: unknown) => void thrown.push(error)

beforeAll(() => {
  process.on('uncaughtException', keep)
  process.on('unhandledRejection', keep)
})
afterEach(async () => {
  await cluster?.close()
  await testDb?.close()
  expect(thrown).toEqual([])
})
afterAll(() => {
  process.off('uncaughtException', keep)
  process.off('unhandledRejection', keep)
})

async function start() {
  testDb = await openTestDb()
  cluster = await startNodes({ uri: testDb.uri })
  const [node, ip] = [cluster.nodes[0], cluster.ips[0]] as [Nodes['nodes'][number], string]
  return { node, ip, jobs: cluster.jobs }
}
const raw = { bypassDocumentValidation: true }

async function healthy(ip: string): Promise<Loose> {
  const job = aJob({ ip, trigger: { type: 'interval', seconds: 0.5 } }) as unknown as Loose
  await cluster.jobs.insertOne(job)
  await runsOn(job)
  return job
}
const runsOn = (job: Loose, timeout = 8_000) => {
  const before = cluster.ranOf(job._id).length
  return until(() => expect(cluster.ranOf(job._id).length).toBeGreaterThan(before + 1), timeout)
}

test('a next_run_time beyond the dates of JavaScript is told, passes the validator, and ends nothing', async () => {
  const { node, ip, jobs } = await start()
  const well = await healthy(ip)
  const job = aJob({ ip }) as unknown as Loose
  await jobs.insertOne(job)
  await until(async () => expect((await jobs.findOne({ _id: job._id }))?.state.planned).toBeDefined())
  const invalid = nextEvent(node, 'job.invalid', { job_id: job._id })
  await jobs.updateOne({ _id: job._id }, { $set: { next_run_time: farDate() } })
  expect((await invalid).problems[0]?.path).toBe('next_run_time')
  await until(async () => expect((await jobs.findOne({ _id: job._id }))?.state.error).toMatch(/invalid date/))
  await runsOn(well)
  await jobs.updateOne({ _id: job._id }, { $currentDate: { next_run_time: true } })
  await until(() => expect(cluster.ranOf(job._id)).toHaveLength(1))
})

const BAD_STATES: readonly [string, (id: string) => unknown][] = [
  ['null', () => null],
  ['text', () => 'x'],
  ['a list', () => []],
  ['an empty object', () => ({})],
  ['a claimed_to of text', job => ({ job, claimed_to: 'x' })],
  ['a claimed_to beyond all dates', job => ({ job, claimed_to: farDate() })],
  ['a number as plan', job => ({ job, planned: 5 })],
  ['null as plan', job => ({ job, planned: null })],
  ['an object as running', job => ({ job, running: {} })],
  ['nothing running', job => ({ job, running: [null] })],
  ['a queued run without a date', job => ({ job, waiting: { run_time: 'x' } })],
  ['a running entry of a strange date', job => ({ job, running: [{ run_id: 'r', job, run_time: farDate() }] })],
]

test.each(BAD_STATES)('a state of %s is repaired, before a start and after it, and its job runs', async (_, state) => {
  const { node, ip, jobs } = await start()
  const inserted = aJob({ ip }) as unknown as Loose
  const changed = aJob({ ip }) as unknown as Loose
  const found = aJob({ ip }) as unknown as Loose
  const adopted = aJob() as unknown as Loose
  const withState = (job: Loose) => ({ ...job, state: state(job._id) })
  await jobs.insertOne(changed)
  await jobs.insertMany([withState(inserted), withState(adopted)], raw)
  await until(async () => expect((await jobs.findOne({ _id: changed._id }))?.state.planned).toBeDefined())
  await jobs.updateOne({ _id: changed._id }, { $set: { state: state(changed._id) } }, raw)
  await node.stop()
  await jobs.insertOne(withState(found), raw)
  await node.start()
  const all = [inserted, changed, found, adopted]
  for (const { _id } of all) {
    await until(async () => {
      const job = await jobs.findOne({ _id })
      expect(job).toMatchObject({ ip, state: { job: _id, planned: { next_run_time: job?.next_run_time } } })
      expect(job?.state.error).toBeUndefined()
    })
    await jobs.updateOne({ _id }, { $currentDate: { next_run_time: true } })
    await until(() => expect(cluster.ranOf(_id)).toHaveLength(1))
  }
})

test('a repair takes away what is malformed and nothing else', async () => {
  const { node, ip, jobs } = await start()
  const held = aJob({ ip, func: 'hold', max_instances: 2, next_run_time: new Date() }) as unknown as Loose
  const { _id } = held
  await jobs.insertOne(held)
  await until(() => expect(cluster.ranOf(_id)).toHaveLength(1))
  const before = await jobs.findOne({ _id })
  const invalid = nextEvent(node, 'job.invalid', { job_id: _id })
  await jobs.updateOne(
    { _id },
    {
      $set: { 'state.waiting': 5, 'state.unrecorded': [{ run_id: 'u', status: 'missed' }, 7], 'state.failures': 'x' },
      $push: { 'state.running': null } as never,
    },
    raw,
  )
  const { problems } = await invalid
  expect(problems.map(({ path }) => path.split('.', 1)[0])).toContain('state')
  await until(async () => {
    const { running, waiting, unrecorded, failures, claimed_to, runs } = (await jobs.findOne({ _id }))?.state ?? {}
    expect({ running, waiting, failures }).toEqual({
      running: before?.state.running,
      waiting: undefined,
      failures: undefined,
    })
    expect(unrecorded ?? []).not.toContain(7)
    expect({ claimed_to, runs }).toEqual({ claimed_to: before?.state.claimed_to, runs: 1 })
  })
  expect(cluster.ranOf(_id)[0]?.signal.aborted).toBe(false)
  cluster.release(_id)
  await until(async () => expect((await jobs.findOne({ _id }))?.state.running).toEqual([]))
  expect(await cluster.executions.find({ job_id: _id }).toArray()).toMatchObject([{ status: 'executed' }])
})

test('documents whose ids are no strings are told and left alone, with a node and without', async () => {
  const { node, ip, jobs } = await start()
  const well = await healthy(ip)
  const seen = collect(node)
  const ids: unknown[] = [new ObjectId(), 5, { a: 1 }, new Date(0)]
  for (const own of [ip, undefined]) {
    const documents = ids.map(_id => ({ ...aJob(own === undefined ? {} : { ip: own }), _id, x_own: own === undefined }))
    if (own === undefined) await jobs.deleteMany({ _id: { $type: 'date' } as never })
    await insertUnchecked(jobs, documents as never)
  }
  await until(() => expect(seen.of('job.invalid').length).toBeGreaterThanOrEqual(ids.length))
  await runsOn(well)
  expect(node.status().jobs).toBe(1)
})

test.each([1, 2, 3])('hundreds of broken documents, inserted and edited, disturb no healthy job (%i)', async seed => {
  const { node, ip, jobs } = await start()
  const dice = diceOf(seed)
  const well = await healthy(ip)
  const ids = Array.from({ length: 120 }, (_, i) => `broken-${i}`)
  const make = (_id: string) => aBrokenJob(_id, dice.of([ip, ip, ip, undefined, 'nobody']), dice)
  await insertUnchecked(jobs, ids.slice(0, 80).map(make))
  await runsOn(well)
  for (const _id of ids.slice(0, 80)) {
    const set = { $set: { ...aWrongValue(dice), ...(dice.below(3) === 0 && { x_edited: 1 }) } }
    const how = dice.below(8)
    if (how === 0) await jobs.deleteOne({ _id })
    else if (how === 1) await jobs.replaceOne({ _id }, make(_id), raw).catch(() => {})
    else if (how === 2) await jobs.updateOne({ _id }, { $set: { ip } }, raw).catch(() => {})
    else await jobs.updateOne({ _id }, set, { ...raw, ignoreUndefined: false }).catch(() => {})
  }
  await runsOn(well)
  await node.stop()
  await insertUnchecked(jobs, ids.slice(80).map(make))
  await node.start()
  await runsOn(well)
  // Memory knows what was claimed as long as it holds a job: these are new ones.
  await jobs.deleteMany({ _id: { $in: ids } })
  await jobs.insertMany(ids.map(_id => ({ _id, func: 'note', ...HOURLY, ip, run_at: [new Date()] })))
  await until(() => expect(ids.filter(id => cluster.ranOf(id).length === 0)).toEqual([]), 20_000)
  await runsOn(well)
})

const HOURLY = { trigger: { type: 'interval', hours: 1 } }
