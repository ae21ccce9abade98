/** Entries: what was kept comes back as it was, whichever way it lies in memory, and an older object counts for nothing. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Entries } from '../../src/wheel/entries.ts'
import { type Entry, NO_TIMES, newEntry } from '../../src/wheel/entry.ts'
import { Ids } from '../../src/wheel/ids.ts'
import { KnownTriggers } from '../../src/wheel/known-triggers.ts'

const AT = Date.UTC(2026, 0, 1)
const trigger = new KnownTriggers('UTC').take({ type: 'interval', hours: 1 })
const entryOf = (fields: Partial<Entry>): Entry => ({ ...newEntry(fields.id ?? 'job', fields.bornAt), ...fields })

const time = fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 8.64e15 }))
const count = fc.nat()
/** Mostly what every entry has; now and then what few have. */
const entry = fc
  .record(
    {
      id: fc.constantFrom('a', 'b', 'c'),
      state: fc.constantFrom('armed', 'paused', 'over', 'invalid'),
      stored: fc.oneof(time, fc.constant(null)),
      due: time,
      planned: time,
      claimedTo: time,
      ordered: fc.boolean(),
      acknowledged: fc.boolean(),
      unwritten: fc.boolean(),
      bare: fc.boolean(),
      func: fc.constantFrom('note', 'default note', ''),
      executor: fc.constantFrom('default', 'default note'),
      maxInstances: fc.option(count, { nil: undefined }),
      graceMs: fc.option(count),
      coalesce: fc.boolean(),
      trigger: fc.constant(trigger),
      version: count,
      changedAt: count,
      bornAt: count,
      seen: count,
      place: fc.oneof(
        { weight: 5, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constant('default') },
      ),
      extra: fc.oneof({ weight: 5, arbitrary: fc.constant(NO_TIMES) }, { weight: 1, arbitrary: fc.constant([AT]) }),
      refused: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: count }),
    },
    { noNullPrototype: true },
  )
  .map(fields => {
    const { state, due } = fields
    const problems = state === 'invalid' ? [{ path: '', message: 'wrong' }] : newEntry('').problems
    return entryOf({ ...(fields as Partial<Entry>), at: due, problems })
  })

test('what was kept last comes back as it was, and what was deleted does not', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(entry, fc.boolean()), { maxLength: 20 }), steps => {
      const entries = new Entries(new Ids())
      const last = new Map<string, Entry>()
      for (const [entry, goes] of steps) {
        if (goes) {
          entries.delete(entry.id)
          last.delete(entry.id)
        } else {
          entries.keep(entry)
          last.set(entry.id, { ...entry })
        }
        for (const id of ['a', 'b', 'c']) expect(entries.get(id)).toEqual(last.get(id))
      }
      expect(entries.size).toBe(last.size)
      expect(new Map([...entries.values()].map(entry => [entry.id, entry]))).toEqual(last)
      const notes = [...last.values()].filter(({ func }) => func === 'note').map(({ id }) => id)
      expect([...entries.idsOf('note')].sort()).toEqual(notes.sort())
      const unseen = [...last.values()].filter(({ seen }) => seen !== 0).map(({ id }) => id)
      expect([...entries.unseen(0)].sort()).toEqual(unseen.sort())
    }),
    { numRuns: 1_000 },
  )
})

describe('an object that was handed out', () => {
  test('is the very one that is held, as long as its place is kept', () => {
    const entries = new Entries(new Ids())
    const entry = entryOf({ place: 'default' })
    entries.keep(entry)
    expect(entries.get('job')).toBe(entry)
    expect(entries.holds(entry)).toBe(true)
    expect(entries.holds({ ...entry })).toBe(false)
  })

  test('is not held any more after a change, nor when its job has gone and come back', () => {
    const entries = new Entries(new Ids())
    const before = entryOf({ version: 1, bornAt: 1 })
    entries.keep(before)
    expect(entries.holds(before)).toBe(true)
    entries.keep(entryOf({ version: 2, bornAt: 1 }))
    expect(entries.holds(before)).toBe(false)
    entries.delete('job')
    expect(entries.holds(before)).toBe(false)
    entries.keep(entryOf({ version: 1, bornAt: 2 }))
    expect(entries.holds(before)).toBe(false)
  })
})

test('jobs beyond a page of a column are held like the first ones', () => {
  const entries = new Entries(new Ids())
  for (let i = 0; i < 40_000; i++) entries.keep(entryOf({ id: `job-${i}`, state: 'armed', due: AT + i, trigger }))
  expect(entries.size).toBe(40_000)
  for (const i of [0, 7, 8, 16_383, 16_384, 39_999])
    expect(entries.get(`job-${i}`)).toMatchObject({ due: AT + i, trigger })
})
