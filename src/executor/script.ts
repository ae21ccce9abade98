/** Script executor: runs files of the workspace, executable or by their ending, each in a process group of its own.
 *  In: a run, whose `args` become argv and whose data become `TIDEWHEEL_` variables. Out: the last line of stdout where it
 *  is JSON, else null; a rejection when the script ends with another exit code than 0 or by a signal.
 *  An aborted script gets SIGTERM and, 5 s later, SIGKILL, with everything it started; when a script has ended, what it
 *  left in its group is ended too. Its lines go to the run's log (stderr as warnings) and to a file of the workspace. */
import { type ChildProcess, spawn } from 'node:child_process'
import { systemClock } from '../clock.ts'
import { traceVariables } from '../tracing.ts'
import { textOf } from './crossing.ts'
import { type Executor, KILL_AFTER_MS, type Run } from './executor.ts'
import { errorOf } from './failure.ts'
import { LogFile } from './log-file.ts'
import { clipped, Output } from './output.ts'
import { type End, ProcessGroup } from './process-group.ts'
import { Tail } from './run-log.ts'
import type { Workspace, WorkspaceFile } from './workspace.ts'

export interface ScriptOptions {
  /** Absent: every func is a problem. */
  readonly workspace?: Workspace | undefined
  readonly concurrency: number
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly killAfter?: number
}

const NO_WORKSPACE =
  'func: this node runs no scripts, because it has no workspace folder; give its option workspace a folder'

export class Scripts implements Executor {
  readonly places: number
  readonly kills = true
  readonly kind?: 'script'
  readonly #workspace: Workspace | undefined
  readonly #killAfter: number
  readonly #going = new Map<ProcessGroup, Promise<unknown>>()

  constructor({ workspace, concurrency, killAfter = KILL_AFTER_MS }: ScriptOptions) {
    this.#workspace = workspace
    if (workspace !== undefined) this.kind = 'script'
    this.places = concurrency
    this.#killAfter = killAfter
  }

  problem(func: string): string | undefined {
    return this.#workspace === undefined ? NO_WORKSPACE : this.#workspace.problem(func)
  }

  async perform(run: Run): Promise<unknown> {
    if (this.#workspace === undefined) throw new Error(NO_WORKSPACE)
    const { root } = this.#workspace
    const { func } = run.job
    const { command } = this.#workspace.script(func)
    const args = run.args.map((arg, index) => textOf(arg, `args[${index}]`))
    const env = environmentOf(run)
    const log = await LogFile.open(root, run.job._id, run.id, error =>
      run.log.warn({ error: error.message }, 'no log file'),
    )
    try {
      run.signal.throwIfAborted()
      return await this.#go(run, [...command, ...args], { cwd: root, env }, log)
    } finally {
      await log?.end()
    }
  }

  async files(): Promise<readonly WorkspaceFile[]> {
    return (await this.#workspace?.files()) ?? []
  }

  async close(): Promise<void> {
    for (const group of this.#going.keys()) group.signal('SIGKILL')
    await Promise.allSettled(this.#going.values())
  }

  async #go(
    run: Run,
    command: readonly string[],
    where: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
    log: LogFile | undefined,
  ): Promise<unknown> {
    let last = ''
    const complaints = new Tail()
    const child = start(command, where)
    const group = new ProcessGroup(child)
    const output = new Output(child, (line, pipe) => {
      const logged = clipped(line)
      if (pipe === 'stdout') {
        run.log.info(logged)
        if (line.trim() !== '') last = line
      } else {
        run.log.warn({ stream: 'stderr' }, logged)
        complaints.add(logged)
      }
      return log?.write(line)
    })
    const ended = this.#ended(run.signal, group, output)
    this.#going.set(group, ended)
    try {
      return resultOf(await ended, run.job.func, last, complaints.text())
    } finally {
      this.#going.delete(group)
    }
  }

  /** Waits for the script and all it started, and ends them when the run is aborted. */
  async #ended(signal: AbortSignal, group: ProcessGroup, output: Output): Promise<End> {
    let kill: { unsubscribe(): void } | undefined
    const abort = () => {
      group.signal('SIGTERM')
      kill = systemClock.schedule(() => void group.signal('SIGKILL'), this.#killAfter)
    }
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    try {
      const end = await group.ended.catch(error => Promise.reject(unstarted(error)))
      if (signal.aborted) await group.emptied(this.#killAfter)
      else await output.finished()
      group.signal('SIGKILL')
      await output.finished()
      return end
    } finally {
      signal.removeEventListener('abort', abort)
      kill?.unsubscribe()
    }
  }
}

/** The node's own environment without its own settings, the run's data, and the trace it belongs to. */
function environmentOf(run: Run): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TIDEWHEEL_'))
  return {
    ...Object.fromEntries(inherited),
    ...traceVariables(),
    TIDEWHEEL_JOB_ID: run.job._id,
    TIDEWHEEL_RUN_ID: run.id,
    TIDEWHEEL_RUN_TIME: run.runTime.toISOString(),
    TIDEWHEEL_ATTEMPT: String(run.attempt),
    TIDEWHEEL_KWARGS: textOf(run.kwargs, 'kwargs'),
    TIDEWHEEL_FENCE: String(run.fence),
  }
}

function start(command: readonly string[], where: { cwd: string; env: NodeJS.ProcessEnv }): ChildProcess {
  const [file = '', ...args] = command
  try {
    return spawn(file, args, { ...where, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    throw unstarted(error as NodeJS.ErrnoException)
  }
}

const WHY_UNSTARTED: Readonly<Record<string, string>> = {
  ENOENT: 'the interpreter that its first line names is not there',
  EACCES:
    'it may not be executed: its file system is mounted noexec, or the interpreter that its first line names is no program',
  E2BIG: 'args and kwargs are longer than a command line may be (usually 128 KiB for one value)',
  ERR_INVALID_ARG_VALUE: 'args, kwargs or the job id hold a null character, which no command line can',
}

const unstarted = (error: NodeJS.ErrnoException) => {
  const why = WHY_UNSTARTED[error.code ?? ''] ?? error.message
  return errorOf({ name: 'NotStarted', message: `the script could not be started: ${why}` })
}

/** Throws `ExitCode` or `KilledBySignal`; what the script said on stderr stands where errors have their stack. */
function resultOf({ code, signal }: End, func: string, last: string, complaints: string): unknown {
  if (code === 0) return lastValue(last)
  const how = code === null ? `was killed by ${signal}` : `ended with exit code ${code}`
  const why = complaints.slice(complaints.lastIndexOf('\n') + 1)
  const message = why === '' ? `${func} ${how}` : `${func} ${how}: ${why.slice(0, 500)}`
  const name = code === null ? 'KilledBySignal' : 'ExitCode'
  throw errorOf({ name, message, stack: `${name}: ${message}\n${complaints.slice(-8_192)}` })
}

function lastValue(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
