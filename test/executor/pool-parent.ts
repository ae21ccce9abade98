/** A process that performs one run in a pool and tells what the run logs first: for tests that kill it. */
import type { Run } from '../../src/executor/executor.ts'
import { Pool } from '../../src/executor/pool.ts'
import { Tasks } from '../../src/executor/tasks.ts'

const [tasksDir = '', func = ''] = process.argv.slice(2)
const tasks = new Tasks()
await tasks.load(tasksDir)
const log = { info: (...args: unknown[]) => process.stdout.write(`${args.join(' ')}\n`) }
const run = { id: 'run', job: { _id: 'job', func }, args: [], kwargs: {}, signal: new AbortController().signal, log }
await new Pool({ tasks, tasksDir, workers: 1 }).perform(run as unknown as Run)
