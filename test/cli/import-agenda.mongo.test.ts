/** `import agenda` from collections that the real Agenda made: the same times as there, each job once, and again without harm. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Job } from '../../src/job/job.ts'
import { spokenInterval } from '../../src/moving/spoken-interval.ts'
import { createNode } from '../../src/node/node.ts'
import { nextFireTime } from '../../src/trigger/trigger.ts'
import { type Agenda, type AgendaLibrary, agendaLibrary } from '../support/agenda.ts'
import { called } from '../support/called.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

const INSTALL_MS = 300_000
const HOUR_MS = 3_600_000

let library: AgendaLibrary
let testDb: TestDb
let agenda: Agenda
let folder: string

const jobs = () => testDb.db.collection<Job>('jobs')
const theirs = () => testDb.db.collection('agendaJobs')
const job = (_id: string) => jobs().findOne({ _id })
const cli = (...args: readonly string[]) =>
  called(['import', 'agenda', '--from', testDb.uri, ...args], { MONGODB_URI: testDb.uri })

beforeAll(async () => {
  library = await agendaLibrary()
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-agenda-'))
}, INSTALL_MS)

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(async () => {
  testDb = await openTestDb()
  agenda = await library.open(testDb.db, 'agendaJobs')
  await called(['init', '--quiet'], { MONGODB_URI: testDb.uri })
})

afterEach(async () => {
  await agenda.stop()
  await testDb.close()
})

test('what repeats runs at the times at which Agenda would run it', async () => {
  await agenda.every('3 minutes', 'spoken', { to: 'ann' })
  await agenda.every(90_000, 'milliseconds')
  await agenda.every('one hour and 30 seconds', 'two parts')
  await agenda.every('*/7 9-17 * * 1-5', 'five fields', {}, { timezone: 'Asia/Tokyo' })
  await agenda.every('30 0 0 */2 * 1', 'six fields', {}, { timezone: 'UTC' })
  expect((await cli('--timezone', 'UTC')).stdout).toMatch(/\n5 added, 0 changed, 0 removed, 0 unchanged, 0 skipped\n$/)
  for (const attributes of await theirs().find().toArray()) {
    const ours = await jobs().findOne({ name: attributes.name })
    expect([attributes.name, ours?.next_run_time]).toEqual([attributes.name, attributes.nextRunAt])
    let at = attributes.nextRunAt as Date
    for (let i = 0; i < 10; i++) {
      const next = library.next({ ...attributes, lastRunAt: at })
      expect([attributes.name, nextFireTime(ours?.trigger as Job['trigger'], at, at)]).toEqual([attributes.name, next])
      at = next
    }
  }
  expect(await job('agenda-spoken')).toMatchObject({ func: 'spoken', kwargs: { to: 'ann' } })
})

test.each([
  'minute',
  '1.5 days',
  'twenty five seconds',
  'forty-two minutes',
  '1 week, 2 months and 1 year',
  '90 seconds',
])('%s is as long as it is to Agenda', repeatInterval => {
  const from = new Date('2030-01-01T00:00:00Z')
  const trigger = { type: 'interval', ...spokenInterval(repeatInterval) } as Job['trigger']
  expect(nextFireTime(trigger, from, from)).toEqual(library.next({ repeatInterval, lastRunAt: from }))
})

test('one-shots, a time of the day, a pause, names of ours; twice changes nothing', async () => {
  const at = new Date(Date.parse('2030-01-01T10:00:00Z'))
  await agenda.schedule(at, 'mail', { at, n: 1 })
  await agenda.create('lunch').repeatAt('3:30pm').save()
  await agenda.create('off').repeatEvery('1 day').disable().save()
  const map = join(folder, 'map.json')
  await writeFile(map, JSON.stringify({ mail: 'mail:send' }))
  const first = await cli('--func-map', map, '--timezone', 'UTC', '--ip', 'a')
  expect([first.code, first.stderr]).toEqual([0, ''])
  const mail = await theirs().findOne({ name: 'mail' })
  expect(await job(`agenda-mail-${mail?._id}`)).toMatchObject({
    func: 'mail:send',
    ip: 'a',
    kwargs: { at, n: 1 },
    trigger: { type: 'date', run_date: at },
    next_run_time: at,
  })
  expect(await jobs().findOne({ name: 'off' })).toMatchObject({ next_run_time: null, trigger: { days: 1 } })
  expect(await jobs().findOne({ name: 'lunch' })).toMatchObject({ trigger: { hour: 15, minute: 30, timezone: 'UTC' } })
  await jobs().updateOne({ name: 'off' }, { $set: { next_run_time: at } })
  const before = await jobs().find().toArray()
  const second = await cli('--func-map', map, '--timezone', 'UTC', '--ip', 'a')
  expect(second.stdout).toBe('0 added, 0 changed, 0 removed, 3 unchanged, 0 skipped\n')
  expect(await jobs().find().toArray()).toEqual(before)
})

test('what is due when Agenda stops runs here, once, and not again after another import', async () => {
  const now = Date.now()
  await agenda.schedule(new Date(now - HOUR_MS), 'note', { n: 'late' })
  await agenda.schedule(new Date(now + 1_500), 'note', { n: 'soon' })
  await agenda.every('2 hours', 'note', { n: 'repeated' })
  const due = (await theirs().find().toArray()).map(({ data, nextRunAt }) => [data.n, nextRunAt])
  await agenda.stop()
  await cli()
  const seen: unknown[] = []
  await using node = createNode({
    uri: testDb.uri,
    ip: 'a',
    tasks: { note: async run => void seen.push([run.kwargs.n, run.runTime]) },
    logger: false,
  })
  await node.start()
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(3)
  expect(seen).toEqual(expect.arrayContaining(due))
  await expect.poll(() => jobs().countDocuments()).toBe(1)
  const again = await cli()
  expect(again.stdout).toMatch(
    /is over, and not added[^\n]*\n.*is over, and not added[^\n]*\n0 added, 0 changed, 0 removed, 1 unchanged/,
  )
  expect(seen).toHaveLength(3)
})

test('what Agenda has run already is told, and left', async () => {
  let ended = 0
  agenda.define('quick', async () => void ended++)
  await agenda.schedule(new Date(), 'quick')
  await agenda.start()
  await expect
    .poll(async () => ended === 1 && (await theirs().countDocuments({ nextRunAt: null })) === 1, { timeout: 10_000 })
    .toBe(true)
  const { stdout } = await cli('--json', '--dry-run')
  expect(JSON.parse(stdout)).toMatchObject({
    jobs: [],
    skipped: [{ text: '1 documents without a next run', why: 'they have run, or are over' }],
  })
})

test('a collection without jobs: exit 3; a map that is none: exit 2; a server that is not there: exit 69', async () => {
  expect(await cli('--collection', 'nothing')).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/collection nothing of/),
  })
  await writeFile(join(folder, 'wrong.json'), '["a"]')
  const map = await cli('--func-map', join(folder, 'wrong.json'))
  expect([map.code, map.stderr]).toEqual([2, expect.stringMatching(/--func-map: .*expected an object of names/)])
  const away = await called(['import', 'agenda', '--from', 'mongodb://127.0.0.1:9/x', '--connect-timeout', '200'])
  expect([away.code, away.stderr]).toEqual([69, expect.stringMatching(/does not answer/)])
  expect(await called(['import', 'agenda', '--from', 'nonsense'])).toMatchObject({ code: 2 })
})
