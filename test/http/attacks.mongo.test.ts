/** Attacks on a real server, each with its answer: nothing is changed, nothing is told, and no answer is 500. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { routesOf } from '../../src/api/routes.ts'
import type { Route } from '../../src/http/route.ts'
import type { Serving } from '../../src/http/serving.ts'
import { mayAct, ROLES } from '../../src/http/who.ts'
import { type Client, connect } from '../../src/index.ts'
import { silent } from '../../src/log.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { basic, plant, type Served, serveApp } from '../support/users.ts'

let testDb: TestDb
let client: Client
let served: Served

const PASSWORD = 'a long password'
/** Each role has a user of its name. */
const as = (role: string) => basic(role, PASSWORD)
const admin = as('admin')
const json = { 'Content-Type': 'application/json' }
const HEADERS = [
  'content-security-policy',
  'cross-origin-opener-policy',
  'referrer-policy',
  'x-content-type-options',
  'x-frame-options',
]

beforeAll(async () => {
  testDb = await openTestDb()
  client = await connect({ uri: testDb.uri })
  await plant(testDb.db, ...ROLES.map(role => ({ _id: role, role, password: PASSWORD })))
})

afterAll(async () => {
  await client.close()
  await testDb.close()
})

/** A server of its own each: who failed at one may try at the next. */
beforeEach(async () => {
  served = await serveApp({ client })
})

afterEach(async () => {
  await served.close()
  expect(await client.users.list()).toEqual(ROLES.toSorted().map(role => ({ _id: role, role, tokens: [] })))
})

describe('operators of MongoDB', () => {
  test.each(['ip[$ne]=1', 'ip[]=1', '$where=1', 'role%5B%24ne%5D=x', '__proto__[role]=admin', 'constructor=1'])(
    'in a parameter, %s: 400',
    async query => {
      expect((await served.ask(`/api/me?${query}`, { headers: admin })).status).toBe(400)
    },
  )

  test.each([
    [{ _id: { $ne: null }, role: 'admin', password: PASSWORD }],
    [{ _id: 'eve', role: { $ne: null }, password: PASSWORD }],
    [{ _id: 'eve', role: 'admin', password: { $ne: null } }],
    [{ _id: 'eve', role: 'admin', password: PASSWORD, $set: { role: 'admin' } }],
    [{ _id: 'eve', role: 'admin', password: PASSWORD, tokens: [] }],
    [['eve']],
    ['{"_id": "eve", "role": "admin", "password": "a long password", "__proto__": {"role": "admin"}}'],
    ['{"__proto__": {"_id": "eve"}, "role": "admin", "password": "a long password"}'],
    ['{"_id": "eve", "constructor": {"prototype": {}}, "role": "admin", "password": "a long password"}'],
    ['{"_id": "eve"'],
    ['null'],
  ])('in a body, %j: 400', async body => {
    const { status, body: said } = await served.ask('/api/users', {
      method: 'POST',
      headers: { ...admin, ...json },
      body,
    })
    expect([status, said.code]).toEqual([400, 'invalid_option'])
    expect(JSON.stringify(said)).not.toContain(PASSWORD)
  })

  test.each([
    [{ role: { $ne: null } }],
    [{ password: { $gt: '' } }],
    [{ $set: { role: 'admin' } }],
    [{ role: 'admin', _id: 'x' }],
    [{}],
  ])('in a change, %j: 400', async body => {
    expect((await served.ask('/api/users/viewer', { method: 'PATCH', headers: admin, body })).status).toBe(400)
  })

  test.each(['{"$ne"}', '$ne', '__proto__', 'constructor'])('as an id, %s: a name that nobody has', async id => {
    const path = `/api/users/${encodeURIComponent(id)}`
    expect((await served.ask(path, { method: 'DELETE', headers: admin })).status).toBe(404)
  })
})

describe('ids that lead elsewhere', () => {
  test.each([
    ['..%2f..%2fapi%2fme', 404],
    ['%2e%2e%2fme', 404],
    ['..%252f..%252fme', 404],
    ['..%5c..%5cme', 404],
    ['%zz', 404],
    ['%ff', 404],
    ['%00', 400],
    ['a%0d%0aSet-Cookie:x', 400],
    ['%e2%80%ae', 400],
    ['x'.repeat(65), 400],
  ])('%s: %i', async (id, expected) => {
    const { status, headers } = await served.ask(`/api/users/${id}`, { method: 'DELETE', headers: admin })
    expect([status, headers['set-cookie']]).toEqual([expected, undefined])
  })

  test('a path that is written in a round-about way needs what the plain one needs', async () => {
    for (const path of ['/api/x/../users', '/api/./users', '//api/users', '/api//users', '/API/users', '/api/users/']) {
      const answer = await served.raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 (401|404) /)
    }
  })
})

describe('foreign pages', () => {
  const change = { method: 'DELETE', headers: admin }

  test.each([
    'http://evil.example',
    'null',
    'http://localhost:1',
    'http://127.0.0.1.evil.example',
    'file://',
    'nonsense',
  ])('a change that comes from %s: 403', async origin => {
    const { status, body } = await served.ask('/api/users/viewer', {
      ...change,
      headers: { ...admin, Origin: origin },
    })
    expect([status, body.code]).toEqual([403, 'forbidden'])
  })

  test('one that comes from our own page is served', async () => {
    const headers = { ...admin, Origin: `http://127.0.0.1:${served.port}` }
    expect((await served.ask('/api/users/nobody', { method: 'DELETE', headers })).status).toBe(404)
  })

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil.example:80',
    '10.0.0.7',
    '[::2]',
    '',
  ])('a Host of %j: 421, also with a right password', async host => {
    const head = `GET /api/me HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${admin.Authorization}\r\nConnection: close`
    const answer = await served.raw(`${head}\r\n\r\n`)
    expect(answer).toMatch(host === '' ? /^HTTP\/1.1 400 / : /^HTTP\/1.1 421 /)
    expect(answer.toLowerCase()).toContain('content-security-policy')
  })

  test.each(['localhost', 'LOCALHOST:80', '127.0.0.1', '127.9.9.9:1', '[::1]:7788'])(
    'a Host of %s is ours',
    async host => {
      const answer = await served.raw(`GET /api/me HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 401 /)
    },
  )

  test.each([
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/plain; application/json',
    'application/jsonp',
    undefined,
  ])('a body of the type %s: 415', async type => {
    const body = JSON.stringify({ _id: 'eve', role: 'admin', password: PASSWORD })
    const headers = { ...admin, ...(type && { 'Content-Type': type }) }
    const { status, body: said } = await served.ask('/api/users', { method: 'POST', headers, body })
    expect([status, said.code]).toEqual([415, 'unsupported_media_type'])
  })

  test('no cookie is set, and no other origin may read', async () => {
    const { headers } = await served.ask('/api/me', { headers: { ...admin, Origin: 'http://evil.example' } })
    expect(Object.keys(headers).filter(name => /^(set-cookie|access-control-)/.test(name))).toEqual([])
  })
})

describe('too much', () => {
  test('more than 64 parameters: 400', async () => {
    const query = (count: number) => Array.from({ length: count }, () => 'a=1').join('&')
    const { status, body } = await served.ask(`/api/me?${query(65)}`, { headers: admin })
    expect([status, body.error_message]).toEqual([400, 'expected at most 64 parameters'])
    expect((await served.ask(`/api/me?${query(64)}`, { headers: admin })).body.error_message).toMatch(/not known/)
  })

  test('a body of more than a mebibyte, said or not: 413', async () => {
    const head = `POST /api/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${admin.Authorization}\r\nContent-Type: application/json`
    const said = await served.raw(`${head}\r\nContent-Length: 1048577\r\n\r\n{`, /too_large/)
    expect(said).toMatch(/^HTTP\/1.1 413 /)
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
    const unsaid = await served.raw(`${head}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(17)}`, /too_large/)
    expect(unsaid).toMatch(/^HTTP\/1.1 413 /)
  })

  test('nobody’s body is not read at all', async () => {
    const head = 'POST /api/users HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json'
    expect(await served.raw(`${head}\r\nContent-Length: 1048577\r\n\r\n{`, /unauthenticated/)).toMatch(
      /^HTTP\/1.1 401 /,
    )
  })

  test('JSON that is nested a hundred thousand times: 400', async () => {
    const body = '['.repeat(100_000) + ']'.repeat(100_000)
    const { status } = await served.ask('/api/users', { method: 'POST', headers: { ...admin, ...json }, body })
    expect(status).toBe(400)
  })
})

describe('roles', () => {
  /** As the app has them; nothing is served from here. */
  const routes = (): readonly Route[] =>
    routesOf({
      client,
      node: undefined,
      door: { who: async () => undefined, isOpen: async () => false },
      log: silent(),
      readOnly: false,
      basePath: '',
    } satisfies Serving)
  const asked = async ({ method, path }: Route, headers: Record<string, string>) => {
    const verb = method.toUpperCase()
    const body = verb === 'GET' ? {} : { body: {} }
    return await served.ask(path.replace(/\{\w+\}/g, 'x'), { method: verb, headers, ...body })
  }

  test('no route is served to a role below the one that it needs, nor to nobody', async () => {
    const guarded = routes().filter(({ needs }) => needs !== 'anybody')
    expect(guarded.length).toBeGreaterThan(5)
    const wrong: string[] = []
    for (const route of guarded) {
      const { needs } = route as { needs: (typeof ROLES)[number] }
      const expected = [[{}, 401], ...ROLES.filter(role => !mayAct(role, needs)).map(role => [as(role), 403])] as const
      for (const [headers, status] of expected) {
        const answer = await asked(route, headers as Record<string, string>)
        if (answer.status !== status) wrong.push(`${route.method} ${route.path}: ${answer.status}, not ${status}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('every route that changes something needs more than a viewer', () => {
    const loose = routes().filter(
      ({ method, needs, path }) =>
        method !== 'get' && needs !== 'admin' && needs !== 'operator' && !/preview$/.test(path),
    )
    expect(loose.map(({ path }) => path)).toEqual([])
  })

  test('a token counts for no more than its user, whatever is asked for', async () => {
    const { status, body } = await served.ask('/api/users/viewer/tokens', {
      method: 'POST',
      headers: admin,
      body: { role: 'admin' },
    })
    expect([status, body.code]).toEqual([400, 'invalid_option'])
  })

  test('the last admin stays', async () => {
    const remove = await served.ask('/api/users/admin', { method: 'DELETE', headers: admin })
    const demote = await served.ask('/api/users/admin', { method: 'PATCH', headers: admin, body: { role: 'viewer' } })
    expect([remove.status, demote.status]).toEqual([409, 409])
  })
})

describe('guessing', () => {
  const guess = (name: string, from: string, password = 'not the password') =>
    served.ask('/api/me', { headers: basic(name, password), from })

  test('ten of a name from anywhere: the right password waits too, other names do not', async () => {
    for (let n = 1; n <= 10; n++) expect((await guess('viewer', `127.0.1.${n}`)).status).toBe(401)
    const { status, headers, body } = await guess('viewer', '127.0.2.1', PASSWORD)
    expect([status, body.code]).toEqual([429, 'too_many_attempts'])
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60)
    expect((await guess('operator', '127.0.2.1', PASSWORD)).status).toBe(200)
  })

  test('ten of a name that does not exist: the same answers', async () => {
    for (let n = 1; n <= 10; n++) expect((await guess('nobody', `127.0.1.${n}`)).status).toBe(401)
    expect((await guess('nobody', '127.0.2.1')).status).toBe(429)
  })

  test('ten from an address, by any names or tokens: the right password waits too, other addresses do not', async () => {
    for (let n = 1; n <= 5; n++) expect((await guess(`n${n}`, '127.0.1.1')).status).toBe(401)
    for (let n = 1; n <= 5; n++) {
      const headers = { Authorization: `Bearer tw_${n}` }
      expect((await served.ask('/api/me', { headers, from: '127.0.1.1' })).status).toBe(401)
    }
    expect((await guess('viewer', '127.0.1.1', PASSWORD)).status).toBe(429)
    expect((await guess('viewer', '127.0.1.2', PASSWORD)).status).toBe(200)
  })

  test('a hundred at once: ten are told that they are wrong, the others to wait', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, (_, n) => guess('viewer', `127.0.1.${n}`, `guess ${n}`)))
    const by = (wanted: number) => all.filter(({ status }) => status === wanted).length
    expect(by(401)).toBeGreaterThan(0)
    expect(by(401)).toBeLessThanOrEqual(10)
    expect(by(401) + by(429) + by(503)).toBe(100)
  })

  test('who shows nothing has not guessed', async () => {
    for (let n = 0; n < 15; n++) expect((await served.ask('/api/me')).status).toBe(401)
    expect((await served.ask('/api/me', { headers: admin })).status).toBe(200)
  })

  test('a name that exists takes as long as one that does not', async () => {
    const timed = async (name: string, n: number) => {
      const start = performance.now()
      await guess(name, `127.0.3.${n}`)
      return performance.now() - start
    }
    // A cost at which a missing comparison would show; a name that does not exist costs as much as the dearest.
    await plant(testDb.db, { _id: 'timed', role: 'viewer', password: PASSWORD, ln: 13 })
    try {
      const known: number[] = []
      const unknown: number[] = []
      for (let n = 1; n <= 9; n++) {
        known.push(await timed('timed', n))
        unknown.push(await timed(`unknown${n}`, n + 100))
      }
      const [a, b] = [median(known), median(unknown)]
      expect(Math.max(a, b) / Math.min(a, b)).toBeLessThan(4)
      expect(Math.min(a, b)).toBeGreaterThan(10)
    } finally {
      await client.users.remove('timed')
    }
  })
})

const median = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)] ?? 0

test('every answer has the headers that tell a browser what it may not', async () => {
  const answers = [
    await served.ask('/api/me', { headers: admin }),
    await served.ask('/api/me'),
    await served.ask('/api/users', { headers: as('viewer') }),
    await served.ask('/api/me?x=1', { headers: admin }),
    await served.ask('/nowhere'),
    await served.ask('/api/me', { method: 'PUT' }),
    await served.ask('/api/users', { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'x' }),
    await served.ask('/api/me', { headers: { Host: 'evil.example' } }),
    await served.ask('/api/me', { headers: { Host: 'a b' } }),
    await served.ask('/api/users/nobody', { method: 'DELETE', headers: admin }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 401, 403, 400, 404, 405, 415, 421, 400, 404])
  for (const { headers } of answers) {
    expect(HEADERS.filter(name => headers[name] === undefined)).toEqual([])
    expect(headers['content-security-policy']).not.toMatch(/unsafe/)
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['cache-control']).toBe('no-store')
  }
})

test('each change leaves one line in the log, and no password stands in it', async () => {
  await served.ask('/api/users', {
    method: 'POST',
    headers: as('viewer'),
    body: { _id: 'eve', role: 'admin', password: 'never to be seen' },
  })
  await served.ask('/api/users/nobody', { method: 'PATCH', headers: admin, body: { password: 'never to be seen' } })
  const lines = served
    .logged()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(lines).toEqual([
    expect.objectContaining({
      msg: 'http.change',
      user: null,
      from: '127.0.0.1',
      change: 'POST /api/users',
      status: 403,
    }),
    expect.objectContaining({ user: 'admin', change: 'PATCH /api/users/{name}', ids: ['nobody'], status: 404 }),
  ])
  expect(served.logged()).not.toContain('never to be seen')
})
