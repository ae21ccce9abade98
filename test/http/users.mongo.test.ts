/** Users over HTTP: an admin adds, changes and removes them, and no answer holds a hash. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Client, connect } from '../../src/index.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'
import { basic, bearer, plant, type Served, serveApp } from '../support/users.ts'

let testDb: TestDb
let client: Client
let served: Served

const admin = basic('ann', 'a long password')

beforeAll(async () => {
  testDb = await openTestDb()
  client = await connect({ uri: testDb.uri })
})

afterAll(async () => {
  await client.close()
  await testDb.close()
})

beforeEach(async () => {
  await testDb.db.collection('users').deleteMany({})
  served = await serveApp({ client })
  return served.close
})

test('the first user has to be an admin', async () => {
  const add = (role: string) =>
    served.ask('/api/users', { method: 'POST', body: { _id: 'ann', role, password: 'a long password' } })
  expect((await add('operator')).status).toBe(409)
  const { status, headers, body } = await add('admin')
  expect([status, headers.location, body]).toEqual([201, '/api/users/ann', { _id: 'ann', role: 'admin', tokens: [] }])
  await until(async () => expect((await served.ask('/api/users')).status).toBe(401), 1_000)
})

test('a user comes, gets a token, loses it, changes and goes', async () => {
  await plant(testDb.db, { _id: 'ann', role: 'admin', password: 'a long password' })
  const ask = (method: string, path: string, body?: unknown) =>
    served.ask(`/api/users${path}`, { method, headers: admin, ...(body !== undefined && { body }) })

  const bob = { _id: 'bob@example.org', role: 'operator', password: 'his own password' }
  expect((await ask('POST', '', bob)).headers.location).toBe('/api/users/bob%40example.org')
  expect((await ask('POST', '', bob)).status).toBe(409)
  expect((await served.ask('/api/me', { headers: basic(bob._id, bob.password) })).body.role).toBe('operator')

  const expires = '2999-01-01T00:00:00Z'
  const made = await ask('POST', '/bob@example.org/tokens', { label: 'ci/1', role: 'viewer', expires })
  expect([made.status, made.body]).toEqual([201, { user: bob._id, token: expect.stringMatching(/^tw_[\w-]{43}$/) }])
  expect((await ask('POST', '/bob@example.org/tokens', { label: 'ci/1' })).status).toBe(409)
  expect((await served.ask('/api/me', { headers: bearer(made.body.token) })).body).toMatchObject({ role: 'viewer' })

  const { body } = await ask('GET', '')
  expect(body.items.map(({ _id }: { _id: string }) => _id)).toEqual(['ann', 'bob@example.org'])
  expect(body.items[1].tokens).toEqual([
    expect.objectContaining({ name: 'ci/1', role: 'viewer', created: expect.any(String), expires: expect.any(String) }),
  ])
  expect(JSON.stringify(body)).not.toMatch(/scrypt|hash|tw_/)

  expect((await ask('DELETE', '/bob@example.org/tokens/ci%2F1')).status).toBe(204)
  expect((await ask('DELETE', '/bob@example.org/tokens/ci%2F1')).status).toBe(404)
  const changed = await ask('PATCH', '/bob@example.org', { role: 'viewer', password: 'another password' })
  expect(changed.body).toEqual({ _id: bob._id, role: 'viewer', tokens: [] })
  expect((await served.ask('/api/me', { headers: basic(bob._id, 'another password') })).body.role).toBe('viewer')
  expect((await ask('DELETE', '/bob@example.org')).status).toBe(204)
  expect((await ask('DELETE', '/bob@example.org')).status).toBe(404)
  expect(served.logged()).not.toMatch(/password|tw_/)
}, 60_000)

test.each([
  [{ _id: 'a b', role: 'viewer', password: 'a long password' }, 'name'],
  [{ _id: 'a:b', role: 'viewer', password: 'a long password' }, 'name'],
  [{ _id: '', role: 'viewer', password: 'a long password' }, 'name'],
  [{ _id: 'zero\u200bwidth', role: 'viewer', password: 'a long password' }, 'name'],
  [{ _id: 'bob', role: 'root', password: 'a long password' }, 'role'],
  [{ _id: 'bob', role: 'viewer', password: 'short' }, 'password'],
  [{ _id: 'bob', role: 'viewer' }, 'password'],
])('%j: 400, the field named', async (body, path) => {
  await plant(testDb.db, { _id: 'ann', role: 'admin', password: 'a long password' })
  const { status, body: said } = await served.ask('/api/users', { method: 'POST', headers: admin, body })
  expect([status, said.problems?.[0]?.path]).toEqual([400, path])
})
