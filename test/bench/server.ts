/** Server: a MongoDB of its own for a benchmark, with one member or three; it ends with `stop`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'
import { startReplicaSet } from '../support/replica-set.ts'

export interface Server {
  readonly uri: (database: string) => string
  /** Of its first member. */
  readonly pid: number
  stop(): Promise<void>
}

export async function startServer(members: 1 | 3 = 1): Promise<Server> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-bench-'))
  const { path: binary } = await findMongodBinary()
  const set = members === 1 ? await startMongod({ dataDir, binary }) : await startReplicaSet({ members, dataDir })
  return {
    pid: typeof set.pid === 'number' ? set.pid : set.pid(0),
    uri: database => set.uri.replace('/?', `/${database}?`),
    stop: async () => {
      await set.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
