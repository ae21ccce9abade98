/** An app behind a real server on a free port of this machine, and what a program asks it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type App, type AppOptions, createApp } from '../../src/api/app.ts'

export interface Asking {
  /** `http://127.0.0.1:PORT` */
  readonly base: string
  /** One request; a body that is given goes as JSON, text as it is. */
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answered>
  readonly app: App
  close(): Promise<void>
}

export interface Answered {
  readonly status: number
  readonly type: string | null
  readonly headers: Headers
  readonly text: string
  /** Undefined: there is none, or it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever was answered
  readonly body: any
}

export async function serveApp(options: AppOptions): Promise<Asking> {
  const app = createApp({ logger: false, ...options })
  const server = createServer(app.listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    base,
    app,
    ask: (...asked) => askAt(base, ...asked),
    close: async () => {
      await app.close()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export async function askAt(
  base: string,
  ...[method, path, body, headers = {}]: Parameters<Asking['ask']>
): Promise<Answered> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { ...(text !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    ...(text !== undefined && { body: text }),
  })
  const answered = await response.text()
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    headers: response.headers,
    text: answered,
    body: jsonOf(answered),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
