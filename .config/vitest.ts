import { defineConfig } from 'vitest/config'

const NODES = [
  'test/node/**/*.mongo.test.ts',
  'test/cluster/**/*.mongo.test.ts',
  'test/complaints.mongo.test.ts',
  'test/dashboard/**/*.mongo.test.ts',
  'test/executor/**/*.mongo.test.ts',
]
const FAULTS = ['test/faults/**/*.mongo.test.ts']
const mongo = { globalSetup: ['test/support/global-setup.ts'], testTimeout: 60_000, hookTimeout: 120_000 }

/** Four projects. `pure` runs without a database and `mongo` (files named *.mongo.test.ts) with one for each worker: both on
 *  three workers, as they mostly wait for processes and servers. Then `nodes`, in which nodes keep times, crowds come and
 *  a browser draws, and last `faults`, which judges what is late: these two have the
 *  machine to themselves, one file at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.mongo.test.ts'],
          testTimeout: 60_000,
          maxWorkers: 3,
        },
      },
      {
        test: {
          ...mongo,
          name: 'mongo',
          include: ['test/**/*.mongo.test.ts'],
          exclude: [...NODES, ...FAULTS],
          maxWorkers: 3,
        },
      },
      { test: { ...mongo, name: 'nodes', include: NODES, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      {
        test: {
          name: 'faults',
          include: FAULTS,
          testTimeout: 300_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
