/** What only worker processes can show: they die, hang, outgrow their memory, print, and outlive nobody. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { Task } from '../../src/executor/executor.ts'
import { inProcess } from '../../src/executor/in-process.ts'
import { Pool } from '../../src/executor/pool.ts'
import { Tasks } from '../../src/executor/tasks.ts'
import { alive, folderOf, KILL_AFTER, longestTurn, said, trial } from './executor-suite.ts'

const TASKS = `
import { spawn } from 'node:child_process'
export const pid = () => process.pid
export const hang = run => { run.log.info('hanging', process.pid); for (;;); }
export const deaf = run => { run.log.info(String(process.pid)); return new Promise(() => {}) }
export const family = run => {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  run.log.info(process.pid + ' ' + child.pid)
  return new Promise(() => {})
}
export const exit = () => process.exit(3)
export const crash = () => { setImmediate(() => { throw new TypeError('thrown in a callback') }); return new Promise(() => {}) }
export const hog = () => { const all = []; for (;;) all.push(new Array(10_000).fill(all.length)) }
export const block = run => {
  run.log.info('blocking')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000)
  return 'awake'
}
export const print = () => {
  console.log('to %s', 'stdout')
  console.error('to stderr')
  process.stdout.write('no line end')
  return 'printed'
}
export const mute = () => { process.stdout.end(); return 'mute' }
export const flood = () => { for (let n = 0; n < 50_000; n++) console.log('flood ' + n) }
export const functions = () => ({ n: 1, f: () => {} })
export const circle = () => { const ring = {}; ring.ring = ring; ring.f = () => {}; return ring }
export const thrown = () => { throw { code: 7 } }
export const revoked = () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy }
export const wordless = () => { throw Object.defineProperty(new Error(), 'message', { get() { throw 1 } }) }
export const types = (run, ...args) => args.map(arg => arg?.constructor?.name + ' ' + String(arg))
export const reason = run => new Promise(resolve => {
  run.log.info('listening')
  run.signal.addEventListener('abort', () => resolve(run.signal.reason))
})
export const levels = run => {
  const log = run.log.child({ step: 2 })
  log.warn('careful')
  log.error(new RangeError('failed'), 'so it is')
  log.info({ f: () => {} }, 'with a function')
  return log.isLevelEnabled('debug')
}
export const late = run => { setImmediate(() => setImmediate(() => run.log.info('too late'))) }
export const leave = () => { process.disconnect(); spawn('sleep', ['600']); return new Promise(() => {}) }
`

async function aPool(options: { workers?: number; memory?: number; tasks?: string } = {}) {
  const tasksDir = folderOf({ 'do.mjs': options.tasks ?? TASKS })
  const tasks = new Tasks()
  if (options.tasks === undefined) await tasks.load(tasksDir)
  else tasks.add('do:it', (() => {}) as Task)
  const { workers = 1, memory } = options
  const pool = new Pool({ tasks, tasksDir, workers, memory, killAfter: KILL_AFTER })
  onTestFinished(() => pool.close())
  return pool
}

const pidOf = (pool: Pool) => pool.perform(trial('do:pid').run) as Promise<number>

/** What a run was rejected with. */
const failureOf = (performed: Promise<unknown>) =>
  performed.then(
    value => expect.fail(`expected a failure, found ${JSON.stringify(value)}`),
    (error: Error) => error,
  )

test('a worker is started by the first run and used again by the next', async () => {
  const pool = await aPool()
  const first = await pidOf(pool)
  expect(first).not.toBe(process.pid)
  expect(await pidOf(pool)).toBe(first)
})

test('close leaves no process', async () => {
  const pool = await aPool({ workers: 2 })
  const family = trial('do:family')
  const performed = failureOf(pool.perform(family.run))
  const pids = (await said(family, ' ')).msg as string
  const all = [await pidOf(pool), ...pids.split(' ').map(Number)]
  expect(all.map(alive)).toEqual([true, true, true])
  await pool.close()
  expect((await performed).message).toMatch(/^the worker process died .*: the executor was closed$/)
  await expect.poll(() => all.map(alive), { interval: 5 }).toEqual([false, false, false])
})

test('a worker that is killed in the middle ends its run with the signal, and is replaced', async () => {
  const pool = await aPool()
  const before = await pidOf(pool)
  const one = trial('do:deaf')
  const performed = failureOf(pool.perform(one.run))
  await said(one, String(before))
  process.kill(before, 'SIGKILL')
  expect(await performed).toMatchObject({
    name: 'WorkerDied',
    message: 'the worker process died in the middle of the run, killed by SIGKILL',
  })
  expect(await pidOf(pool)).not.toBe(before)
})

test('a worker that is killed between runs is replaced', async () => {
  const pool = await aPool()
  const before = await pidOf(pool)
  process.kill(before, 'SIGKILL')
  await expect.poll(() => alive(before), { interval: 5 }).toBe(false)
  const after = await expect
    .poll(() => pidOf(pool).catch(() => before), { interval: 5, timeout: 10_000 })
    .not.toBe(before)
    .then(() => pidOf(pool))
  expect(alive(after)).toBe(true)
})

test('a task that exits ends its run with the exit code', async () => {
  const pool = await aPool()
  expect(await failureOf(pool.perform(trial('do:exit').run))).toMatchObject({
    name: 'WorkerDied',
    message: 'the worker process died in the middle of the run, with exit code 3',
  })
  expect(await pidOf(pool)).toBeGreaterThan(0)
})

test('an error that nobody caught ends the run with that error', async () => {
  const pool = await aPool()
  const error = await failureOf(pool.perform(trial('do:crash').run))
  expect(error).toMatchObject({ name: 'TypeError', message: 'thrown in a callback' })
  expect(error.stack).toContain('do.mjs')
})

test('a worker that runs out of memory says so and is replaced', async () => {
  const pool = await aPool({ memory: 40 })
  expect(await failureOf(pool.perform(trial('do:hog').run))).toMatchObject({
    name: 'OutOfMemory',
    message: 'the worker process ran out of memory (limit: 40 MB)',
  })
  expect(await pidOf(pool)).toBeGreaterThan(0)
})

test('a task that hangs is killed some time after the abort, with all it started', async () => {
  const pool = await aPool()
  for (const func of ['do:hang', 'do:family']) {
    const one = trial(func)
    const performed = failureOf(pool.perform(one.run))
    const { msg } = await said(one, '')
    one.abort.abort({ status: 'timeout', message: 'ran longer than its timeout' })
    expect((await performed).message).toMatch(/killed by SIGKILL: its task did not end within \d+ ms/)
    const pids = String(msg).match(/\d+/g)?.map(Number) ?? []
    await expect.poll(() => pids.map(alive), { interval: 5 }).toEqual(pids.map(() => false))
  }
})

test('the reason of an abort reaches the task, and its worker is used again', async () => {
  const pool = await aPool()
  const before = await pidOf(pool)
  const one = trial('do:reason')
  const performed = pool.perform(one.run)
  await said(one, 'listening')
  const reason = { status: 'cancelled', message: 'cancelled by request' }
  one.abort.abort(reason)
  expect(await performed).toEqual(reason)
  expect(await pidOf(pool)).toBe(before)
})

test('a task that blocks its process for 3 s delays no run of another executor', async () => {
  const pool = await aPool()
  const tasks = new Tasks()
  tasks.add('quick', () => 'quick')
  const quick = inProcess(tasks, 1)
  const one = trial('do:block')
  let awake = false
  const blocked = pool.perform(one.run).then(value => {
    awake = true
    return value
  })
  await said(one, 'blocking')
  let longest = 0
  for (let n = 0; n < 200; n++) {
    const begun = performance.now()
    await quick.perform(trial('quick').run)
    await new Promise(resolve => setImmediate(resolve))
    longest = Math.max(longest, performance.now() - begun)
  }
  expect(awake).toBe(false)
  expect(longest).toBeLessThan(1_000)
  expect(await blocked).toBe('awake')
})

test('what a task prints is in the log of its run, stderr marked, before the run ends', async () => {
  const pool = await aPool()
  const one = trial('do:print')
  expect(await pool.perform(one.run)).toBe('printed')
  const lines = one.lines()
  expect(lines.filter(line => line.stream === undefined).map(({ msg }) => msg)).toEqual(['to stdout', 'no line end'])
  expect(lines.filter(line => line.stream === 'stderr')).toMatchObject([{ level: 40, msg: 'to stderr' }])
})

test('a task that closes its output ends all the same', async () => {
  const pool = await aPool()
  expect(await pool.perform(trial('do:mute').run)).toBe('mute')
})

test('a flood of lines is taken in slices', async () => {
  const pool = await aPool()
  const one = trial('do:flood')
  const longest = await longestTurn(pool.perform(one.run))
  expect(one.lines().at(-1)?.msg).toBe('flood 49999')
  expect(longest).toBeLessThan(1_000)
})

test('an argument that cannot be cloned fails its run by its path, and the worker lives', async () => {
  const pool = await aPool()
  const before = await pidOf(pool)
  const given = [{ args: [() => {}] }, { args: [1, { deep: [Symbol('s')] }] }, { kwargs: { map: new WeakMap() } }]
  const errors = []
  for (const each of given) errors.push(await failureOf(pool.perform(trial('do:types', each).run)))
  expect(errors.map(({ name }) => name)).toEqual(['DataCloneError', 'DataCloneError', 'DataCloneError'])
  expect(errors.slice(0, 2).map(({ message }) => message)).toEqual([
    'args[0]: a function cannot be handed to another process',
    'args[1].deep[0]: a symbol cannot be handed to another process',
  ])
  expect(await pidOf(pool)).toBe(before)
})

test("arguments keep the types JavaScript has, and MongoDB's own become what they stand for", async () => {
  const { Binary, Decimal128, Double, Long, ObjectId } = await import('mongodb')
  const pool = await aPool()
  const args = [
    new Date(0),
    5n,
    new Map([[1, 2]]),
    Buffer.from('ab'),
    new ObjectId('6b017b022fd64e307cbf53f0'),
    Long.fromString('9007199254740993'),
    Decimal128.fromString('1.5'),
    new Double(1.5),
    new Binary(Buffer.from('ab')),
    null,
  ]
  const types = (await pool.perform(trial('do:types', { args }).run)) as string[]
  expect(types).toEqual([
    `Date ${new Date(0)}`,
    'BigInt 5',
    'Map [object Map]',
    'Buffer ab',
    'String 6b017b022fd64e307cbf53f0',
    'BigInt 9007199254740993',
    'String 1.5',
    'Number 1.5',
    'Uint8Array 97,98',
    'undefined null',
  ])
})

test('a result that cannot be cloned comes home as its JSON, and without JSON as null', async () => {
  const pool = await aPool()
  expect(await pool.perform(trial('do:functions').run)).toEqual({ n: 1 })
  expect(await pool.perform(trial('do:circle').run)).toBeNull()
})

test('what is thrown may be anything', async () => {
  const pool = await aPool()
  await expect(pool.perform(trial('do:thrown').run)).rejects.toEqual({ code: 7 })
})

test('an error that cannot be put into words fails its run, and the worker lives', async () => {
  const pool = await aPool()
  const pid = await pidOf(pool)
  expect(await failureOf(pool.perform(trial('do:wordless').run))).toMatchObject({ name: 'Error' })
  expect(await failureOf(pool.perform(trial('do:revoked').run))).toBeNull()
  expect(await pidOf(pool)).toBe(pid)
})

test("a task's logger has levels, children and errors as at home", async () => {
  const pool = await aPool()
  const one = trial('do:levels')
  expect(await pool.perform(one.run)).toBe(true)
  expect(one.lines()).toMatchObject([
    { level: 40, step: 2, msg: 'careful' },
    { level: 50, step: 2, msg: 'so it is', err: { type: 'RangeError', message: 'failed' } },
    { level: 30, msg: expect.stringContaining('with a function') },
  ])
})

test('a line logged after the end of its run is not taken for one of the next', async () => {
  const pool = await aPool()
  await pool.perform(trial('do:late').run)
  const next = trial('do:print')
  await pool.perform(next.run)
  expect(next.lines().map(({ msg }) => msg)).not.toContain('too late')
})

test('a task that cuts its worker off is ended', async () => {
  const pool = await aPool()
  expect((await failureOf(pool.perform(trial('do:leave').run))).message).toMatch(/it closed its channel/)
})

test('a folder that a worker cannot load fails the run with the reason, and is not tried in a loop', async () => {
  const pool = await aPool({ tasks: 'throw new Error("no licence")' })
  const error = await failureOf(pool.perform(trial('do:it').run))
  expect(error.message).toBe('tasks folder: do.mjs could not be loaded: no licence')
  expect((await failureOf(pool.perform(trial('do:it').run))).message).toBe(error.message)
})

test.each(['do:deaf', 'do:hang', 'do:family'])(
  'no worker outlives a node that is killed while it performs %s',
  async func => {
    const tasksDir = folderOf({ 'do.mjs': TASKS })
    const here = path.dirname(fileURLToPath(import.meta.url))
    const parent = spawn(process.execPath, ['--import', 'tsx', path.join(here, 'pool-parent.ts'), tasksDir, func], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [printed] = await once(parent.stdout, 'data')
    const pids = String(printed).match(/\d+/g)?.map(Number) ?? []
    expect(pids.length).toBeGreaterThan(0)
    expect(pids.map(alive)).toEqual(pids.map(() => true))
    parent.kill('SIGKILL')
    await expect.poll(() => pids.map(alive), { interval: 5, timeout: 10_000 }).toEqual(pids.map(() => false))
  },
)
