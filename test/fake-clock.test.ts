import { defer, firstValueFrom, interval, retry, throwError, timer } from 'rxjs'
import { expect, test } from 'vitest'
import { type Clock, monotonicNow } from '../src/clock.ts'
import { FakeClock } from './support/clock.ts'

const START = new Date('2026-03-29T00:59:59Z')

test('the clock stands still until it is moved', () => {
  const clock: Clock = new FakeClock({ start: START })
  expect([clock.now(), monotonicNow(clock)]).toEqual([START.getTime(), 0])
})

test('what is due runs in order of time, equal times in the order they were asked for, and sees its own time', () => {
  const clock = new FakeClock({ start: START })
  const seen: string[] = []
  const note = (name: string) => () => seen.push(`${name} ${clock.now() - START.getTime()}`)
  timer(30, clock).subscribe(note('c'))
  timer(10, clock).subscribe(note('a'))
  timer(10, clock).subscribe(note('b'))
  timer(new Date(START.getTime() + 31), clock).subscribe(note('d'))
  clock.advance(9)
  expect(seen).toEqual([])
  clock.advance(21)
  expect(seen).toEqual(['a 10', 'b 10', 'c 30'])
  expect(clock.pending).toBe(1)
  clock.advance(1)
  expect(seen).toHaveLength(4)
})

test('a wait asked for by what ran counts from then, within the same advance', () => {
  const clock = new FakeClock()
  const seen: number[] = []
  timer(10, clock).subscribe(() => timer(5, clock).subscribe(() => seen.push(clock.monotonic())))
  interval(4, clock).subscribe(i => seen.push(i))
  clock.advance(16)
  expect(seen).toEqual([0, 1, 2, 15, 3])
})

test('a wait that was given up does not end', () => {
  const clock = new FakeClock()
  timer(10, clock)
    .subscribe(() => expect.unreachable())
    .unsubscribe()
  clock.advance(100)
  expect(clock.pending).toBe(0)
})

test('what throws stops the clock at its time and leaves the rest waiting', () => {
  const clock = new FakeClock()
  const seen: number[] = []
  clock.schedule(() => {
    throw new Error('broken')
  }, 10)
  clock.schedule(() => seen.push(clock.monotonic()), 20)
  expect(() => clock.advance(30)).toThrow('broken')
  expect(clock.monotonic()).toBe(10)
  clock.advance(10)
  expect(seen).toEqual([20])
})

test('code that awaits between its waits is carried through by advanceAsync', async () => {
  const clock = new FakeClock()
  const seen: number[] = []
  const work = async () => {
    for (let i = 0; i < 3; i++) {
      await firstValueFrom(timer(10, clock))
      for (let depth = 0; depth < 50; depth++) await Promise.resolve()
      seen.push(clock.monotonic())
    }
  }
  const done = work()
  await clock.advanceAsync(25)
  expect([seen, clock.monotonic()]).toEqual([[10, 20], 25])
  await clock.advanceAsync(5)
  await done
  expect(seen).toEqual([10, 20, 30])
})

test('retries with a delay wait by it', () => {
  const clock = new FakeClock()
  let tries = 0
  const failing = defer(() => throwError(() => new Error(`try ${++tries}`)))
  failing.pipe(retry({ count: 3, delay: () => timer(1_000, clock) })).subscribe({ error: () => undefined })
  clock.advance(1_999)
  expect(tries).toBe(2)
  clock.advance(10_000)
  expect(tries).toBe(4)
})

test('setting the wall clock back or forward ends no wait early or late', () => {
  const clock = new FakeClock({ start: START })
  const seen: number[] = []
  timer(1_000, clock).subscribe(() => seen.push(clock.now() - START.getTime()))
  clock.step(-3_600_000)
  clock.advance(999)
  expect(seen).toEqual([])
  clock.step(7_200_000)
  clock.advance(1)
  expect(seen).toEqual([3_601_000])
  expect(() => clock.advance(-1)).toThrow(RangeError)
})

test('a leap runs what falls due once, at its end, as on a machine that slept', () => {
  const clock = new FakeClock({ start: START })
  const seen: number[] = []
  interval(10, clock).subscribe(() => seen.push(clock.monotonic()))
  timer(2_000, clock).subscribe(() => expect.unreachable())
  clock.leap(1_000)
  expect(seen).toEqual([1_000])
  clock.advance(10)
  expect(seen).toEqual([1_000, 1_010])
})
