/** Set-up of the tests that need a database: one replica set of one member for the whole run, in a folder that goes
 *  with it; or the server of MONGODB_URI, if that is set. Tests get its address through `openTestDb` (mongo.ts).
 *  Commands for tests (failCommand and its like) are enabled on the one it starts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { findMongod } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of the run's replica set. */
    readonly mongoUri: string
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = await findMongod()
  if (found.kind === 'server') {
    project.provide('mongoUri', found.uri)
    return undefined
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-test-'))
  const args = ['--setParameter', 'enableTestCommands=1']
  const mongod = await startMongod({ dataDir, binary: found.path, args })
  project.provide('mongoUri', mongod.uri)
  return async () => {
    await mongod.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
