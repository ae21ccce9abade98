/** Places: how many runs may be claimed, and whose turn it is to be performed. */
import { describe, expect, test } from 'vitest'
import { Places } from '../../src/run/places.ts'

const never = new AbortController().signal
/** Two places for functions, one for processes. */
function made() {
  const pokes: unknown[] = []
  const executors = new Map([
    ['default', { places: 2 }],
    ['process', { places: 1, kills: true }],
  ])
  return { pokes, places: new Places({ executors, ticker: { poke: atOnce => pokes.push(atOnce) } }) }
}
const turn = () => new Promise<void>(resolve => setImmediate(resolve))
/** One that has the run of a place and gives it back. */
function performed(places: Places, name: string, lasted: number): void {
  expect(places.take(name, never)).toBe(true)
  places.leave(name, lasted)
}

describe('how many more may be claimed', () => {
  test('is ten times the places of functions, of which nothing is known, and the places of processes', () => {
    const { places } = made()
    expect(['default', 'process', 'none'].map(name => places.open(name))).toEqual([20, 1, 0])
  })

  test('is what was not admitted yet, and looked at again when a run is dismissed', () => {
    const { places, pokes } = made()
    places.admit('default')
    places.admit('default')
    expect([places.open('default'), places.open('process'), places.admitted]).toEqual([18, 1, 2])
    expect([places.spare('default'), places.spare('process')]).toEqual([0, 1])
    expect(pokes).toEqual([])
    places.dismiss('default')
    expect([places.open('default'), places.admitted, pokes]).toEqual([19, 1, [true]])
  })

  test('shrinks to the places where runs last long, and grows where they are short', () => {
    const { places } = made()
    for (let i = 0; i < 100; i++) performed(places, 'default', 60_000)
    expect(places.open('default')).toBe(2)
    for (let i = 0; i < 200; i++) performed(places, 'process', 1)
    expect(places.open('process')).toBe(10)
  })

  test('is what can start within half a second', () => {
    const { places } = made()
    for (let i = 0; i < 200; i++) performed(places, 'default', 100)
    expect(places.open('default')).toBe(10)
  })
})

describe('a turn', () => {
  test('comes at once while there is a place, and then first come, first served', async () => {
    const { places } = made()
    const order: string[] = []
    expect([places.take('default', never), places.take('default', never), places.performed]).toEqual([true, true, 2])
    for (const name of ['first', 'second'])
      void (places.take('default', never) as Promise<boolean>).then(() => order.push(name))
    await turn()
    expect(order).toEqual([])
    places.leave('default')
    await turn()
    expect(order).toEqual(['first'])
    places.leave('default')
    await turn()
    expect(order).toEqual(['first', 'second'])
    places.leave('default')
    places.leave('default')
    expect([places.take('default', never), places.take('default', never)]).toEqual([true, true])
  })

  test('that is aborted is nobody’s, and keeps nobody waiting', async () => {
    const { places } = made()
    const [abort, stays] = [new AbortController(), new AbortController()]
    places.take('process', never)
    const left = places.take('process', abort.signal)
    const next = places.take('process', stays.signal)
    abort.abort()
    expect(await left).toBe(false)
    places.leave('process')
    expect(await next).toBe(true)
    // Whoever has come does not leave by a later abort.
    stays.abort()
    places.leave('process')
    expect(places.take('process', never)).toBe(true)
  })

  test('in an executor that there is not is not waited for', () => {
    const { places } = made()
    expect([places.take('none', never), places.take('none', never)]).toEqual([true, true])
  })
})

test('it is quiet when the last admitted run is dismissed, not before', async () => {
  const { places } = made()
  await places.quiet()
  let quiet = false
  places.admit('default')
  places.admit('process')
  const done = places.quiet().then(() => (quiet = true))
  places.dismiss('default')
  await turn()
  expect(quiet).toBe(false)
  places.dismiss('process')
  await done
})
