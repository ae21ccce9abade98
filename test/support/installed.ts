/** Packages of npm that are installed once into our cache, beside our own: too large for a development dependency, or with dependencies
 *  that must not meet ours. Of test runs at the same time one installs them and the others wait. */
import { execFile } from 'node:child_process'
import { access, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { firstValueFrom, timer } from 'rxjs'

const INSTALL_MS = 300_000

/** The folder of that name in the cache, in whose node_modules they are. The name says which versions. */
export async function installedOnce(name: string, packages: readonly string[]): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidewheel')
  const folder = join(cache, name)
  await mkdir(cache, { recursive: true })
  while (!(await exists(folder))) {
    const lock = `${folder}.lock`
    if (await take(lock)) await install(folder, packages).finally(() => rm(lock, { force: true }))
    else await firstValueFrom(timer(200))
  }
  return folder
}

const EXPRESS = '5.2.1'
const FASTIFY = '5.6.2'

/** Applications that others write theirs with, and that ours is mounted in. */
export const hostsFolder = (): Promise<string> =>
  installedOnce(`hosts-${EXPRESS}-${FASTIFY}`, [`express@${EXPRESS}`, `fastify@${FASTIFY}`])

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
async function install(folder: string, packages: readonly string[]): Promise<void> {
  const part = `${folder}.part`
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { recursive: true })
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
  await promisify(execFile)(npm, ['install', '--prefix', part, ...quiet, ...packages], {
    timeout: INSTALL_MS,
    shell: process.platform === 'win32',
  })
  await rename(part, folder)
}
