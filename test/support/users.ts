/** An app at a real server on loopback, and users for it whose passwords cost little, so that a test need not wait for them. */
import { randomBytes, scryptSync } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { type AddressInfo, connect as connectSocket } from 'node:net'
import type { Db } from 'mongodb'
import { type AppOptions, createApp } from '../../src/api/app.ts'
import { jsonLogger } from '../../src/log.ts'

/** As `users` stores one, with the least cost that is taken; `ln` is the exponent of it. */
export function cheaply(password: string, ln = 1): string {
  const salt = randomBytes(16)
  const hash = scryptSync(password, salt, 32, { N: 2 ** ln, r: 8, p: 1 })
  return `$scrypt$ln=${ln},r=8,p=1$${salt.toString('base64')}$${hash.toString('base64')}`
}

export interface Planted {
  readonly _id: string
  readonly role: string
  readonly password: string
  readonly ln?: number
}

/** Into the collection `users`. */
export async function plant(db: Db, ...users: readonly Planted[]): Promise<void> {
  const documents = users.map(({ _id, role, password, ln }) => {
    return { _id, role, password: cheaply(password, ln), tokens: [] }
  })
  await db.collection<Planted>('users').insertMany(documents)
}

export const basic = (name: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
})
export const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

export interface Question {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  /** An object is sent as JSON. */
  readonly body?: unknown
  /** The address it comes from: any of 127.0.0.0/8. */
  readonly from?: string
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
  readonly body: any
}

export interface Served {
  readonly port: number
  ask(path: string, question?: Question): Promise<Answered>
  /** Sends these bytes, and resolves with what is answered until the server closes, or until `enough` is in it. */
  raw(text: string, enough?: RegExp): Promise<string>
  /** All that was logged. */
  logged(): string
  close(): Promise<void>
}

export async function serveApp(options: AppOptions): Promise<Served> {
  let log = ''
  const write = (line: string) => {
    log += line
  }
  const logger = jsonLogger({ level: 'trace' }, { write })
  const app = createApp({ logger, ...options })
  const server = createServer(app.listener)
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return {
    port,
    logged: () => log,
    ask: (path, { method = 'GET', headers = {}, body, from } = {}) =>
      new Promise((resolve, reject) => {
        const isRaw = body === undefined || typeof body === 'string'
        const sent = isRaw ? body : JSON.stringify(body)
        // Without it Node sends the body of a DELETE unannounced.
        const length = sent === undefined ? {} : { 'Content-Length': Buffer.byteLength(sent as string) }
        const type = { ...length, ...(!isRaw && { 'Content-Type': 'application/json' }) }
        const local = from === undefined ? {} : { localAddress: from }
        const asking = request(
          { host: '127.0.0.1', port, path, method, headers: { ...type, ...headers }, agent: false, ...local },
          response => {
            let text = ''
            response.setEncoding('utf8')
            response.on('data', chunk => {
              text += chunk
            })
            response.on('end', () => {
              const isJson = /json/.test(response.headers['content-type'] ?? '')
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers,
                body: isJson ? JSON.parse(text) : text,
              })
            })
          },
        )
        asking.on('error', reject)
        asking.end(sent)
      }),
    raw: (text, enough) =>
      new Promise((resolve, reject) => {
        let answer = ''
        const socket = connectSocket(port, '127.0.0.1')
        socket.on('error', reject)
        socket.on('close', () => resolve(answer))
        socket.on('data', chunk => {
          answer += chunk
          if (enough?.test(answer)) socket.destroy()
        })
        socket.write(text)
      }),
    close: async () => {
      const closed = new Promise(done => server.close(done))
      server.closeAllConnections()
      await closed
      await app.close()
    },
  }
}
