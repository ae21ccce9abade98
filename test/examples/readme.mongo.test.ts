/** The README's examples are the files of this folder, and they run. */
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { ensureCollections } from '../../src/database/ensure.ts'
import { built, endAll, startScript } from '../support/cli.ts'
import { openTestDb } from '../support/mongo.ts'
import { openMongosh } from '../support/mongosh.ts'

const text = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const readme = text('../../README.md')

afterEach(endAll)

test('embedding: the file is in the README, it runs its job, and an interrupt ends it', async () => {
  const example = text('embed.mjs')
  expect(readme).toContain(`\`\`\`js\n${example}\`\`\``)
  const testDb = await openTestDb()
  const folder = await mkdtemp(join(built(), 'example-'))
  const file = join(folder, 'embed.mjs')
  await writeFile(file, example.replace("'tidewheel'", `'${pathToFileURL(join(built(), 'index.js'))}'`))
  const program = startScript(file, [], { env: { MONGODB_URI: testDb.uri } })
  await program.saw(/^run\.executed digest$/m)
  program.kill('SIGINT')
  expect((await program.ended).code).toBe(0)
  await rm(folder, { recursive: true })
  await testDb.close()
})

test('mongosh: the file is in the README, every line of it does something, and an interrupt ends it', async () => {
  const example = text('mongosh.js')
  expect(readme).toContain(`\`\`\`js\n${example}\`\`\``)
  const testDb = await openTestDb()
  const home = await mkdtemp(join(tmpdir(), 'tidewheel-mongosh-'))
  await ensureCollections(testDb.db)
  const mongosh = await openMongosh(home)
  const file = join(import.meta.dirname, 'mongosh.js')
  const root = join(import.meta.dirname, '..', '..')
  const session = mongosh.start([testDb.uri, '--file', file], {}, root)
  await session.saw(/^watching all jobs and nodes; Ctrl-C ends$/m)
  session.kill('SIGINT')
  expect(await session.ended).toMatchObject({ code: 0, stderr: '' })
  const said = [
    'added "digest"',
    'moved "digest"',
    'moved 1 job',
    'paused "digest"',
    'resumed "digest"',
    '"digest" runs',
  ]
  for (const sentence of [...said, 'rescheduled "digest"', '0 runs', 'no such node is known'])
    expect(session.said()).toContain(sentence)
  await rm(home, { recursive: true })
  await testDb.close()
}, 360_000)

test('every file of scripts/ that README names is there, and the other way round', async () => {
  const files = (await readdir(new URL('../../scripts', import.meta.url))).filter(name => /^[a-z-]+\.js$/.test(name))
  const section = readme.slice(readme.indexOf('## In mongosh'), readme.indexOf('## Command line'))
  for (const file of files) expect(section).toMatch(new RegExp(`\\b${file.replace('.js', '')}\\b`))
})

test.each(['a server that is there', 'a MongoDB of its own'])(
  'testing: the file is in the README, and passes on %s',
  async where => {
    const example = text('testing.mjs')
    expect(readme).toContain(`\`\`\`js\n${example}\`\`\``)
    const testDb = await openTestDb()
    const folder = await mkdtemp(join(built(), 'example-'))
    const temporary = await mkdtemp(join(folder, 'tmp-'))
    const file = join(folder, 'testing.mjs')
    await writeFile(file, example.replace("'tidewheel/testing'", `'${pathToFileURL(join(built(), 'testing.js'))}'`))
    const env = { TMPDIR: temporary, ...(where === 'a server that is there' && { MONGODB_URI: testDb.uri }) }
    const { code, stdout } = await startScript(file, [], { env }).ended
    expect([code, stdout]).toEqual([0, expect.stringMatching(/pass 1\n[\s\S]*fail 0\n/)])
    expect(await readdir(temporary)).toEqual([])
    await rm(folder, { recursive: true })
    await testDb.close()
  },
)

test('one line starts it and one line tests it', () => {
  expect(readme).toMatch(/^\S.* npm start$/m)
  expect(readme).toMatch(/^\S.* npm test$/m)
})

test('every command of the table is one of the program', async () => {
  const help = async (...args: string[]) =>
    (await startScript(join(built(), 'cli', 'main.js'), [...args, '--help']).ended).stdout
  const commandsOf = (stdout: string) => [...stdout.matchAll(/^ {2}([a-z]+) .*$/gm)].map(([, name]) => name)
  const shown = [...readme.matchAll(/^\| `(jobs [a-z]+|[a-z]+)[^|]*\|/gm)].map(([, name]) => name)
  const top = commandsOf(await help()).filter(name => name !== 'help' && name !== 'jobs')
  const jobs = commandsOf(await help('jobs')).filter(name => name !== 'help')
  expect(shown).toEqual(expect.arrayContaining([...top, ...jobs.map(name => `jobs ${name}`)]))
})
