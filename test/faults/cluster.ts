/** Cluster: a replica set of three, the product's own processes (`tidewheel start`), and a line with weather between each of
 *  them and the set.
 *  In: a built product, a folder. Out: handles to start, kill and stop each. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { type ReplicaSet, startReplicaSet } from '../support/replica-set.ts'
import { ClockFile, hasFakeTime } from './fake-time.ts'
import { NodeSlot, type SlotOptions } from './node-slot.ts'
import { openLine } from './proxy.ts'

export interface ClusterOptions extends SlotOptions {
  readonly nodes: number
  readonly oplogMb?: number | undefined
  /** Give the last node a clock that can be set. */
  readonly fakeClock: boolean
  /** Give one member a clock that can be set. */
  readonly serverClock: boolean
  /** Put the last member's data on a disk of so many MB. */
  readonly diskMb?: number | undefined
  /** Nodes that may read from secondaries, and those with the second set of tasks. */
  readonly readsFrom?: readonly number[] | undefined
  readonly taskSets?: readonly number[] | undefined
  /** How long members wait for a primary; heartbeats come each fifth of it. Default: 2 s, each 0.5 s. */
  readonly electionMs?: number | undefined
  /** Whether replication can be stopped (`lagging`). */
  readonly lag?: boolean
}

export interface Cluster {
  readonly set: ReplicaSet
  readonly nodes: readonly NodeSlot[]
  /** Where the last member's data lies, if its disk is a small one. */
  readonly disk: string | undefined
  /** The member that can be given a clock that can be set. */
  readonly skewed: Skewed | undefined
  stop(): Promise<void>
}

export interface Skewed {
  readonly member: number
  readonly clock: ClockFile
  /** Under libfaketime the timed waits of a mongod return at once: it keeps a processor busy, and goes by it only for a fault. */
  restart(how: 'preloaded' | 'plain'): Promise<void>
}

const SKEWED = 1

/** An oplog that is to roll over is cut up to the last checkpoint only. One a minute, as by default, lets it grow meanwhile by as
 *  much as fills a small disk. */
const CHECKPOINT_S = 5

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const {
    folder,
    oplogMb,
    diskMb,
    fakeClock,
    serverClock,
    readsFrom = [],
    taskSets = [],
    electionMs,
    lag = false,
  } = options
  const dataDir = join(folder, 'set')
  mkdirSync(dataDir, { recursive: true })
  const found = (await findMongodBinary()).path
  const binary = oplogMb === undefined ? found : smallOplog(found, oplogMb, folder)
  const disk = diskMb === undefined ? undefined : smallDisk(join(dataDir, 'member-2'), diskMb)
  const clock = serverClock && hasFakeTime() ? new ClockFile(join(folder, 'server-clock')) : undefined
  let preloaded = false
  const env = (member: number) => (preloaded && member === SKEWED ? (clock?.env ?? {}) : {})
  const set = await startReplicaSet({
    dataDir,
    members: 3,
    binary,
    env,
    args: [
      ...(lag ? ['--setParameter', 'enableTestCommands=1'] : []),
      ...(oplogMb === undefined ? [] : ['--syncdelay', String(CHECKPOINT_S)]),
    ],
    ...(electionMs !== undefined && { settings: settingsOf(electionMs) }),
  })
  const nodes: NodeSlot[] = []
  for (let i = 0; i < options.nodes; i++) {
    const line = await openLine(set.ports)
    const isLast = i === options.nodes - 1
    const clock = fakeClock && isLast && hasFakeTime() ? new ClockFile(join(folder, 'clock')) : undefined
    nodes.push(
      new NodeSlot(`n${i}`, line, options, {
        clock,
        reads: readsFrom.includes(i) ? 'secondaryPreferred' : 'primary',
        hasSecond: taskSets.includes(i),
      }),
    )
  }
  return {
    set,
    nodes,
    disk,
    skewed: clock && {
      member: SKEWED,
      clock,
      async restart(how) {
        preloaded = how === 'preloaded'
        await set.kill(SKEWED)
        await set.restart(SKEWED)
      },
    },
    async stop() {
      await Promise.all(nodes.map(node => node.end()))
      await set.stop()
      if (disk !== undefined) execFileSync('umount', ['-l', disk])
    },
  }
}

const settingsOf = (electionMs: number) => ({
  electionTimeoutMillis: electionMs,
  heartbeatIntervalMillis: Math.max(500, electionMs / 5),
})

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
