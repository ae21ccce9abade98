/** The fault checker, short: real processes, a real replica set, a seeded handful of faults and edits.
 *  The long one, the mutants by which the checker is checked, and the report are `npm run test:faults`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mixedPlan } from './plan.ts'
import { build } from './product.ts'
import { runScenario } from './scenario.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidewheel-faults-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('under a kill, an election and lost answers no run is lost, doubled or in the wrong place, and no edit is undone', async () => {
  const plan = mixedPlan({
    seed: 7,
    minutes: 0.5,
    jobs: 30,
    nodes: 3,
    leaseMs: 4_000,
    editsPerSecond: 2,
    kinds: ['node-kill', 'answer-lost', 'step-down'],
    warmMs: 5_000,
    calmMs: 9_000,
  })
  const { classes, violations, totals } = await runScenario({
    plan,
    product: build(join(folder, 'product')),
    folder: join(folder, 'run'),
  })
  expect(violations.map(({ class: id, job, what }) => `${id} ${job}: ${what}`)).toEqual([])
  expect(classes).toEqual({})
  expect(totals.owed).toBeGreaterThan(100)
}, 120_000)
