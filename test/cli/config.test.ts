/** `config`: each setting with its value and its origin, secrets masked, and what is wrong refused. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { NAMES } from '../../src/cli/settings.ts'
import { redacted } from '../../src/database/connection.ts'
import { called } from '../support/called.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-config-'))
  file = join(folder, 'settings.json')
  await writeFile(file, JSON.stringify({ lease: 4000, timezone: 'Asia/Tokyo' }))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

test('each setting has a row: value, and the flag, variable, file or default that it comes from', async () => {
  const env = { TIDEWHEEL_DB: 'work', MONGODB_URI: 'mongodb://ann:geheim@h:1/x' }
  const { code, stdout } = await called(['config', '--config', file, '--timezone', 'Europe/Berlin'], env)
  expect(code).toBe(0)
  const rows = stdout
    .trim()
    .split('\n')
    .map(line => line.split('\t'))
  expect(rows.map(([name]) => name)).toEqual(NAMES)
  expect(rows).toEqual(
    expect.arrayContaining([
      ['uri', 'mongodb://ann:***@h:1/x', 'MONGODB_URI'],
      ['db', 'work', 'TIDEWHEEL_DB'],
      ['lease', '4000', file],
      ['timezone', 'Europe/Berlin', 'flag --timezone'],
      ['connectTimeout', '5000', 'default'],
      ['ip', "(this machine's address as MongoDB sees it)", '-'],
    ]),
  )
})

test('with --json one object by name; what was not set is null', async () => {
  const { stdout } = await called(['config', '--config', file, '--json', '--nodes', '3'])
  const settings = JSON.parse(stdout)
  expect(settings).toMatchObject({
    nodes: { value: 3, from: 'flag --nodes' },
    json: { value: true, from: 'flag --json' },
    timezone: { value: 'Asia/Tokyo', from: file },
    ip: { value: null, from: null },
  })
  expect(Object.keys(settings)).toEqual(NAMES)
})

test('a wrong value is refused with where it comes from: exit 2', async () => {
  await writeFile(file, JSON.stringify({ lease: 'long' }))
  const { code, stdout, stderr } = await called(['config', '--config', file])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^tidewheel: lease: expected whole milliseconds .* found "long" \(.*settings\.json\)/)
})

test.each([
  ['mongodb://ann:geheim@h:1/x', 'mongodb://ann:***@h:1/x'],
  ['mongodb+srv://ann:geheim@h/?w=1', 'mongodb+srv://ann:***@h/?w=1'],
  ['mongodb://ann:ge@he/im?@h:1', 'mongodb://ann:***@h:1'],
  ['mongodb://h/?tlsCertificateKeyFilePassword=geheim&w=1', 'mongodb://h/?tlsCertificateKeyFilePassword=***&w=1'],
  ['mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:geheim', 'mongodb://h/?authMechanismProperties=***'],
  ['mongodb://h:1,i:2/x?replicaSet=rs0', 'mongodb://h:1,i:2/x?replicaSet=rs0'],
])('%s is shown as %s', (uri, expected) => {
  expect(redacted(uri)).toBe(expected)
})
