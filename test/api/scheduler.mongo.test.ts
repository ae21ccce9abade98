import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../src/client/connect.ts'
import type { TidewheelNode } from '../../src/node/node.ts'
import { type Answered, type Asking, serveApp } from '../support/http.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Nodes, startNodes, until } from '../support/node.ts'

const HOURLY = { trigger: 'interval', hours: 1 }

let db: TestDb
let cluster: Nodes
let node: TidewheelNode
let client: Client
let server: Asking
let made = 0

const ask: Asking['ask'] = (method, path, body, headers) => server.ask(method, `/scheduler${path}`, body, headers)
const freshId = () => `job-${++made}`

beforeAll(async () => {
  db = await openTestDb()
  cluster = await startNodes({ uri: db.uri, timezone: 'Europe/Berlin' })
  node = cluster.nodes[0] as TidewheelNode
  client = await connect({ uri: db.uri })
  server = await serveApp({ client, node })
})

afterAll(async () => {
  await server?.close()
  await client?.close()
  await cluster?.close()
  await db?.close()
})

beforeEach(async () => {
  await node.start()
  node.resume()
})

/** Adds a job that never comes due while the test goes on. */
async function added(fields: object = {}): Promise<string> {
  const id = freshId()
  const { status, text } = await ask('POST', '/jobs', { id, func: 'note', ...HOURLY, ...fields })
  expect(status, text).toBe(200)
  return id
}

/** As its owner has planned it. */
const planned = (id: string, next?: Date) =>
  until(async () => {
    const job = await cluster.jobs.findOne({ _id: id })
    expect(job?.state?.planned?.next_run_time).toBeInstanceOf(Date)
    if (next !== undefined) expect(job?.next_run_time).toEqual(next)
    return job as NonNullable<typeof job>
  })

describe('jobs', () => {
  test('what is added lies in the database as our form', async () => {
    const id = await added({
      minutes: 30,
      start_date: '2026-01-31 08:00:00',
      args: [1],
      tags: ['mail'],
      standby: 'any',
    })
    expect(
      await cluster.jobs.findOne({ _id: id }, { projection: { state: 0, touch: 0, ip: 0, next_run_time: 0 } }),
    ).toEqual({
      _id: id,
      func: 'note',
      args: [1],
      tags: ['mail'],
      standby: 'any',
      trigger: { type: 'interval', hours: 1, minutes: 30, start_date: '2026-01-31 08:00:00' },
    })
  })

  test.each([
    { trigger: 'cron', hour: 8 },
    { trigger: 'cron', hour: 8, timezone: 'America/New_York' },
    { trigger: 'date', run_date: '2099-07-01 08:00:00' },
    { trigger: 'interval', hours: 7, start_date: '2026-01-31 08:00:00' },
    { trigger: 'cron', expression: '0 8 * * *' },
    { trigger: 'cron', hour: 8, next_run_time: '2099-01-31 08:00:00' },
    { trigger: 'cron', hour: 8, next_run_time: '2099-01-31T08:00:00Z' },
  ])('the answer has the run time that the owner plans, in the zone of the owner: %j', async fields => {
    const id = freshId()
    const { body } = await ask('POST', '/jobs', { id, func: 'note', ...fields })
    const next = new Date(body.next_run_time)
    const job = await planned(id)
    expect(job.next_run_time).toEqual(next)
    expect((await ask('GET', `/jobs/${id}`)).body).toEqual({ ...body, ip: job.ip, standby: 'any' })
    const zone = fields.timezone ?? 'Europe/Berlin'
    expect(body.timezone).toBe(zone)
    const local = next.toLocaleString('sv', { timeZone: zone }).replace(' ', 'T')
    expect(body.next_run_time.slice(0, 19)).toBe(local)
  })

  test('a changed trigger is answered with its new run time, which the owner then plans', async () => {
    const id = await added()
    await planned(id)
    const { status, body } = await ask('PATCH', `/jobs/${id}`, { trigger: 'cron', hour: 3 })
    expect(status).toBe(200)
    expect(body).toMatchObject({ trigger: 'cron', hour: '3' })
    expect(body.next_run_time).toMatch(/T03:00:00\+0[12]:00$/)
    await planned(id, new Date(body.next_run_time))
  })

  test('a changed trigger ends a pause, other changes do not', async () => {
    const id = await added({ next_run_time: null })
    expect((await ask('PATCH', `/jobs/${id}`, { name: 'Other', next_run_time: null })).body.next_run_time).toBeNull()
    expect((await ask('PATCH', `/jobs/${id}`, { name: 'Another' })).body).toMatchObject({
      name: 'Another',
      next_run_time: null,
    })
    const { body } = await ask('PATCH', `/jobs/${id}`, { trigger: 'cron', hour: 3 })
    await planned(id, new Date(body.next_run_time))
  })

  test('pause and resume answer with the job as it then is', async () => {
    const id = await added({ trigger: 'cron', hour: 5, hours: undefined })
    expect((await ask('POST', `/jobs/${id}/pause`)).body).toMatchObject({ id, next_run_time: null })
    expect((await client.jobs.get(id)).next_run_time).toBeNull()
    const { status, body } = await ask('POST', `/jobs/${id}/resume`)
    expect([status, body.id]).toEqual([200, id])
    await planned(id, new Date(body.next_run_time))
  })

  test('run answers at once, and the run has a row', async () => {
    const id = await added({ func: 'hold' })
    const before = await planned(id)
    const { status, body } = await ask('POST', `/jobs/${id}/run`)
    expect(status).toBe(200)
    expect(new Date(body.next_run_time)).toEqual(before.next_run_time)
    await until(() => expect(cluster.ranOf(id)).toHaveLength(1))
    cluster.release(id)
    const row = await until(async () => {
      const found = await cluster.executions.findOne({ job_id: id, status: 'executed' })
      expect(found).not.toBeNull()
      return found
    })
    expect(row).toMatchObject({ scheduled: false, result: 'released' })
  })

  test('a removed job is gone', async () => {
    const id = await added()
    const { status, text } = await ask('DELETE', `/jobs/${id}`)
    expect([status, text]).toEqual([204, ''])
    expect(await cluster.jobs.findOne({ _id: id })).toBeNull()
  })

  test('an id of any letters is found', async () => {
    const id = `a/b c?ü#${freshId()}`
    await ask('POST', '/jobs', { id, func: 'note', ...HOURLY })
    expect((await ask('GET', `/jobs/${encodeURIComponent(id)}`)).body).toMatchObject({ id })
  })

  test('all jobs come as one array, also broken ones and more than a page', async () => {
    const trigger = { type: 'cron', hour: 4 }
    const many = Array.from({ length: 1_203 }, (_, i) => ({
      _id: `many-${String(i).padStart(4, '0')}`,
      func: 'note',
      trigger,
      ip: 'nobody',
    }))
    await cluster.jobs.insertMany(many)
    await cluster.jobs.insertOne({
      _id: 'many-broken',
      func: 'note',
      ip: 'nobody',
      trigger: { type: 'cron', hour: 'noon' },
    })
    const { status, body } = await ask('GET', '/jobs')
    expect(status).toBe(200)
    const ids = body.map((job: { id: string }) => job.id).filter((id: string) => id.startsWith('many-'))
    expect(ids).toEqual([...many.map(job => job._id), 'many-broken'])
    expect(body.at(-1)).toMatchObject({ id: 'many-broken', hour: 'noon', next_run_time: null })
    expect(body.find((job: { id: string }) => job.id === 'many-0000').next_run_time).toMatch(/T04:00:00\+00:00$/)
    await cluster.jobs.deleteMany({ ip: 'nobody' })
  })
})

describe('mistakes of the caller', () => {
  test.each<[string, string, unknown, string]>([
    ['POST', '/jobs', undefined, 'id'],
    ['POST', '/jobs', {}, 'id'],
    ['POST', '/jobs', { id: 5, func: 'note', ...HOURLY }, 'id'],
    ['POST', '/jobs', { id: '', func: 'note', ...HOURLY }, 'id'],
    ['POST', '/jobs', { id: 'w', ...HOURLY }, 'func'],
    ['POST', '/jobs', { id: 'w', func: 7, ...HOURLY }, 'func'],
    ['POST', '/jobs', { id: 'w', func: 'nott', ...HOURLY }, 'func'],
    ['POST', '/jobs', { id: 'w', func: 'note', executor: 'nowhere', ...HOURLY }, 'executor'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 'sometimes' }, 'type'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 5 }, 'trigger'],
    ['POST', '/jobs', { id: 'w', func: 'note', seconds: 5 }, 'type'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 'interval' }, 'trigger'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 'interval', minutes: -1 }, 'minutes'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 'interval', hour: 5, minutes: 1 }, 'hour'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 'cron', day: 30, month: 2 }, 'trigger'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 'date', run_date: 'tomorrow' }, 'run_date'],
    ['POST', '/jobs', { id: 'w', func: 'note', trigger: 'cron', hour: 1, timezone: 'Mars' }, 'timezone'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, next_run_time: 'soon' }, 'next_run_time'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, next_run_time: 5 }, 'next_run_time'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, args: 'a' }, 'args'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, kwargs: [] }, 'kwargs'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, ip: 'any' }, 'ip'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, misfire_grace_time: 0 }, 'misfire_grace_time'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, state: {} }, 'state'],
    ['POST', '/jobs', { id: 'w', func: 'note', ...HOURLY, $set: {} }, '$set'],
    ['POST', '/jobs', [], ''],
    ['PATCH', '/jobs/known', { id: 'known' }, 'id'],
    ['PATCH', '/jobs/known', { trigger: null }, 'trigger'],
    ['PATCH', '/jobs/known', { hour: 5 }, 'hour'],
    ['PATCH', '/jobs/known', { timezone: 'UTC' }, 'timezone'],
    ['PATCH', '/jobs/known', { trigger: 'interval' }, 'trigger'],
    ['PATCH', '/jobs/known', { func: 'nott' }, 'func'],
    ['PATCH', '/jobs/known', { name: null }, 'name'],
    ['PATCH', '/jobs/known', { max_instances: 'many' }, 'max_instances'],
    ['PATCH', '/jobs/known', { replace_existing: true }, 'replace_existing'],
    ['POST', '/shutdown', { wait: 'no' }, 'wait'],
    ['POST', '/shutdown', { wate: false }, 'wate'],
  ])('%s %s %j is 400 and names %j', async (method, path, body, field) => {
    await client.jobs.add({ _id: 'known', func: 'note', trigger: { type: 'cron', hour: 1 } }, { replace: true })
    const before = await cluster.jobs.countDocuments()
    const answer = await ask(method, path, body)
    expect(answer.status, answer.text).toBe(400)
    expect(answer.body.problems.map(({ path }: { path: string }) => path.split('.').at(-1))).toContain(field)
    expect(answer.body.error_message).toContain(field)
    expect(await cluster.jobs.countDocuments()).toBe(before)
    expect(await client.jobs.get('known')).toMatchObject({ func: 'note', trigger: { type: 'cron', hour: 1 } })
  })

  test('an unknown field is answered with the one that may be meant', async () => {
    const { body } = await ask('POST', '/jobs', { id: 'w', fucn: 'note', ...HOURLY })
    expect(body.error_message).toContain('fucn: not known here; did you mean func?')
  })

  test('an unknown function is answered with the one that may be meant', async () => {
    const { body } = await ask('POST', '/jobs', { id: 'w', func: 'nott', ...HOURLY })
    expect(body.error_message).toContain('no living node has a task "nott"; did you mean note?')
  })

  test('a function of a node that does not live yet is taken', async () => {
    const id = await added({ func: 'later', ip: 'tomorrow' })
    expect(await client.jobs.get(id)).toMatchObject({ func: 'later', ip: 'tomorrow' })
    await client.jobs.remove(id)
  })

  test.each([
    ['GET', '/jobs/none', 404],
    ['PATCH', '/jobs/none', 404],
    ['DELETE', '/jobs/none', 404],
    ['POST', '/jobs/none/pause', 404],
    ['POST', '/jobs/none/resume', 404],
    ['POST', '/jobs/none/run', 404],
    ['POST', '/jobs/none/explode', 404],
    ['DELETE', '/jobs', 405],
    ['PUT', '/jobs/none', 405],
    ['GET', '/pause', 405],
  ])('%s %s is %i, in JSON', async (method, path, status) => {
    const answer = await ask(method, path, method === 'PATCH' ? { name: 'x' } : undefined)
    expect([answer.status, answer.type]).toEqual([status, 'application/json'])
    expect(answer.body.error_message).toMatch(/\w/)
  })

  test('what is no JSON is 400, of another type 415, and neither is a page', async () => {
    const broken = await ask('POST', '/jobs', '{"id": ')
    expect([broken.status, broken.type]).toEqual([400, 'application/json'])
    const form = await ask('POST', '/jobs', 'id=w', { 'Content-Type': 'application/x-www-form-urlencoded' })
    expect([form.status, form.type]).toEqual([415, 'application/json'])
  })
})

describe('the scheduler', () => {
  const running = async () => (await ask('GET', '')).body.running
  const act = async (path: string, body?: unknown): Promise<number> => (await ask('POST', path, body)).status

  test('says that it runs, also while it is paused', async () => {
    expect((await ask('GET', '')).body).toEqual({
      current_host: expect.any(String),
      allowed_hosts: ['*'],
      running: true,
    })
    expect(await act('/pause')).toBe(204)
    expect(node.status().state).toBe('paused')
    expect(await running()).toBe(true)
    expect(await act('/resume')).toBe(204)
    expect(node.status().state).toBe('active')
  })

  test('can be shut down and started again, and shows its jobs meanwhile', async () => {
    const id = await added()
    expect(await act('/start')).toBe(400)
    expect(await act('/shutdown')).toBe(204)
    expect([await running(), node.status().state]).toEqual([false, 'stopped'])
    expect(await Promise.all(['/shutdown', '/pause', '/resume'].map(path => act(path)))).toEqual([400, 400, 400])
    expect((await ask('GET', `/jobs/${id}`)).status).toBe(200)
    expect(await act('/start')).toBe(204)
    expect([await running(), node.status().state]).toEqual([true, 'active'])
  })

  test('that need not be waited for lets its runs end', async () => {
    const id = await added({ func: 'hold' })
    await ask('POST', `/jobs/${id}/run`)
    await until(() => expect(cluster.ranOf(id)).toHaveLength(1))
    expect(await act('/shutdown', { wait: false })).toBe(204)
    expect(await running()).toBe(false)
    expect(await act('/shutdown')).toBe(400)
    const started = act('/start')
    expect(cluster.ranOf(id)[0]?.signal.aborted).toBe(false)
    cluster.release(id)
    expect(await started).toBe(204)
    expect(await running()).toBe(true)
    expect(await cluster.executions.findOne({ job_id: id })).toMatchObject({ status: 'executed', result: 'released' })
  })

  test('that is waited for answers when its last run has ended', async () => {
    const id = await added({ func: 'hold' })
    await ask('POST', `/jobs/${id}/run`)
    await until(() => expect(cluster.ranOf(id)).toHaveLength(1))
    let answered = false
    const down = act('/shutdown').then(status => {
      answered = true
      return status
    })
    await until(() => expect(node.status().state).toBe('draining'))
    expect(await running()).toBe(false)
    expect(answered).toBe(false)
    cluster.release(id)
    expect(await down).toBe(204)
    expect(await cluster.executions.findOne({ job_id: id })).toMatchObject({ status: 'executed' })
  })

  test('of a server without a node is told as that', async () => {
    const alone = await serveApp({ client })
    try {
      expect((await alone.ask('GET', '/scheduler')).body.running).toBe(false)
      for (const path of ['pause', 'resume', 'start', 'shutdown']) {
        expect(await alone.ask('POST', `/scheduler/${path}`)).toMatchObject({ status: 409, body: { code: 'conflict' } })
      }
      expect((await alone.ask('GET', '/scheduler/jobs')).status).toBe(200)
    } finally {
      await alone.close()
    }
  })
})

describe('roles', () => {
  const READING = [
    ['GET', ''],
    ['GET', '/jobs'],
    ['GET', '/jobs/mine'],
  ] as const
  const STEERING = [
    ['POST', '/pause'],
    ['POST', '/resume'],
    ['POST', '/jobs/mine/pause'],
    ['POST', '/jobs/mine/resume'],
    ['POST', '/jobs/mine/run'],
  ] as const
  const CHANGING = [
    ['POST', '/jobs'],
    ['PATCH', '/jobs/mine'],
    ['DELETE', '/jobs/mine'],
    ['POST', '/start'],
    ['POST', '/shutdown'],
  ] as const

  const refused = (answers: readonly Answered[]) => answers.map(({ status }) => status === 401 || status === 403)
  const askAll = (asking: Asking, routes: readonly (readonly [string, string])[]) =>
    Promise.all(routes.map(([method, path]) => asking.ask(method, `/scheduler${path}`)))

  test.each([
    { role: 'viewer', may: [true, false, false] },
    { role: 'operator', may: [true, true, false] },
    { role: 'nobody', may: [false, false, false] },
  ] as const)('a $role may read, steer, change: $may', async ({ role, may }) => {
    await client.jobs.add({ _id: 'mine', func: 'note', trigger: { type: 'cron', hour: 1 } }, { replace: true })
    const guarded = await serveApp({ client, node, auth: () => (role === 'nobody' ? null : { user: 'ann', role }) })
    try {
      for (const [i, routes] of [READING, STEERING, CHANGING].entries()) {
        expect(refused(await askAll(guarded, routes))).toEqual(routes.map(() => !may[i]))
      }
      expect((await client.jobs.get('mine')).trigger).toEqual({ type: 'cron', hour: 1 })
    } finally {
      await guarded.close()
    }
  })

  test('nothing changes where the server only shows', async () => {
    await client.jobs.add({ _id: 'mine', func: 'note', trigger: { type: 'cron', hour: 1 } }, { replace: true })
    const showing = await serveApp({ client, node, readOnly: true })
    try {
      expect(refused(await askAll(showing, [...STEERING, ...CHANGING]))).not.toContain(false)
      expect(refused(await askAll(showing, READING))).not.toContain(true)
    } finally {
      await showing.close()
    }
  })
})
