/** Batches: what comes goes out together, in order, once it went, and not at all when it was forgotten. */
import { expect, test } from 'vitest'
import type { News } from '../../src/event.ts'
import { Batches } from '../../src/pace/batches.ts'
import { Patience } from '../../src/pace/patience.ts'

type Sent = readonly (readonly [string, number])[]

/** Batches of two; `send` is asked after what it got was noted. */
function batches(send: (nth: number) => Promise<void> | void = () => {}, ready?: () => Promise<void>) {
  const sent: Sent[] = []
  const told: News<'try.failed'>[] = []
  const patience = new Patience({ emit: news => told.push(news), lastingMs: Number.POSITIVE_INFINITY })
  const made = new Batches<string, number>({
    what: 'send letters',
    most: 2,
    patience,
    send: async batch => {
      sent.push([...batch])
      await send(sent.length)
    },
    ...(ready && { ready }),
  })
  return { batches: made, patience, sent, told }
}

test('what comes in one turn goes out together, at most so many, each key with its latest value', async () => {
  const { batches: all, sent } = batches()
  for (const [key, value] of [
    ['a', 1],
    ['b', 1],
    ['c', 1],
    ['a', 2],
  ] as const)
    all.add(key, value)
  expect([sent, all.size]).toEqual([[], 3])
  await all.idle()
  expect(sent).toEqual([
    [
      ['a', 2],
      ['b', 1],
    ],
    [['c', 1]],
  ])
  await all.idle()
})

test('one batch follows the other', async () => {
  let open = 0
  let most = 0
  const { batches: all } = batches(async () => {
    most = Math.max(most, ++open)
    await new Promise<void>(resolve => setImmediate(resolve))
    open--
  })
  for (const key of 'abcdef') all.add(key, 1)
  await all.idle()
  expect(most).toBe(1)
})

test('a batch that fails is told and sent again, with what came later in place of what it had', async () => {
  const {
    batches: all,
    sent,
    told,
  } = batches(nth => {
    if (nth > 1) return
    all.add('b', 2)
    throw new Error('not now')
  })
  all.add('a', 1)
  all.add('b', 1)
  await all.idle()
  expect(sent.map(batch => Object.fromEntries(batch))).toEqual([
    { a: 1, b: 1 },
    { a: 1, b: 2 },
  ])
  expect(told).toMatchObject([{ type: 'try.failed', what: 'send letters', reason: 'not now' }])
})

test('before each batch is taken it is waited for', async () => {
  const { batches: all, sent } = batches(undefined, async () => {
    all.add('late', 1)
  })
  all.add('a', 1)
  await all.idle()
  expect(sent).toEqual([
    [
      ['a', 1],
      ['late', 1],
    ],
  ])
})

test('what was forgotten does not go out, and a batch under way that fails is not put back', async () => {
  const { batches: all, sent } = batches(nth => {
    if (nth > 1) return
    all.clear()
    throw new Error('not now')
  })
  for (const key of 'abc') all.add(key, 1)
  await all.idle()
  expect([sent.length, all.size]).toEqual([1, 0])
  all.add('d', 1)
  await all.idle()
  expect(sent.at(-1)).toEqual([['d', 1]])
})

test('when patience ends nothing is sent again, and what is left stays', async () => {
  const {
    batches: all,
    patience,
    sent,
  } = batches(() => {
    patience.end()
    throw new Error('not now')
  })
  all.add('a', 1)
  await all.idle()
  expect([sent.length, all.size]).toEqual([1, 1])
})
