/** Streams: what the change streams of N nodes cost the server while it takes the write-backs of runs, and how late an edit is told;
 *  beside it N nodes that ask once a second instead, which is what schedulers without streams do.
 *  The cost is CPU time of the server's process, so that other work on the machine does not count. Linux only. */
import { readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { type ChangeStream, type Collection, type Document, MongoClient } from 'mongodb'
import { pipelineFor } from '../../src/change/filter.ts'
import { wait } from '../../src/clock.ts'
import { startServer } from './server.ts'
import { print, quantile } from './table.ts'

const NODES = [0, 1, 10, 50, 100]
const WRITES_A_SECOND = 300
const EDITS_A_SECOND = 5
const JOBS = 2_000
/** So many write-backs are measured, however long a busy machine takes for them. */
const MEASURED_WRITES = 3_000
const MOST_MS = 40_000
const IDLE_MS = 5_000
const SETTLE_MS = 2_500
const TICK_MS = 20
/** Linux counts a process's time in these. */
const TICKS_A_SECOND = 100

type Jobs = Collection<{ _id: string } & Document>

interface Cost {
  /** CPU milliseconds of the server for a write-back, with all that follows from it. */
  readonly each: number
  /** Without write-backs: of a second. */
  readonly cores: number
  readonly rate: number
  readonly delays: readonly number[]
}

export async function bench(): Promise<void> {
  const server = await startServer()
  const client = await MongoClient.connect(server.uri('streams'), { maxPoolSize: 300 })
  const jobs = client.db().collection<{ _id: string } & Document>('jobs')
  await jobs.createIndex({ ip: 1, next_run_time: 1 })
  await jobs.insertMany(Array.from({ length: JOBS }, (_, i) => jobOf(i)))
  const rows: (string | number)[][] = []
  let base: Cost | undefined
  for (const nodes of NODES) {
    const streams = await measure(jobs, server.pid, () => follow(jobs, nodes), WRITES_A_SECOND)
    base ??= streams
    const idle = await measure(jobs, server.pid, () => follow(jobs, nodes), 0)
    const polling = await measure(jobs, server.pid, () => poll(jobs, nodes), WRITES_A_SECOND)
    rows.push([
      String(nodes),
      streams.each,
      nodes === 0 ? '' : ((streams.each - base.each) / nodes) * 1_000,
      (streams.each * WRITES_A_SECOND) / 1_000,
      (polling.each * WRITES_A_SECOND) / 1_000,
      idle.cores,
      nodes === 0 ? '' : quantile(streams.delays, 0.5),
      nodes === 0 ? '' : quantile(streams.delays, 0.99),
      streams.rate,
    ])
  }
  print(
    `the server's CPU for write-backs, ${cpus().length} cores shared with this program, load ${loadavg()[0]?.toFixed(1)} at the end`,
    [
      [
        'nodes',
        'ms a write',
        'µs a write and stream',
        `cores at ${WRITES_A_SECOND}/s`,
        'polling',
        'idle',
        'edit told p50 ms',
        'p99 ms',
        'written/s',
      ],
      ...rows,
    ],
  )
  await client.close()
  await server.stop()
}

const ipOf = (node: number) => `10.9.0.${node + 1}`

/** Long enough that the log of a write holds what it does for a real job. */
const jobOf = (i: number) => ({
  _id: `job-${i}`,
  func: 'mail:digest',
  args: ['ann'],
  trigger: { type: 'interval', seconds: 60 },
  ip: ipOf(i % 100),
  next_run_time: new Date(Date.now() + 3_600_000),
  touch: 'a',
  state: { runs: 0, running: [] },
})

interface Followed {
  readonly delays: readonly number[]
  close(): Promise<void>
}

/** As nodes follow, with their filter. */
async function follow(jobs: Jobs, nodes: number): Promise<Followed> {
  const delays: number[] = []
  const streams = Array.from({ length: nodes }, (_, i) =>
    jobs.watch(pipelineFor(ipOf(i)) as Document[], {
      maxAwaitTimeMS: 2_000,
      batchSize: 1_000,
      readConcern: { level: 'majority' },
    }),
  )
  for (const stream of streams) void hear(stream, delays)
  return { delays, close: async () => void (await Promise.all(streams.map(stream => stream.close()))) }
}

async function hear(stream: ChangeStream<{ _id: string } & Document>, delays: number[]): Promise<void> {
  try {
    for (;;) {
      const event = await stream.next()
      if (event.operationType !== 'update') continue
      const sent = event.updateDescription.updatedFields?.x_sent
      if (typeof sent === 'number') delays.push(Date.now() - sent)
    }
  } catch {
    // It was closed.
  }
}

async function poll(jobs: Jobs, nodes: number): Promise<Followed> {
  let open = true
  const asks = Array.from({ length: nodes }, async (_, i) => {
    await wait((i * 1_000) / nodes)
    while (open) {
      await jobs.find({ ip: ipOf(i), next_run_time: { $lte: new Date() } }).toArray()
      await wait(1_000)
    }
  })
  return {
    delays: [],
    close: async () => {
      open = false
      await Promise.all(asks)
    },
  }
}

async function measure(jobs: Jobs, pid: number, begin: () => Promise<Followed>, rate: number): Promise<Cost> {
  const followed = await begin()
  let open = true
  let written = 0
  const write = every(
    rate,
    () => open,
    async i => {
      const touch = `${Date.now()}-${i}`
      const $set = {
        next_run_time: new Date(Date.now() + 3_600_000),
        touch,
        'state.runs': i,
        'state.claimed': new Date(),
      }
      await jobs.findOneAndUpdate({ _id: `job-${i % JOBS}` }, { $set }, { writeConcern: { w: 'majority' } })
      written++
    },
  )
  const edit = every(
    rate === 0 ? 0 : EDITS_A_SECOND,
    () => open,
    async i => {
      await jobs.updateOne({ _id: `job-${(i * 37) % JOBS}` }, { $set: { x_sent: Date.now() } })
    },
  )
  await wait(SETTLE_MS)
  const before = { cpu: cpuOf(pid), written, at: Date.now(), delays: followed.delays.length }
  const goesOn = () => (rate === 0 ? Date.now() - before.at < IDLE_MS : written - before.written < MEASURED_WRITES)
  while (goesOn() && Date.now() - before.at < MOST_MS) await wait(TICK_MS)
  const seconds = (Date.now() - before.at) / 1_000
  const cpu = cpuOf(pid) - before.cpu
  const cost = {
    each: (cpu * 1_000) / (written - before.written),
    cores: cpu / seconds,
    rate: (written - before.written) / seconds,
    delays: followed.delays.slice(before.delays),
  }
  open = false
  await Promise.all([write, edit])
  await followed.close()
  return cost
}

/** So many calls a second, by the time that has passed: a slow turn is made up for. */
async function every(rate: number, open: () => boolean, call: (i: number) => Promise<void>): Promise<void> {
  const began = Date.now()
  let sent = 0
  const going = new Set<Promise<void>>()
  while (open() && rate > 0) {
    for (const due = ((Date.now() - began) * rate) / 1_000; sent < due && going.size < 100; sent++) {
      const one = call(sent).finally(() => going.delete(one))
      going.add(one)
    }
    await wait(TICK_MS)
  }
  await Promise.all(going)
}

/** Seconds of CPU that a process has had. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}
