/** Plans: the same seed gives the same plan, and every plan can be judged. */
import { expect, test } from 'vitest'
import { mixedPlan, quietShare } from './mixed-plan.ts'
import { FAULT_KINDS } from './plan.ts'
import { SHORT } from './short-plans.ts'

const SEEDS = [1, 2, 3, 17, 90_211, 424_242]
const long = (seed: number) => mixedPlan({ seed, minutes: 8, jobs: 200, storm: 1_500 })

test('a plan is rebuilt from its seed alone', () => {
  for (const of of [long, ...Object.values(SHORT)]) {
    expect(of(5)).toEqual(of(5))
    expect(of(5)).not.toEqual(of(6))
  }
})

test('a mixed plan leaves each node a third of its time without a fault, recoveries counted', () => {
  for (const seed of SEEDS) {
    const { faults, nodes, ms } = long(seed)
    expect(quietShare(faults, nodes, ms), `seed ${seed}`).toBeGreaterThan(1 / 3)
  }
})

test('a mixed plan of twenty minutes meets each kind of fault, and edits of each kind', () => {
  for (const seed of SEEDS) {
    const { faults, edits } = mixedPlan({ seed, minutes: 20, jobs: 200, storm: 1_500 })
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS))
    const kinds = ['cancel', 'write-back', 'replace-back', 'replace', 'order', 'extra', 'place', 'delete'] as const
    for (const kind of kinds)
      expect(
        edits.some(edit => edit.kind === kind),
        kind,
      ).toBe(true)
    expect(edits.some(({ copyOf }) => copyOf !== undefined)).toBe(true)
  }
})

test('a function that only some nodes have is asked for on these alone', () => {
  for (const seed of SEEDS) {
    const { jobs, edits } = long(seed)
    const own = new Map(jobs.map(({ _id, nodes }) => [_id, nodes]))
    for (const { job, node } of edits) {
      const nodes = own.get(job)
      if (nodes !== undefined && node !== undefined) expect(nodes).toContain(node)
    }
  }
})

test('the scenarios of the mutants take less than fifty seconds', () => {
  for (const [name, of] of Object.entries(SHORT)) {
    const { ms, calmMs } = of(1)
    expect(ms + calmMs, name).toBeLessThanOrEqual(48_000)
  }
})
