/** Trouble on the server itself: its disk is full, or it no longer knows the user of the node.
 *  A server of its own for each, because the whole server suffers. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { directClient } from '../../src/dev/mongod.ts'
import { accountedFor, onTimeAgain, steady } from '../support/books.ts'
import { collect } from '../support/events.ts'
import { startNodes, until } from '../support/node.ts'
import { startReplicaSet } from '../support/replica-set.ts'

const LEASE_MS = 1_500
const PATIENCE_MS = 20_000
const DISK_MB = 300

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-server-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test.concurrent('the node’s user is dropped: it says so, and works again when the user is back', async () => {
  const keyFile = join(folder, 'key')
  await writeFile(keyFile, randomBytes(300).toString('base64'), { mode: 0o600 })
  const set = await startReplicaSet({
    members: 1,
    dataDir: join(folder, 'guarded'),
    args: ['--auth', '--keyFile', keyFile],
  })
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
    // Two clients are opened anew: where the user comes back between the one and the other, the stream is interrupted once more.
    const ends = () => [...seen.of('stream.resumed'), ...seen.of('stream.resynced')]
    await until(() => expect(ends()).toHaveLength(seen.of('stream.interrupted').length), PATIENCE_MS)
    await accountedFor(cluster, job)
  } finally {
    await cluster.close()
    await root.close()
    await set.stop()
  }
}, 60_000)

test.concurrent('the disk is full: the node stays and says so, and goes on when there is room and the server is back', async ({
  skip,
}) => {
  const disk = join(folder, 'disk')
  await mkdir(disk)
  const why = mount(disk)
  skip(why !== undefined, why)
  try {
    const set = await startReplicaSet({ members: 1, dataDir: disk })
    const cluster = await startNodes({ uri: set.uri.replace('/?', '/full?'), lease: LEASE_MS, connectTimeout: 1_000 })
    try {
      const node = cluster.nodes[0] as (typeof cluster.nodes)[0]
      const job = await steady(cluster)
      const seen = collect(node)
      const ballast = join(disk, 'ballast')
      fill(ballast)
      await using person = new MongoClient(set.uri, { socketTimeoutMS: 1_000, serverSelectionTimeoutMS: 1_000 })
      const noise = person.db('noise').collection('noise')
      await until(async () => {
        await noise.insertOne({ bytes: randomBytes(64 * 1024) }, { writeConcern: { w: 1 } }).catch(() => {})
        // A checkpoint needs room too; without it the server gives up.
        await person
          .db('admin')
          .command({ fsync: 1 })
          .catch(() => {})
        expect(seen.of('node.fenced')).toHaveLength(1)
      }, PATIENCE_MS)
      expect(node.status().state).toBe('active')
      await set.kill(0)
      await rm(ballast)
      await set.restart(0)
      await onTimeAgain(node, job, PATIENCE_MS)
      await accountedFor(cluster, job)
    } finally {
      // Where the server did not come back, what is not stored is not waited for.
      await cluster.nodes[0]?.stop({ timeout: 1_000 })
      await cluster.close()
      await set.stop()
    }
  } finally {
    execFileSync('umount', ['-l', disk])
  }
}, 120_000)

/** A small disk; answers why there is none here. */
function mount(path: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tidewheel-test', path], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `a tmpfs cannot be mounted: ${String(error).split('\n')[0]}`
  }
}

function fill(path: string): void {
  const file = openSync(path, 'a')
  for (const block of [Buffer.alloc(1024 * 1024), Buffer.alloc(4_096)]) {
    try {
      for (;;) writeSync(file, block)
    } catch {}
  }
  closeSync(file)
}
