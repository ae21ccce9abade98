/** Process executor: a pool of child processes that are started when they are needed and used again.
 *  In: runs whose func is a task of the tasks folder. Out: what the task returned or threw; `WorkerDied` or `OutOfMemory`
 *  when its process ended in the middle. One run at a time in each process, so that a task may compute, hang or crash
 *  without holding up anything else. A process that ended in the middle of a run is replaced at once. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { crossing } from './crossing.ts'
import { type Executor, KILL_AFTER_MS, type Run } from './executor.ts'
import type { Tasks } from './tasks.ts'
import { Worker } from './worker.ts'

export interface PoolOptions {
  /** What the node knows; of these only tasks of the folder can cross. */
  readonly tasks: Tasks
  /** Absent: every func is a problem. */
  readonly tasksDir?: string | undefined
  readonly workers: number
  /** Most MB of a worker's heap. */
  readonly memory?: number | undefined
  /** Milliseconds from the abort to SIGKILL. */
  readonly killAfter?: number
}

const ENDINGS = ['.js', '.mjs', '.ts', '.mts', '.cjs', '.cts']

export class Pool implements Executor {
  readonly places: number
  readonly kills = true
  readonly kind?: 'process'
  readonly #options: PoolOptions
  readonly #workers = new Set<Worker>()
  /** Last used first. */
  #free: Worker[] = []
  readonly #modules = new Map<string, boolean>()
  #closings = 0

  constructor(options: PoolOptions) {
    this.#options = options
    this.places = options.workers
    if (options.tasksDir !== undefined) this.kind = 'process'
  }

  problem(func: string): string | undefined {
    const { tasks, tasksDir } = this.#options
    const unknown = tasks.problem(func)
    if (unknown !== undefined) return unknown
    if (tasksDir !== undefined && this.#hasModule(tasksDir, func)) return undefined
    return `func: "${func}" is registered in code and cannot cross to another process; make it an exported function of the tasks folder, or use the executor default`
  }

  async perform(run: Run): Promise<unknown> {
    const problem = this.problem(run.job.func)
    if (problem !== undefined) throw new Error(problem)
    const { id, runTime, attempt, fence } = run
    const call = {
      id,
      runTime,
      attempt,
      fence,
      job: crossing(run.job, ''),
      args: crossing(run.args, 'args'),
      kwargs: crossing(run.kwargs, 'kwargs'),
    }
    run.signal.throwIfAborted()
    const closings = this.#closings
    const worker = this.#free.pop() ?? this.#start()
    try {
      return await worker.perform(run, call)
    } finally {
      if (closings === this.#closings) {
        if (!worker.ended) this.#free.push(worker)
        else if (worker.wasReady) this.#free.push(this.#start())
      }
    }
  }

  async close(): Promise<void> {
    this.#closings++
    this.#free = []
    const workers = [...this.#workers]
    for (const worker of workers) worker.kill('the executor was closed')
    await Promise.all(workers.map(worker => worker.gone))
  }

  #start(): Worker {
    const { tasksDir = '', memory, killAfter = KILL_AFTER_MS } = this.#options
    const worker = new Worker({ tasksDir, memory, killAfter })
    this.#workers.add(worker)
    void worker.gone.then(() => {
      this.#workers.delete(worker)
      this.#free = this.#free.filter(other => other !== worker)
    })
    return worker
  }

  #hasModule(folder: string, func: string): boolean {
    const module = func.slice(0, Math.max(0, func.lastIndexOf(':')))
    let known = this.#modules.get(module)
    if (known === undefined) {
      known = module !== '' && ENDINGS.some(ending => existsSync(path.join(folder, module + ending)))
      this.#modules.set(module, known)
    }
    return known
  }
}
