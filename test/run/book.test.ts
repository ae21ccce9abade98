/** The book: in which state each run is, how many there are of a job, and who hears of it. */
import { describe, expect, test } from 'vitest'
import type { Book } from '../../src/run/book.ts'
import { aBook, aClaim, thePlaces } from '../support/claims.ts'

const NOW = Date.UTC(2026, 0, 1)
const WHY = { status: 'cancelled', message: 'by request' } as const

/** A claim of a run whose id the book has made. */
const claimed = (book: Book, job = 'job', at = NOW) => aClaim({ run_id: book.newId(), job }, { at })
const idsOf = (book: Book, state: 'going' | 'waiting', job = 'job') =>
  book.runsOf(job, state).map(({ entry }) => entry.run_id)
/** A promise that is kept by hand; what waits for it goes on in the next turn. */
function byHand() {
  let keep = () => {}
  const promise = new Promise<void>(resolve => (keep = resolve))
  const kept = () => {
    keep()
    return new Promise<void>(resolve => setImmediate(resolve))
  }
  return { promise, keep: kept }
}

describe('a run', () => {
  test('is ours from its id on until its end is stored, and counts for its job from its start on', async () => {
    let now = 5
    const book = aBook({ monotonic: () => now })
    const claim = claimed(book)
    const { run_id } = claim.entry
    expect([book.has(run_id), book.going, book.open('job').runs]).toEqual([true, 0, 0])
    book.enter(claim)
    expect([book.going, book.open('job'), idsOf(book, 'going')]).toEqual([1, { runs: 1, since: 5 }, [run_id]])
    now = 9
    const { promise, keep } = byHand()
    book.ended(run_id, 'job', promise)
    expect([book.going, book.open('job'), idsOf(book, 'going')]).toEqual([0, { runs: 1, since: 5 }, []])
    expect([book.has(run_id), book.storing('job')]).toEqual([true, promise])
    await keep()
    expect(book.storing('job')).toBeUndefined()
    book.stored(run_id)
    expect([book.has(run_id), book.open('job').runs]).toEqual([false, 0])
  })

  test('that nobody got is nobody’s', () => {
    const book = aBook()
    const id = book.newId()
    book.forget(id)
    expect([book.has(id), book.madeAs(id), [...book.ids()]]).toEqual([false, undefined, []])
  })

  test('that waits is given out at its time where there is a place', () => {
    const pokes: unknown[] = []
    const places = thePlaces(1)
    const book = aBook({ places, ticker: { poke: atOnce => pokes.push(atOnce) } })
    const [first, second] = [claimed(book, 'job', NOW + 10), claimed(book, 'job', NOW + 11)]
    book.wait(first)
    book.wait(second)
    expect(pokes).toHaveLength(2)
    expect(idsOf(book, 'waiting')).toEqual([first.entry.run_id, second.entry.run_id])
    expect(book.nextAt()).not.toBeNull()
    expect(book.takeDue(NOW)).toEqual([])
    expect(book.takeDue(NOW + 20)).toEqual([first])
    expect([places.admitted, idsOf(book, 'waiting')]).toEqual([1, [second.entry.run_id]])
    expect([book.isKept('default'), book.isKept('other')]).toEqual([true, false])
    places.dismiss('default')
    expect(book.takeDue(NOW + 20)).toEqual([second])
    expect(book.isKept('default')).toBe(false)
  })

  test('that waits and is ended starts no more', () => {
    const book = aBook()
    const claim = claimed(book)
    book.wait(claim)
    book.ended(claim.entry.run_id, 'job', Promise.resolve())
    expect([book.takeDue(NOW + 1_000), idsOf(book, 'waiting'), book.going]).toEqual([[], [], 0])
  })

  test('of another process that goes on here is ours from then on', () => {
    const book = aBook()
    const claim = aClaim({ run_id: 'theirs' })
    book.wait(claim)
    expect([book.has('theirs'), book.made]).toEqual([true, 1])
  })

  test('is told apart by when its id was made', () => {
    const book = aBook()
    const ids = [book.newId(), book.newId(), book.newId()]
    expect([ids.map(id => book.madeAs(id)), book.made]).toEqual([[0, 1, 2], 3])
  })
})

describe('an abort', () => {
  test('reaches what goes on, once, with the first reason', () => {
    const book = aBook()
    const claim = claimed(book)
    const signal = book.enter(claim)
    expect(signal.aborted).toBe(false)
    expect(book.abort(claim.entry.run_id, WHY)).toBe(true)
    expect(book.abort(claim.entry.run_id, { status: 'timeout', message: 'too late' })).toBe(true)
    expect(signal.reason).toBe(WHY)
  })

  test('does not reach what waits, has ended or is not here', () => {
    const book = aBook()
    const [waiting, ended] = [claimed(book), claimed(book)]
    book.wait(waiting)
    const signal = book.enter(ended)
    book.ended(ended.entry.run_id, 'job', new Promise(() => {}))
    const ids = [waiting.entry.run_id, ended.entry.run_id, 'unknown']
    expect(ids.map(id => book.abort(id, WHY))).toEqual([false, false, false])
    expect(signal.aborted).toBe(false)
  })

  test('of all reaches all that go on', () => {
    const book = aBook()
    const signals = [book.enter(claimed(book, 'a')), book.enter(claimed(book, 'b'))]
    book.abortAll(WHY)
    expect(signals.map(({ reason }) => reason)).toEqual([WHY, WHY])
  })
})

describe('of a job', () => {
  test('runs count one by one, and the latest start stands', () => {
    let now = 0
    const book = aBook({ monotonic: () => ++now })
    const claims = [claimed(book), claimed(book), claimed(book, 'other')]
    for (const claim of claims) book.enter(claim)
    expect([book.open('job'), book.open('other'), book.open('none').runs]).toEqual([
      { runs: 2, since: 2 },
      { runs: 1, since: 3 },
      0,
    ])
    book.stored(claims[0]?.entry.run_id as string)
    expect(book.open('job')).toEqual({ runs: 1, since: 2 })
  })

  test('a run that never began is not taken from the count when its end is stored', () => {
    const book = aBook()
    book.enter(claimed(book))
    const waiting = claimed(book)
    book.wait(waiting)
    book.ended(waiting.entry.run_id, 'job', Promise.resolve())
    book.stored(waiting.entry.run_id)
    expect(book.open('job').runs).toBe(1)
  })

  test('the latest end is what is waited for', async () => {
    const book = aBook()
    const [first, second] = [byHand(), byHand()]
    book.ended(book.newId(), 'job', first.promise)
    book.ended(book.newId(), 'job', second.promise)
    await first.keep()
    expect(book.storing('job')).toBe(second.promise)
    await second.keep()
    expect(book.storing('job')).toBeUndefined()
  })
})
