/** The real mongosh, for tests of the scripts that people run in it.
 *  Installed once into our cache (some 150 MB, a minute), since it is too large for a development dependency; of test
 *  runs at the same time one installs it and the others wait. It runs with a home of its own and reports nothing. */
import { execFile, spawn } from 'node:child_process'
import { access, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { firstValueFrom, timer } from 'rxjs'

export const MONGOSH_VERSION = '2.12.0'
const INSTALL_MS = 300_000

export interface MongoshResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs mongosh with these arguments, and with these variables in its environment. */
export type Mongosh = (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<MongoshResult>

/** `home`: an empty folder, where mongosh keeps its settings and logs. */
export async function openMongosh(home: string): Promise<Mongosh> {
  const program = await installed()
  const settings = join(home, '.mongodb', 'mongosh')
  await mkdir(settings, { recursive: true })
  await writeFile(join(settings, 'config'), JSON.stringify({ enableTelemetry: false, userId: '0'.repeat(24) }))
  return (args, env = {}) => {
    const child = spawn(process.execPath, [program, '--norc', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: home, USERPROFILE: home, NO_COLOR: '1', ...env },
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', data => (stdout += data))
    child.stderr.on('data', data => (stderr += data))
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve({ code, stdout, stderr }))
    })
  }
}

/** The path of mongosh's program, installed if need be. */
async function installed(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidewheel')
  const folder = join(cache, `mongosh-${MONGOSH_VERSION}`)
  const program = join(folder, 'node_modules', 'mongosh', 'bin', 'mongosh.js')
  await mkdir(cache, { recursive: true })
  while (!(await exists(program))) {
    const lock = `${folder}.lock`
    if (await take(lock)) await install(folder).finally(() => rm(lock, { force: true }))
    else await firstValueFrom(timer(200))
  }
  return program
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** Makes the lock file with our process id, or removes it when the process of another is gone. */
async function take(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx')
    await file.writeFile(String(process.pid))
    await file.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''))
    if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true })
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Under another name first: a folder of the final name is whole. */
async function install(folder: string): Promise<void> {
  const part = `${folder}.part`
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { recursive: true })
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
  await promisify(execFile)(npm, ['install', '--prefix', part, ...quiet, `mongosh@${MONGOSH_VERSION}`], {
    timeout: INSTALL_MS,
    shell: process.platform === 'win32',
  })
  await rename(part, folder)
}
