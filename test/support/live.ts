/** A client of live events, as bytes on a socket: what it was told, where it stands, and how to cut it off.
 *  And a server for an app, on a free port. */
import { type ClientRequest, createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type App, type AppOptions, createApp } from '../../src/api/app.ts'

export interface Served {
  readonly app: App
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

export async function serve(options: AppOptions): Promise<Served> {
  const app = createApp({ logger: false, ...options })
  const server = createServer(app.listener)
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return {
    app,
    port,
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      const closed = new Promise(done => server.close(done))
      await app.close()
      await closed
    },
  }
}

export interface Told {
  readonly id: string
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
  readonly data: any
}

export interface LiveClient {
  readonly events: readonly Told[]
  /** What it would go on from. */
  readonly lastId: string
  readonly comments: number
  /** Called for each event as it comes. */
  onEvent: (event: Told) => void
  /** The line is gone. */
  readonly ended: Promise<void>
  /** Cuts the line. */
  cut(): void
}

/** Resolves when the first bytes of the stream are there. */
export async function listenTo(url: string, lastId?: string): Promise<LiveClient> {
  let asked: ClientRequest
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) }
    asked = request(url, { headers, agent: false }, resolve)
    asked.on('error', reject)
    asked.end()
  })
  if (response.statusCode !== 200) {
    response.resume()
    throw new Error(`${url}: ${response.statusCode}`)
  }
  const events: Told[] = []
  let text = ''
  let [id, comments] = [lastId ?? '', 0]
  const client = {
    events,
    onEvent: (_: Told) => {},
    get lastId() {
      return id
    },
    get comments() {
      return comments
    },
    ended: new Promise<void>(resolve => response.on('close', resolve)),
    cut: () => asked.destroy(),
  }
  response.on('error', () => {})
  const first = new Promise(resolve => response.once('data', resolve))
  response.on('data', chunk => {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string) => lines.find(line => line.startsWith(`${name}: `))?.slice(name.length + 2)
      id = field('id') ?? id
      if (lines.some(line => line.startsWith(':'))) comments++
      const data = field('data')
      if (data === undefined) continue
      const event = { id: field('id') ?? '', type: field('event') ?? '', data: JSON.parse(data) }
      events.push(event)
      client.onEvent(event)
    }
  })
  await first
  return client
}
