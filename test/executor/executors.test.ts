import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { TidewheelError } from '../../src/errors.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { type ExecutorsOption, makeExecutors } from '../../src/executor/executors.ts'
import { inProcess } from '../../src/executor/in-process.ts'
import { Pool } from '../../src/executor/pool.ts'
import { Scripts } from '../../src/executor/script.ts'
import { Tasks } from '../../src/executor/tasks.ts'
import { Workspace } from '../../src/executor/workspace.ts'
import { built } from '../support/cli.ts'
import { executorSuite, folderOf, KILL_AFTER } from './executor-suite.ts'

const TASKS = `
export const value = () => ({ answer: 42 })
export const later = async () => { await new Promise(resolve => setImmediate(resolve)); return 'at last' }
export const nothing = () => {}
export const echo = (run, ...args) => ({
  args, kwargs: run.kwargs, job: run.job._id, attempt: run.attempt,
  runTime: run.runTime.toISOString(), fence: String(run.fence),
})
export const fail = () => { throw new RangeError('out of paper') }
export const log = run => { for (let n = 0; n < 150; n++) run.log.info('line ' + n) }
export const listen = run => new Promise(resolve => {
  run.log.info('listening')
  if (run.signal.aborted) resolve('heard')
  run.signal.addEventListener('abort', () => resolve('heard'))
})
export const big = () => 'x'.repeat(10_000_000)
`

const node = (text: string) => `#!/usr/bin/env node\n${text}\n`
const SCRIPTS = {
  value: `#!/bin/sh\necho working\necho '{"answer": 42}'\n`,
  later: `#!/bin/sh\nsleep 0.1\necho '"at last"'\n`,
  nothing: '#!/bin/sh\necho done\n',
  echo: node(`const env = process.env
    console.log(JSON.stringify({ args: process.argv.slice(2), kwargs: JSON.parse(env.TIDEWHEEL_KWARGS),
      job: env.TIDEWHEEL_JOB_ID, attempt: Number(env.TIDEWHEEL_ATTEMPT), runTime: env.TIDEWHEEL_RUN_TIME,
      fence: env.TIDEWHEEL_FENCE }))`),
  fail: '#!/bin/sh\necho out of ink >&2\necho out of paper >&2\nexit 3\n',
  log: '#!/bin/sh\nn=0\nwhile [ $n -lt 150 ]; do echo "line $n"; n=$((n+1)); done\n',
  listen: `#!/bin/sh\ntrap 'echo \\"heard\\"; exit 0' TERM\necho listening\nwhile :; do sleep 0.05; done\n`,
  big: node(`console.log(JSON.stringify('x'.repeat(10_000_000)))`),
}

const thrown = { name: 'RangeError', message: /^out of paper$/, stack: /RangeError: out of paper\n.*suite\.m?js/s }
const argsAre = ['a b', 2, { c: ["it's"] }]

async function suiteTasks() {
  const tasksDir = folderOf({ 'suite.mjs': TASKS })
  const tasks = new Tasks()
  await tasks.load(tasksDir)
  return { tasks, tasksDir }
}

executorSuite('default', async () => {
  const { tasks } = await suiteTasks()
  return { executor: inProcess(tasks, 10), func: job => `suite:${job}`, thrown, argsAre }
})

executorSuite('process', async () => {
  const executor = new Pool({ ...(await suiteTasks()), workers: 2, killAfter: KILL_AFTER })
  return { executor, func: job => `suite:${job}`, thrown, argsAre }
})

executorSuite('script', () => {
  const workspace = new Workspace(folderOf(SCRIPTS))
  const executor = new Scripts({ workspace, concurrency: 4, killAfter: KILL_AFTER })
  return {
    executor,
    func: job => job,
    thrown: {
      name: 'ExitCode',
      message: /^fail ended with exit code 3: out of paper$/,
      stack: /out of ink\nout of paper$/,
    },
    argsAre: ['a b', '2', `{"c":["it's"]}`],
  }
})

describe('executors from the configuration', () => {
  const make = (executors?: unknown, more: { tasksDir?: string; workspace?: string } = {}) =>
    makeExecutors({ tasks: new Tasks(), executors: executors as ExecutorsOption, ...more })
  const problem = (executors: unknown) => {
    try {
      make(executors)
    } catch (error) {
      expect(error).toBeInstanceOf(TidewheelError)
      const { code, data, message } = error as TidewheelError
      expect(code).toBe('invalid_option')
      expect(message.startsWith(`${data.path}: `)).toBe(true)
      return message
    }
    return undefined
  }
  const places = (executors: ReadonlyMap<string, Executor>) =>
    Object.fromEntries([...executors].map(([name, { places }]) => [name, places]))

  test('default, process and script are always there', () => {
    expect(places(make())).toEqual({ default: 100, process: 3, script: 10 })
  })

  test('a named pool has a type and limits of its own', () => {
    const given = {
      process: { workers: 1 },
      reports: { type: 'process', workers: 2, memory: 256 },
      mail: { type: 'default', concurrency: 5 },
      backup: { type: 'script', concurrency: 1 },
      thin: { type: 'script' },
    }
    expect(places(make(given))).toEqual({
      default: 100,
      process: 1,
      script: 10,
      reports: 2,
      mail: 5,
      backup: 1,
      thin: 10,
    })
  })

  const COMMAND = "expected a program and what is given to it before the file, such as ['ruby', '-w'], found"

  test.each<[unknown, string]>([
    [3, 'executors: expected an object such as {process: {workers: 3}}, found 3'],
    [{ process: 3 }, 'executors.process: expected an object such as {workers: 3}, found 3'],
    [{ reports: { workers: 1 } }, 'executors.reports.type: expected default, process, script, found none'],
    [
      { proces: { workers: 1 } },
      'executors.proces.type: expected default, process, script, found none; did you mean process?',
    ],
    [
      { reports: { type: 'scripts' } },
      'executors.reports.type: expected default, process, script, found "scripts"; did you mean script?',
    ],
    [
      { script: { type: 'process' } },
      'executors.script.type: expected script, as its name says (another name may have any type), found "process"',
    ],
    [
      { process: { worker: 1 } },
      'executors.process.worker: there is no such option of an executor of type process; did you mean workers?',
    ],
    [
      { process: { concurrency: 1 } },
      'executors.process.concurrency: there is no such option of an executor of type process; known are workers, memory',
    ],
    [{ default: { concurrency: 0 } }, 'executors.default.concurrency: expected an integer from 1 to 100,000, found 0'],
    [{ process: { workers: '3' } }, 'executors.process.workers: expected an integer from 1 to 1,000, found "3"'],
    [{ process: { memory: 8 } }, 'executors.process.memory: expected whole MB from 32 to 1,000,000, found 8'],
    [
      { script: { interpreters: ['ruby'] } },
      `executors.script.interpreters: expected commands by ending, such as {'.rb': ['ruby']}, found an array of 1`,
    ],
    [
      { script: { interpreters: { rb: ['ruby'] } } },
      `executors.script.interpreters: expected endings such as .rb, found "rb"`,
    ],
    [{ script: { interpreters: { '.rb': [] } } }, `executors.script.interpreters..rb: ${COMMAND} an empty one`],
    [{ script: { interpreters: { '.rb': [''] } } }, `executors.script.interpreters..rb: ${COMMAND} an empty one`],
    [{ script: { interpreters: { '.rb': 'ruby' } } }, `executors.script.interpreters..rb: ${COMMAND} "ruby"`],
    [{ script: { interpreters: { '.rb': ['ruby', 3] } } }, `executors.script.interpreters..rb: ${COMMAND} 3 in it`],
    [
      { script: { interpreters: { '.rb': ['no-such-ruby'] } } },
      'executors.script.interpreters..rb: expected a program of this machine, found "no-such-ruby", which is not on the PATH',
    ],
    [
      { backup: { type: 'script', interpreters: { '.rb': ['./no/such'] } } },
      'executors.backup.interpreters..rb: expected a program of this machine, found "./no/such", which is no executable file',
    ],
  ])('%j is refused with a sentence', (given, message) => {
    expect(problem(given)).toBe(message)
  })

  test('a workspace that is no folder is refused', () => {
    expect(() => make({}, { workspace: fileURLToPath(import.meta.url) })).toThrow(/^workspace: expected a folder/)
  })

  test('what an executor cannot perform for want of a folder is a problem in a sentence', () => {
    const tasks = new Tasks()
    tasks.add('mail:digest', () => {})
    const executors = makeExecutors({ tasks })
    expect(executors.get('default')?.problem('mail:digest')).toBeUndefined()
    expect(executors.get('process')?.problem('mail:digest')).toMatch(
      /^func: "mail:digest" is registered in code and cannot/,
    )
    expect(executors.get('script')?.problem('daily.sh')).toMatch(/^func: this node runs no scripts/)
  })

  test('a task of the folder can cross, one registered in code beside it cannot', async () => {
    const { tasks, tasksDir } = await suiteTasks()
    tasks.add('other:value', () => {})
    const pool = makeExecutors({ tasks, tasksDir }).get('process')
    expect(pool?.problem('suite:value')).toBeUndefined()
    expect(pool?.problem('other:value')).toMatch(/registered in code/)
    expect(pool?.problem('suite:valu')).toMatch(/did you mean suite:value\?/)
    expect(path.isAbsolute(tasksDir)).toBe(true)
  })

  // In a process of its own: the test runner reads modules in its own way.
  test('functions of CommonJS modules are seen, whichever way they are exported', () => {
    const folder = folderOf({
      'a.cjs': 'module.exports = { digest: async () => 1, other: async () => 1, number: 5 }',
      'b.cjs': 'exports.digest = () => 1',
      'c.cjs': 'const make = name => ({ [name]: () => 1 })\nmodule.exports = make("made")',
      'd.cts': 'export const digest = () => 1',
      'package.json': '{"type": "commonjs"}',
      'e.js': 'Object.assign(exports, { digest() { return 1 } })',
      'f.mjs': 'export const digest = () => 1',
    })
    const module = JSON.stringify(path.join(built(), 'executor', 'tasks.js'))
    const program = `import { Tasks } from ${module}
      const tasks = new Tasks()
      await tasks.load(process.argv[1])
      console.log(tasks.names().join(' '))`
    const args = ['--input-type=module', '-e', program, folder]
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe(
      'a:digest a:other b:digest c:made d:digest e:digest f:digest',
    )
  })
})
