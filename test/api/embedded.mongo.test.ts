/** The app inside other applications: below a path of plain http, Express and Fastify, for a client, a node, or whoever they say. */
import { existsSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type App, type AppOptions, createApp } from '../../src/api/app.ts'
import { type Client, connect, createNode } from '../../src/index.ts'
import { askAt } from '../support/http.ts'
import { hostsFolder } from '../support/installed.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

const BASE = '/ops/jobs'
const BUILT = fileURLToPath(new URL('../../dist/dashboard/index.html', import.meta.url))

interface Fastify {
  all(path: string, answer: (request: Raw, reply: Raw & { hijack(): void }) => void): void
  removeAllContentTypeParsers(): void
  addContentTypeParser(
    type: string,
    parse: (request: unknown, body: unknown, done: (error: null) => void) => void,
  ): void
  ready(): Promise<void>
  readonly server: Server
  close(): Promise<void>
}
// biome-ignore lint/suspicious/noExplicitAny: Node's own request and answer
type Raw = { readonly raw: any }

let db: TestDb
let client: Client
let folder: string
let app: App | undefined
let server: Server | undefined
let end: () => Promise<unknown> = async () => {}

beforeAll(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
  folder = await hostsFolder()
}, 300_000)

afterEach(async () => {
  await app?.close()
  server?.closeAllConnections()
  await new Promise(resolve => (server === undefined ? resolve(undefined) : server.close(resolve)))
  await end()
  end = async () => {}
  await db.db.collection('jobs').deleteMany({})
})

afterAll(async () => {
  await client?.close()
  await db?.close()
})

const load = (file: string) => import(pathToFileURL(join(folder, 'node_modules', file)).href)

/** Servers of other applications that hand over what lies below BASE. */
const HOSTS: Readonly<Record<string, (listener: App['listener']) => Promise<Server>>> = {
  'plain http': async listener => createServer(listener),
  Express: async listener => {
    const { default: express } = await load('express/index.js')
    return createServer(express().use(BASE, listener) as RequestListener)
  },
  Fastify: async listener => {
    const { fastify: make } = await load('fastify/fastify.js')
    const fastify = make() as Fastify
    // The app reads bodies itself.
    fastify.removeAllContentTypeParsers()
    fastify.addContentTypeParser('*', (_request, _body, done) => done(null))
    const answer: Parameters<Fastify['all']>[1] = (request, reply) => {
      reply.hijack()
      void listener(request.raw, reply.raw)
    }
    fastify.all(BASE, answer)
    fastify.all(`${BASE}/*`, answer)
    await fastify.ready()
    end = () => fastify.close()
    return fastify.server
  },
}

async function mounted(host: string, options: AppOptions): Promise<string> {
  app = createApp({ logger: false, basePath: BASE, ...options })
  const made = await (HOSTS[host] as (typeof HOSTS)[string])(app.listener)
  server = made
  await new Promise<void>(resolve => made.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}${BASE}`
}

const ann = { user: 'ann', role: 'admin' } as const
const digest = { _id: 'digest', func: 'mail:digest', trigger: { type: 'interval', minutes: 5 } }

describe.each(Object.keys(HOSTS))('%s', host => {
  test('asks the application who it is, takes a change, and streams', async () => {
    const base = await mounted(host, { client, auth: ({ headers }) => (headers.has('x-session') ? ann : null) })
    const session = { 'X-Session': '1' }
    expect((await askAt(base, 'GET', '/api/me')).status).toBe(401)
    expect((await askAt(base, 'GET', '/api/me', undefined, session)).body).toMatchObject({ ...ann, node: null })
    const added = await askAt(base, 'POST', '/api/jobs', digest, session)
    expect([added.status, added.headers.get('location')]).toEqual([201, `${BASE}/api/jobs/digest`])
    expect((await client.jobs.get('digest')).func).toBe('mail:digest')
    const stop = new AbortController()
    const events = await fetch(`${base}/api/events`, { headers: session, signal: stop.signal })
    expect(events.headers.get('content-type')).toMatch(/^text\/event-stream/)
    onTestFinished(() => stop.abort())
    const { value } = (await events.body?.getReader().read()) ?? {}
    expect(Buffer.from(value ?? []).toString()).toMatch(/^(retry: \d+\n)?: /)
  })

  test.runIf(existsSync(BUILT))('serves the dashboard with its files below the path', async () => {
    const base = await mounted(host, { client })
    const page = await askAt(base, 'GET', '/jobs')
    expect([page.status, page.text]).toEqual([200, expect.stringContaining(`<base href="${BASE}/"`)])
    const [, script] = /<script[^>]* src="([^"]+)"/.exec(page.text) ?? []
    const file = await fetch(new URL(script ?? '', `${base}/`))
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
  })

  test('serves the database of a node, and acts on that node', async () => {
    const node = createNode({ uri: db.uri, ip: '10.0.0.1', tasks: { 'mail:digest': () => 1 }, logger: false })
    try {
      await node.start()
      const base = await mounted(host, { node })
      expect((await askAt(base, 'GET', '/api/me')).body).toMatchObject({ role: 'admin', node: '10.0.0.1' })
      expect((await askAt(base, 'POST', '/scheduler/pause')).status).toBe(204)
      expect((await askAt(base, 'GET', '/scheduler')).body).toMatchObject({ running: true })
    } finally {
      await node.close()
    }
  })
})
