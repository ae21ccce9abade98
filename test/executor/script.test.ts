/** What only scripts can show: their process trees, exit codes, arguments, log files, and the walls of the workspace. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Interpreters } from '../../src/executor/interpreters.ts'
import { fileName } from '../../src/executor/log-file.ts'
import { Scripts } from '../../src/executor/script.ts'
import { Workspace } from '../../src/executor/workspace.ts'
import { createNode } from '../../src/node/node.ts'
import { alive, folderOf, KILL_AFTER, longestTurn, said, type Trial, trial } from './executor-suite.ts'

function workspaceOf(files: Readonly<Record<string, string>>) {
  const root = folderOf(files)
  const scripts = new Scripts({ workspace: new Workspace(root), concurrency: 5, killAfter: KILL_AFTER })
  onTestFinished(() => scripts.close())
  return { root, scripts }
}

const sh = (text: string) => `#!/bin/sh\n${text}\n`

const failureOf = (performed: Promise<unknown>) =>
  performed.then(
    value => expect.fail(`expected a failure, found ${JSON.stringify(value)}`),
    (error: Error) => error,
  )

const pidsIn = ({ msg }: Record<string, unknown>) => String(msg).match(/\d+/g)?.map(Number) ?? []
const dead = (pids: readonly number[]) =>
  expect.poll(() => pids.map(alive), { interval: 5 }).toEqual(pids.map(() => false))
const logFile = (root: string, { run }: Trial) =>
  path.join(root, '.tidewheel', 'logs', fileName(run.job._id), `${run.id}.log`)

test('a script that ignores SIGTERM is killed some time later, with all it started', async () => {
  const { scripts } = workspaceOf({ 'deaf.sh': sh("trap '' TERM\nsleep 600 & echo $$ $!\nwait\nwait\nsleep 600") })
  const one = trial('deaf.sh')
  const performed = failureOf(scripts.perform(one.run))
  const pids = pidsIn(await said(one, ' '))
  const begun = performance.now()
  one.abort.abort({ status: 'timeout', message: 'ran too long' })
  expect(await performed).toMatchObject({ name: 'KilledBySignal', message: 'deaf.sh was killed by SIGKILL' })
  expect(performance.now() - begun).toBeGreaterThan(KILL_AFTER - 20)
  await dead(pids)
})

test('SIGTERM reaches what a script started, and that may take its time to end', async () => {
  const inner = sh("trap 'echo tidied up; exit' TERM\necho inner $$\nwhile :; do sleep 0.02; done")
  const { scripts } = workspaceOf({ 'outer.sh': sh('"$PWD/inner.sh" & wait'), 'inner.sh': inner })
  const one = trial('outer.sh')
  const performed = failureOf(scripts.perform(one.run))
  const pids = pidsIn(await said(one, 'inner'))
  one.abort.abort({ status: 'cancelled', message: 'by request' })
  expect((await performed).name).toBe('KilledBySignal')
  // The shell may say on its other stream that what it waited for was terminated, before or after.
  expect(one.lines().map(({ msg }) => msg)).toContain('tidied up')
  await dead(pids)
})

test('what a script leaves in its group is ended with it, and holds up nothing', async () => {
  const { scripts } = workspaceOf({ 'leave.sh': sh('sleep 600 & echo $!') })
  const quiet = trial('leave.sh')
  expect(await scripts.perform(quiet.run)).toEqual(expect.any(Number))
  await dead(pidsIn(quiet.lines()[0] ?? {}))
})

test('close leaves no process', async () => {
  const { scripts } = workspaceOf({ 'long.sh': sh('sleep 600 & echo $$ $!\nwait') })
  const one = trial('long.sh')
  const performed = failureOf(scripts.perform(one.run))
  const pids = pidsIn(await said(one, ' '))
  await scripts.close()
  expect((await performed).message).toBe('long.sh was killed by SIGKILL')
  await dead(pids)
})

test('the first line says what runs a script', async () => {
  const { scripts } = workspaceOf({
    'a.py': '#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps({"by": "python", "argv": sys.argv[1:]}))\n',
    'a.js': '#!/usr/bin/env node\nconsole.log(JSON.stringify({ by: "node", argv: process.argv.slice(2) }))\n',
    'deep/a.sh': sh(`echo "{\\"by\\": \\"sh\\", \\"argv\\": [\\"$1\\"]}"`),
  })
  const results = []
  for (const func of ['a.py', 'a.js', 'deep/a.sh']) {
    results.push(await scripts.perform(trial(func, { args: ['é'] }).run))
  }
  expect(results).toEqual(['python', 'node', 'sh'].map(by => ({ by, argv: ['é'] })))
})

test('the workspace is the working folder, and no setting of the node reaches a script', async () => {
  process.env.TIDEWHEEL_URI = 'mongodb://user:secret@db'
  onTestFinished(() => {
    delete process.env.TIDEWHEEL_URI
  })
  const { root, scripts } = workspaceOf({ 'deep/env.sh': sh('pwd -P\nenv') })
  const one = trial('deep/env.sh', { kwargs: { big: 5n, when: new Date(0) } as Record<string, unknown> })
  await scripts.perform(one.run)
  const lines = one.lines().map(({ msg }) => msg)
  expect(lines[0]).toBe(new Workspace(root).root)
  expect(lines.filter(line => line.startsWith('TIDEWHEEL_')).sort()).toEqual([
    'TIDEWHEEL_ATTEMPT=1',
    'TIDEWHEEL_FENCE=7',
    'TIDEWHEEL_JOB_ID=a-job',
    'TIDEWHEEL_KWARGS={"big":"5","when":"1970-01-01T00:00:00.000Z"}',
    `TIDEWHEEL_RUN_ID=${one.run.id}`,
    'TIDEWHEEL_RUN_TIME=2026-01-31T08:00:00.000Z',
  ])
})

test('stderr is marked, and is the traceback of a script that failed', async () => {
  const { scripts } = workspaceOf({
    'fail.py': '#!/usr/bin/env python3\nprint("hi", flush=True)\nraise ValueError("no ink")\n',
  })
  const one = trial('fail.py')
  const error = await failureOf(scripts.perform(one.run))
  expect(error).toMatchObject({ name: 'ExitCode', message: 'fail.py ended with exit code 1: ValueError: no ink' })
  expect(error.stack).toContain('Traceback (most recent call last)')
  expect(one.lines()[0]).toMatchObject({ level: 30, msg: 'hi' })
  expect(one.lines().at(-1)).toMatchObject({ level: 40, stream: 'stderr', msg: 'ValueError: no ink' })
})

test('a script that ends itself by a signal says which', async () => {
  const { scripts } = workspaceOf({ 'self.sh': sh('kill -USR1 $$') })
  expect(await failureOf(scripts.perform(trial('self.sh').run))).toMatchObject({
    name: 'KilledBySignal',
    message: 'self.sh was killed by SIGUSR1',
  })
})

test.each([
  ['echo 1; echo \'{"n": 2}\'', { n: 2 }],
  ["echo '[1]'; echo; echo", [1]],
  ['printf \'"no line end"\'', 'no line end'],
  ['echo \'{"n": 2}\'; echo done', null],
  ['echo \'{"n": 2}\' >&2', null],
  [':', null],
])('the result of "%s" is %j', async (text, result) => {
  const { scripts } = workspaceOf({ 'say.sh': sh(text) })
  expect(await scripts.perform(trial('say.sh').run)).toEqual(result)
})

test.each([
  [[() => {}], 'DataCloneError', /^args\[0\]: a function cannot be handed/],
  [['x'.repeat(200_000)], 'NotStarted', /longer than a command line may be/],
  [['a\0b'], 'NotStarted', /null character/],
])('arguments that no command line can carry fail their run', async (args, name, message) => {
  const { scripts } = workspaceOf({ 'a.sh': sh(':') })
  const error = await failureOf(scripts.perform(trial('a.sh', { args }).run))
  expect(error.name).toBe(name)
  expect(error.message).toMatch(message)
})

test('an interpreter that is not there is named as the reason', async () => {
  const { scripts } = workspaceOf({ 'a.sh': '#!/usr/bin/no-such-shell\n', 'crlf.sh': '#!/bin/sh\r\necho hi\r\n' })
  for (const func of ['a.sh', 'crlf.sh']) {
    const { name, message } = await failureOf(scripts.perform(trial(func).run))
    expect([name, message]).toEqual([
      'NotStarted',
      'the script could not be started: the interpreter that its first line names is not there',
    ])
  }
})

test('a path that leaves the folder is refused, also by a symbolic link', async () => {
  const outside = folderOf({ 'evil.sh': sh('echo evil'), 'deep/evil.sh': sh('echo evil') })
  const { root, scripts } = workspaceOf({ 'good.sh': sh(':'), 'text.txt': 'no script', 'folder/good.sh': sh(':') })
  symlinkSync(path.join(outside, 'evil.sh'), path.join(root, 'link.sh'))
  symlinkSync(outside, path.join(root, 'door'))
  symlinkSync('good.sh', path.join(root, 'alias.sh'))
  mkdirSync(`${root}-beside`)
  onTestFinished(() => rmSync(`${root}-beside`, { recursive: true }))
  writeFileSync(path.join(`${root}-beside`, 'evil.sh'), sh('echo evil'), { mode: 0o755 })
  symlinkSync(path.join(`${root}-beside`, 'evil.sh'), path.join(root, 'beside.sh'))
  const problems = [
    'link.sh',
    'door/evil.sh',
    'door/deep/evil.sh',
    'beside.sh',
    '../evil.sh',
    'folder/../../evil.sh',
    'folder/../good.sh',
    path.join(outside, 'evil.sh'),
    path.join(root, 'good.sh'),
    'a\0b',
    'gone.sh',
    'text.txt',
    'folder',
    '.',
    '',
  ].map(func => [func, scripts.problem(func)] as const)
  for (const [func, problem] of problems) {
    expect(problem, func).toMatch(/^func: .*(leads out of|below the workspace|no file|no executable)/)
    await expect(scripts.perform(trial(func).run), func).rejects.toThrow(problem)
  }
  expect(['good.sh', 'alias.sh', 'folder/good.sh', './good.sh'].map(func => scripts.problem(func))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  expect(scripts.problem('beside.sh')).toMatch(/by a symbolic link$/)
})

test('a link that is turned out of the folder after the job was loaded is refused at the run', async () => {
  const outside = folderOf({ 'evil.sh': sh('echo evil') })
  const { root, scripts } = workspaceOf({ 'good.sh': sh(':') })
  symlinkSync('good.sh', path.join(root, 'link.sh'))
  expect(scripts.problem('link.sh')).toBeUndefined()
  execFileSync('ln', ['-sfn', path.join(outside, 'evil.sh'), path.join(root, 'link.sh')])
  await expect(scripts.perform(trial('link.sh').run)).rejects.toThrow(/leads out of/)
})

test('what a script says stands in a file of its job and run, for its owner alone', async () => {
  const { root, scripts } = workspaceOf({ 'say.sh': sh('echo one\necho two >&2\necho three') })
  const one = trial('say.sh')
  await scripts.perform(one.run)
  const file = logFile(root, one)
  expect(readFileSync(file, 'utf8').split('\n').sort()).toEqual(['', 'one', 'three', 'two'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(scripts.problem(path.relative(root, file))).toMatch(/^func: .* lies in \.tidewheel/)
})

test.each(['../../../../evil', 'a/b', '..', '.', 'é'.repeat(255), 'con.', ''.padEnd(255, '/')])(
  'the log of a job called %j lies below the workspace',
  async id => {
    const { root, scripts } = workspaceOf({ 'say.sh': sh('echo said') })
    const one = trial('say.sh', { id })
    await scripts.perform(one.run)
    const below = readdirSync(root, { recursive: true }).map(String)
    const logs = below.filter(name => name.endsWith('.log'))
    expect(logs).toHaveLength(1)
    expect(logs[0]?.split(path.sep)).toEqual([
      '.tidewheel',
      'logs',
      expect.stringMatching(/^[\w-][\w.-]*$/),
      `${one.run.id}.log`,
    ])
    expect(existsSync(logFile(root, one))).toBe(true)
  },
)

test('jobs with like names have logs apart', () => {
  expect(new Set(['a/b', 'a_b', 'a b', 'A/B', 'a-b'].map(fileName)).size).toBe(5)
})

test('a folder of logs that leads elsewhere is not written to, and fails no run', async () => {
  const outside = folderOf({})
  for (const link of ['.tidewheel', '.tidewheel/logs', '.tidewheel/logs/a-job']) {
    const { root, scripts } = workspaceOf({ 'say.sh': sh('echo said') })
    mkdirSync(path.dirname(path.join(root, link)), { recursive: true })
    symlinkSync(outside, path.join(root, link))
    const one = trial('say.sh')
    expect(await scripts.perform(one.run)).toBeNull()
    expect(one.lines().map(({ msg }) => msg)).toEqual(['no log file', 'said'])
  }
  expect(readdirSync(outside)).toEqual([])
})

test('of each job the newest 100 logs are kept', async () => {
  const { root, scripts } = workspaceOf({ 'say.sh': sh('echo said') })
  const folder = path.join(root, '.tidewheel', 'logs', 'a-job')
  mkdirSync(folder, { recursive: true })
  for (let n = 0; n < 120; n++) writeFileSync(path.join(folder, `5550${String(n).padStart(20, '0')}.log`), '')
  const one = trial('say.sh')
  await scripts.perform(one.run)
  const left = readdirSync(folder).sort()
  expect(left).toHaveLength(100)
  expect(left.at(-1)).toBe(`${one.run.id}.log`)
  expect(left[0]).toBe(`5550${String(21).padStart(20, '0')}.log`)
})

test('a script that talks without end is slowed down, and its log file stops at 10 MiB', async () => {
  const { root, scripts } = workspaceOf({ 'yes.sh': sh('head -c 12000000 /dev/zero | tr "\\0" "x" | fold -w 1000') })
  const one = trial('yes.sh')
  const longest = await longestTurn(scripts.perform(one.run))
  const { size } = statSync(logFile(root, one))
  expect(size).toBeGreaterThan(10_000_000)
  expect(size).toBeLessThan(11_000_000)
  expect(longest).toBeLessThan(1_000)
})

const JS = 'console.log(JSON.stringify({ by: "node", argv: process.argv.slice(2), path: process.execPath }))\n'
const BARE = {
  'a.py': 'import json, sys\nprint(json.dumps({"by": "python", "argv": sys.argv[1:]}))\n',
  'deep/a.sh': 'echo "{\\"by\\": \\"sh\\", \\"argv\\": [\\"$1\\"]}"\n',
  'a.mjs': `import 'node:fs'\n${JS}`,
  'a.js': JS,
}

test('a script without its execute bit is run by its ending, JavaScript by the node that runs us', async () => {
  const { scripts } = workspaceOf(BARE)
  const results: unknown[] = []
  for (const func of Object.keys(BARE)) {
    results.push(await scripts.perform(trial(func, { args: ['-é'] }).run))
  }
  expect(results).toEqual([
    { by: 'python', argv: ['-é'] },
    { by: 'sh', argv: ['-é'] },
    ...['a.mjs', 'a.js'].map(() => ({ by: 'node', argv: ['-é'], path: process.execPath })),
  ])
})

test('an execute bit counts before the ending', async () => {
  const { scripts } = workspaceOf({ 'a.py': sh('echo \'"sh"\'') })
  expect(await scripts.perform(trial('a.py').run)).toBe('sh')
})

test('interpreters of a person come beside the standard ones and before them', async () => {
  const root = folderOf({ 'a.echo': 'x', 'a.py': 'x', 'a.sh': 'echo \'"sh"\'', 'b.tar.echo': 'x' })
  const interpreters = new Interpreters({ '.echo': ['echo', '"mine"', '#'], '.py': [process.execPath, '-p', '7 //'] })
  const scripts = new Scripts({ workspace: new Workspace(root, interpreters), concurrency: 1 })
  onTestFinished(() => scripts.close())
  const one = trial('a.echo', { args: ['last'] })
  await scripts.perform(one.run)
  expect(one.lines()[0]?.msg).toBe(`"mine" # ${path.join(new Workspace(root).root, 'a.echo')} last`)
  expect(await scripts.perform(trial('a.py').run)).toBe(7)
  expect(await scripts.perform(trial('a.sh').run)).toBe('sh')
  expect(scripts.problem('b.tar.echo')).toBeUndefined()
})

test('what cannot be run says why', () => {
  const { scripts } = workspaceOf({ 'a.rb': 'x', noending: 'x', 'a.PY': 'x' })
  const known = '.py, .sh, .js, .mjs run without being executable'
  expect(['a.rb', 'noending', 'a.PY'].map(func => scripts.problem(func))).toEqual([
    `func: "a.rb" is no executable file; chmod +x makes it one (${known}, .rb does not)`,
    `func: "noending" is no executable file; chmod +x makes it one (${known})`,
    `func: "a.PY" is no executable file; chmod +x makes it one (${known}, .PY does not)`,
  ])
  const without = new Workspace(folderOf({ 'a.py': 'x' }), new Interpreters())
  vi.stubEnv('PATH', '/nowhere')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(without.problem('a.py')).toBe(
    'func: "a.py" is no executable file, and it is run by python3, which is not on the PATH on this node',
  )
})

test('a file whose bit lies fails its run with the reason', async () => {
  const { scripts } = workspaceOf({ 'a.sh': '#!/etc/passwd\n' })
  expect(await failureOf(scripts.perform(trial('a.sh').run))).toMatchObject({
    name: 'NotStarted',
    message: expect.stringMatching(/may not be executed: its file system is mounted noexec, or the interpreter/),
  })
})

test('an interpreter takes nobody out of the workspace', async () => {
  const outside = folderOf({ 'evil.py': 'print("evil")' })
  const { root, scripts } = workspaceOf({ 'good.py': 'print(1)' })
  symlinkSync(path.join(outside, 'evil.py'), path.join(root, 'link.py'))
  symlinkSync(outside, path.join(root, 'door'))
  symlinkSync('good.py', path.join(root, 'alias.py'))
  for (const func of ['link.py', 'door/evil.py', '../evil.py', path.join(outside, 'evil.py')]) {
    const problem = scripts.problem(func)
    expect(problem, func).toMatch(/leads out of|below the workspace/)
    await expect(scripts.perform(trial(func).run), func).rejects.toThrow(problem)
  }
  expect(await scripts.perform(trial('alias.py').run)).toBe(1)
})

describe('the list of what may be run', () => {
  test('says path, what runs it, size and time, by path', async () => {
    const { root, scripts } = workspaceOf({
      'b.py': 'x = 1\n',
      'a/deep/run': sh(':'),
      'a.txt': 'no script',
      '.hidden.sh': ':',
      '.git/hook.sh': ':',
      'node_modules/x.js': ':',
      'z.mjs': '',
    })
    const outside = folderOf({ 'evil.py': 'x' })
    symlinkSync(outside, path.join(root, 'door'))
    symlinkSync(path.join(outside, 'evil.py'), path.join(root, 'evil.py'))
    symlinkSync('b.py', path.join(root, 'alias.py'))
    symlinkSync('.', path.join(root, 'round'))
    symlinkSync('gone', path.join(root, 'gone.sh'))
    await scripts.perform(trial('a/deep/run').run)
    const files = await scripts.files()
    expect(files.map(({ path, by }) => [path, by])).toEqual([
      ['a/deep/run', 'itself'],
      ['alias.py', 'python3'],
      ['b.py', 'python3'],
      ['z.mjs', path.basename(process.execPath)],
    ])
    const { mtime } = statSync(path.join(root, 'b.py'))
    expect(files[2]).toEqual({ path: 'b.py', by: 'python3', size: 6, mtime })
    for (const { path } of files) expect(scripts.problem(path)).toBeUndefined()
  })

  test('is bounded, in length and in depth', async () => {
    const { root, scripts } = workspaceOf({ [`${'d/'.repeat(16)}in.sh`]: ':', [`${'d/'.repeat(17)}out.sh`]: ':' })
    expect((await scripts.files()).map(({ path }) => path)).toEqual([`${'d/'.repeat(16)}in.sh`])
    mkdirSync(path.join(root, 'a'))
    for (let n = 0; n < 10_050; n++) writeFileSync(path.join(root, 'a', `${n}.sh`), '')
    const files = await scripts.files()
    expect(files).toHaveLength(10_000)
    expect(files.every(({ path }) => path.startsWith('a/'))).toBe(true)
  })

  test('of a node is that of its executor script, and empty without a workspace', async () => {
    const workspace = folderOf({ 'a.rb': 'x', 'a.sh': ':' })
    const options = { uri: 'mongodb://127.0.0.1:9', logger: false } as const
    expect(await createNode(options).workspace()).toEqual([])
    const node = createNode({
      ...options,
      workspace,
      executors: { script: { interpreters: { '.rb': ['sh'] } } },
    })
    expect((await node.workspace()).map(({ path, by }) => [path, by])).toEqual([
      ['a.rb', 'sh'],
      ['a.sh', 'sh'],
    ])
  })
})
