/** Page server: the dashboard as a person has it: `tidewheel start --http` of the published package, in a process of its own.
 *  In: a database and a node's name. Out: the page's address. What it does costs the process that looks nothing. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../src/dev/mongod.ts'
import type { BuiltPackage } from './built-package.ts'
import { type Cli, startScript } from './cli.ts'

export interface PageServer {
  /** Without a slash at the end. */
  readonly url: string
  readonly pid: number
  /** Ends the process at once: its runs are of no use to anybody. */
  close(): Promise<void>
}

export interface PageServerOptions {
  readonly uri: string
  readonly ip: string
  /** A folder that it may write to: modules of tasks lie in it. */
  readonly folder: string
}

/** `note` is over at once, `slow` takes half a second and `talk` says a line a second until it is cancelled, `fail` fails. */
const TASKS = `const wait = (ms, signal) => new Promise(done => {
  const timer = setTimeout(done, ms)
  signal.addEventListener('abort', () => (clearTimeout(timer), done()))
})
export const note = () => 'noted'
export const slow = async ({ signal }) => wait(500, signal)
export const fail = () => { throw new RangeError('out of range') }
export const talk = async ({ signal, log }) => {
  for (let line = 1; !signal.aborted; line++) {
    log.info(\`line \${line}, 412 invoices due\`)
    await wait(1000, signal)
  }
}
`

export async function startPageServer(whole: BuiltPackage, options: PageServerOptions): Promise<PageServer> {
  const { uri, ip, folder } = options
  const tasks = join(folder, `tasks-${ip}`)
  await mkdir(tasks, { recursive: true })
  await writeFile(join(tasks, 'do.mjs'), TASKS)
  const http = `127.0.0.1:${await freePort()}`
  const args = ['start', '--uri', uri, '--ip', ip, '--tasks', tasks, '--http', http]
  const server: Cli = startScript(join(whole.page, '..', 'cli', 'main.js'), args)
  await server.saw(/is active/)
  return {
    url: `http://${http}`,
    pid: server.pid,
    close: async () => {
      server.kill('SIGKILL')
      await server.ended
    },
  }
}
