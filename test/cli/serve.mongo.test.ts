/** `serve` and `start --http` as processes: where they listen, what they refuse, and how they end. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { freePort } from '../../src/dev/mongod.ts'
import { type Cli, endAll, runCli, startCli } from '../support/cli.ts'
import { askAt } from '../support/http.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let db: TestDb
let folder: string
let taken: Server | undefined

beforeEach(async () => {
  db = await openTestDb()
  folder = await mkdtemp(join(tmpdir(), 'tidewheel serve '))
  await writeFile(join(folder, 'demo.mjs'), 'export const hello = () => 1\n')
})

afterEach(async () => {
  await endAll()
  await new Promise(resolve => (taken === undefined ? resolve(undefined) : taken.close(resolve)))
  taken = undefined
  await db.close()
  await rm(folder, { recursive: true, force: true })
})

const env = () => ({ MONGODB_URI: db.uri })
const argsOf = { serve: () => ['serve'], start: () => ['start', '--ip', 'a', '--tasks', folder] } as const
const COMMANDS = ['serve', 'start'] as const

async function up(command: (typeof COMMANDS)[number], ...more: readonly string[]): Promise<{ cli: Cli; base: string }> {
  const http = `127.0.0.1:${await freePort()}`
  const cli = startCli([...argsOf[command](), '--http', http, ...more], { env: env() })
  await cli.saw(command === 'serve' ? /API and dashboard: / : /is active/)
  return { cli, base: `http://${http}` }
}

describe.each(COMMANDS)('%s', command => {
  test('of a taken port: exit 5, and how to see who has it', async () => {
    const server = createServer()
    taken = server
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const end = await runCli([...argsOf[command](), '--http', `127.0.0.1:${port}`], { env: env() })
    expect([end.code, end.stderr]).toEqual([
      5,
      expect.stringMatching(new RegExp(`port ${port}.* is taken[^]*ss -ltnp`)),
    ])
  })

  test('of an address that others reach, without users: exit 2, and how to add one', async () => {
    const end = await runCli([...argsOf[command](), '--http', `0.0.0.0:${await freePort()}`], { env: env() })
    expect([end.code, end.stderr]).toEqual([2, expect.stringContaining('tidewheel user add NAME --role admin')])
  })

  test('below a base path and read only: shows what there is and changes nothing', async () => {
    const { cli, base } = await up(command, '--base-path', '/ops', '--read-only')
    expect((await askAt(`${base}/ops`, 'GET', '/api/me')).body).toMatchObject({ readOnly: true })
    expect((await askAt(base, 'GET', '/api/me')).status).toBe(404)
    expect((await askAt(`${base}/ops`, 'POST', '/api/nodes/rebalance', {})).status).toBe(403)
    cli.kill('SIGTERM')
    expect((await cli.ended).code).toBe(0)
  })

  test('ends with 0 soon after SIGTERM, although somebody listens to its events', async () => {
    const { cli, base } = await up(command)
    const events = await fetch(`${base}/api/events`)
    const reader = events.body?.getReader()
    await reader?.read()
    const began = performance.now()
    cli.kill('SIGTERM')
    const { code } = await cli.ended
    expect(code).toBe(0)
    expect(performance.now() - began).toBeLessThan(15_000)
    await reader?.cancel().catch(() => {})
  })
})

test('start --http --json writes nothing but JSON lines to stdout', async () => {
  const { cli, base } = await up('start', '--json')
  expect((await askAt(base, 'GET', '/livez')).status).toBe(200)
  cli.kill('SIGTERM')
  const { code, stdout } = await cli.ended
  expect(code).toBe(0)
  for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).toBeTypeOf('object')
})
