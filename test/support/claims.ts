/** Claims for tests, as if they had been won, and the book in which runs of a test are entered. */
import type { Claim } from '../../src/job/claim.ts'
import type { RunningEntry } from '../../src/job/job.ts'
import { Book, type BookOptions } from '../../src/run/book.ts'
import { Places, type PlacesOptions } from '../../src/run/places.ts'
import { aJob, anEntry } from './jobs.ts'

/** The claim of an entry that starts at its run time, however late; the fields given replace its own. */
export function aClaim(fields: Partial<RunningEntry> = {}, more: Partial<Claim> = {}): Claim {
  const entry = anEntry(fields)
  const job = aJob({ _id: entry.job })
  return { job, entry, at: Number(entry.run_time), grace: null, executor: 'default', fence: 1n, ...more }
}

/** Edits that take nothing back. */
export const nothingTakenBack = { reason: () => undefined, looked: async (claim: Claim) => claim }

/** So many places in the default executor. */
export const thePlaces = (places = 100, ticker: PlacesOptions['ticker'] = { poke: () => {} }): Places =>
  new Places({ executors: new Map([['default', { places, kills: true }]]), ticker })

/** A book with 100 places in the default executor, whose run ids are `new-1` and so on. */
export function aBook(options: Partial<BookOptions> = {}): Book {
  let made = 0
  return new Book({
    places: thePlaces(),
    ticker: { poke: () => {} },
    newId: () => `new-${++made}`,
    monotonic: () => 0,
    now: Date.UTC(2026, 0, 1),
    ...options,
  })
}
