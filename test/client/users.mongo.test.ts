/** `client.users`: what lies in the collection, and what is refused. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, connect, createNode } from '../../src/index.ts'
import { isPassword } from '../../src/user/password.ts'
import { tokenHash } from '../../src/user/token.ts'
import type { User } from '../../src/user/user.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { plant } from '../support/users.ts'

let testDb: TestDb
let client: Client
const stored = (_id = 'ann') => testDb.db.collection<User>('users').findOne({ _id })

beforeAll(async () => {
  testDb = await openTestDb()
  client = await connect({ uri: testDb.uri })
})

afterAll(async () => {
  await client.close()
  await testDb.close()
})

beforeEach(async () => {
  await testDb.db.collection('users').drop()
})

test('no user: an empty list, and no collection is made by looking', async () => {
  expect(await client.users.list()).toEqual([])
  expect(await client.users.keys()).toEqual([])
  expect(await testDb.db.listCollections({ name: 'users' }).toArray()).toEqual([])
})

test('neither init nor a node makes the collection', async () => {
  await client.init()
  const node = createNode({ uri: testDb.uri, ip: 'a', logger: false })
  await node.start()
  await node.close()
  expect(await testDb.db.listCollections({ name: 'users' }).toArray()).toEqual([])
}, 30_000)

test('a user that is added lies there with a hash, and is shown without', async () => {
  const shown = { _id: 'ann', role: 'admin', tokens: [] }
  expect(await client.users.add('ann', { role: 'admin', password: 'a long password' })).toEqual(shown)
  expect(await client.users.list()).toEqual([shown])
  const { password = '', ...rest } = (await stored()) ?? {}
  expect(rest).toEqual(shown)
  expect(await isPassword('a long password', password)).toBe(true)
  await expect(client.users.add('ann', { role: 'viewer', password: 'a long password' })).rejects.toMatchObject({
    code: 'conflict',
  })
  await client.users.passwd('ann', 'another password')
  expect(await isPassword('another password', (await stored())?.password ?? '')).toBe(true)
}, 30_000)

describe('tokens', () => {
  beforeEach(() => plant(testDb.db, { _id: 'ann', role: 'operator', password: 'a long password' }))

  test('are stored as hashes and named one after the other', async () => {
    const first = await client.users.token('ann')
    const second = await client.users.token('ann', { role: 'viewer' })
    expect((await stored())?.tokens).toEqual([
      { name: 'token-1', hash: tokenHash(first), created: expect.any(Date), last_used: null },
      { name: 'token-2', hash: tokenHash(second), role: 'viewer', created: expect.any(Date), last_used: null },
    ])
    await client.users.revoke('ann', 'token-1')
    await client.users.token('ann')
    expect((await stored())?.tokens.map(({ name }) => name)).toEqual(['token-2', 'token-1'])
  })

  test('the last use is written once a minute at most', async () => {
    const hash = tokenHash(await client.users.token('ann'))
    await client.users.used('ann', hash)
    const [first] = (await stored())?.tokens ?? []
    expect(first?.last_used).toEqual(expect.any(Date))
    await client.users.used('ann', hash)
    expect((await stored())?.tokens).toEqual([first])
    const before = new Date(Date.now() - 61_000)
    await testDb.db.collection<User>('users').updateOne({ _id: 'ann' }, { $set: { 'tokens.0.last_used': before } })
    await client.users.used('ann', hash)
    expect((await stored())?.tokens[0]?.last_used).not.toEqual(before)
  })

  test.each([
    [{ role: 'admin' }, 'invalid_option', /at most the role of ann, which is operator/],
    [{ role: 'operatr' }, 'invalid_option', /did you mean operator\?/],
    [{ label: '' }, 'invalid_option', /label/],
    [{ label: 'a\nb' }, 'invalid_option', /label/],
    [{ expires: new Date(0) }, 'invalid_option', /expires: expected a date that is to come/],
    [{ label: 'taken' }, 'conflict', /there is a token taken/],
  ])('%j is refused', async (token, code, message) => {
    await client.users.token('ann', { label: 'taken' })
    const end = client.users.token('ann', token as never)
    await expect(end).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('two of one label at once: one is made', async () => {
    const ends = await Promise.allSettled([1, 2].map(() => client.users.token('ann', { label: 'x' })))
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})

test.each([
  [() => client.users.passwd('anne', 'a long password')],
  [() => client.users.role('anne', 'viewer')],
  [() => client.users.remove('anne')],
  [() => client.users.token('anne')],
  [() => client.users.revoke('anne', 'x')],
])(
  '%s: not found, and the nearest name',
  async ask => {
    await plant(testDb.db, { _id: 'ann', role: 'operator', password: 'a long password' })
    await expect(ask()).rejects.toMatchObject({
      code: 'not_found',
      data: { user: 'anne', advice: expect.stringContaining('Did you mean ann?') },
    })
  },
  30_000,
)

test.each([[{ $ne: null }], [undefined], [''], ['a b'], ['a:b'], ['x'.repeat(65)]])(
  'a name that is %j is refused',
  async name => {
    const wrong = { code: 'invalid_option', data: { path: 'name' } }
    await expect(client.users.remove(name as never)).rejects.toMatchObject(wrong)
    await expect(client.users.token(name as never)).rejects.toMatchObject(wrong)
    const password = 'never to be seen'
    await expect(client.users.add(name as never, { role: 'admin', password })).rejects.toMatchObject(wrong)
  },
)

test('a collection of another name', async () => {
  await using other = await connect({ uri: testDb.uri, collections: { users: 'people' } })
  await plant(testDb.db, { _id: 'ann', role: 'operator', password: 'a long password' })
  expect(await other.users.list()).toEqual([])
})

test('a closed client says so', async () => {
  const other = await connect({ uri: testDb.uri })
  await other.close()
  await expect(other.users.list()).rejects.toMatchObject({ code: 'closed' })
})
