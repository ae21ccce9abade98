/** A development mongod over its life: data and port from start to start, folders and ports that are taken, and
 *  processes that are killed: its own, its keeper's and its owner's. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MongoClient, type ResumeToken } from 'mongodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Mongod, type MongodOptions, startMongod } from '../../src/dev/mongod.ts'

interface Note {
  readonly _id: string
}

let dataDir: string
const started: Mongod[] = []
const closers: (() => unknown)[] = []

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'tidewheel dev ')), 'a folder')
})

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await Promise.all(started.splice(0).map(mongod => mongod.stop()))
  await rm(join(dataDir, '..'), { recursive: true, force: true })
})

async function start(options: Partial<MongodOptions> = {}): Promise<Mongod> {
  const mongod = await startMongod({ dataDir, ...options })
  started.push(mongod)
  return mongod
}

const notes = (client: MongoClient) => client.db('d').collection<Note>('notes')

const write = async (uri: string, _id: string): Promise<void> => {
  await using client = await MongoClient.connect(uri)
  await notes(client).insertOne({ _id })
}

const read = async (uri: string): Promise<string[]> => {
  await using client = await MongoClient.connect(uri)
  return (await notes(client).find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id)
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const gone = (pid: number): Promise<void> =>
  vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 30_000, interval: 50 })

/** Another program that listens, and hangs up on whoever calls. */
async function occupy(port = 0): Promise<number> {
  const server = createServer(socket => socket.destroy())
  await new Promise<void>(listening => server.listen(port, '127.0.0.1', listening))
  closers.push(() => new Promise(closed => server.close(closed)))
  return (server.address() as AddressInfo).port
}

test('data, port and resume tokens survive a restart', async () => {
  const first = await start()
  await using client = await MongoClient.connect(first.uri)
  const stream = notes(client).watch()
  await stream.tryNext()
  await notes(client).insertOne({ _id: 'a' })
  const token: ResumeToken = (await stream.next())._id
  await notes(client).insertOne({ _id: 'b' })
  await client.close()
  await first.stop()
  expect(isAlive(first.pid)).toBe(false)

  const second = await start()
  expect(second.port).toBe(first.port)
  expect(await read(second.uri)).toEqual(['a', 'b'])
  await using again = await MongoClient.connect(second.uri)
  const resumed = notes(again).watch([], { resumeAfter: token })
  expect(await resumed.next()).toMatchObject({ operationType: 'insert', documentKey: { _id: 'b' } })
  await resumed.close()
})

test('it is a primary of a replica set, on the loopback address only, and writes wait for the majority', async () => {
  const { uri, port, pid } = await start({ args: ['--setParameter', 'cursorTimeoutMillis=123456'] })
  await using client = await MongoClient.connect(uri)
  expect(client.options).toMatchObject({ replicaSet: 'tidewheel', writeConcern: { w: 'majority' } })
  const admin = client.db('admin')
  expect(await admin.command({ hello: 1 })).toMatchObject({ isWritablePrimary: true, me: `127.0.0.1:${port}` })
  const { parsed } = await admin.command({ getCmdLineOpts: 1 })
  expect(parsed).toMatchObject({
    net: { bindIp: '127.0.0.1', port },
    storage: { wiredTiger: { engineConfig: { cacheSizeGB: 0.25 } } },
    setParameter: { cursorTimeoutMillis: '123456' },
  })
  expect((await admin.command({ serverStatus: 1 })).pid.toString()).toBe(String(pid))
})

test('when its port was taken meanwhile it moves to another, with its data', async () => {
  const first = await start()
  await write(first.uri, 'a')
  await first.stop()
  await occupy(first.port)
  const second = await start()
  expect(second.port).not.toBe(first.port)
  await write(second.uri, 'b')
  expect(await read(second.uri)).toEqual(['a', 'b'])
  await second.stop()
  expect((await start()).port).toBe(second.port)
})

test('a port that was asked for and is taken is a conflict', async () => {
  const port = await occupy()
  await expect(start({ port })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`${port}`) })
})

test('a port of another mongod is a conflict, and that mongod is left alone', async () => {
  const other = await start({ dataDir: join(dataDir, 'other') })
  await expect(start({ port: other.port })).rejects.toMatchObject({ code: 'conflict' })
  expect(await read(other.uri)).toEqual([])
})

test('a folder in use is a conflict that names the process', async () => {
  const { pid, uri } = await start()
  await expect(start()).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(`${dataDir} is in use by another mongod (process ${pid})`),
  })
  await write(uri, 'still here')
})

test('the folder of a mongod that was killed is taken over', async () => {
  const first = await start()
  await write(first.uri, 'a')
  process.kill(first.pid, 'SIGKILL')
  expect(await first.exited).toMatchObject({ signal: 'SIGKILL' })
  expect(await read((await start()).uri)).toEqual(['a'])
})

test('stop may be called twice, and at once', async () => {
  const { stop, pid } = await start()
  await Promise.all([stop(), stop()])
  await stop()
  expect(isAlive(pid)).toBe(false)
})

test('what keeps it from starting is said, and nothing is left', async () => {
  await expect(start({ args: ['--no-such-option'] })).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringMatching(/no-such-option.*mongod\.log/s),
  })
  await expect(start({ binary: join(dataDir, 'absent') })).rejects.toMatchObject({ code: 'unreachable' })
  expect(await readFile(join(dataDir, 'mongod.log'), 'utf8')).toContain('no-such-option')
})

test('a folder that cannot be made is an invalid option', async () => {
  await expect(start({ dataDir: '/dev/null/x' })).rejects.toMatchObject({ code: 'invalid_option' })
})

test('when its keeper is killed it ends too', async () => {
  const { pid, exited } = await start()
  process.kill(Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)])), 'SIGKILL')
  await exited
  await gone(pid)
})

interface Owner {
  readonly process: ChildProcess
  readonly mongod: { readonly uri: string; readonly pid: number }
  line(): Promise<string>
}

async function owner(): Promise<Owner> {
  const args = ['--import', 'tsx', join(import.meta.dirname, 'owner.ts'), dataDir]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  closers.push(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async (): Promise<string> => (await lines.next()).value
  return { process: child, mongod: JSON.parse(await line()), line }
}

test('Ctrl-C reaches its owner but not it', async () => {
  const { process: child, mongod, line } = await owner()
  process.kill(-(child.pid ?? 0), 'SIGINT')
  expect(await line()).toBe('interrupted')
  await write(mongod.uri, 'still here')
  child.kill('SIGKILL')
  await gone(mongod.pid)
})

test('when its owner is killed it ends, and the next start waits for that', async () => {
  const { process: child, mongod } = await owner()
  await write(mongod.uri, 'a')
  child.kill('SIGKILL')
  const next = await start()
  expect(isAlive(mongod.pid)).toBe(false)
  expect(await read(next.uri)).toEqual(['a'])
})

test('of two that start in one folder at once, one serves and the other is refused', async () => {
  const [a, b] = await Promise.allSettled([start(), start()])
  expect([a.status, b.status].sort()).toEqual(['fulfilled', 'rejected'])
})
