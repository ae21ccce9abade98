/** Guards: what every request must satisfy before anybody asks who it is.
 *  `Host` is a name that we go by, so that a foreign page cannot reach us under a name of its own; a change comes from our own
 *  page or from a program, and as JSON, so that no foreign form can make one; few parameters; a bounded body, in time. */
import type { IncomingMessage } from 'node:http'
import { systemClock } from '../clock.ts'
import { isLoopback } from '../loopback.ts'
import { Refusal } from './refusal.ts'

const MOST_PARAMETERS = 64
const BODY_BYTES = 1024 * 1024
const BODY_MS = 10_000

/** A host of a `Host` header, without its port. */
const hostnameOf = (host: string) => host.replace(/:\d*$/, '').toLowerCase()

/** Refuses names that are not ours. `local`: the address of this server's end of the connection. */
export function checkHost(host: string | undefined, local: string | undefined, allowed: readonly string[]): void {
  const name = hostnameOf(host ?? '')
  const ours = [...allowed.map(hostnameOf), ...(local === undefined ? [] : [plain(local), `[${plain(local)}]`])]
  if (isLoopback(name) || ours.includes(name)) return
  const message = `Host: ${JSON.stringify(host ?? '')} is not a name of this server; allow it with allowedHosts, or ask by its address`
  throw new Refusal(421, 'misdirected', message)
}

/** An IPv4 address as a socket for both kinds has it. */
const plain = (address: string) => address.replace(/^::ffff:/, '').toLowerCase()

/** Refuses changes that another site's page asks for, and those that are not JSON. */
export function checkChange(request: Request, allowed: readonly string[]): void {
  const origin = request.headers.get('origin')
  if (origin !== null && !isOurs(origin, request.headers.get('host'), allowed)) {
    throw new Refusal(403, 'forbidden', `Origin: ${JSON.stringify(origin)} may not change anything here`)
  }
  const type = request.headers.get('content-type')
  // A form always names its type; a program that sends nothing need not.
  if (type === null && !hasBody(request)) return
  if (type !== null && /^application\/json *(;|$)/i.test(type)) return
  const found = type === null ? 'nothing' : JSON.stringify(type)
  throw new Refusal(415, 'unsupported_media_type', `Content-Type: expected application/json, found ${found}`)
}

/** What comes through a socket has a stream as its body even where nothing was sent; there the headers tell. */
const hasBody = ({ body, headers }: Request) =>
  body !== null && (headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0)

/** A proxy may have another name in `Host` than the page was asked by. */
function isOurs(origin: string, host: string | null, allowed: readonly string[]): boolean {
  if (!URL.canParse(origin)) return false
  const from = new URL(origin)
  return from.host === host || allowed.map(hostnameOf).includes(from.hostname)
}

/** The parameters; one that is given several times is a list. */
export function parametersOf(url: URL): Readonly<Record<string, string | string[]>> {
  if ([...url.searchParams].length > MOST_PARAMETERS) {
    throw new Refusal(400, 'invalid_option', `expected at most ${MOST_PARAMETERS} parameters`)
  }
  const found = new Map<string, string | string[]>()
  for (const name of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(name)
    found.set(name, values.length === 1 ? (values[0] as string) : values)
  }
  return Object.fromEntries(found)
}

/** The body as JSON; undefined: there is none. */
export async function bodyOf(request: Request): Promise<unknown> {
  const text = await textOf(request)
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text, refuseProto)
  } catch (cause) {
    throw new Refusal(400, 'invalid_option', `the body: expected JSON; ${(cause as Error).message}`, { cause })
  }
}

/** No document has a field of this name, and objects are made of what is read. */
function refuseProto(key: string, value: unknown): unknown {
  if (key !== '__proto__') return value
  throw new SyntaxError('__proto__ is no name of a field')
}

async function textOf(request: Request): Promise<string> {
  if (request.body === null) return ''
  if (Number(request.headers.get('content-length') ?? 0) > BODY_BYTES) throw tooLarge()
  const reader = request.body.getReader()
  let late = false
  const timer = systemClock.schedule(() => {
    late = true
    void reader.cancel().catch(() => {})
  }, BODY_MS)
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.byteLength
      if (bytes > BODY_BYTES) throw tooLarge()
      chunks.push(part.value)
    }
  } finally {
    timer.unsubscribe()
  }
  if (late) throw new Refusal(400, 'timeout', `the body: expected within ${BODY_MS} ms`)
  return Buffer.concat(chunks).toString()
}

const tooLarge = () => new Refusal(413, 'too_large', `the body: expected at most ${BODY_BYTES} bytes`)

/** Both ends of the connection on which a request came, where it is known. */
export interface Ends {
  readonly local: string | undefined
  readonly remote: string | undefined
}

export const endsOf = (incoming: IncomingMessage | undefined): Ends => ({
  local: incoming?.socket?.localAddress,
  remote: incoming?.socket?.remoteAddress,
})

/** On every answer. */
export const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}
