/** Bulk size: smaller after slow bulks, larger again after quick ones, within its limits. */
import { expect, test } from 'vitest'
import { BulkSize } from '../../src/claim/bulk-size.ts'

function after(...took: readonly number[]): number {
  const size = new BulkSize()
  for (const ms of took) size.took(ms)
  return size.value
}
const times = (n: number, ms: number) => Array<number>(n).fill(ms)

test('is a hundred as long as bulks are quick', () => {
  expect([after(), after(5, 600)]).toEqual([100, 100])
})

test('is halved by each that comes near the time limit of a claim, down to 25', () => {
  expect([after(601), after(601, 601), after(...times(9, 5_000))]).toEqual([50, 25, 25])
})

test('grows again by ten with each that is quick', () => {
  expect([after(601, 601, 5), after(601, 601, ...times(20, 5))]).toEqual([35, 100])
})
