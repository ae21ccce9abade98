/** The server against those who are slow, many, or speak HTTP in ways that are rare: it goes on, and never answers 5xx. */

import { connect as connectSocket, type Socket } from 'node:net'
import { interval } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createApp } from '../../src/api/app.ts'
import { systemClock } from '../../src/clock.ts'
import { type HttpServer, listen } from '../../src/http/server.ts'
import { type Client, connect } from '../../src/index.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

const FREE = { host: '127.0.0.1', port: 0 }
const MOST = 50

let db: TestDb
let client: Client
let app: ReturnType<typeof createApp>
let server: HttpServer
const sockets = new Set<Socket>()

beforeAll(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
  app = createApp({ client, logger: false })
  server = await listen(app.listener, { address: FREE, headersMs: 1_000, mostConnections: MOST })
})

afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await app?.close()
  await server?.close()
  await client?.close()
  await db?.close()
})

/** A connection, what came on it, and its end. */
function opened() {
  const socket = connectSocket(server.address.port, '127.0.0.1')
  sockets.add(socket)
  let text = ''
  socket.on('error', () => {})
  socket.on('data', chunk => {
    text += chunk
  })
  const ended = new Promise<string>(resolve => socket.once('close', () => resolve(text)))
  return { socket, ended, came: () => text }
}

/** What these bytes are answered with, until the server closes. */
function answered(request: string): Promise<string> {
  const { socket, ended } = opened()
  socket.write(request)
  return ended
}

const head = (line: string, ...more: readonly string[]) =>
  [line, `Host: 127.0.0.1:${server.address.port}`, ...more, 'Connection: close', '', ''].join('\r\n')
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))

describe('those who are slow or many', () => {
  test('headers that come a byte at a time end with the connection, and others are served meanwhile', async () => {
    const slow = opened()
    const text = head('GET /livez HTTP/1.1', `X-Long: ${'x'.repeat(400)}`)
    let at = 0
    const drip = interval(20, systemClock).subscribe(() => slow.socket.write(text[at++] ?? ''))
    try {
      expect((await fetch(`${server.url}/livez`)).status).toBe(200)
      expect(statuses(await slow.ended)).toEqual([408])
      expect(at).toBeLessThan(text.length)
    } finally {
      drip.unsubscribe()
    }
  })

  test('connections beyond the limit are closed at once, and when the others have gone all are served again', async () => {
    const silent = Array.from({ length: 300 }, () => opened())
    let closed = 0
    for (const { ended } of silent) void ended.then(() => closed++)
    await vi.waitFor(() => expect(closed).toBeGreaterThanOrEqual(300 - MOST), { timeout: 10_000 })
    for (const { socket } of silent) socket.destroy()
    await vi.waitFor(async () => expect((await fetch(`${server.url}/livez`)).status).toBe(200), { timeout: 10_000 })
  })
})

describe('what is rare in HTTP', () => {
  test.each([
    ['HEAD', 'HEAD /api/jobs HTTP/1.1', [200]],
    ['HEAD of what is not there', 'HEAD /api/nothing HTTP/1.1', [404]],
    ['OPTIONS', 'OPTIONS /api/jobs HTTP/1.1', [405]],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1', [400]],
    ['a method that is not for this path', 'DELETE /api/nodes HTTP/1.1', [405]],
    ['a method that nobody knows here', 'PROPFIND /api/jobs HTTP/1.1', [405]],
    ['a method that is none', 'FROB /api/jobs HTTP/1.1', [400]],
    ['TRACE', 'TRACE /api/jobs HTTP/1.1', [405]],
    ['CONNECT', 'CONNECT 127.0.0.1:80 HTTP/1.1', []],
    ['another version', 'GET /api/jobs HTTP/9.9', [400]],
    ['a path of slashes', 'GET //// HTTP/1.1', [404]],
    ['a path that is no UTF-8', 'GET /api/jobs/%ff%fe HTTP/1.1', [404]],
    ['a percent sign alone', 'GET /api/jobs/% HTTP/1.1', [404]],
    ['a long head', `GET /api/jobs HTTP/1.1\r\nX-Long: ${'x'.repeat(20_000)}`, [431]],
    ['an upgrade', 'GET /api/jobs HTTP/1.1\r\nUpgrade: websocket', [200]],
  ] as const)('%s', async (_, line, expected) => {
    expect(statuses(await answered(head(line)))).toEqual(expected)
  })

  test('HEAD has the headers of GET and no body', async () => {
    const text = await answered(head('HEAD /api/jobs HTTP/1.1'))
    expect(text).toMatch(/content-type: application\/json/i)
    expect(text.split('\r\n\r\n')[1]).toBe('')
  })

  test('a target with our own address is served as its path, one of another host is misdirected', async () => {
    const ours = head(`GET ${server.url}/api/jobs HTTP/1.1`)
    expect(statuses(await answered(ours))).toEqual([200])
    expect(statuses(await answered(head('GET http://example.com/api/jobs HTTP/1.1')))).toEqual([421])
  })

  test('who waits for 100-continue is told to go on', async () => {
    const { socket, came, ended } = opened()
    const body = '{"trigger": {"type": "interval", "minutes": 5}}'
    const more = ['Content-Type: application/json', `Content-Length: ${body.length}`, 'Expect: 100-continue']
    socket.write(head('POST /api/triggers/preview HTTP/1.1', ...more))
    await vi.waitFor(() => expect(statuses(came())).toEqual([100]))
    socket.write(body)
    expect(statuses(await ended)).toEqual([100, 200])
  })

  test('several requests at once on one connection are answered in their order', async () => {
    const host = `Host: 127.0.0.1:${server.address.port}`
    const first = `GET /api/jobs HTTP/1.1\r\n${host}\r\n\r\nGET /api/nothing HTTP/1.1\r\n${host}\r\n\r\n`
    expect(statuses(await answered(first + head('GET /livez HTTP/1.1')))).toEqual([200, 404, 200])
  })
})
