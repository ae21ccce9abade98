/** Attempts: who has failed too often, and whose address an address is. */
import { describe, expect, test, vi } from 'vitest'
import { Attempts, networkOf } from '../../src/http/attempts.ts'
import { credentialsOf } from '../../src/http/credentials.ts'

describe('attempts', () => {
  test('ten may fail; then nothing is looked at for the rest of the minute', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    try {
      const attempts = new Attempts()
      for (let n = 0; n < 10; n++) {
        await attempts.check(['name ann', 'address here'])
        await attempts.fail(['name ann', 'address here'])
        vi.advanceTimersByTime(1_000)
      }
      const refusal = { status: 429, headers: { 'Retry-After': '50' } }
      await expect(attempts.check(['name ann', 'address elsewhere'])).rejects.toMatchObject(refusal)
      await expect(attempts.check(['name bob', 'address here'])).rejects.toMatchObject(refusal)
      await attempts.check(['name bob', 'address elsewhere'])
      vi.advanceTimersByTime(50_001)
      await attempts.check(['name ann', 'address here'])
    } finally {
      vi.useRealTimers()
    }
  })

  test('of many that come at once ten are told that they failed, the others to wait', async () => {
    const attempts = new Attempts()
    const told = await Promise.allSettled(Array.from({ length: 50 }, () => attempts.fail(['name ann'])))
    expect(told.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
  })

  test('none of a thousand names counts for another', async () => {
    const attempts = new Attempts()
    const marks = Array.from({ length: 1_000 }, (_, n) => [`name ${n}`])
    for (let n = 0; n < 9; n++) for (const mark of marks) await attempts.fail(mark)
    for (const mark of marks) await attempts.check(mark)
  })
})

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:10.0.0.7', '10.0.0.7'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['2001:DB8:00:0001:ffff::', '2001:db8:0:1::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  [undefined, ''],
])('%s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test.each([
  [basic('ann:a:b'), { kind: 'password', name: 'ann', password: 'a:b' }],
  [basic('änne:pässword'), { kind: 'password', name: 'änne', password: 'pässword' }],
  [basic(':'), { kind: 'password', name: '', password: '' }],
  ['bearer tw_x', { kind: 'token', token: 'tw_x' }],
  [basic('ann'), undefined],
  ['Basic %%%', undefined],
  ['Basic', undefined],
  ['Digest username="ann"', undefined],
  ['', undefined],
  [null, undefined],
])('%j shows %j', (header, credentials) => {
  expect(credentialsOf(header)).toEqual(credentials)
})
