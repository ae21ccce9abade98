/** Set-up of the tests that need a database: one replica set of one member for each worker of a project, in folders that go with it; or
 *  the server of MONGODB_URI, if that is set. Tests get its address through `openTestDb` (mongo.ts).
 *  Commands for tests (failCommand and its like) are enabled on the one it starts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { findMongod } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection strings, one for each worker. */
    readonly mongoUris: readonly string[]
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = await findMongod()
  if (found.kind === 'server') {
    project.provide('mongoUris', [found.uri])
    return undefined
  }
  const mongods = await Promise.all(
    Array.from({ length: Number(project.config.maxWorkers ?? 1) }, async () => {
      const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-test-'))
      const mongod = await startMongod({
        dataDir,
        binary: found.path,
        args: ['--setParameter', 'enableTestCommands=1'],
      })
      return { dataDir, mongod }
    }),
  )
  project.provide(
    'mongoUris',
    mongods.map(({ mongod }) => mongod.uri),
  )
  return async () => {
    for (const { dataDir, mongod } of mongods) {
      await mongod.stop()
      await rm(dataDir, { recursive: true, force: true })
    }
  }
}
