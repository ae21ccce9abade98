/** What makes a server ready: each check by itself. */
import { expect, test } from 'vitest'
import { checksOf } from '../../src/health/checks.ts'
import { Histogram } from '../../src/health/histogram.ts'
import type { NodeStatus } from '../../src/health/status.ts'

const WELL: NodeStatus = {
  ip: 'a',
  state: 'active',
  jobs: 1,
  armed: 1,
  running: 0,
  claiming: 0,
  claimingFor: 0,
  lease: { age: 10, left: 100 },
  stream: { open: true, behind: 5 },
  offset: -3,
}
const failing = (answers: boolean, status: Partial<NodeStatus>) =>
  checksOf(answers, { ...WELL, ...status })
    .filter(({ ok }) => !ok)
    .map(({ check }) => check)

test.each<[string, boolean, Partial<NodeStatus>, string[]]>([
  ['all is well', true, {}, []],
  ['the database is away', false, {}, ['database']],
  ['the stream is closed', true, { stream: { open: false, behind: 9 } }, ['stream']],
  ['the stream is far behind', true, { stream: { open: true, behind: 10_000 } }, ['stream']],
  ['the lease has ended', true, { lease: { age: 100, left: 0 } }, ['lease']],
  ['the lease was never held', true, { lease: undefined }, ['lease']],
  ['due runs wait unclaimed', true, { claimingFor: 5_000 }, ['claims']],
  ['the clock is far off', true, { offset: -5_000 }, ['clock']],
  ['the node is paused', true, { state: 'paused' }, []],
  ['the node stands by', true, { state: 'standby', lease: undefined, stream: undefined }, []],
  ['the node is stopped', true, { state: 'stopped' }, ['lease']],
])('%s', (_, answers, status, expected) => {
  expect(failing(answers, status)).toEqual(expected)
})

test('a histogram counts what is at most each bound, and all', () => {
  const histogram = new Histogram([1, 2])
  for (const value of [0.5, 1, 1.5, 3]) histogram.add(value)
  expect([histogram.below, histogram.count, histogram.sum]).toEqual([[2, 3], 4, 6])
})
