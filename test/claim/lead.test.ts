/** Lead: as long as the slowest of the recent claims for a few, as long as all of it takes for a crowd, never beyond its limit. */
import { expect, test } from 'vitest'
import { Lead } from '../../src/claim/lead.ts'

function after(claims: readonly number[], most = 500): Lead {
  const lead = new Lead(most)
  for (const ms of claims) lead.add(ms)
  return lead
}
const times = (n: number, ms: number) => Array<number>(n).fill(ms)
/** A crowd whose bulks go out together, and are answered after so many ms. */
function crowd(lead: Lead, bulks: number, claims: number, ms: number, began = 1_000): void {
  for (let i = 0; i < bulks; i++) lead.begin(began)
  for (let i = 1; i <= bulks; i++) lead.end(claims, began + (ms * i) / bulks)
}

test('is a guess until eight claims told how long they take, so that the first run of a process is on time', () => {
  expect(after([]).single).toBe(25)
  expect(after(times(7, 5)).single).toBe(25)
  expect(after(times(8, 5)).single).toBe(6)
})

test('of a run that is due alone covers the slowest of the last sixty-four claims', () => {
  expect(after([...times(63, 3), 40.2]).single).toBe(42)
  expect(after([40, ...times(71, 2)]).single).toBe(3)
})

test('of a run that is due alone is 50 ms at most, however slow claims are', () => {
  expect(after(times(8, 400)).single).toBe(50)
})

test('grows with what is due, by what each run of the slowest of the last crowds took', () => {
  const lead = after(times(8, 9))
  expect(lead.of(0)).toBe(10)
  expect(lead.of(100)).toBe(110)
  crowd(lead, 8, 100, 160)
  expect(lead.of(100)).toBe(110)
  for (let i = 0; i < 3; i++) crowd(lead, 8, 100, 160)
  expect(lead.of(100)).toBe(30)
  crowd(lead, 1, 100, 150)
  expect(lead.of(100)).toBe(160)
})

test('learns nothing of a few claims that go out together', () => {
  const lead = after(times(8, 9))
  for (let i = 0; i < 8; i++) crowd(lead, 1, 49, 490)
  expect(lead.of(100)).toBe(110)
})

test('keeps to its limit, and with none of it to nothing', () => {
  expect(after([]).of(10_000)).toBe(500)
  const none = after(times(8, 9_000), 0)
  expect([none.most, none.single, none.of(1_000)]).toEqual([0, 0, 0])
})
