/** Completion with a database: its ids, and a real bash that completes by the script. */
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { called } from '../support/called.ts'
import { built } from '../support/cli.ts'
import { aJob } from '../support/jobs.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb
let folder: string

const env = () => ({ MONGODB_URI: testDb.uri })

beforeAll(async () => {
  testDb = await openTestDb()
  folder = await mkdtemp(join(tmpdir(), 'tidewheel-completion-'))
  const jobs = ['mail:digest', 'mail:weekly', 'report', 'with space'].map(_id => aJob({ _id, name: `The\t${_id}` }))
  await testDb.db.collection('jobs').insertMany(jobs as never)
  await testDb.db.collection('nodes').insertOne({ _id: '10.0.0.7', status: 'active' } as never)
  await testDb.db.collection('executions').insertOne({ _id: '65b9', job_id: 'report', status: 'error' } as never)
})

afterAll(async () => {
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

test('ids by their beginning, a line each with what they are', async () => {
  const complete = async (...words: string[]) => (await called(['__complete', '--', ...words], env())).stdout
  expect(await complete('jobs', 'get', 'mail:')).toBe('mail:digest\tThe mail:digest\nmail:weekly\tThe mail:weekly\n')
  expect(await complete('jobs', 'get', 'nothing')).toBe('')
  expect(await complete('nodes', 'drain', '')).toBe('10.0.0.7\tactive\n')
  expect(await complete('history', 'get', '6')).toBe('65b9\treport error\n')
  expect(await complete('history', '')).toMatch(/^get\tone run.*\n(.*\n)*mail:digest\tThe mail:digest\n/)
})

test('bash completes commands, and ids with colons and blanks in them', async () => {
  const tidewheel = join(folder, 'tidewheel')
  await writeFile(tidewheel, `#!/bin/sh\nexec '${process.execPath}' '${join(built(), 'cli', 'main.js')}' "$@"\n`)
  await chmod(tidewheel, 0o755)
  const lines = ['tidewheel jobs resum', 'tidewheel jobs get mail:d', 'tidewheel jobs get w', 'tidewheel apply ']
  const script = [
    'eval "$(tidewheel completion bash)"',
    ...lines.map(line => `COMP_LINE='${line}' COMP_POINT=${line.length}; _tidewheel; echo "[\${COMPREPLY[*]}]"`),
  ].join('\n')
  const { stdout, stderr } = spawnSync('bash', ['--norc', '--noprofile', '-c', script], {
    encoding: 'utf8',
    env: { PATH: `${folder}:${process.env.PATH}`, ...env() },
  })
  expect([stdout, stderr]).toEqual(['[resume]\n[digest]\n[with\\ space]\n[]\n', ''])
})
