/** Trouble on the server itself: its disk is full, or it no longer knows the user of the node.
 *  A server of its own for each, because the whole server suffers. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { directClient } from '../../src/dev/mongod.ts'
import { accountedFor, onTimeAgain, steady } from '../support/books.ts'
import { collect } from '../support/events.ts'
import { startNodes, until } from '../support/node.ts'
import { startReplicaSet } from '../support/replica-set.ts'

const LEASE_MS = 1_500
const PATIENCE_MS = 20_000

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-server-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

test('the node’s user is dropped: it says so, and works again when the user is back', async () => {
  const keyFile = join(folder, 'key')
  await writeFile(keyFile, randomBytes(300).toString('base64'), { mode: 0o600 })
  const set = await startReplicaSet({ members: 1, dataDir: folder, args: ['--auth', '--keyFile', keyFile] })
  const port = set.ports[0] as number
  // The first user is made without one.
  const first = directClient(port, PATIENCE_MS)
  await until(() =>
    first.db('admin').command({ createUser: 'root', pwd: 'r', roles: ['root'], writeConcern: { w: 'majority' } }),
  )
  await first.close()
  const root = await MongoClient.connect(`mongodb://root:r@127.0.0.1:${port}/?directConnection=true`)
  const db = root.db('guarded')
  const createUser = () => db.command({ createUser: 'node', pwd: 'n', roles: ['readWrite', 'dbAdmin'] })
  await createUser()
  const uri = `mongodb://127.0.0.1:${port}/guarded?directConnection=true`
  const cluster = await startNodes({ uri: uri.replace('//', '//root:r@').concat('&authSource=admin'), count: 0 })
  try {
    const ip = 'guarded'
    const node = cluster.another({ ip, uri: uri.replace('//', '//node:n@'), lease: LEASE_MS, connectTimeout: 1_000 })
    await node.start()
    const job = await steady(cluster, { ip })
    const seen = collect(node)
    await db.command({ dropUser: 'node' })
    await until(() => expect(seen.of('node.fenced')).toHaveLength(1), PATIENCE_MS)
    expect(seen.of('node.fenced')[0]?.reason).toMatch(/credentials|requires authentication/)
    expect(seen.of('stream.interrupted')).toHaveLength(1)
    expect(node.status().state).toBe('active')
    await createUser()
    const back = performance.now()
    await onTimeAgain(node, job, PATIENCE_MS)
    if (process.env.FIGURES !== undefined) console.log(`user back: on time after ${performance.now() - back} ms`)
    await until(() => expect(seen.of('stream.resumed').length + seen.of('stream.resynced').length).toBe(1), PATIENCE_MS)
    await accountedFor(cluster, job)
  } finally {
    await cluster.close()
    await root.close()
    await set.stop()
  }
}, 60_000)
