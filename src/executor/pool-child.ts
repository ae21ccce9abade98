/** Pool child: the far side of a pool, a process that performs one run at a time and is used again.
 *  In: the tasks folder as its argument, then messages: a run, or that it is aborted. Out: messages: ready, log lines, how
 *  the run ended. What a task prints goes out by the pipes; a mark in each of them tells where the run's part ends.
 *  Holds: it ends, with all it started, when its parent does, also while a task blocks it: a thread of its own watches. */
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Run, Task } from './executor.ts'
import { failureOf, isError } from './failure.ts'
import { type Call, type FromChild, LIFELINE, LOG_LEVELS, type LogLevel, markOf, type ToChild } from './pool-wire.ts'
import { Tasks } from './tasks.ts'

const WATCH = `
  const { Socket } = require('node:net')
  const lifeline = new Socket({ fd: ${LIFELINE} })
  const end = () => process.kill(-process.pid, 'SIGKILL')
  lifeline.on('error', end).on('close', end).resume()
`

const print = [process.stdout, process.stderr].map(pipe => pipe.write.bind(pipe))
const tasks = new Tasks()
let going: AbortController | undefined

const send = (message: FromChild, sent?: () => void) =>
  process.send?.(message, undefined, undefined, sent ?? (() => {}))

async function perform(call: Call): Promise<void> {
  going = new AbortController()
  const run = { ...call, signal: going.signal, log: logOf(call.id, {}) } as unknown as Run
  const end = await ended(tasks.get(call.job.func), run)
  going = undefined
  for (const write of print) write(`${markOf(call.id)}\n`)
  try {
    send(end)
  } catch {
    send({ ...end, value: jsonOf('value' in end ? end.value : null) } as FromChild)
  }
}

async function ended(task: Task | undefined, run: Run): Promise<FromChild> {
  try {
    if (task === undefined) throw new Error(tasks.problem(run.job.func))
    return { type: 'value', value: await task(run, ...(run.args as never[])) }
  } catch (error) {
    return isError(error) ? { type: 'error', error: failureOf(error) } : { type: 'thrown', value: error }
  }
}

/** What cannot be cloned comes home as the history would show it. */
function jsonOf(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null')
  } catch {
    return null
  }
}

/** As much of a pino logger as tasks use; the lines are written at home. */
function logOf(run: string, bindings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const log: Record<string, unknown> = {
    level: 'trace',
    silent: () => {},
    flush: () => {},
    bindings: () => bindings,
    isLevelEnabled: () => true,
    child: (more: Readonly<Record<string, unknown>>) => logOf(run, { ...bindings, ...more }),
  }
  for (const level of LOG_LEVELS) log[level] = (...args: unknown[]) => say(run, level, withBindings(bindings, args))
  return log
}

function withBindings(bindings: Readonly<Record<string, unknown>>, [first, ...rest]: unknown[]): unknown[] {
  if (first instanceof Error)
    return [{ ...bindings, err: plainError(first) }, ...(rest.length > 0 ? rest : [first.message])]
  if (typeof first !== 'object' || first === null) {
    return Object.keys(bindings).length === 0 ? [first, ...rest] : [bindings, first, ...rest]
  }
  const fields = Object.entries(first).map(([key, value]) => [key, value instanceof Error ? plainError(value) : value])
  return [{ ...bindings, ...Object.fromEntries(fields) }, ...rest]
}

/** As pino knows an error; the class does not cross, so that its name has to do. */
const plainError = (error: Error) => ({
  ...error,
  constructor: undefined,
  name: error.name,
  message: error.message,
  stack: error.stack,
})

function say(run: string, level: LogLevel, args: readonly unknown[]): void {
  try {
    send({ type: 'log', run, level, args })
  } catch {
    send({ type: 'log', run, level, args: [args.map(arg => (typeof arg === 'string' ? arg : inspect(arg))).join(' ')] })
  }
}

process.on('message', (message: ToChild) => {
  if (message.type === 'abort') going?.abort(message.reason)
  else void perform(message.call)
})
const crash = (error: unknown) => send({ type: 'crash', error: failureOf(error) }, () => process.exit(1))
process.on('uncaughtException', crash)

new Worker(WATCH, { eval: true, execArgv: [] }).unref()
try {
  await tasks.load(process.argv[2] ?? '')
  send({ type: 'ready' })
} catch (error) {
  crash(error)
}
