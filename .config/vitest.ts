import { defineConfig } from 'vitest/config'

/** Three projects: `mongo` (files named *.mongo.test.ts) shares one mongod that its global set-up starts; `pure`, all others, runs
 *  without a database; `faults` runs the fault checker when those are through: it judges what is late, and wants the machine to
 *  itself. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.mongo.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'mongo',
          include: ['test/**/*.mongo.test.ts'],
          exclude: ['test/faults/**'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.mongo.test.ts'],
          testTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
