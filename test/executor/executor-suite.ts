/** What every executor does alike, whatever performs the run: one suite, called once for each kind.
 *  A kind brings an executor and a folder in which each job of the suite is a task or a script of the same name. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Executor, Run } from '../../src/executor/executor.ts'
import { runLog } from '../../src/executor/run-log.ts'
import { jsonLogger, runLogger } from '../../src/log.ts'

export interface Kind {
  readonly executor: Executor
  /** The func of a job of the suite. */
  func(job: string): string
  /** What it costs to say how something failed. */
  readonly thrown: { readonly name: string; readonly message: RegExp; readonly stack: RegExp }
  /** Whether text that only travels (argv) loses its type. */
  readonly argsAre: unknown[]
}

/** Short, so that no test waits for the 5 seconds users get. */
export const KILL_AFTER = 300

let count = 0

export interface Trial {
  readonly run: Run
  readonly abort: AbortController
  /** Lines of the run's log, parsed. */
  lines(): { level: number; msg: string; [field: string]: unknown }[]
}

/** How long the event loop was held at once while this went on, in ms. */
export async function longestTurn(work: Promise<unknown>): Promise<number> {
  let longest = 0
  let going = true
  const watch = async () => {
    for (let before = performance.now(); going; before = performance.now()) {
      await new Promise(resolve => setImmediate(resolve))
      longest = Math.max(longest, performance.now() - before)
    }
  }
  const watched = watch()
  await work
  going = false
  await watched
  return longest
}

/** A run, and the handles a node would hold of it. */
export function trial(
  func: string,
  given: Partial<Pick<Run, 'args' | 'kwargs' | 'attempt'>> & { id?: string } = {},
): Trial {
  const abort = new AbortController()
  const log = runLog(keep => runLogger(jsonLogger({ level: 'silent' }), {}, keep))
  const { id: job = 'a-job', args = [], kwargs = {}, attempt = 1 } = given
  const run: Run = {
    id: `6650${String(count++).padStart(20, '0')}`,
    job: { _id: job, func, trigger: { type: 'interval', minutes: 1 }, args: args as unknown[], kwargs },
    args,
    kwargs,
    runTime: new Date('2026-01-31T08:00:00Z'),
    attempt,
    signal: abort.signal,
    get log() {
      return log.logger
    },
    fence: 7n,
  }
  const parsed = (line: string) => JSON.parse(line)
  return { run, abort, lines: () => log.tail().split('\n').filter(Boolean).map(parsed) }
}

/** A folder with these files, gone after the test; those that begin with `#!` are executable. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidewheel-run-'))
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
    if (text.startsWith('#!')) chmodSync(file, 0o755)
  }
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A process that waits to be reaped does not live. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    if (process.platform !== 'linux') return true
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z'
  } catch {
    return false
  }
}

/** Resolves when the run has logged a line with this text. */
export async function said({ lines }: Trial, text: string): Promise<Record<string, unknown>> {
  return await expect
    .poll(() => lines().find(line => line.msg.includes(text)), { interval: 5, timeout: 20_000 })
    .toBeDefined()
    .then(() => lines().find(line => line.msg.includes(text)) as Record<string, unknown>)
}

export function executorSuite(name: string, make: () => Kind | Promise<Kind>): void {
  describe(`executor ${name}`, () => {
    let kind: Kind | undefined
    const started = async () => {
      kind = await make()
      return kind
    }
    afterEach(async () => {
      await kind?.executor.close()
      kind = undefined
    })
    const go = async (job: string, given?: Parameters<typeof trial>[1]) => {
      const { executor, func } = kind ?? (await started())
      return executor.perform(trial(func(job), given).run)
    }

    test('hands back the value of a function', async () => {
      expect(await go('value')).toEqual({ answer: 42 })
    })

    test('waits for a function that waits', async () => {
      expect(await go('later')).toBe('at last')
    })

    test('hands back null where nothing was returned', async () => {
      expect((await go('nothing')) ?? null).toBeNull()
    })

    test('gives a function its arguments and its run', async () => {
      const { argsAre } = await started()
      const given = { args: ['a b', 2, { c: ["it's"] }], kwargs: { to: 'ann', deep: { n: 1 } }, attempt: 3 }
      expect(await go('echo', given)).toEqual({
        args: argsAre,
        kwargs: { to: 'ann', deep: { n: 1 } },
        job: 'a-job',
        attempt: 3,
        runTime: '2026-01-31T08:00:00.000Z',
        fence: '7',
      })
    })

    test('says with what a function failed', async () => {
      const { thrown } = await started()
      const error = await go('fail').then(
        () => undefined,
        error => error,
      )
      expect(error).toBeInstanceOf(Error)
      expect(error.name).toBe(thrown.name)
      expect(error.message).toMatch(thrown.message)
      expect(error.stack).toMatch(thrown.stack)
    })

    test('goes on after a failure', async () => {
      await started()
      await go('fail').catch(() => {})
      expect(await go('value')).toEqual({ answer: 42 })
    })

    test('keeps log lines in their order and all of them before the end', async () => {
      const { executor, func } = await started()
      const one = trial(func('log'))
      await executor.perform(one.run)
      expect(one.lines().map(({ msg }) => msg)).toEqual(Array.from({ length: 150 }, (_, n) => `line ${n}`))
    })

    test('tells a function that it is aborted, and waits for its end', async () => {
      const { executor, func } = await started()
      const one = trial(func('listen'))
      const performed = executor.perform(one.run)
      await said(one, 'listening')
      one.abort.abort({ status: 'timeout', message: 'ran too long' })
      expect(await performed).toBe('heard')
    })

    test('ends a run that was aborted before it began', async () => {
      const { executor, func } = await started()
      const one = trial(func('listen'))
      one.abort.abort({ status: 'cancelled', message: 'by request' })
      await executor.perform(one.run).catch(error => expect(error).toMatchObject({ status: 'cancelled' }))
    })

    test('performs as many runs at once as it has places', async () => {
      const { executor, func } = await started()
      const many = Array.from({ length: executor.places }, () => trial(func('listen')))
      const all = Promise.all(many.map(({ run }) => executor.perform(run)))
      await Promise.all(many.map(one => said(one, 'listening')))
      for (const { abort } of many) abort.abort({ status: 'cancelled', message: 'by request' })
      expect(await all).toEqual(many.map(() => 'heard'))
    })

    test('hands back a result of 10 MB', async () => {
      const result = await go('big')
      expect(result).toHaveLength(10_000_000)
    })

    test('knows which functions it can perform', async () => {
      const { executor, func } = await started()
      expect(executor.problem(func('value'))).toBeUndefined()
      expect(executor.problem(func('unknown'))).toMatch(/^func: .*unknown/)
      await expect(executor.perform(trial(func('unknown')).run)).rejects.toThrow(/unknown/)
    })

    test('may be closed twice, before anything ran, and used again', async () => {
      const { executor } = await started()
      await executor.close()
      await executor.close()
      expect(await go('value')).toEqual({ answer: 42 })
      await executor.close()
      expect(await go('value')).toEqual({ answer: 42 })
    })
  })
}
