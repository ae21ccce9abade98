/** In-process executor: calls the task function in the node's own process.
 *  It is for functions that wait more than they compute: one that computes for long holds up the whole node.
 *  A function cannot be ended from outside: it is told by `run.signal` and, when it does not listen, left behind. */
import type { Executor } from './executor.ts'
import type { Tasks } from './tasks.ts'

export function inProcess(tasks: Tasks, places: number): Executor {
  return {
    kind: 'default',
    places,
    problem: func => tasks.problem(func),
    perform: async run => {
      const task = tasks.get(run.job.func)
      if (task === undefined) throw new Error(tasks.problem(run.job.func) ?? `no task ${run.job.func}`)
      return await task(run, ...(run.args as never[]))
    },
    close: async () => {},
  }
}
