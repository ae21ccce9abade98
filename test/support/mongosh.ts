/** The real mongosh, for tests of the scripts that people run in it.
 *  Installed once into our cache (some 150 MB, a minute), since it is too large for a development dependency; of test
 *  runs at the same time one installs it and the others wait. It runs with a home of its own and reports nothing. */
import { execFile } from 'node:child_process'
import { access, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BSON } from 'mongodb'
import { firstValueFrom, timer } from 'rxjs'
import { type Cli, type CliEnd, startScript } from './cli.ts'

export const MONGOSH_VERSION = '2.12.0'
const INSTALL_MS = 300_000
/** Stands before the lines that a session writes about its steps. */
const MARK = '\u241e'

/** What became of one step of a session. */
export interface Step {
  /** The lines that it printed. */
  readonly printed: readonly string[]
  /** What it gave, as extended JSON tells it. */
  readonly value?: unknown
  /** The message of what it threw. */
  readonly error?: string
}

export interface Mongosh {
  /** Starts mongosh with these arguments, and with these variables in its environment. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>, cwd?: string): Cli
  run(args: readonly string[], env?: Readonly<Record<string, string>>, cwd?: string): Promise<CliEnd>
  /** Evaluates expressions one after the other in one mongosh, since a start takes a second and more. */
  session<Name extends string>(uri: string, steps: Readonly<Record<Name, string>>): Promise<Record<Name, Step>>
}

/** `home`: an empty folder, where mongosh keeps its settings and logs. */
export async function openMongosh(home: string): Promise<Mongosh> {
  const program = await installed()
  const settings = join(home, '.mongodb', 'mongosh')
  await mkdir(settings, { recursive: true })
  await writeFile(join(settings, 'config'), JSON.stringify({ enableTelemetry: false, userId: '0'.repeat(24) }))
  let sessions = 0
  const start: Mongosh['start'] = (args, env = {}, cwd = home) =>
    startScript(program, ['--norc', '--quiet', ...args], {
      cwd,
      env: { HOME: home, USERPROFILE: home, NO_COLOR: '1', ...env },
    })
  const run: Mongosh['run'] = (...given) => start(...given).ended
  return {
    start,
    run,
    async session(uri, steps) {
      const file = join(home, `session-${++sessions}.js`)
      await writeFile(file, sessionOf(steps))
      const { code, stdout, stderr } = await run([uri, '--file', file])
      if (code !== 0) throw new Error(`the session ended with ${code}:\n${stdout}${stderr}`)
      return stepsOf(stdout) as Record<keyof typeof steps, Step>
    },
  }
}

function sessionOf(steps: Readonly<Record<string, string>>): string {
  const opening = `globalThis.step = (name, evaluate) => {
    print('${MARK}' + name)
    try {
      const value = evaluate()
      print('${MARK}=' + EJSON.stringify({ value }))
    } catch (error) {
      print('${MARK}!' + error.message)
    }
  }`
  return [
    opening,
    ...Object.entries(steps).map(([name, code]) => `step(${JSON.stringify(name)}, () => (${code}))`),
  ].join('\n')
}

function stepsOf(stdout: string): Readonly<Record<string, Step>> {
  const [, ...parts] = stdout.split(new RegExp(`^${MARK}(?![=!])`, 'm'))
  return Object.fromEntries(
    parts.map(part => {
      const [head = '', end = ''] = part.split(new RegExp(`^${MARK}(?=[=!])`, 'm'))
      const [name = '', ...printed] = head.split('\n').slice(0, -1)
      const told = end.slice(1).trimEnd()
      return [name, { printed, ...(end.startsWith('=') ? BSON.EJSON.parse(told) : { error: told }) }]
    }),
  )
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
