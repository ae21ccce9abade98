/** From an empty folder: the steps of README's section of that name, as they stand there, one after the other.
 *  `npm` installs nothing: the programs that it would bring are those of these sources and our cached mongosh. */
import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../src/dev/mongod.ts'
import { built, endAll, startScript } from '../support/cli.ts'
import { openMongosh } from '../support/mongosh.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const [, section = ''] = /^### From an empty folder\n(.*?)\n## /ms.exec(readme) ?? []
const blocks = (language: string) =>
  [...section.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text)

afterEach(endAll)

test('a MongoDB, two nodes, a job that is added and moved, and twenty of a file that change nothing twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidewheel-first-'))
  const port = String(await freePort())
  const env = { PATH: [await programs(folder), process.env.PATH].join(delimiter), TIDEWHEEL_HTTP: '127.0.0.1:0' }
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules', 'tidewheel'))
  // The last line of a step is the process that a signal is for.
  const step = (text: string) => {
    const script = text.replaceAll('27117', port).replace(/\nnpx (\S+ (?:dev|start).*)\n$/, '\nexec npx $1\n')
    return startScript('-ec', [script], { program: 'bash', cwd: folder, env })
  }
  const [install = '', first = '', second = '', shell = '', apply = ''] = blocks('sh')
  const [add = '', history = ''] = blocks('js')

  const server = step(install)
  const [uri = ''] = await server.saw(/mongodb:\/\/\S+/)
  const nodes = [step(first), step(second)]
  await nodes[0]?.saw(/^10\.0\.0\.7 is active/m)
  await nodes[1]?.saw(/^10\.0\.0\.8 is active/m)

  expect(shell).toMatch(/^npx mongosh "\$MONGODB_URI"$/m)
  const file = join(folder, 'steps.js')
  await writeFile(file, `${add}${history.replace(/^exit$/m, '')}`)
  const mongosh = (await openMongosh(await mkdtemp(join(folder, 'home-')))).start([uri, '--file', file], {}, folder)
  await mongosh.saw(/moved "digest" from 10\.0\.0\.7 to 10\.0\.0\.8/)
  await mongosh.saw(/10\.0\.0\.8 +run\.executed +digest/)
  mongosh.kill('SIGINT')
  expect(await mongosh.ended).toMatchObject({ code: 0, stderr: '' })
  expect(mongosh.said()).toMatch(/executed +\S+ ms +digest +10\.0\.0\.8.*^\d+ runs?$/ms)
  await nodes[1]?.saw(/a digest for ann/)

  // The terminal that mongosh was in.
  const applied = await step(`${shell}${apply}`.replace(/^npx (mongosh|tidewheel top).*\n/gm, '')).ended
  expect(applied.code).toBe(0)
  const [once, twice] = applied.stdout.trim().split('\n').slice(-2)
  expect([once, twice]).toEqual([
    '20 added, 0 changed, 0 removed, 0 unchanged',
    '0 added, 0 changed, 0 removed, 20 unchanged',
  ])
  for (const cli of [...nodes, server]) {
    cli.kill('SIGINT')
    expect((await cli.ended).code).toBe(0)
  }
  await rm(folder, { recursive: true })
}, 360_000)

/** A folder with the programs that the steps call. */
async function programs(folder: string): Promise<string> {
  const bin = join(folder, 'bin')
  await mkdir(bin)
  const texts = {
    npm: 'exit 0',
    npx: 'exec "$@"',
    tidewheel: `exec '${process.execPath}' '${join(built(), 'cli', 'main.js')}' "$@"`,
  }
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`)
    await chmod(join(bin, name), 0o755)
  }
  return bin
}
