import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkChange } from '../../src/http/guards.ts'
import { refusalOf } from '../../src/http/refusal.ts'

const server = createServer(
  getRequestListener(asked => {
    try {
      checkChange(asked, [])
      return new Response(null, { status: 204 })
    } catch (error) {
      return new Response(null, { status: refusalOf(error).status })
    }
  }),
)

beforeAll(() => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise(resolve => server.close(resolve)))

/** The status of a request with exactly these headers. */
const statusOf = (method: string, headers: IncomingHttpHeaders, body?: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { port } = server.address() as AddressInfo
    const asking = request({ port, host: '127.0.0.1', method, headers, agent: false }, answer => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode))
    })
    asking.on('error', reject)
    asking.end(body)
  })

test.each<[string, string, IncomingHttpHeaders, string | undefined, number]>([
  ['nothing', 'POST', { 'content-length': '0' }, undefined, 204],
  ['nothing, and no length', 'DELETE', {}, undefined, 204],
  ['JSON', 'POST', { 'content-type': 'application/json' }, '{}', 204],
  ['something of no type', 'POST', { 'content-length': '2' }, '{}', 415],
  ['something of no type and no length', 'POST', { 'transfer-encoding': 'chunked' }, '{}', 415],
  ['a form', 'POST', { 'content-type': 'application/x-www-form-urlencoded' }, 'a=b', 415],
  ['an empty form', 'POST', { 'content-type': 'text/plain', 'content-length': '0' }, undefined, 415],
])('a change that sends %s by %s with %j is answered', async (_, method, headers, body, status) => {
  expect(await statusOf(method, headers, body)).toBe(status)
})
