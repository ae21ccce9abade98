/** Node slot: the place of one node: its ip, its line, its log, and the process that has them now.
 *  In: a built product. Out: handles to start and kill processes. An end that nobody asked for is written down. Processes are
 *  ended by their id, also when this one ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, cpSync, existsSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXIT } from '../../src/cli/exit-codes.ts'
import type { ClockFile } from './fake-time.ts'
import { type History, until } from './history.ts'
import type { Line } from './proxy.ts'

export const DB = 'faults'
const TASKS = fileURLToPath(new URL('tasks', import.meta.url))
const MORE_TASKS = fileURLToPath(new URL('tasks-more', import.meta.url))

const WORKSPACE = fileURLToPath(new URL('workspace', import.meta.url))

/** The scripts, where a node may write beside them. */
function workspaceIn(folder: string): string {
  const workspace = join(folder, 'workspace')
  if (!existsSync(workspace)) cpSync(WORKSPACE, workspace, { recursive: true })
  return workspace
}

export interface SlotOptions {
  /** The folder with the built `cli/main.js`. */
  readonly product: string
  readonly folder: string
  readonly leaseMs: number
  readonly history: History
  /** Another program than ours, given URI and NODE_IP in its environment, and what else it needs. */
  readonly program?: { readonly file: string; readonly env: Readonly<Record<string, string>> } | undefined
}

/** What one node has that others may not. */
export interface Kind {
  /** Its own clock, if it can be set. */
  readonly clock: ClockFile | undefined
  /** Where its connection string says that reads may go. */
  readonly reads: 'primary' | 'secondaryPreferred'
  /** Whether it has the second set of tasks, too. */
  readonly hasSecond: boolean
}

const START_MS = 60_000

export class NodeSlot {
  readonly ip: string
  readonly line: Line
  /** Its own clock, if it can be set. */
  readonly clock: ClockFile | undefined
  readonly #options: SlotOptions
  readonly #kind: Kind
  #child: ChildProcess | undefined
  readonly #all = new Set<ChildProcess>()
  readonly #asked = new Set<ChildProcess>()
  #starts = 0

  constructor(ip: string, line: Line, options: SlotOptions, kind: Kind) {
    this.ip = ip
    this.line = line
    this.clock = kind.clock
    this.#kind = kind
    this.#options = options
  }

  get log(): string {
    return join(this.#options.folder, `node-${this.ip}.log`)
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get witness(): string {
    return join(this.#options.folder, `witness-${this.ip}.jsonl`)
  }

  logSize(): number {
    return existsSync(this.log) ? statSync(this.log).size : 0
  }

  /** What was logged from a position on. */
  logged(from: number): string {
    return readFileSync(this.log).subarray(from).toString()
  }

  /** Starts a process and resolves when it is active (or as `for` says). One that finds no database ends, and is started again, as by
   *  whoever looks after a service. */
  async start(waitFor = 'node.started'): Promise<ChildProcess> {
    const limit = performance.now() + START_MS
    for (;;) {
      const child = await this.#startOnce(waitFor)
      if (child.exitCode !== EXIT.unreachable || performance.now() > limit) return child
    }
  }

  async #startOnce(waitFor: string): Promise<ChildProcess> {
    const { folder, product, leaseMs, history, program } = this.#options
    const { reads, hasSecond } = this.#kind
    const preference = reads === 'primary' ? '' : `&readPreference=${reads}`
    const uri = `mongodb://${this.line.hosts.join(',')}/?replicaSet=tidewheel-set&w=majority${preference}`
    const args = [
      'start',
      '--uri',
      uri,
      '--db',
      DB,
      '--ip',
      this.ip,
      '--tasks',
      hasSecond ? MORE_TASKS : TASKS,
      '--workspace',
      workspaceIn(folder),
      '--lease',
      String(leaseMs),
      '--json',
    ]
    const from = this.logSize()
    const out = openSync(this.log, 'a')
    const command = program === undefined ? [join(product, 'cli', 'main.js'), ...args] : [program.file]
    const child = spawn(process.execPath, command, {
      cwd: folder,
      stdio: ['ignore', out, out],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        WITNESS: this.witness,
        WITNESS_IP: this.ip,
        NODE_IP: this.ip,
        URI: uri,
        ...program?.env,
        ...this.clock?.env,
      },
    })
    closeSync(out)
    this.#child = child
    this.#all.add(child)
    const start = this.#starts++
    history.write({ f: 'process', what: 'start', ip: this.ip, pid: child.pid, start, reads })
    child.on('exit', (code, signal) => {
      this.#all.delete(child)
      history.write({
        f: 'process',
        what: 'exit',
        ip: this.ip,
        pid: child.pid,
        code,
        signal,
        asked: this.#asked.has(child),
      })
    })
    await until(
      () => this.logged(from).includes(`"${waitFor}"`) || child.exitCode !== null || child.signalCode !== null,
      START_MS,
      `${this.ip} says ${waitFor}`,
    )
    history.write({ f: 'process', what: 'active', ip: this.ip, pid: child.pid })
    return child
  }

  /** Sends the present process (or the one given) a signal; resolves when one that ends it has. */
  async kill(signal: NodeJS.Signals, child = this.#child): Promise<number | null> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null
    const ends = signal === 'SIGKILL' || signal === 'SIGTERM'
    if (ends) this.#asked.add(child)
    const gone = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
    child.kill(signal)
    return ends ? await gone : null
  }

  /** Asks the present process to end; one that does not is killed after `ms`. Answers its exit code; null: it was killed. */
  async stop(ms: number): Promise<number | null> {
    const child = this.#child
    const late = setTimeout(() => void this.kill('SIGKILL', child), ms)
    const code = await this.kill('SIGTERM', child)
    clearTimeout(late)
    return code
  }

  get child(): ChildProcess | undefined {
    return this.#child
  }

  /** Takes a process as the present one. */
  adopt(child: ChildProcess): void {
    this.#child = child
  }

  async end(): Promise<void> {
    for (const child of this.#all) {
      child.kill('SIGCONT')
      await this.kill('SIGKILL', child)
    }
    await this.line.close()
  }
}
