/** The README's examples of HTTP are the files of this folder, and they run. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { built, endAll, startScript } from '../support/cli.ts'
import { askAt, serveApp } from '../support/http.ts'
import { hostsFolder } from '../support/installed.ts'
import { openTestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'

const text = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const readme = text('../../README.md')
const hasCurl = spawnSync('curl', ['--version']).status === 0

/** With the product that these sources make. */
const ours = (example: string) => {
  const from = (name: string) => `'${pathToFileURL(join(built(), name))}'`
  return example.replace("'tidewheel'", from('index.js')).replace("'tidewheel/http'", from('api/app.js'))
}

afterEach(endAll)

test.skipIf(!hasCurl)('curl: the file is in the README, each line of it does what it is there for', async () => {
  const example = text('http.sh')
  expect(readme).toContain(`\`\`\`sh\n${example}\`\`\``)
  const testDb = await openTestDb()
  const client = await connect({ uri: testDb.uri })
  await client.init()
  await client.users.add('ann', { role: 'admin', password: 'a long password' })
  const TOKEN = await client.users.token('ann')
  const served = await serveApp({ client })
  const env = { ...process.env, TOKEN, API: served.base }
  const shell = spawn('sh', ['-c', example], { env, detached: true })
  let [said, wrong] = ['', '']
  shell.stdout.on('data', chunk => {
    said += chunk
  })
  shell.stderr.on('data', chunk => {
    wrong += chunk
  })
  const ended = once(shell, 'exit')
  // Live events begin with a comment.
  await until(() => expect(said + wrong).toMatch(/^:|curl/m))
  process.kill(-(shell.pid as number), 'SIGINT')
  await ended
  expect(wrong).toBe('')
  const answers = said.split('\n').filter(line => line.startsWith('{'))
  const [added, listed, patched, moved, paused, resumed, ordered, next, runs, bulk, preview] = answers.map(line =>
    JSON.parse(line),
  )
  expect([added._id, listed.items.length, patched.trigger, moved.ip]).toEqual([
    'digest',
    1,
    { type: 'cron', hour: 8 },
    '10.0.0.8',
  ])
  expect([paused.next_run_time, paused.note, resumed.note]).toEqual([null, 'the provider is down, ask Ann', undefined])
  expect([ordered.run_at.length, next.times.length, runs.items, bulk.matched]).toEqual([1, 3, [], 1])
  expect([preview.times.length, preview.problems]).toEqual([10, []])
  expect(await client.jobs.page()).toMatchObject({ items: [] })
  await served.close()
  await client.close()
  await testDb.close()
})

test('embedding HTTP: the file is in the README, its sessions are let in and nobody else, an interrupt ends it', async () => {
  const example = text('http.mjs')
  expect(readme).toContain(`\`\`\`js\n${example}\`\`\``)
  const testDb = await openTestDb()
  const folder = await mkdtemp(join(built(), 'example-'))
  const file = join(folder, 'http.mjs')
  await writeFile(file, ours(example))
  const program = startScript(file, [], { env: { MONGODB_URI: testDb.uri, PORT: '0' } })
  const [, base = ''] = await program.saw(/^(http:\S+)\/$/m)
  expect((await askAt(base, 'GET', '/api/jobs')).status).toBe(401)
  expect(await askAt(base, 'GET', '/api/jobs', undefined, { 'X-Session': '5f2c' })).toMatchObject({
    status: 200,
    body: { items: [] },
  })
  program.kill('SIGINT')
  expect((await program.ended).code).toBe(0)
  await rm(folder, { recursive: true })
  await testDb.close()
}, 120_000)

test.each(['express', 'fastify'])(
  'below %s: the file is in the README, serves, and takes a change',
  async host => {
    const example = text(`${host}.mjs`)
    expect(readme).toContain(`\`\`\`js\n${example}\`\`\``)
    const testDb = await openTestDb()
    const folder = await mkdtemp(join(built(), 'example-'))
    const file = join(folder, `${host}.mjs`)
    const hosts = await hostsFolder()
    await symlink(join(hosts, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(file, ours(example))
    const program = startScript(file, [], { env: { MONGODB_URI: testDb.uri, PORT: '0' } })
    const [, base = ''] = await program.saw(/^(http:\S+)\/$/m)
    const job = { _id: 'digest', func: 'mail:digest', trigger: { type: 'interval', minutes: 5 } }
    expect((await askAt(base, 'POST', '/api/jobs', job)).status).toBe(201)
    expect((await askAt(base, 'GET', '/api/jobs')).body).toMatchObject({ items: [{ _id: 'digest' }] })
    program.kill('SIGKILL')
    await program.ended
    await rm(folder, { recursive: true })
    await testDb.close()
  },
  300_000,
)
