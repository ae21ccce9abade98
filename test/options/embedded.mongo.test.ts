/** What options do to a node on a real database: what an embedded node says unasked, how long history is kept where nodes
 *  differ, and the name that the server knows its connections by. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Document } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { createNode } from '../../src/node/node.ts'
import { built, endAll, startScript } from '../support/cli.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb

beforeAll(async () => {
  db = await openTestDb()
})

afterEach(endAll)
afterAll(() => db?.close())

describe('an application that embeds a node', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(built(), 'embedded-'))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** A program whose node has one task that fails, one that works, and a job of a task that it does not have. */
  async function program(logger: string) {
    const index = pathToFileURL(join(built(), 'index.js'))
    const file = join(folder, `${logger.length}.mjs`)
    await writeFile(
      file,
      `import { createNode, ofType } from '${index}'
       import { take, toArray, firstValueFrom, merge } from 'rxjs'
       const node = createNode({ uri: process.env.MONGODB_URI, ip: 'embedded', ${logger}
         tasks: { fine: () => 1, fail: () => { throw new RangeError('out of paper') } } })
       const ended = firstValueFrom(node.events$.pipe(ofType('run.error', 'run.executed', 'job.invalid'), take(3), toArray()))
       await node.start()
       for (const func of ['fine', 'fail', 'nowhere'])
         await node.jobs.add({ _id: func, func, trigger: { type: 'date' } }, { replace: true })
       await ended
       await node.jobs.removeAll({})
       await node.close()`,
    )
    return await startScript(file, [], { env: { MONGODB_URI: db.uri } }).ended
  }

  test('sees on stderr what failed, and nothing of what went well', async () => {
    const { code, stdout, stderr } = await program('')
    expect([code, stdout]).toEqual([0, ''])
    const lines = stderr
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.map(({ name, msg }) => [name, msg])).toEqual(
      expect.arrayContaining([
        ['tidewheel', 'run.error'],
        ['tidewheel', 'job.invalid'],
      ]),
    )
    expect(lines.find(({ msg }) => msg === 'run.error')).toMatchObject({ level: 50, job_id: 'fail', node: 'embedded' })
    expect(stderr).toContain('out of paper')
    expect(lines.filter(({ level }) => level < 40)).toEqual([])
  })

  test('sees nothing with logger: false', async () => {
    expect(await program('logger: false,')).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })
})

describe('how long history is kept', () => {
  const expiry = async () =>
    (await db.db.collection('executions').indexes()).find(({ key }) => key.recorded)?.expireAfterSeconds
  const started = async (options: { readonly historyTtl?: number }) => {
    await using node = createNode({ uri: db.uri, ip: 'keeper', logger: false, ...options })
    await node.start()
  }

  test('is 7 days in a new database, what a node says, and stays that when others say nothing', async () => {
    await db.db.dropDatabase()
    await started({})
    expect(await expiry()).toBe(7 * 86_400)
    await started({ historyTtl: 3_600_000 })
    expect(await expiry()).toBe(3_600)
    await started({})
    expect(await expiry()).toBe(3_600)
    await using client = await connect({ uri: db.uri })
    await client.init()
    expect(await expiry()).toBe(3_600)
  })
})

describe('the server knows connections by', () => {
  const names = async () => {
    const all = db.client.db('admin').aggregate([{ $currentOp: { allUsers: true, idleConnections: true } }])
    return (await all.toArray()).map(({ appName }: Document) => String(appName))
  }

  test('the ip of their node, also where it found that itself', async () => {
    await using named = createNode({ uri: db.uri, ip: 'by-name', logger: false })
    await using unnamed = createNode({ uri: db.uri, logger: false })
    await Promise.all([named.start(), unnamed.start()])
    expect(unnamed.ip).toMatch(/^[\d.:a-f]+$/)
    const known = await names()
    expect(known).toContain('tidewheel:by-name')
    expect(known).toContain(`tidewheel:${unnamed.ip}`)
    expect(known).not.toContain('tidewheel:')
  })
})
