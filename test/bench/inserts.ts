/** Inserts: many jobs inserted at once by a script while the node runs, until all are armed in memory; beside a bare change stream that
 *  reads the same inserts into the same kind of collection. */
import { fork } from 'node:child_process'
import { PerformanceObserver } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { connect, createNode } from '../../src/index.ts'
import { watchProcessor } from './processor.ts'
import { startServer } from './server.ts'
import { median, print } from './table.ts'

const JOBS = 100_000
const RUNS = 3

export async function bench(): Promise<void> {
  const server = await startServer()
  const rows: { bare: number; armed: number; written: number; longest: number; busiest: number }[] = []
  for (let run = 0; run < RUNS; run++) {
    const bare = await readBare(server.uri(`bare${run}`))
    rows.push({ bare, ...(await arm(server.uri(`storm${run}`))) })
  }
  await server.stop()
  const of = (key: keyof (typeof rows)[number]) => median(rows.map(row => row[key]))
  print(`${JOBS.toLocaleString('en')} jobs inserted while the node runs, median of ${RUNS} runs`, [
    ['', 's', 'ratio'],
    ['bare stream has read all', of('bare') / 1000, 1],
    ['armed in memory (limit 2)', of('armed') / 1000, median(rows.map(row => row.armed / row.bare))],
    ['plans written back', of('written') / 1000, median(rows.map(row => row.written / row.bare))],
  ])
  print('longest synchronous section of ours', [
    ['', 'ms'],
    [`processor time, worst of ${RUNS} runs (limit 50)`, Math.max(...rows.map(row => row.busiest))],
    ['with the waits for a processor, which server and writer want too', Math.max(...rows.map(row => row.longest))],
  ])
}

/** Milliseconds from the first insert on; resolves when `done` says so. */
async function storm(uri: string, done: () => Promise<void>): Promise<number> {
  const writer = fork(fileURLToPath(new URL('./inserts-writer.ts', import.meta.url)), [uri, String(JOBS)], {
    execArgv: ['--import', 'tsx'],
  })
  await new Promise(resolve => writer.once('message', resolve))
  const start = performance.now()
  await done()
  return performance.now() - start
}

async function readBare(uri: string): Promise<number> {
  await using client = await connect({ uri })
  await client.init()
  const reader = await MongoClient.connect(uri)
  const { operationTime } = await reader.db().command({ ping: 1 })
  const stream = reader.db().collection('jobs').watch([], { startAtOperationTime: operationTime, batchSize: 1_000 })
  const took = await storm(uri, async () => {
    for (let count = 0; count < JOBS; ) if ((await stream.tryNext()) !== null) count++
  })
  await stream.close()
  await reader.close()
  return took
}

async function arm(uri: string): Promise<{ armed: number; written: number; longest: number; busiest: number }> {
  const node = createNode({ uri, ip: 'bench', logger: false, tasks: { work: () => {} } })
  await node.start()
  const spans: { start: number; end: number }[] = []
  const observer = new PerformanceObserver(list => {
    for (const { name, startTime, duration } of list.getEntries())
      if (name.startsWith('tidewheel.')) spans.push({ start: startTime, end: startTime + duration })
  })
  observer.observe({ entryTypes: ['measure'] })
  const processor = watchProcessor()
  const start = performance.now()
  const armed = await storm(uri, () => until(async () => node.status().armed === JOBS))
  const client = await MongoClient.connect(uri)
  const planned = () =>
    client
      .db()
      .collection('jobs')
      .countDocuments({ next_run_time: { $exists: false } })
  await until(async () => (await planned()) === 0)
  const written = performance.now() - start
  observer.disconnect()
  await client.close()
  await node.close()
  const longest = Math.max(0, ...spans.map(({ start, end }) => end - start))
  const times = await processor.ran(spans)
  await processor.stop()
  return { armed, written, longest, busiest: Math.max(0, ...times) }
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise(resolve => setTimeout(resolve, 5))
}
