/** The API as its own OpenAPI document has it: whatever is asked, even at random, the answer is one that the document tells of. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, connect } from '../../src/index.ts'
import { type Asking, serveApp } from '../support/http.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Python, pythonWith } from '../support/python.ts'

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'response_headers_conformance',
]
/** The same questions each time; no file is left behind. */
const SAME = ['--seed', '1', '--generation-database', 'none', '--suppress-health-check', 'all', '--no-shrink']
const SHOWN = ['--continue-on-failure', '--no-color', '--warnings', 'off']
/** A stream that does not end is answered elsewhere. */
const ENDLESS = ['--exclude-path', '/api/events']
const LIMIT_MS = 240_000

let db: TestDb
let client: Client
let api: Asking
let python: Python
let folder: string

beforeAll(async () => {
  db = await openTestDb()
  client = await connect({ uri: db.uri })
  await client.init()
  // Users that are made must not shut the door.
  api = await serveApp({ client, auth: () => ({ user: 'ann', role: 'admin' }) })
  python = await pythonWith(['schemathesis==4.32.5'])
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-schemathesis-'))
}, 300_000)

afterAll(async () => {
  await api?.close()
  await client?.close()
  await db?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

async function asked(...more: readonly string[]): Promise<void> {
  const checks = ['--checks', CHECKS.join(',')]
  const args = ['run', `${api.base}/openapi.json`, ...checks, ...SAME, ...SHOWN, ...ENDLESS, ...more]
  const { code, stdout, stderr } = await python.run(['-m', 'schemathesis.cli', ...args], {
    cwd: folder,
    timeoutMs: LIMIT_MS,
  })
  expect(code, `${stdout}${stderr}`).toBe(0)
  expect(stdout).toMatch(/[1-9]\d* passed/)
}

test(
  'every operation answers whatever is asked at random as the document says',
  () => asked('--phases', 'fuzzing', '--max-examples', '5'),
  LIMIT_MS,
)

test(
  'a job that is there answers whatever is asked of it at random as the document says',
  async () => {
    await client.jobs.add({ _id: 'digest', func: 'mail:digest', trigger: { type: 'interval', minutes: 5 } })
    await writeFile(join(folder, 'schemathesis.toml'), '[parameters]\n"path.id" = "digest"\n')
    await asked('--phases', 'fuzzing', '--max-examples', '8', '--include-path-regex', '/jobs/.id')
  },
  LIMIT_MS,
)
