/** The shell lines and arguments of scripts/deploy, run: setting up twice, a node as a pod has it, and its drain. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../src/dev/mongod.ts'
import { built, endAll, startCli } from '../support/cli.ts'
import { containersOf, documentsOf, textOf } from '../support/deploy.ts'
import { openTestDb } from '../support/mongo.ts'

afterEach(endAll)

/** A folder with `tidewheel` in it, for PATH. */
async function withProgram(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewheel-deploy-'))
  await writeFile(
    join(folder, 'tidewheel'),
    `#!/bin/sh\nexec "${process.execPath}" "${join(built(), 'cli', 'main.js')}" "$@"\n`,
  )
  await chmod(join(folder, 'tidewheel'), 0o755)
  return folder
}

/** A dozen short processes, one after the other: slow where other work has the processors. */
test('a pod sets itself up, each time anew, is ready as a node of its name, and drains', async () => {
  const testDb = await openTestDb()
  const folder = await withProgram()
  await mkdir(join(folder, 'tasks'))
  await writeFile(join(folder, 'tasks', 'mail.mjs'), 'export const digest = () => {}\n')
  const [setup, node] = containersOf()
  const port = await freePort()
  const env = {
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    TIDEWHEEL_URI: testDb.uri,
    TIDEWHEEL_TASKS: join(folder, 'tasks'),
    POD_NAME: 'tidewheel-0',
    ADMIN_PASSWORD: 'correct horse battery',
  }
  const shell = async (args: readonly string[]) => {
    const child = spawn(args[0] as string, args.slice(1), { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', chunk => {
      said += chunk
    })
    const [code] = await once(child, 'close')
    return { code, said }
  }
  const setsUp = () => shell([...setup.command, ...setup.args])
  expect(await setsUp()).toMatchObject({ code: 0 })

  const args = node.args.map((word: string) => word.replace('$(POD_NAME)', env.POD_NAME).replace(':7788', `:${port}`))
  const started = startCli(args, { env })
  await started.saw(/tidewheel-0 is active/)
  for (const probe of [node.livenessProbe, node.readinessProbe]) {
    const { path } = probe.httpGet
    await expect.poll(async () => (await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200)
  }
  const health = JSON.parse(/HEALTHCHECK[\s\S]*?CMD (\[.*\])/.exec(textOf('Containerfile'))?.[1] ?? '[]') as string[]
  expect(await shell(health.map(word => word.replace('7788', String(port))))).toMatchObject({ code: 0 })
  expect(await shell(health.map(word => word.replace('7788', '1')))).toMatchObject({ code: 1 })

  const row = () => testDb.db.collection<{ _id: string }>('nodes').findOne({ _id: env.POD_NAME })
  const drains = node.lifecycle.preStop.exec.command.map((word: string) => word.replace(/; sleep \d+$/, ''))
  expect(await shell(drains)).toMatchObject({ code: 0 })
  expect(await row()).toMatchObject({ wanted: 'draining' })
  started.kill('SIGTERM')
  expect(await started.ended).toMatchObject({ code: 0 })

  expect(await setsUp()).toMatchObject({ code: 0 })
  expect(await row()).not.toMatchObject({ wanted: 'draining' })
  await rm(folder, { recursive: true })
  await testDb.close()
}, 180_000)

test('the setup of compose runs twice, with the password of its file', async () => {
  const testDb = await openTestDb()
  const folder = await withProgram()
  await writeFile(join(folder, 'password'), 'correct horse battery\n')
  const [compose] = documentsOf('compose.yaml')
  const { entrypoint, command } = compose.services.setup
  const line = command[0].replace('/run/secrets/admin-password', join(folder, 'password')).replaceAll('$$', '$')
  for (const _ of [1, 2]) {
    const child = spawn(entrypoint[0], [...entrypoint.slice(1), line], {
      env: { PATH: `${folder}${delimiter}${process.env.PATH}`, TIDEWHEEL_URI: testDb.uri },
    })
    expect(await once(child, 'close')).toEqual([0, null])
  }
  expect(await testDb.db.collection('users').countDocuments()).toBe(1)
  await rm(folder, { recursive: true })
  await testDb.close()
})
