/** `import crontab` on a real database: the same twice, files that people edited, two machines; and a node that runs what came over. */
import { appendFile, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createNode } from '../../src/node/node.ts'
import { called } from '../support/called.ts'
import { runCli } from '../support/cli.ts'
import { nextEvent } from '../support/events.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'

let testDb: TestDb
let folder: string
let file: string

const jobs = () => testDb.db.collection<{ _id: string }>('jobs')
const all = () => jobs().find().sort({ _id: 1 }).toArray()
const cli = (...args: readonly string[]) =>
  called(['import', 'crontab', ...args], { MONGODB_URI: testDb.uri, TIDEWHEEL_WORKSPACE: folder })
const script = (name: string) => join(folder, 'crontab', name)

const LINES = `PATH=/usr/bin:/bin
MAILTO=ops@example.org
@reboot /opt/start
0 5 * * 1 /opt/backup.sh
*/10 * * * * echo "it's %" > /dev/null
`

beforeEach(async () => {
  testDb = await openTestDb()
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tidewheel-import-')))
  file = join(folder, 'my.crontab')
  await writeFile(file, LINES)
  await called(['init', '--quiet'], { MONGODB_URI: testDb.uri })
})

afterEach(async () => {
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

test('lines become jobs with executable scripts, and what does not come along is told', async () => {
  const { code, stdout } = await cli(file, '--timezone', 'Europe/Berlin')
  expect([code, stdout.trim().split('\n')]).toEqual([
    0,
    [
      '+ cron-backup  crontab/backup.sh  {"type":"cron","expression":"0 5 * * 1","timezone":"Europe/Berlin"}',
      '+ cron-echo-it-s  crontab/echo-it-s.sh  {"type":"cron","expression":"*/10 * * * *","timezone":"Europe/Berlin"}',
      '! line 2: MAILTO=ops@example.org',
      '    nothing is mailed; what a command writes stands in its history, tidewheel logs JOB shows it',
      '! line 3: @reboot /opt/start',
      '    no job starts with a machine; start the command where the node is started',
      '2 added, 0 changed, 0 removed, 0 unchanged, 2 skipped',
    ],
  ])
  expect(await all()).toMatchObject([
    { _id: 'cron-backup', name: '/opt/backup.sh', executor: 'script' },
    { _id: 'cron-echo-it-s', func: 'crontab/echo-it-s.sh' },
  ])
  expect((await stat(script('backup.sh'))).mode & 0o777).toBe(0o755)
  expect((await readFile(script('backup.sh'), 'utf8')).split('\n').slice(2)).toEqual([
    'export SHELL=/bin/sh',
    'export PATH=/usr/bin:/bin',
    'export MAILTO=ops@example.org',
    expect.stringMatching(/^cd "\$\{HOME:-\/}" \|\| exit$/),
    'exec /bin/sh -c /opt/backup.sh',
    '',
  ])
})

test('twice changes nothing: the same jobs, next run times and files', async () => {
  await cli(file)
  await jobs().updateMany({}, { $set: { next_run_time: new Date('2030-01-01'), note: 'ask Ann' } } as never)
  const before = [await all(), (await stat(script('backup.sh'))).mtimeMs]
  const { stdout } = await cli(file)
  expect(stdout).toMatch(/\n0 added, 0 changed, 0 removed, 2 unchanged, 2 skipped\n$/)
  expect([await all(), (await stat(script('backup.sh'))).mtimeMs]).toEqual(before)
})

test('a line that changed changes its job and script, one that went goes with --prune', async () => {
  await cli(file)
  await writeFile(file, 'X=1\n0 6 * * 1 /opt/backup.sh\n')
  const { stdout } = await cli(file, '--prune')
  expect(stdout.trim().split('\n')).toEqual([
    '~ cron-backup',
    '    trigger: {"type":"cron","expression":"0 5 * * 1"} → {"type":"cron","expression":"0 6 * * 1"}',
    '- cron-echo-it-s',
    '0 added, 1 changed, 1 removed, 0 unchanged, 0 skipped',
  ])
  expect(await readFile(script('backup.sh'), 'utf8')).toMatch(/export X=1\n/)
})

test('a script that somebody edited stays as it is', async () => {
  await cli(file)
  await appendFile(script('backup.sh'), '# mine\n')
  await writeFile(file, 'X=1\n0 5 * * 1 /opt/backup.sh\n')
  const { code, stderr } = await cli(file)
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/crontab\/backup\.sh: is there, and not as an import wrote it/),
  ])
  expect(await readFile(script('backup.sh'), 'utf8')).toMatch(/# mine\n$/)
})

test('--dry-run and --json change nothing and tell the jobs and what is skipped', async () => {
  const { code, stdout } = await cli(file, '--dry-run', '--json', '--ip', 'a')
  const told = JSON.parse(stdout)
  expect([code, told.dry_run, told.added]).toEqual([0, true, ['cron-backup', 'cron-echo-it-s']])
  expect(told.skipped.map(({ line, text }: { line: number; text: string }) => [line, text])).toEqual([
    [2, 'MAILTO=ops@example.org'],
    [3, '@reboot /opt/start'],
  ])
  expect(told.jobs[0]).toEqual({
    _id: 'cron-backup',
    name: '/opt/backup.sh',
    func: 'crontab/backup.sh',
    executor: 'script',
    trigger: { type: 'cron', expression: '0 5 * * 1' },
    ip: 'a',
  })
  expect(await jobs().countDocuments()).toBe(0)
  await expect(stat(script('backup.sh'))).rejects.toThrow('ENOENT')
})

test('the crontab of another machine does not take over the jobs of the first: exit 5; with a prefix both are there', async () => {
  await cli(file, '--ip', 'a')
  const { code, stderr } = await cli(file, '--ip', 'b')
  expect([code, stderr]).toEqual([5, expect.stringMatching(/label crontab@a, this file has crontab@b\n.*--prefix/)])
  expect((await cli(file, '--ip', 'b', '--prefix', 'b')).code).toBe(0)
  expect((await all()).map(({ _id, ip }: { _id: string; ip?: string }) => [_id, ip])).toEqual([
    ['b-backup', 'b'],
    ['b-echo-it-s', 'b'],
    ['cron-backup', 'a'],
    ['cron-echo-it-s', 'a'],
  ])
})

test('a system crontab: the lines of one user', async () => {
  await writeFile(file, '0 1 * * * root /opt/a\n0 2 * * * www-data /opt/b\n')
  expect((await cli(file, '--json')).stdout).toMatch(/give --system/)
  const { stdout } = await cli(file, '--system', '--user', 'www-data')
  expect(stdout).toMatch(/^\+ cron-b .*\n! line 1: .*\n.*runs as root/)
})

test('wrong use: exit 2, nothing is stored', async () => {
  for (const [args, message] of [
    [[join(folder, 'none')], /file: ENOENT/],
    [[file, '--prefix', '../x'], /--prefix: expected letters/],
    [[file, '--timezone', 'Mars'], /timezone/],
  ] as const) {
    const { code, stderr } = await cli(...args)
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  }
  const { code, stderr } = await called(['import', 'crontab', file], { MONGODB_URI: testDb.uri })
  expect([code, stderr]).toEqual([2, expect.stringMatching(/workspace: expected the folder for scripts/)])
  expect(await jobs().countDocuments()).toBe(0)
})

test('as a process, from stdin; a node then runs what came over as cron would', async () => {
  const crontab = [
    `HOME=${folder}`,
    "GREETING='hello  world'",
    `0 0 1 1 * echo "$GREETING" > said`,
    '0 0 1 1 * cat > stdin%one%two \\% three',
    'SHELL=/bin/bash',
    '0 0 1 1 * [[ $SHELL == $0 ]] && date -u -d @0 +\\%F > day',
    '@yearly cd / && pwd',
    '0 0 1 1 * echo oh no >&2; exit 3',
    '',
  ].join('\n')
  const imported = await runCli(['import', 'crontab', '-', '--workspace', folder, '--ip', 'a', '--timezone', 'UTC'], {
    env: { MONGODB_URI: testDb.uri },
    input: crontab,
  })
  expect([imported.code, imported.stderr]).toEqual([0, ''])
  await using node = createNode({ uri: testDb.uri, ip: 'a', workspace: folder, logger: false })
  await node.start()
  const ids = (await all()).map(({ _id }) => _id).filter(id => !id.includes('exit'))
  expect(ids).toEqual(['cron-cat', 'cron-echo-greeting', 'cron-pwd', 'cron-shell-0-date-u-d-0-f'])
  for (const id of ids) {
    const ended = nextEvent(node, 'run.executed')
    await node.jobs.run(id)
    expect(await ended).toMatchObject({ job_id: id })
  }
  const failed = nextEvent(node, 'run.error')
  await node.jobs.run('cron-echo-oh-no-exit-3')
  expect(await failed).toMatchObject({ error: { message: expect.stringMatching(/exit code 3: oh no/) } })
  expect(await readFile(join(folder, 'said'), 'utf8')).toBe('hello  world\n')
  expect(await readFile(join(folder, 'stdin'), 'utf8')).toBe('one\ntwo % three\n')
  expect(await readFile(join(folder, 'day'), 'utf8')).toBe('1970-01-01\n')
})
