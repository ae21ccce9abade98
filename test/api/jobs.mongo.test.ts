/** The routes of jobs: each does one edit of one document, answers with it, and says what was wrong. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../src/index.ts'
import { type Asking, serveApp } from '../support/http.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb
let client: Client
let api: Asking

beforeAll(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
  api = await serveApp({ client })
})

afterAll(async () => {
  await api?.close()
  await client?.close()
  await db?.close()
})

afterEach(async () => {
  await db.db.collection('jobs').deleteMany({})
})

const digest = { _id: 'digest', func: 'mail:digest', trigger: { type: 'interval', minutes: 5 }, tags: ['mail'] }
const stored = (id: string) => db.db.collection<{ _id: string }>('jobs').findOne({ _id: id })

describe('one job', () => {
  test('is added, read, changed and removed as its document', async () => {
    const added = await api.ask('POST', '/api/jobs', { ...digest, next_run_time: '2030-01-31T08:00:00Z' })
    expect([added.status, added.headers.get('location')]).toEqual([201, '/api/jobs/digest'])
    expect(await stored('digest')).toMatchObject({
      func: 'mail:digest',
      next_run_time: new Date('2030-01-31T08:00:00Z'),
    })
    const read = await api.ask('GET', '/api/jobs/digest')
    expect(read.body).toEqual(added.body)
    expect(read.body.next_run_time).toBe('2030-01-31T08:00:00.000Z')
    const changed = await api.ask('PATCH', '/api/jobs/digest', { note: 'ask Ann', tags: null, next_run_time: null })
    expect([changed.status, changed.body]).toEqual([
      200,
      expect.objectContaining({ note: 'ask Ann', next_run_time: null }),
    ])
    expect(changed.body).not.toHaveProperty('tags')
    expect((await api.ask('DELETE', '/api/jobs/digest')).status).toBe(204)
    expect(await stored('digest')).toBeNull()
  })

  test('of the flat form becomes a document; one of a taken id is a conflict, unless it is to replace', async () => {
    const flat = { id: 'digest', func: 'mail:digest', trigger: 'interval', minutes: 5 }
    expect((await api.ask('POST', '/api/jobs', flat)).body.trigger).toEqual({ type: 'interval', minutes: 5 })
    expect(await api.ask('POST', '/api/jobs', flat)).toMatchObject({ status: 409, body: { code: 'conflict' } })
    const replaced = await api.ask('POST', '/api/jobs?replace=true', { ...flat, minutes: 10 })
    expect([replaced.status, replaced.body.trigger]).toEqual([200, { type: 'interval', minutes: 10 }])
  })

  test('has an id with any letters', async () => {
    const _id = 'a/b c%2F?#é'
    await api.ask('POST', '/api/jobs', { ...digest, _id })
    expect((await api.ask('GET', `/api/jobs/${encodeURIComponent(_id)}`)).body._id).toBe(_id)
  })

  test('a wrong one is refused with each problem, where it is, and nothing is stored', async () => {
    const wrong = await api.ask('POST', '/api/jobs', { ...digest, max_instances: 0, timeout: 'long' })
    expect([wrong.status, wrong.body.code]).toEqual([400, 'invalid_job'])
    expect(wrong.body.problems.map(({ path }: { path: string }) => path).sort()).toEqual(['max_instances', 'timeout'])
    expect(await stored('digest')).toBeNull()
  })

  test.each(['GET', 'DELETE', 'PATCH', 'PUT'])('%s of one that is not there: 404', async method => {
    const body = method === 'PUT' ? digest : method === 'PATCH' ? { note: 'x' } : undefined
    expect(await api.ask(method, '/api/jobs/digest', body)).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})

describe('If-Match', () => {
  test('lets an edit through where only nodes have written since, and refuses it where people have', async () => {
    await api.ask('POST', '/api/jobs', digest)
    const ETag = (await api.ask('GET', '/api/jobs/digest')).headers.get('etag') as string
    const condition = { 'If-Match': ETag }
    await db.db
      .collection<{ _id: string }>('jobs')
      .updateOne({ _id: 'digest' }, { $set: { next_run_time: new Date(), touch: 'node' } })
    expect((await api.ask('PATCH', '/api/jobs/digest', { note: 'a' }, condition)).status).toBe(200)
    const late = await api.ask('PUT', '/api/jobs/digest', { ...digest, note: 'b' }, condition)
    expect(late).toMatchObject({ status: 412, body: { code: 'changed_meanwhile' } })
    expect(await stored('digest')).toMatchObject({ note: 'a' })
  })

  test('PUT of a document that was read leaves when it runs next to its node', async () => {
    await api.ask('POST', '/api/jobs', { ...digest, next_run_time: '2030-01-31T08:00:00Z' })
    const { body } = await api.ask('GET', '/api/jobs/digest')
    const planned = new Date('2030-01-31T08:05:00Z')
    await db.db
      .collection<{ _id: string }>('jobs')
      .updateOne({ _id: 'digest' }, { $set: { 'state.planned': { next_run_time: planned, trigger: '' } } })
    const { state: _state, ...whole } = body
    const put = await api.ask('PUT', '/api/jobs/digest', { ...whole, state: { runs: 7 }, touch: 'mine', tags: ['x'] })
    expect([put.status, put.body.tags]).toEqual([200, ['x']])
    expect(await stored('digest')).not.toMatchObject({ state: { runs: 7 } })
    expect(await stored('digest')).not.toHaveProperty('touch')
  })
})

describe('lists', () => {
  test('go on from page to page, whatever is edited between them', async () => {
    for (let n = 0; n < 7; n++) await api.ask('POST', '/api/jobs', { ...digest, _id: `job-${n}` })
    const ids: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const { body } = await api.ask('GET', `/api/jobs?limit=3&tag=mail${after}`)
      ids.push(...body.items.map(({ _id }: { _id: string }) => _id))
      cursor = body.next
      if (ids.length === 3) await api.ask('DELETE', '/api/jobs/job-2')
    }
    expect(ids).toEqual(['job-0', 'job-1', 'job-2', 'job-3', 'job-4', 'job-5', 'job-6'])
  })

  test('are filtered and counted', async () => {
    await api.ask('POST', '/api/jobs', { ...digest, ip: '10.0.0.1' })
    await api.ask('POST', '/api/jobs', { ...digest, _id: 'other', next_run_time: null, note: 'Ask Ann' })
    const found = async (query: string) =>
      (await api.ask('GET', `/api/jobs?${query}`)).body.items.map(({ _id }: { _id: string }) => _id)
    expect(await found('ip=10.0.0.1')).toEqual(['digest'])
    expect(await found('ip=')).toEqual(['other'])
    expect(await found('status=paused')).toEqual(['other'])
    expect(await found('search=ask%20ann')).toEqual(['other'])
    expect(await found('func=mail:digest&tag=none')).toEqual([])
    expect((await api.ask('GET', '/api/jobs?count=true&limit=1')).body).toMatchObject({ count: 2, count_exact: true })
  })

  test.each([
    ['limit=0', 'limit'],
    ['limit=501', 'limit'],
    ['status=lost', 'status'],
    ['sort=name', 'sort'],
    ['cursor=abc', 'after'],
    ['ip[$ne]=x', 'ip[$ne]'],
    ['ip=a&ip=b', 'ip'],
    ['stats=paused', 'stats'],
  ])('%s is refused, with its name', async (query, path) => {
    const { status, body } = await api.ask('GET', `/api/jobs?${query}`)
    expect([status, body.problems?.[0]?.path]).toEqual([400, path])
  })

  test('a misspelt word is refused with what was found and the nearest one', async () => {
    const { body } = await api.ask('GET', '/api/jobs?status=pausd')
    expect(body.error_message).toBe(
      'parameter: status: expected invalid, paused, over, armed, new, running, stranded; found "pausd"; did you mean paused?',
    )
    const bulk = await api.ask('POST', '/api/jobs/bulk', { ids: ['digest'] })
    expect(bulk.body.error_message).toMatch(/^body: action: expected pause, .*cancel; found nothing$/)
  })
})

describe('orders', () => {
  test('pause with a note, resume, run, move, cancel: each answers with the document', async () => {
    await api.ask('POST', '/api/jobs', digest)
    const order = async (name: string, body?: unknown) => (await api.ask('POST', `/api/jobs/digest/${name}`, body)).body
    expect(await order('pause', { note: 'ask Ann' })).toMatchObject({ next_run_time: null, note: 'ask Ann' })
    expect(await order('resume')).not.toHaveProperty('note')
    expect((await order('run')).run_at).toHaveLength(1)
    expect(await order('move', { ip: '10.0.0.8' })).toMatchObject({ ip: '10.0.0.8' })
    expect(await order('move', { ip: null })).not.toHaveProperty('ip')
    expect(await order('cancel')).toMatchObject({ cancel: '*' })
    const { times } = (await api.ask('GET', '/api/jobs/digest/next?count=3')).body
    expect(times).toHaveLength(3)
    const span = { from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:09:00Z' }
    await api.ask('PATCH', '/api/jobs/digest', { trigger: { type: 'cron', minute: '*/5', timezone: 'UTC' } })
    expect(await order('backfill', span)).toEqual({ runs: 2 })
  })

  test('many at once, by ids or by a filter, with a dry run before', async () => {
    for (let n = 0; n < 5; n++) await api.ask('POST', '/api/jobs', { ...digest, _id: `job-${n}` })
    const bulk = async (body: unknown) => (await api.ask('POST', '/api/jobs/bulk', body)).body
    const filter = { tag: 'mail' }
    expect(await bulk({ action: 'pause', filter, dry_run: true })).toMatchObject({ matched: 5, changed: 5 })
    expect((await api.ask('GET', '/api/jobs?status=paused')).body.items).toHaveLength(0)
    expect(await bulk({ action: 'pause', filter, note: 'all' })).toMatchObject({ matched: 5, changed: 5, failed: [] })
    expect(await bulk({ action: 'resume', ids: ['job-1', 'gone'] })).toMatchObject({
      changed: 1,
      failed: [{ id: 'gone', message: expect.stringMatching(/there is none/) }],
    })
    expect(await bulk({ action: 'remove', ids: ['job-1'] })).toMatchObject({ changed: 1 })
    expect(await bulk({ action: 'move', filter: { tag: { $ne: 'x' } } })).toMatchObject({ code: 'invalid_option' })
    expect(await bulk({ action: 'pause' })).toMatchObject({ code: 'invalid_option' })
  })

  test('a wrong body is refused with its field', async () => {
    await api.ask('POST', '/api/jobs', digest)
    const { status, body } = await api.ask('POST', '/api/jobs/digest/move', { to: '10.0.0.8' })
    expect([status, body.problems.map(({ path }: { path: string }) => path).sort()]).toEqual([400, ['ip', 'to']])
  })
})
