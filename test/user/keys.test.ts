/** Keys: who is recognised, how soon an edit of a user counts, and what is asked of the database for it.
 *  The documents stand in a list here: what is tested is what follows from them. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { Keys } from '../../src/user/keys.ts'
import { newToken, tokenHash } from '../../src/user/token.ts'
import { mayAct, type Role } from '../../src/user/user.ts'
import { cheaply } from '../support/users.ts'

type Documents = Record<string, unknown>[]

let documents: Documents
let uses: string[]
let reads: number
let keys: Keys
const admit = async () => {}

beforeEach(() => {
  documents = [{ _id: 'ann', role: 'operator', password: cheaply('a long password'), tokens: [] }]
  uses = []
  reads = 0
  keys = new Keys({
    keys: async () => {
      reads++
      return documents
    },
    used: async (name, hash) => void uses.push(`${name} ${hash}`),
  })
})

const recognised = (name: string, password: string) => keys.byPassword(name, password, 'here', admit)
const ANN = { user: 'ann', role: 'operator' }

describe('a name and a password', () => {
  test('of a user: the user, with the role', async () => {
    expect(await recognised('ann', 'a long password')).toEqual(ANN)
  })

  test.each([
    ['ann', 'another password'],
    ['ann', ''],
    ['ann', 'x'.repeat(2_000)],
    ['bob', 'a long password'],
    ['__proto__', 'a long password'],
    ['', ''],
    ['ann\0', 'a long password'],
  ])('%j with %j: nobody', async (name, password) => {
    expect(await recognised(name, password)).toBeUndefined()
  })

  test('a right one is not looked at again, a wrong one each time', async () => {
    let looks = 0
    const look = (password: string) => keys.byPassword('ann', password, 'here', async () => void looks++)
    for (const _ of [1, 2, 3]) await look('a long password')
    expect(looks).toBe(1)
    for (const _ of [1, 2, 3]) await look('another password')
    expect(looks).toBe(4)
  })

  test('the same that comes several times at once is looked at once', async () => {
    let looks = 0
    const look = () => keys.byPassword('ann', 'a long password', 'here', async () => void looks++)
    expect(await Promise.all([look(), look(), look()])).toEqual([ANN, ANN, ANN])
    expect(looks).toBe(1)
  })

  test('one that is new counts at once, and the old one no longer than a second', async () => {
    expect(await recognised('ann', 'a long password')).toEqual(ANN)
    documents = [{ ...documents[0], password: cheaply('a new password') }]
    expect(await recognised('ann', 'a new password')).toEqual(ANN)
    await vi.waitFor(async () => expect(await recognised('ann', 'a long password')).toBeUndefined(), 1_000)
  })

  test('another role, and a removal, count within a second', async () => {
    expect(await recognised('ann', 'a long password')).toEqual(ANN)
    documents = [{ ...documents[0], role: 'viewer' }]
    await vi.waitFor(
      async () => expect(await recognised('ann', 'a long password')).toEqual({ ...ANN, role: 'viewer' }),
      1_000,
    )
    documents = [{ ...documents[0], _id: 'bob' }]
    await vi.waitFor(async () => expect(await recognised('ann', 'a long password')).toBeUndefined(), 1_000)
  })

  test('the database is asked twice a second at most while all goes well', async () => {
    await recognised('ann', 'a long password')
    const before = reads
    await Promise.all(Array.from({ length: 100 }, () => recognised('ann', 'a long password')))
    expect(reads - before).toBeLessThanOrEqual(1)
  })
})

describe('a token', () => {
  const text = newToken()
  const token = (fields: object) => ({
    name: 't',
    hash: tokenHash(text),
    created: new Date(),
    last_used: null,
    ...fields,
  })
  const having = (...tokens: unknown[]) => {
    documents = [{ ...documents[0], tokens }]
  }

  test.each([
    [{}, 'operator'],
    [{ role: 'viewer' }, 'viewer'],
    [{ role: 'admin' }, 'operator'],
    [{ expires: new Date(Date.now() + 60_000) }, 'operator'],
  ])('with %j may do what a %s may', async (fields, role) => {
    having(token(fields))
    expect(await keys.byToken(text)).toEqual({ user: 'ann', role })
  })

  test.each([[{ expires: new Date(Date.now() - 1) }], [{ expires: 'never' }], [{ role: 'root' }], [{ hash: text }]])(
    'with %j is nobody’s',
    async fields => {
      having(token(fields))
      expect(await keys.byToken(text)).toBeUndefined()
    },
  )

  test('its use is told once a minute', async () => {
    having(token({}))
    for (const _ of [1, 2, 3]) await keys.byToken(text)
    expect(uses).toEqual([`ann ${tokenHash(text)}`])
  })

  test('a use that was told by another server less than a minute ago is not told again', async () => {
    having(token({ last_used: new Date(Date.now() - 30_000) }))
    await keys.byToken(text)
    expect(uses).toEqual([])
  })
})

describe('documents that people have edited', () => {
  test.each([[{ role: 'root' }], [{ role: undefined, tokens: 'none' }]])(
    '%j: recognised, with a role that may not even read',
    async fields => {
      documents = [{ ...documents[0], ...fields }]
      const { role } = (await recognised('ann', 'a long password')) ?? {}
      expect(mayAct(role as Role, 'viewer')).toBe(false)
    },
  )

  test('users of whom none is sound are users: nothing is open', async () => {
    documents = [{ _id: 7 }]
    expect(await keys.isEmpty()).toBe(false)
    documents = []
    await vi.waitFor(async () => expect(await keys.isEmpty()).toBe(true), 1_000)
  })

  test('a database that fails says neither that there are users nor that there are none', async () => {
    keys = new Keys({ keys: () => Promise.reject(new Error('away')), used: async () => {} })
    await expect(keys.isEmpty()).rejects.toThrow('away')
    await expect(keys.byToken(newToken())).rejects.toThrow('away')
  })
})
