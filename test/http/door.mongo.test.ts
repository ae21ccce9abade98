/** The door: users of the database at a real server, from none at all to one that is removed. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { assertServable } from '../../src/http/door.ts'
import { type Client, connect } from '../../src/index.ts'
import { openLine } from '../support/line.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'
import { basic, bearer, plant, type Served, serveApp } from '../support/users.ts'

let testDb: TestDb
let client: Client
let served: Served

beforeAll(async () => {
  testDb = await openTestDb()
  client = await connect({ uri: testDb.uri })
})

afterAll(async () => {
  await client.close()
  await testDb.close()
})

/** A server of its own each: who failed at one may try at the next. */
beforeEach(async () => {
  await testDb.db.collection('users').deleteMany({})
  served = await serveApp({ client })
  return served.close
})

const ann = basic('ann', 'a long password')

describe('without users', () => {
  test('whoever is on this machine is an admin, and the page is told', async () => {
    const { status, body } = await served.ask('/api/me')
    expect([status, body]).toEqual([200, expect.objectContaining({ user: null, role: 'admin', open: true })])
  })

  test.each(['X-Forwarded-For', 'Forwarded', 'Via', 'X-Real-IP'])(
    'a request with %s came from elsewhere: 401',
    async name => {
      const { status } = await served.ask('/api/me', { headers: { [name]: '203.0.113.9' } })
      expect(status).toBe(401)
    },
  )

  test('the first user closes that within a second', async () => {
    expect((await served.ask('/api/me')).status).toBe(200)
    await plant(testDb.db, { _id: 'ann', role: 'viewer', password: 'a long password' })
    await until(async () => expect((await served.ask('/api/me')).status).toBe(401), 1_000)
  })

  test('an address that others reach is refused with how to add a user', async () => {
    for (const address of ['127.0.0.1', '127.0.0.2', 'localhost', '::1']) await assertServable(address, client)
    for (const address of ['0.0.0.0', '::', '10.0.0.7', 'example.org', '']) {
      await expect(assertServable(address, client)).rejects.toMatchObject({
        code: 'invalid_option',
        message: expect.stringContaining('tidewheel user add NAME --role admin'),
      })
      await assertServable(address, client, () => null)
    }
    await plant(testDb.db, { _id: 'ann', role: 'viewer', password: 'a long password' })
    await assertServable('0.0.0.0', client)
  })
})

describe('with users', () => {
  beforeEach(() => plant(testDb.db, { _id: 'ann', role: 'operator', password: 'a long password' }))

  test('nobody: 401, and a browser is told to ask', async () => {
    const { status, headers, body } = await served.ask('/api/me')
    expect([status, body.code]).toEqual([401, 'unauthenticated'])
    expect(headers['www-authenticate']).toBe('Basic realm="tidewheel", Bearer')
  })

  test('a name with its password: who it is, with the role', async () => {
    const { status, body } = await served.ask('/api/me', { headers: ann })
    expect([status, body]).toEqual([200, expect.objectContaining({ user: 'ann', role: 'operator', open: false })])
  })

  test.each([
    ['another password', basic('ann', 'another password')],
    ['a name that does not exist', basic('bob', 'a long password')],
    ['no colon', { Authorization: `Basic ${Buffer.from('ann').toString('base64')}` }],
    ['another scheme', { Authorization: 'Digest username="ann"' }],
    ['a token that is none', bearer('tw_nonsense')],
    ['operators', basic('{"$ne":null}', '{"$ne":null}')],
  ])('%s: 401', async (_, headers) => {
    const { status, headers: answered } = await served.ask('/api/me', { headers })
    expect(status).toBe(401)
    expect(answered['www-authenticate']).toBe('Basic realm="tidewheel", Bearer')
  })

  test('a token: its user, and its own role where that is less', async () => {
    const same = await client.users.token('ann')
    const less = await client.users.token('ann', { label: 'less', role: 'viewer' })
    expect((await served.ask('/api/me', { headers: bearer(same) })).body).toMatchObject({
      user: 'ann',
      role: 'operator',
    })
    expect((await served.ask('/api/me', { headers: bearer(less) })).body).toMatchObject({ user: 'ann', role: 'viewer' })
    await until(async () => {
      const [user] = await client.users.list()
      expect(user?.tokens.map(token => token.last_used)).toEqual([expect.any(Date), expect.any(Date)])
    })
    await client.users.role('ann', 'viewer')
    await until(async () => {
      expect((await served.ask('/api/me', { headers: bearer(same) })).body).toMatchObject({ role: 'viewer' })
    }, 1_000)
    await client.users.revoke('ann', 'less')
    await until(async () => expect((await served.ask('/api/me', { headers: bearer(less) })).status).toBe(401), 1_000)
  })

  test('a token in the address is not looked at', async () => {
    const token = await client.users.token('ann')
    for (const name of ['token', 'access_token', 'authorization']) {
      expect((await served.ask(`/api/me?${name}=${token}`)).status).toBe(401)
    }
    const { status, body } = await served.ask(`/api/me?token=${token}`, { headers: bearer(token) })
    expect([status, JSON.stringify(body)]).toEqual([400, expect.not.stringContaining(token)])
    expect(served.logged()).not.toContain(token)
  })

  test('a removed user is nobody within a second, and one who is added somebody at once', async () => {
    expect((await served.ask('/api/me', { headers: ann })).status).toBe(200)
    await plant(testDb.db, { _id: 'bob', role: 'viewer', password: 'his own password' })
    expect((await served.ask('/api/me', { headers: basic('bob', 'his own password') })).status).toBe(200)
    await client.users.remove('ann')
    await until(async () => expect((await served.ask('/api/me', { headers: ann })).status).toBe(401), 1_000)
  })
})

test('an application’s own auth decides alone', async () => {
  await plant(testDb.db, { _id: 'ann', role: 'admin', password: 'a long password' })
  const auth = ({ headers }: Request) => {
    const user = headers.get('x-user')
    return user === null ? null : { user, role: 'viewer' as const }
  }
  const own = await serveApp({ client, auth })
  try {
    expect((await own.ask('/api/me', { headers: ann })).status).toBe(401)
    const { body } = await own.ask('/api/me', { headers: { ...ann, 'X-User': 'zoe' } })
    expect(body).toMatchObject({ user: 'zoe', role: 'viewer', open: false })
  } finally {
    await own.close()
  }
})

test('while the database is away: 503 and when to come again, neither 401 nor 200', async () => {
  const port = Number(/:(\d+)/.exec(testDb.uri)?.[1])
  const line = await openLine(port)
  const uri = testDb.uri.replace(`:${port}`, `:${line.port}`).replace(/replicaSet=\w+/, 'directConnection=true')
  const far = await connect({ uri, connectTimeout: 1_500 })
  const own = await serveApp({ client: far })
  try {
    expect((await own.ask('/api/me')).status).toBe(200)
    line.cut()
    await until(async () => {
      for (const headers of [{}, ann, bearer('tw_x')]) {
        const { status, headers: answered, body } = await own.ask('/api/me', { headers })
        expect([status, body.code, answered['retry-after']]).toEqual([503, 'unreachable', '1'])
      }
    }, 30_000)
    line.open()
    await until(async () => expect((await own.ask('/api/me')).status).toBe(200), 20_000)
  } finally {
    await own.close()
    await far.close()
    await line.close()
  }
})
