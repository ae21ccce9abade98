/** Server: a MongoDB of its own for a benchmark, with one member or three, on loopback and, where there is such a thing, in memory, so
 *  that no disk has a say. It ends with `stop`. */

import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'
import { startReplicaSet } from '../support/replica-set.ts'

export interface Server {
  readonly uri: (database: string) => string
  /** Of each member alone. */
  readonly memberUris: readonly string[]
  /** Of its first member. */
  readonly pid: number
  stop(): Promise<void>
}

const MEMORY = '/dev/shm'

export async function startServer(members: 1 | 3 = 1): Promise<Server> {
  const folder = process.env.TMPDIR === undefined && existsSync(MEMORY) ? MEMORY : tmpdir()
  const dataDir = await mkdtemp(join(folder, 'tidewheel-bench-'))
  const { path: binary } = await findMongodBinary()
  // The set's settings are MongoDB's own, but all members follow the primary.
  const set =
    members === 1
      ? await startMongod({ dataDir, binary })
      : await startReplicaSet({ members, dataDir, binary, settings: { chainingAllowed: false } })
  return {
    memberUris: [...set.uri.matchAll(/[\d.]+:\d+/g)].map(([host]) => `mongodb://${host}/?directConnection=true`),
    pid: typeof set.pid === 'number' ? set.pid : set.pid(0),
    uri: database => set.uri.replace('/?', `/${database}?`),
    stop: async () => {
      await set.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
