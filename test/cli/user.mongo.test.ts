/** `tidewheel user`: users, roles, passwords and tokens from the command line; nothing that is secret is said twice. */
import { PassThrough } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { candidatesOf, wantedOf } from '../../src/cli/completion.ts'
import { program } from '../../src/cli/program.ts'
import { secretOf } from '../../src/cli/secret.ts'
import { isPassword } from '../../src/user/password.ts'
import { tokenHash } from '../../src/user/token.ts'
import type { User } from '../../src/user/user.ts'
import { called } from '../support/called.ts'
import { endAll, runCli } from '../support/cli.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { plant } from '../support/users.ts'

let testDb: TestDb

beforeAll(async () => {
  testDb = await openTestDb()
})

afterEach(endAll)
afterAll(() => testDb.close())

beforeEach(async () => {
  await testDb.db.collection('users').deleteMany({})
})

const cli = (...args: readonly string[]) => called(['user', ...args], { MONGODB_URI: testDb.uri })
const stored = () => testDb.db.collection<User>('users').findOne({ _id: 'ann' })

test('a password from stdin, in a process of its own', async () => {
  const env = { MONGODB_URI: testDb.uri }
  const add = ['user', 'add', 'ann', '--role', 'admin', '--password-stdin']
  const { code, stdout, stderr } = await runCli(add, { env, input: 'a long password\n' })
  expect([code, stdout, stderr]).toEqual([0, 'ann: added, admin\n', ''])
  expect(await isPassword('a long password', (await stored())?.password ?? '')).toBe(true)
  const short = await runCli(['user', 'passwd', 'ann', '--password-stdin'], { env, input: 'a secret\n' })
  expect([short.code, short.stdout]).toEqual([2, ''])
  expect(short.stderr).toMatch(/expected a password of 10 to 1,024 characters, found 8\n/)
  const none = await runCli(['user', 'passwd', 'ann'], { env, input: 'another password\n' })
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('Pipe it in: --password-stdin.')])
}, 120_000)

describe('with a user', () => {
  beforeEach(() => plant(testDb.db, { _id: 'ann', role: 'operator', password: 'a long password' }))

  test('a token is shown once, and is stored as a hash', async () => {
    const { code, stdout, stderr } = await cli('token', 'ann', '--label', 'grafana', '--role', 'viewer')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^tw_[\w-]{43}\n$/)
    expect(stderr).toMatch(/not shown again/)
    expect((await stored())?.tokens).toEqual([
      expect.objectContaining({ hash: tokenHash(stdout.trim()), role: 'viewer' }),
    ])
    const list = await cli('list', '--json')
    expect(JSON.parse(list.stdout)).toEqual([
      {
        _id: 'ann',
        role: 'operator',
        tokens: [{ name: 'grafana', role: 'viewer', created: expect.any(String), last_used: null }],
      },
    ])
    expect((await cli('list')).stdout).toMatch(/^ann\toperator\tgrafana\tviewer\t\S+\t-\t-\n$/)
    expect(await cli('revoke', 'ann', 'grafana')).toMatchObject({ code: 0 })
    expect((await stored())?.tokens).toEqual([])
  })

  test('with --json a token is an object', async () => {
    const { stdout } = await cli('token', 'ann', '--expires', '2999-01-01', '--json')
    expect(JSON.parse(stdout)).toEqual({ user: 'ann', token: expect.stringMatching(/^tw_/) })
    expect((await stored())?.tokens[0]?.expires).toEqual(new Date('2999-01-01T00:00:00Z'))
  })

  test('another role, and a removal that leaves nobody', async () => {
    expect(await cli('role', 'ann', 'viewer')).toMatchObject({ code: 0, stdout: 'ann: viewer\n' })
    const { code, stderr } = await cli('remove', 'ann')
    expect([code, stderr]).toEqual([0, expect.stringContaining('There is no user left')])
    expect((await cli('list')).stderr).toMatch(/There is no user yet/)
  })

  test.each([
    [['add', 'bob', '--role', 'admn', '--password-stdin'], 2, 'found "admn"; did you mean admin?'],
    [['add', 'bob'], 2, "required option '--role <role>' not specified"],
    [['role', 'ann', 'root'], 2, 'expected viewer, operator, admin, found "root"'],
    [['token', 'ann', '--role', 'admin'], 2, 'expected at most the role of ann, which is operator'],
    [['token', 'anne'], 3, 'Did you mean ann?'],
    [['remove', 'zoe'], 3, 'See all of them: tidewheel user list.'],
    [['revoke', 'ann', 'grafana'], 3, 'There are: none.'],
    [['tokn', 'ann'], 2, '(Did you mean token?)'],
  ])('%j: exit %i', async (args, exit, said) => {
    const { code, stdout, stderr } = await cli(...args)
    expect([code, stdout, stderr]).toEqual([exit, '', expect.stringContaining(said)])
  })

  test('a label that is taken: exit 5', async () => {
    await cli('token', 'ann', '--label', 'x')
    expect(await cli('token', 'ann', '--label', 'x')).toMatchObject({ code: 5, stdout: '' })
  })

  test('names and roles are completed', async () => {
    const complete = async (...words: string[]) => {
      const { wanted, flags } = wantedOf(await program(), ['--uri', testDb.uri, ...words])
      return await candidatesOf(wanted, words.at(-1) ?? '', flags)
    }
    expect(await complete('user', 'remove', 'a')).toEqual([{ value: 'ann', help: 'operator' }])
    expect((await complete('user', 'add', 'x', '--role', 'ad')).map(({ value }) => value)).toEqual(['admin'])
    expect(await complete('user', 'add', '')).toEqual([])
  })
})

describe('at a terminal', () => {
  const terminal = (...typed: readonly string[]) => {
    const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} })
    const output = new PassThrough()
    for (const text of typed) input.write(text)
    const said = () => String(output.read() ?? '')
    return { input: input as unknown as NodeJS.ReadStream, output, said }
  }

  test('a password is asked for twice, and not shown', async () => {
    const { said, ...at } = terminal('a long passwordd\u007f\r', 'a long password\r')
    expect(await secretOf(false, at)).toBe('a long password')
    expect(said()).toBe('Password: \nOnce more: \n')
  })

  test('two that differ are refused, and not shown', async () => {
    const { said, ...at } = terminal('a long password\r', 'another password\r')
    const end = secretOf(false, at)
    await expect(end).rejects.toMatchObject({ code: 'invalid_option', message: expect.not.stringContaining('long') })
    expect(said()).not.toMatch(/long|another/)
  })

  test('a terminal that is closed has said nothing', async () => {
    const { input, output } = terminal()
    input.push(null)
    await expect(secretOf(false, { input, output })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
