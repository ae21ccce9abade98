/** Patience: tries until it is ended, tells of every failure, and of one that lasts once. */
import { expect, test } from 'vitest'
import type { News } from '../../src/event.ts'
import { Patience } from '../../src/pace/patience.ts'

function patient(lastingMs = Number.POSITIVE_INFINITY) {
  const told: News<'try.failed'>[] = []
  return { patience: new Patience({ emit: news => told.push(news), lastingMs }), told }
}
const failing = (times: number) => {
  let tries = 0
  return async () => {
    if (++tries <= times) throw new Error(`no answer ${tries}`)
    return tries
  }
}

test('tries until it succeeds, and tells of each failure', async () => {
  const { patience, told } = patient()
  expect(await patience.until('read', failing(2))).toBe(3)
  expect(told).toMatchObject([
    { type: 'try.failed', what: 'read', reason: 'no answer 1', failing_for: 0, lasting: false },
    { type: 'try.failed', what: 'read', reason: 'no answer 2', lasting: false },
  ])
  expect(told[1]?.failing_for).toBeGreaterThan(0)
})

test('tries once what somebody else will try again', async () => {
  const { patience, told } = patient()
  expect(await patience.once('read', failing(0))).toBe(1)
  expect(await patience.once('read', failing(1))).toBeUndefined()
  expect(await patience.once('read', () => Promise.reject('text'))).toBeUndefined()
  expect(told.map(({ reason }) => reason)).toEqual(['no answer 1', 'text'])
})

test('the same work that fails for so long is told as lasting, once until it succeeds', () => {
  const { patience, told } = patient(0)
  const failed = (what: string) => patience.failed(what, new Error('no answer'))
  failed('read')
  failed('read')
  failed('write')
  patience.succeeded('read')
  failed('read')
  failed('write')
  expect(told.map(({ what, lasting }) => [what, lasting])).toEqual([
    ['read', true],
    ['read', false],
    ['write', true],
    ['read', true],
    ['write', false],
  ])
})

test('when it ends, what waits or is tried afterwards rejects, and nothing more is told', async () => {
  const { patience, told } = patient()
  const waiting = patience.pause(20)
  const trying = patience.until('read', failing(Number.POSITIVE_INFINITY))
  await new Promise<void>(resolve => setImmediate(resolve))
  expect([patience.isEnded, told.length]).toEqual([false, 1])
  patience.end()
  const ended: string[] = []
  for (const one of [waiting, trying]) one.catch((error: Error) => ended.push(error.message))
  await new Promise<void>(resolve => setImmediate(resolve))
  expect(ended).toEqual(['the node has ended', 'the node has ended'])
  await expect(patience.pause(0)).rejects.toThrow('ended')
  await expect(patience.until('read', failing(1))).rejects.toThrow('ended')
  expect([patience.isEnded, told.length]).toEqual([true, 1])
})

test('a long wait ends with it, and leaves no timer that would keep the process', async () => {
  const { patience } = patient()
  const timers = () => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
  const before = timers()
  const waiting = patience.wait(600_000)
  expect(timers()).toBe(before + 1)
  patience.end()
  await waiting
  await patience.wait(600_000)
  expect(timers()).toBe(before)
})

test('what is looked at until it is done is looked at again when it is not, and when a look fails', async () => {
  const { patience, told } = patient()
  let looks = 0
  await patience.done('look', async () => {
    if (++looks === 1) throw new Error('no answer')
    return looks === 3
  })
  expect([looks, told.length]).toEqual([3, 1])
  const never = patience.done('look', async () => false)
  patience.end()
  await never
})
