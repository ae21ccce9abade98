import { defineConfig } from 'vitest/config'

/** Two projects: `mongo` (files named *.mongo.test.ts) shares one mongod that its global set-up starts;
 *  `pure`, all others, runs without a database in seconds. */
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
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
