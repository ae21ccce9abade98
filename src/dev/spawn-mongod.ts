/** Starts one mongod process that cannot outlive us.
 *  A keeper, a small Node process in a session of its own, is the parent of the mongod and holds a channel to us:
 *  Ctrl-C in a terminal reaches neither of the two, so that we stop the mongod when we are done with it, and when
 *  we are killed the channel closes and the keeper stops the mongod.
 *  Knows nothing of replica sets; what the mongod writes goes to `mongod.log` in its folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import type { Environment } from './fetch-mongod.ts'

export interface SpawnOptions {
  readonly binary: string
  /** Holds `db` and `mongod.log`; made if absent. */
  readonly dataDir: string
  readonly port: number
  readonly replSet: string
  /** Further arguments of mongod; they come last. */
  readonly args?: readonly string[]
  /** Added to the process's environment. */
  readonly env?: Environment
}

/** How a mongod ended. */
export interface MongodExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it last wrote as an error, if it did; that its keeper was killed, where that was so. */
  readonly why: string
}

export interface MongodProcess {
  readonly pid: number
  readonly port: number
  /** Settles when the process is gone. */
  readonly exited: Promise<MongodExit>
  kill(signal: NodeJS.Signals): void
  /** A clean end (SIGTERM), a hard one when that takes longer than 20 s; resolves when the process is gone. */
  stop(): Promise<void>
}

const STOP_MS = 20_000
const LOG_BYTES = 16 * 1024 * 1024

/** The keeper's program. Its messages: `{pid}` once, or `{error}`; at the end `{code, signal}`. */
const KEEPER = `
const [file, ...args] = process.argv.slice(1)
const mongod = require('node:child_process').spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'] })
const end = () => {
  mongod.kill('SIGCONT')
  mongod.kill('SIGTERM')
  AbortSignal.timeout(${STOP_MS}).addEventListener('abort', () => mongod.kill('SIGKILL'))
}
const tell = (message, then = () => {}) => process.connected ? process.send(message, then) : then()
mongod.on('spawn', () => tell({ pid: mongod.pid }))
mongod.on('error', error => tell({ error: error.message }, () => process.exit(1)))
mongod.on('exit', (code, signal) => tell({ code, signal }, () => process.exit()))
process.on('disconnect', end)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
`

interface Message {
  readonly pid?: number
  readonly error?: string
  readonly code?: number | null
  readonly signal?: NodeJS.Signals | null
}

export async function spawnMongod(options: SpawnOptions): Promise<MongodProcess> {
  const { binary, dataDir, port } = options
  const logFile = join(dataDir, 'mongod.log')
  const log = await openLog(dataDir, logFile)
  try {
    const { size: from } = await log.stat()
    const keeper = spawn(process.execPath, ['--input-type=commonjs', '-e', KEEPER, '--', binary, ...argsOf(options)], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      env: { ...process.env, NODE_OPTIONS: undefined, ...options.env },
    })
    const ended = endOf(keeper)
    const first = await Promise.race([once(keeper, 'message').then(([message]) => message as Message), ended])
    if (first.pid === undefined) throw new TidewheelError('unreachable', `${binary} cannot be started: ${first.error}`)
    return handle(first.pid, port, ended, () => lastError(logFile, from))
  } finally {
    await log.close()
  }
}

function handle(pid: number, port: number, ended: Promise<Message>, why: () => Promise<string>): MongodProcess {
  let gone = false
  const kill = (signal: NodeJS.Signals): void => {
    if (gone) return
    try {
      process.kill(pid, signal)
    } catch {}
  }
  const exited = ended.then(async ({ code = null, signal = null, error }): Promise<MongodExit> => {
    // A keeper that was itself killed leaves its mongod to us.
    if (error !== undefined) kill('SIGKILL')
    gone = true
    return { code, signal, why: error ?? (await why()) }
  })
  const stop = async (): Promise<void> => {
    kill('SIGCONT')
    kill('SIGTERM')
    const limit = systemClock.schedule(() => kill('SIGKILL'), STOP_MS)
    await exited
    limit.unsubscribe()
  }
  return { pid, port, exited, kill, stop }
}

/** The keeper's last message, once it is gone itself. */
function endOf(keeper: ChildProcess): Promise<Message> {
  let last: Message = { error: 'its keeper was killed' }
  keeper.on('message', (message: Message) => {
    if (message.pid === undefined) last = message
  })
  return new Promise(resolve => {
    keeper.on('error', error => resolve({ error: error.message }))
    keeper.on('close', () => resolve(last))
  })
}

function argsOf({ dataDir, port, replSet, args = [] }: SpawnOptions): readonly string[] {
  return [
    ...['--dbpath', join(dataDir, 'db'), '--port', String(port), '--bind_ip', '127.0.0.1', '--replSet', replSet],
    // Small: the defaults take half of the memory, 300 MB of journal and 5 % of the disk.
    ...['--wiredTigerCacheSizeGB', '0.25', '--oplogSize', '256'],
    ...['--wiredTigerEngineConfigString', 'log=(prealloc=false,file_max=16MB)'],
    ...['--setParameter', 'diagnosticDataCollectionEnabled=false', '--quiet'],
    // A socket file in /tmp that another user left behind would forbid the start.
    ...(process.platform === 'win32' ? [] : ['--nounixsocket']),
    ...args,
  ]
}

async function openLog(dataDir: string, logFile: string) {
  try {
    await mkdir(join(dataDir, 'db'), { recursive: true })
    const grown = await stat(logFile).catch(() => undefined)
    if (grown && grown.size > LOG_BYTES) await rm(logFile)
    return await open(logFile, 'a')
  } catch (error) {
    const message = `The data folder ${dataDir} cannot be written: ${(error as Error).message}`
    throw new TidewheelError('invalid_option', message, { dataDir }, { cause: error })
  }
}

/** Why this start failed, in mongod's words: its last error, else what it said before it could log, else its last line. */
async function lastError(logFile: string, from: number): Promise<string> {
  const log = await readFile(logFile).catch(() => Buffer.alloc(0))
  const lines = log.subarray(from).toString().split('\n').filter(Boolean)
  const logged = lines.findLast(line => /^\{.*"s":"[EF]"/.test(line))
  const line = logged ?? lines.find(line => !line.startsWith('{')) ?? lines.at(-1) ?? ''
  try {
    const { msg, attr } = JSON.parse(line) as { msg: string; attr?: { error?: string | { errmsg?: string } } }
    const error = attr?.error
    return (typeof error === 'string' ? error : error?.errmsg) ?? msg
  } catch {
    return line
  }
}
