/** The fault checker, short: real processes, a real replica set, a seeded handful of faults and edits.
 *  The long one, the mutants by which the checker is checked, and the report are `npm run test:faults`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mixedPlan } from './mixed-plan.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import type { Fault } from './plan.ts'
import { build } from './product.ts'
import { runScenario } from './scenario.ts'
import { SHORT } from './short-plans.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidewheel-faults-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** They cover most of what is judged, and two of them are to be noticed where nothing is wrong. */
const FEW = [
  'one won claim in ten is taken for lost',
  'one due time in eight is slept through',
  'a claim does not ask for room',
  'a process takes its own runs for dead',
  'a claim does not ask for next_run_time',
]
/** Brief, with two rounds of edits: what is broken shows soon. */
const BRIEF = { ms: 16_000, calmMs: 6_000 }

/** The kill at a claim comes when its answer does: what runs then is known to the database alone. */
const FAULTS: readonly Fault[] = [
  { id: 0, at: 5_000, kind: 'node-kill', node: 0, ms: 1_000 },
  { id: 1, at: 11_000, kind: 'reset', node: 1, ms: 0 },
  { id: 2, at: 13_000, kind: 'answer-lost', node: 2, ms: 3_000 },
  { id: 3, at: 18_000, kind: 'step-down', ms: 0 },
  { id: 4, at: 24_000, kind: 'kill-claim-stored', node: 1, ms: 0 },
]

test('under kills, an election, cut connections and lost answers no run is lost, doubled or in the wrong place, and no edit is undone', async () => {
  const calm = mixedPlan({
    seed: 7,
    minutes: 0.5,
    jobs: 30,
    nodes: 3,
    leaseMs: 4_000,
    editsPerSecond: 2,
    kinds: [],
    calmMs: 9_000,
  })
  const plan = { ...calm, faults: FAULTS }
  const { classes, violations, totals } = await runScenario({
    plan,
    product: build(join(folder, 'product')),
    folder: join(folder, 'run'),
  })
  expect(violations.map(({ class: id, job, what }) => `${id} ${job}: ${what}`)).toEqual([])
  expect(classes).toEqual({})
  expect(totals.owed).toBeGreaterThan(100)
}, 120_000)

test.each(FEW)(
  'the judge notices when %s',
  async name => {
    const { patches, plan, finds } = MUTANTS.find(mutant => mutant.name === name) as Mutant
    const at = join(folder, name)
    const { classes } = await runScenario({
      plan: { ...SHORT[plan](1), ...BRIEF },
      product: build(join(at, 'product'), patches),
      folder: join(at, 'run'),
    })
    expect(Object.keys(classes).filter(id => finds.includes(id))).not.toEqual([])
  },
  90_000,
)
