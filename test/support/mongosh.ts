/** The real mongosh, for tests of the scripts that people run in it.
 *  Installed once into our cache (some 150 MB, a minute), since it is too large for a development dependency.
 *  It runs with a home of its own and reports nothing. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BSON } from 'mongodb'
import { type Cli, type CliEnd, startScript } from './cli.ts'
import { installedOnce } from './installed.ts'

const MONGOSH_VERSION = '2.12.0'
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
const installed = async (): Promise<string> =>
  join(
    await installedOnce(`mongosh-${MONGOSH_VERSION}`, [`mongosh@${MONGOSH_VERSION}`]),
    'node_modules',
    'mongosh',
    'bin',
    'mongosh.js',
  )
