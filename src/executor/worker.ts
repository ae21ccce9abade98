/** Worker: the near side of one child process of a pool.
 *  In: runs, one at a time. Out: what the task returned or threw; or, when the process ends in the middle, why.
 *  Modes: starting → idle ⇄ busy, and from each of them → ended, which is for good; `#become` alone sets it.
 *  Holds: a run settles once all it printed was taken, or its process and everything that one started are gone. */
import { type ChildProcess, fork } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { systemClock } from '../clock.ts'
import type { Run } from './executor.ts'
import { errorOf } from './failure.ts'
import { clipped, Output, type Pipe } from './output.ts'
import { type Call, type FromChild, LIFELINE, markOf, type ToChild } from './pool-wire.ts'
import { type End, ProcessGroup, pause } from './process-group.ts'

export interface WorkerOptions {
  readonly tasksDir: string
  /** Most MB of its heap. */
  readonly memory?: number | undefined
  /** Milliseconds a task may take to end once it is aborted. */
  readonly killAfter: number
}

type Mode = 'starting' | 'idle' | 'busy' | 'ended'
type Outcome = Extract<FromChild, { type: 'value' | 'thrown' | 'error' }>

interface Going {
  readonly run: Run
  readonly call: Call
  readonly settle: (settled: { value: unknown } | { error: unknown }) => void
  outcome?: Outcome
  wait?: { unsubscribe(): void }
  readonly unmarked: Set<Pipe>
}

/** A silence so long, and the end of what a run printed is not waited for: its task has closed the output. */
const SILENCE_MS = 1_000
const OUT_OF_MEMORY = /heap out of memory|Allocation failed - JavaScript/

export class Worker {
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  readonly #options: WorkerOptions
  readonly #child: ChildProcess
  readonly #group: ProcessGroup
  readonly #output: Output
  #mode: Mode = 'starting'
  #going: Going | undefined
  #wasReady = false
  #crash: Error | undefined
  #outOfMemory = false
  #why: string | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#child = startChild(options)
    this.#group = new ProcessGroup(this.#child)
    this.#output = new Output(this.#child, (line, pipe) => this.#take(line, pipe))
    this.#child.on('message', message => this.#hear(message as FromChild))
    this.#child.on('disconnect', () => void pause(SILENCE_MS).then(() => this.kill('it closed its channel')))
    this.#child.stdio[LIFELINE]?.on('error', () => {})
    this.gone = this.#group.ended.then(
      end => this.#end(end),
      error => this.#end(error as Error),
    )
  }

  get ended(): boolean {
    return this.#mode === 'ended'
  }

  /** False: it never came so far as to take a run. */
  get wasReady(): boolean {
    return this.#wasReady
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  async perform(run: Run, call: Call): Promise<unknown> {
    let kill: { unsubscribe(): void } | undefined
    const abort = () => {
      if (this.#mode === 'busy') this.#send({ type: 'abort', reason: run.signal.reason })
      const why = `its task did not end within ${this.#options.killAfter} ms after it was aborted`
      kill = systemClock.schedule(() => this.kill(why), this.#options.killAfter)
    }
    run.signal.addEventListener('abort', abort)
    const settled = new Promise<{ value: unknown } | { error: unknown }>(settle => {
      this.#going = { run, call, settle, unmarked: new Set(['stdout', 'stderr']) }
    })
    if (this.#mode === 'idle') this.#begin()
    if (run.signal.aborted) abort()
    try {
      const end = await settled
      if ('error' in end) throw end.error
      return end.value
    } finally {
      this.#going = undefined
      run.signal.removeEventListener('abort', abort)
      kill?.unsubscribe()
    }
  }

  /** Ends the process and everything it started, at once. */
  kill(why: string): void {
    this.#why ??= why
    this.#group.signal('SIGKILL')
  }

  /** The only place that sets the mode; nothing follows `ended`. */
  #become(mode: Mode): void {
    if (this.#mode !== 'ended') this.#mode = mode
  }

  #begin(): void {
    const going = this.#going
    if (going === undefined) return
    if (going.run.signal.aborted) return going.settle({ error: going.run.signal.reason })
    try {
      this.#send({ type: 'run', call: going.call })
      this.#become('busy')
    } catch (error) {
      going.settle({ error: errorOf({ name: 'DataCloneError', message: String((error as Error).message) }) })
    }
  }

  /** When the process is gone already, its end says so. */
  #send(message: ToChild): void {
    this.#child.send(message, () => {})
  }

  #hear(message: FromChild): void {
    switch (message.type) {
      case 'ready':
        this.#wasReady = true
        this.#become('idle')
        return this.#begin()
      case 'log':
        if (message.run === this.#going?.run.id) this.#going.run.log[message.level](...(message.args as [string]))
        return
      case 'crash':
        this.#crash = errorOf(message.error)
        return
      default: {
        const going = this.#going
        if (going === undefined) return
        going.outcome = message
        if (going.unmarked.size === 0) return this.#settle(going)
        this.#awaitMarks(going)
      }
    }
  }

  #take(line: string, pipe: Pipe): void {
    const going = this.#going
    if (pipe === 'stderr' && OUT_OF_MEMORY.test(line)) this.#outOfMemory = true
    if (going === undefined) return
    const mark = markOf(going.run.id)
    const marked = line.endsWith(mark)
    const said = clipped(marked ? line.slice(0, -mark.length) : line)
    if (!marked || said !== '') {
      if (pipe === 'stdout') going.run.log.info(said)
      else going.run.log.warn({ stream: 'stderr' }, said)
    }
    if (!marked) return
    going.unmarked.delete(pipe)
    if (going.unmarked.size === 0) this.#settle(going)
  }

  #awaitMarks(going: Going): void {
    const { progress } = this.#output
    going.wait = systemClock.schedule(() => {
      if (progress === this.#output.progress) this.#settle(going)
      else this.#awaitMarks(going)
    }, SILENCE_MS)
  }

  #settle(going: Going): void {
    const { outcome } = going
    going.wait?.unsubscribe()
    if (outcome === undefined || going !== this.#going) return
    this.#become('idle')
    if (outcome.type === 'value') return going.settle({ value: outcome.value })
    going.settle({ error: outcome.type === 'error' ? errorOf(outcome.error) : outcome.value })
  }

  async #end(end: End | Error): Promise<void> {
    this.#become('ended')
    this.#group.signal('SIGKILL')
    await this.#output.finished()
    const going = this.#going
    if (going?.outcome !== undefined) return this.#settle(going)
    going?.settle({ error: this.#causeOf(end) })
  }

  #causeOf(end: End | Error): Error {
    if (end instanceof Error) {
      return errorOf({ name: 'NotStarted', message: `the worker process could not be started: ${end.message}` })
    }
    if (this.#outOfMemory) {
      const { memory } = this.#options
      const limit = memory === undefined ? "Node's own limit" : `${memory} MB`
      return errorOf({ name: 'OutOfMemory', message: `the worker process ran out of memory (limit: ${limit})` })
    }
    if (this.#crash !== undefined) return this.#crash
    const when = this.#wasReady ? 'in the middle of the run' : 'before it could take the run'
    const how = end.signal === null ? `with exit code ${end.code}` : `killed by ${end.signal}`
    const why = this.#why === undefined ? '' : `: ${this.#why}`
    return errorOf({ name: 'WorkerDied', message: `the worker process died ${when}, ${how}${why}` })
  }
}

/** The child's file lies beside this one; where the source itself runs, tsx reads it. */
function startChild({ tasksDir, memory }: WorkerOptions): ChildProcess {
  const here = import.meta.url
  const isSource = here.endsWith('.ts')
  const execArgv = memory === undefined ? [] : [`--max-old-space-size=${memory}`]
  if (isSource) execArgv.push('--import', pathToFileURL(createRequire(here).resolve('tsx')).href)
  return fork(fileURLToPath(new URL(isSource ? 'pool-child.ts' : 'pool-child.js', here)), [tasksDir], {
    execArgv,
    serialization: 'advanced',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
  })
}
