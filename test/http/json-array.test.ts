import { expect, test } from 'vitest'
import { jsonArray } from '../../src/http/json-array.ts'

async function* upTo(count: number, read: { n: number } = { n: 0 }): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) {
    read.n = i + 1
    yield i
  }
}

test.each([0, 1, 99, 100, 101, 1_000])('%i values are an array of as many', async count => {
  const response = await jsonArray(upTo(count), String)
  expect(await response.json()).toEqual(Array.from({ length: count }, (_, i) => i))
})

test('no more is read than somebody takes', async () => {
  const read = { n: 0 }
  const { body } = await jsonArray(upTo(100_000, read), String)
  const reader = (body as ReadableStream).getReader()
  await reader.read()
  await reader.cancel()
  expect(read.n).toBeGreaterThan(0)
  expect(read.n).toBeLessThan(1_000)
})

test('what fails before the answer begins is thrown', async () => {
  const failing = (async function* () {
    yield* upTo(3)
    throw new RangeError('away')
  })()
  await expect(jsonArray(failing, String)).rejects.toThrow('away')
})

test('what fails later cuts the answer off', async () => {
  const failing = (async function* () {
    yield* upTo(1_000)
    throw new RangeError('away')
  })()
  const response = await jsonArray(failing, String)
  await expect(response.text()).rejects.toThrow('away')
})
