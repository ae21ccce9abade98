/** `import bullmq` as a process, with a library in its folder that gives a recorded answer, and without one.
 *  What a real Redis answers was recorded once; no test needs one. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RECORDED } from '../moving/schedulers.ts'
import { called } from '../support/called.ts'
import { runCli } from '../support/cli.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb
let folder: string

const jobs = () => testDb.db.collection<{ _id: string }>('jobs')
const cli = (...args: readonly string[]) =>
  runCli(['import', 'bullmq', '--redis', 'redis://user:p%40ss@127.0.0.1:6399/2', '--queue', 'mail', ...args], {
    env: { MONGODB_URI: testDb.uri },
    cwd: folder,
  })

/** A library of this name, whose queues answer with what this code gives. */
async function installed(answer: string) {
  const library = join(folder, 'node_modules', 'bullmq')
  await mkdir(library, { recursive: true })
  await writeFile(
    join(library, 'index.js'),
    `exports.Queue = class {
      constructor(name, options) { this.asked = { name, ...options } }
      on() {}
      async close() {}
      ${answer}
    }`,
  )
}

beforeEach(async () => {
  testDb = await openTestDb()
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-bullmq-'))
  await called(['init', '--quiet'], { MONGODB_URI: testDb.uri })
})

afterEach(async () => {
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

test('the schedulers of the library in the folder become jobs; twice changes nothing', async () => {
  await installed(`async getJobSchedulers() {
    const { host, port, username, password, db } = this.asked.connection
    const where = [this.asked.name, this.asked.prefix, host, port, username, password, db].join()
    if (where !== 'mail,mine,127.0.0.1,6399,user,p@ss,2') throw new Error(where)
    return ${JSON.stringify(RECORDED)}
  }`)
  const first = await cli('--redis-prefix', 'mine', '--timezone', 'UTC')
  expect([first.code, first.stderr, first.stdout.trim().split('\n').at(-1)]).toEqual([
    0,
    '',
    '5 added, 0 changed, 0 removed, 0 unchanged, 0 skipped',
  ])
  expect(await jobs().findOne({ _id: 'bullmq-mail-offset' })).toEqual({
    _id: 'bullmq-mail-offset',
    name: 'offset',
    func: 'tock',
    trigger: { type: 'interval', seconds: 60, start_date: new Date(7000), timezone: 'UTC' },
    misfire_grace_time: null,
    on_interrupt: 'rerun',
    next_run_time: new Date(1795678807000),
    x_applied: {
      label: 'bullmq:mail',
      fields: ['func', 'misfire_grace_time', 'name', 'on_interrupt', 'trigger'],
    },
  })
  const before = await jobs().find().toArray()
  const second = await cli('--redis-prefix', 'mine', '--timezone', 'UTC')
  expect(second.stdout).toBe('0 added, 0 changed, 0 removed, 5 unchanged, 0 skipped\n')
  expect(await jobs().find().toArray()).toEqual(before)
})

test('without the library, with an old one, and where Redis does not answer', async () => {
  expect(await cli()).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/bullmq: expected the library in .*npm install bullmq/s),
  })
  await installed('')
  expect(await cli()).toMatchObject({ code: 2, stderr: expect.stringMatching(/version 5\.16 or later/) })
  await installed("async getJobSchedulers() { throw new Error('WRONGPASS invalid username-password pair') }")
  expect(await cli()).toMatchObject({ code: 4, stderr: expect.stringMatching(/Redis refused these credentials/) })
  await installed('getJobSchedulers() { return new Promise(() => setInterval(() => {}, 1000)) }')
  expect(await cli('--connect-timeout', '200')).toMatchObject({
    code: 69,
    stderr: expect.stringMatching(/Redis does not answer/),
  })
  expect(await jobs().countDocuments()).toBe(0)
})

test('an address that is none: exit 2', async () => {
  const { code, stderr } = await called(['import', 'bullmq', '--redis', 'localhost:6379', '--queue', 'mail'])
  expect([code, stderr]).toEqual([2, expect.stringMatching(/--redis: expected an address/)])
})
