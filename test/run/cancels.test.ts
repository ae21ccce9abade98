/** Cancels: which runs a request means that is heard of late. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Patience } from '../../src/pace/patience.ts'
import type { Book } from '../../src/run/book.ts'
import { Cancels } from '../../src/run/cancels.ts'
import { aBook, aClaim } from '../support/claims.ts'

/** Asks for the abort of runs of a job, and what is aborted of those whose claims have these fences. */
function aborted(fences: readonly bigint[], request: { readonly run?: string; readonly at?: bigint }): boolean[] {
  const book: Book = aBook()
  const runs = fences.map(fence => aClaim({ run_id: book.newId(), job: 'job' }, { fence }))
  const signals = runs.map(claim => book.enter(claim))
  const cancels = new Cancels({
    book,
    writer: { write: async () => true, find: async () => null },
    runs: { settle: () => {} },
    roster: { versionOf: () => 1 },
    patience: new Patience({ emit: () => {}, lastingMs: Number.POSITIVE_INFINITY }),
    clock: systemClock,
  })
  const { run = '*', at } = request
  cancels.cancel('job', run === '*' ? run : (runs[Number(run)]?.entry.run_id ?? ''), at === undefined ? {} : { at })
  return signals.map(signal => signal.aborted)
}

test('a request for all runs means those that were claimed before it, however late it is heard of', () => {
  expect(aborted([5n, 7n], { at: 6n })).toEqual([true, false])
  expect(aborted([5n, 7n], {})).toEqual([true, true])
})

test('a request for one run means that one', () => {
  expect(aborted([5n, 7n], { at: 6n, run: '1' })).toEqual([false, true])
})
