/** Gate: no more at a time than it lets through, in order, whatever fails. */
import { expect, test } from 'vitest'
import { Gate } from '../../src/pace/gate.ts'

test('so many at a time go through, in the order in which they came, and what fails keeps nobody out', async () => {
  const gate = new Gate(2)
  const order: string[] = []
  let open = 0
  let most = 0
  const work = (name: string) => async () => {
    order.push(name)
    most = Math.max(most, ++open)
    await new Promise(resolve => setImmediate(resolve))
    open--
    if (name === 'b') throw new Error(name)
    return name
  }
  const all = await Promise.allSettled([...'abcde'].map(name => gate.through(work(name))))
  expect(all.map(one => (one.status === 'fulfilled' ? one.value : String(one.reason)))).toEqual([
    ...['a', 'Error: b', 'c', 'd', 'e'],
  ])
  expect([order.join(''), most]).toEqual(['abcde', 2])
  expect(await gate.through(work('f'))).toBe('f')
})
