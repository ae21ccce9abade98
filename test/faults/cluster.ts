/** Cluster: a replica set of three, the product's own processes (`tidewheel start`), and a line with weather between each of
 *  them and the set.
 *  In: a built product, a folder. Out: handles to start, kill and stop each. An end that nobody asked for is written down.
 *  Processes are ended by their id, also when this one ends. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { type ReplicaSet, startReplicaSet } from '../support/replica-set.ts'
import { type History, until } from './history.ts'
import { type Line, openLine } from './proxy.ts'

export const DB = 'faults'
export const TASKS = fileURLToPath(new URL('tasks', import.meta.url))

export interface ClusterOptions {
  /** The folder with the built `cli/main.js`. */
  readonly product: string
  readonly folder: string
  readonly nodes: number
  readonly leaseMs: number
  readonly history: History
  readonly oplogMb?: number | undefined
  /** Give the last node a clock that can be set. */
  readonly fakeClock: boolean
  /** Put the last member's data on a disk of so many MB. */
  readonly diskMb?: number | undefined
  /** Another program than ours, given URI and NODE_IP in its environment, and what else it needs. */
  readonly program?: { readonly file: string; readonly env: Readonly<Record<string, string>> } | undefined
  /** Members' own clocks, e.g. `+60s`. */
  readonly memberClock?: ((member: number) => string | undefined) | undefined
}

export interface Cluster {
  readonly set: ReplicaSet
  readonly nodes: readonly NodeSlot[]
  /** Where the last member's data lies, if its disk is a small one. */
  readonly disk: string | undefined
  stop(): Promise<void>
}

const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
]

/** libfaketime, where it is installed. */
export const fakeTime = (): string | undefined => FAKETIME.find(path => existsSync(path))

export const fakeTimeEnv = (library: string, more: Readonly<Record<string, string>>) => ({
  LD_PRELOAD: library,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
  ...more,
})

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { folder, oplogMb, diskMb, memberClock } = options
  const dataDir = join(folder, 'set')
  mkdirSync(dataDir, { recursive: true })
  const found = (await findMongodBinary()).path
  const binary = oplogMb === undefined ? found : smallOplog(found, oplogMb, folder)
  const disk = diskMb === undefined ? undefined : smallDisk(join(dataDir, 'member-2'), diskMb)
  const library = fakeTime()
  const env = (member: number): Readonly<Record<string, string>> => {
    const clock = memberClock?.(member)
    return clock === undefined || library === undefined ? {} : fakeTimeEnv(library, { FAKETIME: clock })
  }
  const set = await startReplicaSet({ dataDir, members: 3, binary, env })
  const nodes: NodeSlot[] = []
  for (let i = 0; i < options.nodes; i++) {
    const line = await openLine(set.ports)
    const clock = options.fakeClock && i === options.nodes - 1 ? join(folder, 'clock') : undefined
    nodes.push(new NodeSlot(`n${i}`, line, options, clock))
  }
  return {
    set,
    nodes,
    disk,
    async stop() {
      await Promise.all(nodes.map(node => node.end()))
      await set.stop()
      if (disk !== undefined) execFileSync('umount', ['-l', disk])
    },
  }
}

/** A mongod whose oplog is smaller than the one it is asked to make. */
function smallOplog(binary: string, mb: number, folder: string): string {
  const file = join(folder, 'mongod-small')
  const script = [
    '#!/bin/bash',
    'args=()',
    `while [ $# -gt 0 ]; do args+=("$1"); if [ "$1" = --oplogSize ]; then shift; args+=(${mb}); fi; shift; done`,
    `exec "${binary}" "\${args[@]}"`,
  ]
  writeFileSync(file, `${script.join('\n')}\n`)
  chmodSync(file, 0o755)
  return file
}

function smallDisk(folder: string, mb: number): string {
  mkdirSync(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mb}m`, 'tidewheel-faults', folder])
  return folder
}

/** Whether a small disk can be mounted here; else why not. */
export function cannotMount(folder: string): string | undefined {
  const probe = join(folder, 'probe')
  try {
    smallDisk(probe, 1)
    execFileSync('umount', [probe])
    return undefined
  } catch (error) {
    return `a tmpfs cannot be mounted (${String(error).split('\n')[0]})`
  }
}

/** The place of one node: its ip, its line, and the process that has them now. */
export class NodeSlot {
  readonly ip: string
  readonly line: Line
  /** A file that says how far its clock is off. */
  readonly clock: string | undefined
  readonly #options: ClusterOptions
  #child: ChildProcess | undefined
  readonly #all = new Set<ChildProcess>()
  readonly #asked = new Set<ChildProcess>()
  #starts = 0

  constructor(ip: string, line: Line, options: ClusterOptions, clock: string | undefined) {
    this.ip = ip
    this.line = line
    this.clock = clock
    this.#options = options
    if (clock !== undefined) writeFileSync(clock, '+0\n')
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

  /** Starts a process and resolves when it is active (or as `for` says). */
  async start(waitFor = 'node.started'): Promise<ChildProcess> {
    const { folder, product, leaseMs, history, program } = this.#options
    const library = fakeTime()
    const fake =
      this.clock === undefined || library === undefined
        ? {}
        : fakeTimeEnv(library, { FAKETIME_TIMESTAMP_FILE: this.clock, FAKETIME_CACHE_DURATION: '1' })
    const uri = `mongodb://${this.line.hosts.join(',')}/?replicaSet=tidewheel-set&w=majority`
    const args = [
      'start',
      '--uri',
      uri,
      '--db',
      DB,
      '--ip',
      this.ip,
      '--tasks',
      TASKS,
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
        ...fake,
      },
    })
    closeSync(out)
    this.#child = child
    this.#all.add(child)
    const start = this.#starts++
    history.write({ f: 'process', what: 'start', ip: this.ip, pid: child.pid, start })
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
      60_000,
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
