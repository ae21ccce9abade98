/** Heap: what stays in memory after many runs with the database: nothing, however many there were. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { MongoClient } from 'mongodb'
import { wait } from '../../src/clock.ts'
import { createNode } from '../../src/index.ts'
import { startServer } from './server.ts'
import { print } from './table.ts'

const JOBS = 1_000
const WARM = 10_000
const RUNS = 50_000
const STEP = 10_000

export async function bench(): Promise<void> {
  const server = await startServer()
  const uri = server.uri('heap')
  let executed = 0
  await using node = createNode({ uri, ip: 'bench', logger: false, tasks: { work: async () => void executed++ } })
  await node.start()
  const client = await MongoClient.connect(uri)
  const jobs = client.db().collection<{ _id: string } & Record<string, unknown>>('jobs')
  await jobs.insertMany(
    Array.from({ length: JOBS }, (_, i) => ({
      _id: `h-${i}`,
      func: 'work',
      ip: 'bench',
      trigger: { type: 'interval', seconds: 0.25 },
    })),
  )
  const rows: (string | number)[][] = []
  let [first, runs] = [0, 0]
  for (let until = WARM; until <= WARM + RUNS; until += STEP) {
    await jobs.updateMany({}, { $unset: { next_run_time: '' } })
    while (executed < until) await wait(10)
    // At rest: nothing is due, every end is stored.
    await jobs.updateMany({}, { $set: { next_run_time: null } })
    while ((await jobs.countDocuments({ 'state.running.0': { $exists: true } })) > 0 || node.status().armed > 0)
      await wait(100)
    const heap = heapUsed()
    if (rows.length === 0) [first, runs] = [heap, executed]
    const since = executed - runs
    rows.push([
      `after ${executed.toLocaleString('en')} runs`,
      heap / 2 ** 20,
      since === 0 ? '' : (heap - first) / since,
    ])
  }
  print(`heap of a node of ${JOBS.toLocaleString('en')} jobs, at rest`, [['', 'MiB', 'bytes a run'], ...rows])
  await client.close()
  await node.stop()
  await server.stop()
}

/** In bytes, after collections: what is weakly held takes more than one. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  for (let i = 0; i < 5; i++) collect()
  return process.memoryUsage().heapUsed
}
