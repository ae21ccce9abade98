/** Ids against a Map: the same ids are held, each with a row that no other has. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ids } from '../../src/wheel/ids.ts'

/** Texts of which many share their hash's low bits with others, so that they lie in a row of slots. */
const id = fc.oneof(
  fc.nat({ max: 300 }).map(n => `job-${n}`),
  fc.string({ maxLength: 3 }),
  fc.constantFrom('', 'ä', '😀'),
)
const step = fc.record({ do: fc.constantFrom('add', 'add', 'remove'), id })

test('an id has its row until it is removed, and rows are given out again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), steps => {
      const ids = new Ids()
      const rows = new Map<string, number>()
      let most = 0
      for (const { do: what, id } of steps) {
        if (what === 'add') {
          const row = ids.add(id)
          expect(row).toBe(rows.get(id) ?? row)
          rows.set(id, row)
        } else {
          ids.remove(id)
          rows.delete(id)
        }
        most = Math.max(most, rows.size)
      }
      expect(ids.size).toBe(rows.size)
      expect(new Set(rows.values()).size).toBe(rows.size)
      for (const { id } of steps) expect(ids.rowOf(id)).toBe(rows.get(id))
      for (const [id, row] of rows) expect(ids.idOf(row)).toBe(id)
      expect([...ids.filter(() => true)].sort()).toEqual([...rows.keys()].sort())
      expect(Math.max(-1, ...rows.values())).toBeLessThan(most)
    }),
    { numRuns: 300 },
  )
})

test('of many ids each is found, and a removed one is not', () => {
  const ids = new Ids()
  const many = Array.from({ length: 20_000 }, (_, i) => `account-${i}`)
  for (const id of many) ids.add(id)
  expect(many.every((id, i) => ids.rowOf(id) === i)).toBe(true)
  for (const id of many.slice(0, 10_000)) ids.remove(id)
  expect(many.map(id => ids.rowOf(id) !== undefined).indexOf(true)).toBe(10_000)
  expect(ids.filter(row => row < 10_005)).toEqual(many.slice(10_000, 10_005))
})
