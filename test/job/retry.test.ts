/** Retry: which ends are tried again, when, and how often a start may die. */
import { expect, test } from 'vitest'
import { rerunsAfter, retryAt } from '../../src/job/retry.ts'

const NOW = Date.UTC(2026, 0, 1)
const YEAR = 365 * 86_400
const RETRY = { max_attempts: 5, delay: 10 }
const failed = (attempt: number, run_id = '', status: Parameters<typeof retryAt>[1]['status'] = 'error') => ({
  run_id,
  attempt,
  status,
})
test('only what failed or took too long is tried again, as often as its job says', () => {
  const statuses = ['error', 'timeout', 'executed', 'missed', 'max_instances', 'interrupted', 'cancelled'] as const
  const again = statuses.filter(status => retryAt({ retry: RETRY }, failed(1, '', status), NOW) !== undefined)
  expect(again).toEqual(['error', 'timeout'])
  expect(retryAt({}, failed(1), NOW)).toBeUndefined()
  expect([1, 4, 5, 6].map(attempt => retryAt({ retry: RETRY }, failed(attempt), NOW) !== undefined)).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test.each([
  [{}, [10, 20, 40]],
  [{ factor: 3 }, [10, 30, 90]],
  [{ factor: 0.5 }, [10, 5, 2.5]],
  [{ max_delay: 25 }, [10, 20, 25]],
  [{ delay: 0 }, [0, 0, 0]],
  [{ delay: 1e9, factor: 1e6 }, [YEAR, YEAR, YEAR]],
])('the wait grows by its factor, 2 where there is none, up to its limit or a year: %o', (retry, waits) => {
  waits.forEach((seconds, i) => {
    const at = retryAt({ retry: { ...RETRY, ...retry } }, failed(i + 1), NOW) as number
    expect(at).toBeGreaterThanOrEqual(NOW + seconds * 1_000)
    expect(at).toBeLessThanOrEqual(NOW + seconds * 1_100)
  })
})

/** Made one after the other. */
const idOf = (i: number) => `6b07b8178bb0e8bf73e4${(0x5d00 + i).toString(16)}`

test('runs that failed together come back apart, each at a time of its own, by a tenth of the wait at most', () => {
  const times = Array.from({ length: 100 }, (_, i) => retryAt({ retry: RETRY }, failed(1, idOf(i)), NOW) as number)
  expect(times).toEqual(times.map((_, i) => retryAt({ retry: RETRY }, failed(1, idOf(i)), NOW)))
  expect(new Set(times).size).toBeGreaterThan(50)
  expect(times.every(time => time >= NOW + 10_000 && time <= NOW + 11_000)).toBe(true)
})

test('a run is given up at the fourth start that dies; one that never began does not count', () => {
  expect([0, 1, 2, 3].map(reruns => rerunsAfter(reruns, true))).toEqual([1, 2, 3, undefined])
  expect([0, 3].map(reruns => rerunsAfter(reruns, false))).toEqual([0, 3])
})
