/** Bodies that come slowly, and the ends of a connection, at the guards. */
import { afterEach, expect, test, vi } from 'vitest'
import { bodyOf, checkChange } from '../../src/http/guards.ts'
import { isLoopback } from '../../src/loopback.ts'

afterEach(() => {
  vi.useRealTimers()
})

const posted = (body: ReadableStream | string | null, headers: Record<string, string> = {}) =>
  new Request('http://localhost/', { method: 'POST', body, headers, ...(body !== null && { duplex: 'half' as const }) })

test('a body that is not there within 10 s is given up, whether it drips or is silent', async () => {
  // RxJS, whose timers ours are, waits with setInterval.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  for (const part of ['', '{']) {
    let left = false
    const stream = new ReadableStream({
      start: controller => controller.enqueue(new TextEncoder().encode(part)),
      cancel: () => {
        left = true
      },
    })
    const read = bodyOf(posted(stream))
    const end = expect(read).rejects.toMatchObject({ status: 400, code: 'timeout' })
    await vi.advanceTimersByTimeAsync(10_000)
    await end
    expect(left).toBe(true)
  }
})

test('a body that came in time leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  expect(await bodyOf(posted('{"a": 1}'))).toEqual({ a: 1 })
  expect(vi.getTimerCount()).toBe(0)
})

test('a change without a body need not say what it is; one with a body has to', () => {
  const stream = () => new ReadableStream({ start: controller => controller.close() })
  checkChange(posted(null), [])
  checkChange(posted(stream()), [])
  checkChange(posted(stream(), { 'Content-Length': '0' }), [])
  expect(() => checkChange(posted(stream(), { 'Content-Length': '2' }), [])).toThrow(/application\/json/)
  expect(() => checkChange(posted(stream(), { 'Transfer-Encoding': 'chunked' }), [])).toThrow(/application\/json/)
})

test.each([
  ['127.0.0.1', true],
  ['127.255.255.254', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.7', false],
  ['128.0.0.1', false],
  ['127.0.0.1.evil.example', false],
  ['', false],
  [undefined, false],
])('%s is on this machine: %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected)
})
