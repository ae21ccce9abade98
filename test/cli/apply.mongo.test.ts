/** `export`, `diff` and `apply` on a real database: twenty jobs twice, three ways, pruning, and wrong files. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { called } from '../support/called.ts'
import { runCli } from '../support/cli.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb
let folder: string
let file: string

const jobs = () => testDb.db.collection<{ _id: string }>('jobs')
const cli = (...args: readonly string[]) => called(args, { MONGODB_URI: testDb.uri })
const write = (content: unknown) => writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
const aJob = (fields: object = {}) => ({
  _id: 'digest',
  func: 'mail:digest',
  trigger: { type: 'interval', minutes: 5 },
  ...fields,
})
const all = () => jobs().find().sort({ _id: 1 }).toArray()

beforeEach(async () => {
  testDb = await openTestDb()
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-apply-'))
  file = join(folder, 'jobs.yaml')
  await cli('init', '--quiet')
})

afterEach(async () => {
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

test('a file of 20 jobs twice: the second time nothing changes', async () => {
  await write(Array.from({ length: 20 }, (_, i) => aJob({ _id: `job-${i}`, kwargs: { i } })))
  const first = await cli('apply', file)
  expect([first.code, first.stderr]).toEqual([0, ''])
  const lines = first.stdout.trim().split('\n')
  expect(lines).toHaveLength(21)
  expect(lines[0]).toBe('+ job-0  mail:digest  {"type":"interval","minutes":5}')
  expect(lines.at(-1)).toBe('20 added, 0 changed, 0 removed, 0 unchanged')
  const before = await all()
  expect(before).toHaveLength(20)
  const second = await cli('apply', file)
  expect(second.stdout).toBe('0 added, 0 changed, 0 removed, 20 unchanged\n')
  expect(await all()).toEqual(before)
  expect(await cli('diff', file)).toEqual({ code: 0, stdout: '', stderr: 'Nothing differs.\n' })
})

test('three ways: the file, what it said before, and what people and nodes did', async () => {
  await write([aJob({ timeout: 3, tags: ['mail'] })])
  await cli('apply', file)
  const next_run_time = new Date('2027-01-01T00:00:00Z')
  const done = { ip: 'b', note: 'ask Ann', tags: ['x'], next_run_time, 'state.runs': 3, touch: 't' }
  await jobs().updateOne({ _id: 'digest' }, { $set: done } as never)
  await write([aJob({ ip: 'a', tags: ['mail'] })])
  const plan = ['~ digest', '    tags: ["x"] → ["mail"]', '    timeout: 3 → none']
  const diff = await cli('diff', file)
  expect([diff.code, diff.stdout.trim().split('\n')]).toEqual([
    1,
    [...plan, '0 to be added, 1 to be changed, 0 to be removed, 0 unchanged'],
  ])
  const applied = await cli('apply', file)
  expect(applied.stdout.trim().split('\n')).toEqual([...plan, '0 added, 1 changed, 0 removed, 0 unchanged'])
  expect(await jobs().findOne()).toEqual({
    ...aJob({ ip: 'b', note: 'ask Ann', tags: ['mail'], next_run_time, state: { runs: 3 }, touch: 't' }),
    x_applied: { fields: ['func', 'tags', 'trigger'] },
  })
  await cli('apply', file, '--with', 'ip')
  expect(await jobs().findOne()).toMatchObject({ ip: 'a', next_run_time })
})

test('--dry-run and diff change nothing; with --json both say the plan as a value', async () => {
  await write([aJob()])
  const value = { added: ['digest'], changed: [], removed: [], over: [], unchanged: 0 }
  const dry = await cli('apply', file, '--dry-run', '--json')
  expect([dry.code, JSON.parse(dry.stdout)]).toEqual([0, { ...value, dry_run: true }])
  const diff = await cli('diff', file, '--json')
  expect([diff.code, JSON.parse(diff.stdout)]).toEqual([1, value])
  expect(await jobs().countDocuments()).toBe(0)
})

describe('--prune', () => {
  beforeEach(async () => {
    await jobs().insertOne(aJob({ _id: 'by-hand' }))
    await write({ label: 'mail', jobs: [aJob(), aJob({ _id: 'old' })] })
    await cli('apply', file)
    await write([aJob({ _id: 'other' })])
    await cli('apply', file, '--label', 'billing')
    await write({ label: 'mail', jobs: [aJob()] })
  })

  test('removes jobs of the label that the file no longer has, and no others', async () => {
    expect((await cli('apply', file)).stdout).toBe('0 added, 0 changed, 0 removed, 1 unchanged\n')
    const diff = await cli('diff', file, '--prune')
    expect([diff.code, diff.stdout]).toEqual([1, expect.stringMatching(/^- old\n/)])
    const { stdout } = await cli('apply', file, '--prune')
    expect(stdout).toBe('- old\n0 added, 0 changed, 1 removed, 1 unchanged\n')
    expect((await all()).map(({ _id }) => _id)).toEqual(['by-hand', 'digest', 'other'])
  })

  test('without a label it is refused: exit 2', async () => {
    await write([aJob()])
    const { code, stderr } = await cli('apply', file, '--prune')
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^tidewheel: --prune: expected a label too/)])
    expect(await jobs().countDocuments()).toBe(4)
  })

  test('a job of another label is a conflict: exit 5; --adopt takes it', async () => {
    await write({ label: 'mail', jobs: [aJob(), aJob({ _id: 'other' })] })
    const { code, stderr } = await cli('apply', file)
    expect([code, stderr]).toEqual([5, expect.stringMatching(/job other: it was applied with the label billing/)])
    expect((await cli('apply', file, '--adopt')).code).toBe(0)
    expect(await jobs().findOne({ _id: 'other' })).toMatchObject({ x_applied: { label: 'mail' } })
  })
})

describe('export', () => {
  beforeEach(async () => {
    const at = new Date('2027-01-01T08:00:00Z')
    await jobs().insertMany([
      aJob({ ip: 'a', tags: ['mail'], kwargs: { at, text: '*' }, next_run_time: at, state: { runs: 1 }, touch: 't' }),
      aJob({ _id: 'paused', next_run_time: null, trigger: { type: 'interval', hours: 1, start_date: at } }),
      aJob({ _id: 'placed', ip: 'b', state: { placed: true } }),
    ] as never)
  })

  test('is a file in which nothing differs, in YAML and in JSON', async () => {
    for (const flags of [[], ['--json']]) {
      await write((await cli('export', ...flags)).stdout)
      await cli('apply', file)
      expect(await cli('diff', file)).toMatchObject({ code: 0, stderr: 'Nothing differs.\n' })
    }
    const before = await all()
    expect(await readFile(file, 'utf8')).not.toMatch(/touch|state|x_applied/)
    await jobs().deleteMany({})
    await cli('apply', file)
    const made = await all()
    expect(made.map(({ _id }) => _id)).toEqual(before.map(({ _id }) => _id))
    expect(made[0]).toMatchObject({ ip: 'a', kwargs: { at: new Date('2027-01-01T08:00:00Z'), text: '*' } })
    expect(made[1]).toMatchObject({ next_run_time: null })
    expect(made[2]).not.toHaveProperty('ip')
  })

  test('of some: by id, tag, node or label', async () => {
    const ids = async (...args: string[]) =>
      JSON.parse((await cli('export', '--json', ...args)).stdout).map(({ _id }: { _id: string }) => _id)
    expect(await ids()).toEqual(['digest', 'paused', 'placed'])
    expect(await ids('paused', 'placed')).toEqual(['paused', 'placed'])
    expect(await ids('--tag', 'mail')).toEqual(['digest'])
    expect(await ids('--ip', 'b')).toEqual(['placed'])
    expect(await ids('--label', 'x')).toEqual([])
    const { code, stderr } = await cli('export', 'nothing')
    expect([code, stderr]).toEqual([3, expect.stringMatching(/job nothing: there is none of this id/)])
  })
})

describe('wrong files', () => {
  test.each([
    ['{', /jobs\.yaml: no YAML or JSON/],
    [[aJob({ max_instance: 2 })], /job 1 of the file: job digest: max_instance: .*did you mean max_instances\?/],
    [[aJob(), aJob()], /job 2 of the file: job digest: it is in the file twice/],
    [[{ func: 'f', trigger: { type: 'date' } }], /job 1 of the file: _id: expected an id/],
    [{ job: [] }, /job: a file has label and jobs; did you mean jobs\?/],
  ])('%j: exit 2, nothing is stored', async (content, message) => {
    await write(content)
    for (const command of ['apply', 'diff']) {
      const { code, stdout, stderr } = await cli(command, file)
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)])
    }
    expect(await jobs().countDocuments()).toBe(0)
  })

  test('a file that is not there, and fields that --with does not know: exit 2', async () => {
    const gone = await cli('apply', join(folder, 'nothing.yaml'))
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringMatching(/^tidewheel: file: ENOENT/)])
    await write([aJob()])
    const { code, stderr } = await cli('apply', file, '--with', 'next_run_tme')
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--with: .*did you mean next_run_time\?/)])
  })

  test('what MongoDB refuses in the middle says how far it came; once more goes on from there', async () => {
    await write([aJob(), aJob({ _id: 'b' }), aJob({ _id: 'c' })])
    const only = { $nor: [{ _id: 'b' }] }
    await testDb.db.command({ collMod: 'jobs', validator: only })
    const { code, stderr } = await cli('apply', file)
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^1 of 3 done; apply once more goes on from there\.\n/)])
    await testDb.db.command({ collMod: 'jobs', validator: {} })
    expect((await cli('apply', file)).stdout).toMatch(/2 added, 0 changed, 0 removed, 1 unchanged\n$/)
  })
})

test('as a process, from stdin', async () => {
  const { code, stdout } = await runCli(['apply', '-'], {
    env: { MONGODB_URI: testDb.uri },
    input: "- { _id: digest, func: 'mail:digest', trigger: { type: interval, minutes: 5 } }",
  })
  expect([code, stdout]).toEqual([
    0,
    '+ digest  mail:digest  {"type":"interval","minutes":5}\n1 added, 0 changed, 0 removed, 0 unchanged\n',
  ])
  expect(await jobs().findOne()).toMatchObject(aJob())
})
