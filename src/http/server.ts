/** Server: a Node server around a listener, on one address.
 *  In: a listener, an address. Out: where it is asked, and its end. Headers and bodies have to come in time, and there are only so
 *  many connections, so that whoever opens them and is silent takes nothing from the rest of the process.
 *  A taken port is a `conflict`, unless the next free one will do. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'

export interface Address {
  readonly host: string
  /** 0: one that is free. */
  readonly port: number
}

export interface HttpServer {
  /** Such as `http://127.0.0.1:7788`. */
  readonly url: string
  readonly address: Address
  /** Takes no more connections, lets answers that are under way end, and cuts what is left after a moment. */
  close(): Promise<void>
}

const HEADERS_MS = 10_000
const BODY_MS = 10_000
const LOOK_MS = 1_000
/** Each takes a file descriptor of the process, and the database needs some too. */
const MOST_CONNECTIONS = 2_000
/** How long answers that are under way may take when it closes. */
const LEAVE_MS = 2_000
const MOST_PORTS = 100

/** `127.0.0.1:7788`, `[::1]:7788`, `localhost:7788`; undefined: it is none. */
export function addressOf(text: string): Address | undefined {
  const [, six, host = six, port] = /^(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? []
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

export interface ListenOptions {
  readonly address: Address
  /** Where the port is taken, one of the next hundred will do. */
  readonly orNext?: boolean
  /** How long the headers of a request may take to come, in ms. Default 10,000. */
  readonly headersMs?: number
  /** How many connections there may be; those beyond are closed at once. Default 2,000. */
  readonly mostConnections?: number
}

/** Throws `conflict` for a taken port, `invalid_option` for an address that is not this machine's. */
export async function listen(listener: RequestListener, options: ListenOptions): Promise<HttpServer> {
  const { address, orNext = false } = options
  const { host, port } = address
  const last = orNext && port > 0 ? Math.min(port + MOST_PORTS, 65_535) : port
  for (let at = port; ; at++) {
    try {
      return serverOf(await bound(listener, at, options), host)
    } catch (error) {
      if (at < last && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw notBound(error as NodeJS.ErrnoException, address)
    }
  }
}

function bound(
  listener: RequestListener,
  port: number,
  { address: { host }, headersMs = HEADERS_MS, mostConnections = MOST_CONNECTIONS }: ListenOptions,
): Promise<Server> {
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: headersMs + BODY_MS,
      connectionsCheckingInterval: Math.min(LOOK_MS, headersMs),
      maxHeaderSize: 16_384,
    },
    listener,
  )
  server.maxConnections = mostConnections
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

function serverOf(server: Server, host: string): HttpServer {
  const { port } = server.address() as AddressInfo
  const named = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${named}:${port}`,
    address: { host, port },
    close: () =>
      new Promise(resolve => {
        const late = after(systemClock, LEAVE_MS, () => server.closeAllConnections())
        server.close(() => {
          late.unsubscribe()
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

function notBound(error: NodeJS.ErrnoException, { host, port }: Address): TidewheelError {
  const where = `${host}:${port}`
  if (error.code === 'EADDRINUSE') {
    const advice = `See who has it (ss -ltnp 'sport = :${port}'), or choose another port.`
    return new TidewheelError('conflict', `http: port ${port} of ${host} is taken by another program`, {
      path: 'http',
      port,
      advice,
    })
  }
  const message = `http: ${where} cannot be served: ${error.message}`
  return new TidewheelError('invalid_option', message, { path: 'http' }, { cause: error })
}
