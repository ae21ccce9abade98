/** Health over HTTP: alive, ready, and the numbers; with a node, without one, and while the database is away. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import { Requests } from '../../src/health/requests.ts'
import { doorOf } from '../../src/http/door.ts'
import { Pulse } from '../../src/http/pulse.ts'
import { route } from '../../src/http/route.ts'
import { serveRoute } from '../../src/http/serve-route.ts'
import type { Serving } from '../../src/http/serving.ts'
import { silent } from '../../src/log.ts'
import { createNode } from '../../src/node/node.ts'
import { listenTo, type Served, serve } from '../support/live.ts'
import { openTestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'
import { type ReplicaSet, startReplicaSet } from '../support/replica-set.ts'

const get = async (served: Served, path: string) => {
  const began = performance.now()
  const response = await fetch(served.url + path)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, took: performance.now() - began }
}

test('without a node it is ready when the database answers, and has numbers of HTTP alone', async () => {
  const db = await openTestDb()
  const client = await connect({ uri: db.uri })
  const served = await serve({ client })
  expect((await get(served, '/livez')).text).toBe('{"alive":true}')
  expect((await get(served, '/readyz')).text).toBe('{"ready":true}')
  expect(JSON.parse((await get(served, '/readyz?verbose')).text)).toEqual({
    ready: true,
    checks: [{ check: 'database', ok: true, found: 'answers' }],
  })
  const { text, headers } = await get(served, '/metrics')
  expect(headers.get('content-type')).toContain('text/plain')
  expect(text).toContain('tidewheel_http_requests_total{method="GET",route="/readyz",status="200"} 2')
  expect(text).toContain('tidewheel_http_request_duration_seconds_bucket{method="GET",route="/livez",le="+Inf"} 1')
  expect(text).toMatch(/^process_cpu_seconds_total \d/m)
  expect(text).not.toContain('tidewheel_run')
  await served.close()
  await client.close()
  await db.close()
})

test('with a node each check says what was found, and its runs are counted from the start', async () => {
  const db = await openTestDb()
  const client = await connect({ uri: db.uri })
  const tasks = {
    note: () => {},
    fail: () => {
      throw new Error('no')
    },
  }
  const node = createNode({ uri: db.uri, ip: 'a', logger: false, tasks })
  const served = await serve({ client, node })
  expect(await get(served, '/readyz?verbose')).toMatchObject({ status: 503, text: expect.stringContaining('stopped') })
  await node.start()
  for (const func of ['note', 'note', 'fail']) await node.jobs.add({ func, trigger: { type: 'date' } })
  await node.jobs.add({ func: 'note', trigger: { type: 'interval', hours: 1 } })
  const metrics = await until(async () => {
    const { text } = await get(served, '/metrics')
    expect(text).toContain('tidewheel_runs_total{status="executed"} 2')
    expect(text).toContain('tidewheel_runs_total{status="error"} 1')
    return text
  })
  expect(metrics).toMatch(/^tidewheel_run_late_seconds_count 3$/m)
  expect(metrics).toMatch(/^tidewheel_run_duration_seconds_bucket\{le="\+Inf"\} 3$/m)
  expect(metrics).toMatch(/^tidewheel_jobs_armed 1$/m)
  expect(metrics).toMatch(/^tidewheel_stream_open 1$/m)
  const lease = Number(/^tidewheel_lease_age_seconds (.*)$/m.exec(metrics)?.[1])
  expect(lease).toBeGreaterThan(0)
  expect(lease).toBeLessThan(15)
  const { status, text } = await get(served, '/readyz?verbose')
  expect([status, JSON.parse(text).checks.map(({ check, ok }: never) => [check, ok])]).toEqual([
    200,
    ['database', 'stream', 'lease', 'claims', 'clock'].map(check => [check, true]),
  ])
  await served.close()
  await node.close()
  await client.close()
  await db.close()
})

test('metrics can need a user, the others do not', async () => {
  const db = await openTestDb()
  const client = await connect({ uri: db.uri })
  const served = await serve({ client, metricsAuth: true, auth: () => null })
  const statuses = await Promise.all(['/livez', '/readyz', '/metrics'].map(path => get(served, path)))
  expect(statuses.map(({ status }) => status)).toEqual([200, 200, 401])
  await served.close()
  await client.close()
  await db.close()
})

/** A route that reads jobs, as the app would serve it. */
async function jobsOf(client: Client): Promise<Response> {
  const serving = {
    door: doorOf(client, undefined),
    log: silent(),
    readOnly: false,
    pulse: new Pulse(() => client.nodes.list()),
    requests: new Requests(),
  } as unknown as Serving
  const reading = route({
    method: 'get',
    path: '/api/jobs',
    needs: 'viewer',
    summary: 'jobs',
    answers: {},
    handle: async () => {
      const ids: string[] = []
      for await (const { _id } of client.jobs.list()) ids.push(_id)
      return { body: ids }
    },
  })
  const request = new Request('http://localhost/api/jobs')
  const ends = { local: '127.0.0.1', remote: '127.0.0.1' }
  return await serveRoute(reading, serving, { request, ends, params: {}, allowedHosts: [] })
}

let dataDir: string
let set: ReplicaSet | undefined
let client: Client | undefined
let served: Served | undefined

beforeEach(() => {
  set = client = served = undefined
})

afterEach(async () => {
  await served?.close()
  await client?.close()
  await set?.stop()
  if (set !== undefined) await rm(dataDir, { recursive: true, force: true })
})

test('a database that is frozen, or killed, costs no answer more than two seconds, and is well again without a restart', async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-health-'))
  const own = await startReplicaSet({ members: 1, dataDir })
  set = own
  client = await connect({ uri: own.uri })
  await client.init()
  const known = client
  const server = await serve({ client })
  served = server
  const live = await listenTo(`${server.url}/api/events`)
  const types = () => live.events.map(({ type }) => type)
  const ask = async (path: string) => {
    const began = performance.now()
    const response = path === '/jobs' ? await jobsOf(known) : await fetch(server.url + path)
    return { status: response.status, again: response.headers.get('retry-after'), took: performance.now() - began }
  }
  for (const [signal, back] of [
    ['SIGSTOP', () => own.kill(0, 'SIGCONT')],
    ['SIGKILL', () => own.restart(0)],
  ] as const) {
    await own.kill(0, signal)
    const away = await Promise.all(['/livez', '/readyz', '/jobs', '/livez'].map(ask))
    expect(away.map(({ status, again }) => [status, again])).toEqual([
      [200, null],
      [503, null],
      [503, '1'],
      [200, null],
    ])
    expect(Math.max(...away.map(({ took }) => took))).toBeLessThan(2_500)
    await until(() => expect(types().at(-1)).toBe('stream.interrupted'), 15_000)
    await back()
    const began = performance.now()
    await until(async () => expect((await ask('/readyz')).status).toBe(200), 15_000)
    expect((await ask('/jobs')).status).toBe(200)
    expect(performance.now() - began).toBeLessThan(5_000)
    await until(() => expect(types().at(-1)).toBe('stream.resumed'), 15_000)
  }
}, 60_000)
