/** The packed package, installed into an empty folder and run there on each Node that it says it runs on. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { endAll, startScript } from '../support/cli.ts'
import { openTestDb } from '../support/mongo.ts'
import { install, nodeOf, type Packed, pack, packagesIn } from '../support/packed.ts'

/** The oldest that `engines` allows, and the newest of each line. */
const NODES = ['20.19.0', '22', '24', '26']
/** More of them, and somebody has added a library: README's table says what each is for. */
const MOST_PACKAGES = 80

let folder: string
let packed: Packed
/** The path of each Node, or why there is none. */
const found = new Map<string, Promise<string | Error>>()

beforeAll(async () => {
  for (const version of NODES)
    found.set(
      version,
      nodeOf(version).catch((error: Error) => error),
    )
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-shipping-'))
  packed = await pack(folder)
  const app = join(folder, 'app')
  await install(app, packed.tarball)
  await mkdir(join(app, 'tasks'))
  await writeFile(join(app, 'tasks', 'sums.mjs'), TASKS)
  await writeFile(join(app, 'esm.mjs'), `${ESM}${PROGRAM}`)
  await writeFile(join(app, 'cjs.cjs'), `${CJS}${PROGRAM}`)
  await Promise.all(found.values())
}, 420_000)

afterEach(endAll)
afterAll(() => rm(folder, { recursive: true, force: true }))

const TASKS = 'export const add = (run, a, b) => a + b\n'
const ESM = `import { createServer } from 'node:http'
import { createNode, ofType } from 'tidewheel'
import { createApp } from 'tidewheel/http'
import { createTestNode } from 'tidewheel/testing'
`
const CJS = `const { createServer } = require('node:http')
const { createNode, ofType } = require('tidewheel')
const { createApp } = require('tidewheel/http')
const { createTestNode } = require('tidewheel/testing')
`
/** A node with a function of its own and one in a worker process, its API, and a test that moves the time. */
const PROGRAM = `
const trigger = { type: 'date' }
async function main([uri, tasksDir]) {
  const node = createNode({ uri, tasksDir, tasks: { hello: async () => 'hello' }, ip: '10.0.0.7' })
  const ended = new Map()
  const both = new Promise((resolve, reject) => {
    node.events$.pipe(ofType('run.executed', 'run.error')).subscribe(event => {
      if (event.type === 'run.error') reject(new Error(JSON.stringify(event)))
      ended.set(event.job_id, event.result)
      if (ended.size === 2) resolve()
    })
  })
  await node.start()
  await node.jobs.add({ _id: 'here', func: 'hello', trigger, ip: '10.0.0.7' })
  await node.jobs.add({ _id: 'apart', func: 'sums:add', args: [1, 2], executor: 'process', trigger, ip: '10.0.0.7' })
  await both
  const app = createApp({ node })
  const server = createServer(app.listener)
  await new Promise(listening => server.listen(0, '127.0.0.1', listening))
  const ask = async path => (await fetch('http://127.0.0.1:' + server.address().port + path)).status
  const answers = [await ask('/livez'), await ask('/readyz'), await ask('/api/jobs'), await ask('/'), await ask('/metrics')]
  await app.close()
  server.closeAllConnections()
  server.close()
  await node.close()
  const sent = []
  const test = await createTestNode({
    uri,
    at: '2027-03-26T12:00',
    tasks: { digest: async run => sent.push(run.runTime.toISOString()) },
    jobs: [{ _id: 'digest', func: 'digest', trigger: { type: 'cron', hour: 8 } }],
  })
  await test.advanceTo('2027-03-27T08:00')
  await test.close()
  console.log(JSON.stringify({ answers, sent, apart: ended.get('apart') }))
}
main(process.argv.slice(2)).then(() => process.exit(), error => { console.error(error); process.exit(1) })
`

test('the tarball has what runs, its types, the built page and the scripts, and no sources or tests', () => {
  const paths = packed.files.map(({ path }) => path)
  const needed = ['dist/index.js', 'dist/index.d.ts', 'dist/api/app.d.ts', 'dist/testing.d.ts', 'dist/cli/main.js']
  const beside = ['dist/dashboard/index.html', 'dist/executor/pool-child.js', 'scripts/tidewheel.mongosh.js', 'LICENSE']
  expect(paths).toEqual(expect.arrayContaining([...needed, ...beside, 'README.md', 'CHANGELOG.md', 'package.json']))
  expect(paths).toContainEqual(expect.stringMatching(/^dist\/dashboard\/assets\/index-[\w-]+\.js\.br$/))
  const strange = (path: string) =>
    !/^(dist\/.+\.(js|d\.ts)|dist\/dashboard\/.+|scripts\/.+|[A-Z]+(\.md)?|package\.json)$/.test(path)
  expect(paths.filter(strange)).toEqual([])
  expect(paths.filter(path => /\.test\.|(^|\/)(test|src|node_modules)\//.test(path))).toEqual([])
})

test('an empty folder gets few packages with it', async () => {
  const packages = await packagesIn(join(folder, 'app'))
  expect(packages.length).toBeGreaterThan(20)
  expect(packages.length).toBeLessThan(MOST_PACKAGES)
})

test.for(NODES)('it runs on Node %s: by import, by require, and as a program', async (version, { skip }) => {
  const node = (await found.get(version)) as string | Error
  if (node instanceof Error) {
    if (process.env.CI) throw node
    skip(`Node ${version} is left out, it cannot be fetched: ${node.message}`)
    return
  }
  const app = join(folder, 'app')
  const bin = join(app, 'node_modules', '.bin', 'tidewheel')
  const [esm, cjs, cli] = await Promise.all([openTestDb(), openTestDb(), openTestDb()])
  const env = { TIDEWHEEL_URI: cli.uri, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
  const inApp = { cwd: app, env, program: node }

  const programs = Promise.all([
    startScript(join(app, 'esm.mjs'), [esm.uri, join(app, 'tasks')], inApp).ended,
    startScript(join(app, 'cjs.cjs'), [cjs.uri, join(app, 'tasks')], inApp).ended,
  ])
  // By its own first line, as a shell starts it.
  const byItself = { cwd: app, env, program: bin }
  const started = startScript('start', ['--tasks', 'tasks', '--ip', '10.0.0.8'], byItself)
  await started.saw(/10\.0\.0\.8 is active/)
  const job = { _id: 'sum', func: 'sums:add', args: [1, 2], trigger: { type: 'date' }, ip: '10.0.0.8' }
  const added = await startScript('jobs', ['add'], { ...byItself, input: JSON.stringify(job) }).ended
  expect(added).toMatchObject({ code: 0 })
  await started.saw(/executed.*sum|"job_id":"sum".*executed|run\.executed.*sum/)
  started.kill('SIGTERM')
  expect(await started.ended).toMatchObject({ code: 0 })

  const told = { answers: [200, 200, 200, 200, 200], sent: ['2027-03-27T08:00:00.000Z'], apart: 3 }
  for (const { code, stdout, stderr } of await programs) {
    expect([code, stderr.replace(/^.*(ExperimentalWarning|--trace-warnings).*\n/gm, '')]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual(told)
  }
  await Promise.all([esm.close(), cjs.close(), cli.close()])
})
