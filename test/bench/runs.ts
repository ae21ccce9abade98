/** Runs: lateness of single runs beside bare timers, a burst at one instant and sustained runs beside raw bulk claims, memory and
 *  start-up with many jobs beside a bare cursor read. */
import { MongoClient } from 'mongodb'
import { connect, createNode } from '../../src/index.ts'
import { claimRaw, insertRaw } from './raw-claims.ts'
import { type Server, startServer } from './server.ts'
import { median, print, quantile } from './table.ts'

const RUNS = 3
/** Wall clock with fractions of a millisecond. */
const wall = () => performance.timeOrigin + performance.now()
const far = { type: 'interval', days: 100 } as const

export async function bench(): Promise<void> {
  const server = await startServer()
  await lateness(server)
  await burst(server)
  await sustained(server)
  await many(server)
  await server.stop()
}

async function lateness(server: Server): Promise<void> {
  const [count, everyMs] = [1_000, 20]
  const rows: number[][] = []
  for (let run = 0; run < RUNS; run++) {
    const late: number[] = []
    const bare: number[] = []
    await using node = createNode({
      uri: server.uri(`late${run}`),
      logger: false,
      ip: 'bench',
      tasks: { tick: ({ runTime }) => void late.push(wall() - runTime.getTime()) },
    })
    await node.start()
    // The lead is learnt from claims, so a few runs come first.
    const first = Date.now() + 3_000
    const warm = Array.from({ length: 32 }, (_, i) => ({
      _id: `warm-${i}`,
      func: 'tick',
      trigger: { type: 'date' as const, run_date: new Date(first - 2_000 + i * 40) },
    }))
    const jobs = Array.from({ length: count }, (_, i) => ({
      _id: `late-${i}`,
      func: 'tick',
      trigger: { type: 'date' as const, run_date: new Date(first + i * everyMs) },
    }))
    const client = await MongoClient.connect(server.uri(`late${run}`))
    await client
      .db()
      .collection('jobs')
      .insertMany([...warm, ...jobs].map(job => ({ ...job, ip: 'bench' })) as never)
    await at(first - 100)
    late.length = 0
    for (let i = 0; i < count; i++) {
      const due = first + i * everyMs + everyMs / 2
      setTimeout(() => bare.push(wall() - due), due - Date.now())
    }
    await until(() => late.length >= count && bare.length >= count)
    await client.close()
    rows.push([quantile(late, 0.5), quantile(late, 0.99), Math.min(...late), quantile(bare, 0.5), quantile(bare, 0.99)])
  }
  const [p50, p99, least, bare50, bare99] = [0, 1, 2, 3, 4].map(i => median(rows.map(row => row[i] as number))) as [
    number,
    number,
    number,
    number,
    number,
  ]
  print(
    `lateness: ${count} runs over ${(count * everyMs) / 1000} s, each with a majority claim, median of ${RUNS} runs`,
    [
      ['', 'p50 ms', 'p99 ms', 'least ms'],
      ['start of the function', p50, p99, least],
      ['bare setTimeout', bare50, bare99, ''],
      [
        'difference (limits 0.5 and 4; none early)',
        p50 - bare50,
        p99 - bare99,
        Math.min(...rows.map(row => row[2] as number)),
      ],
    ],
  )
}

async function burst(server: Server): Promise<void> {
  const count = 1_000
  const ratios: number[] = []
  const took: number[] = []
  const raws: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const uri = server.uri(`burst${run}`)
    const client = await MongoClient.connect(uri)
    let last = 0
    let started = 0
    await using node = createNode({
      uri,
      logger: false,
      ip: 'bench',
      executors: { default: { concurrency: count } },
      tasks: {
        go: () => {
          started++
          last = wall()
        },
      },
    })
    await node.start()
    const raw = await rawClaims(client, count)
    const burst = async (name: string, count: number) => {
      started = 0
      const due = Date.now() + 1_500
      const jobs = Array.from({ length: count }, (_, i) => ({
        _id: `${name}-${i}`,
        func: 'go',
        ip: 'bench',
        trigger: far,
        next_run_time: new Date(due),
      }))
      await client
        .db()
        .collection('jobs')
        .insertMany(jobs as never)
      await until(() => started >= count)
      return last - due
    }
    // The lead is learnt from claims.
    for (let i = 0; i < 2; i++) await burst(`warm-${i}`, count)
    const ours = await burst('burst', count)
    took.push(ours)
    raws.push(raw)
    ratios.push(ours / raw)
    await client.close()
  }
  print(`burst: ${count} runs due at one instant, median of ${RUNS} runs`, [
    ['', 'ms', 'ratio'],
    ['raw bulk claims', median(raws), 1],
    ['all started (limit 1.5)', median(took), median(ratios)],
  ])
}

/** Milliseconds for one claim of each of so many jobs, the best of three rounds. */
async function rawClaims(client: MongoClient, count: number): Promise<number> {
  const jobs = client.db().collection<{ _id: string } & Record<string, unknown>>('jobs')
  const ids = await insertRaw(jobs, count)
  const took: number[] = []
  for (let round = 0; round < 3; round++) {
    const start = performance.now()
    await claimRaw(jobs, ids, round)
    took.push(performance.now() - start)
  }
  await jobs.deleteMany({ ip: 'raw' })
  return Math.min(...took)
}

async function sustained(server: Server): Promise<void> {
  const [jobCount, seconds] = [10_000, 10]
  const rows: { raw: number; atOnce: number; ours: number }[] = []
  for (let run = 0; run < RUNS; run++) {
    const uri = server.uri(`sustained${run}`)
    await using setup = await connect({ uri })
    await setup.init()
    const client = await MongoClient.connect(uri)
    const loose = client.db().collection<{ _id: string } & Record<string, unknown>>('jobs')
    const ids = await insertRaw(loose, jobCount)
    let round = 0
    const rate = async (bulks: number) => {
      const [first, start] = [round, performance.now()]
      while (performance.now() - start < (seconds / 2) * 1_000) await claimRaw(loose, ids, round++, bulks)
      return ((round - first) * jobCount) / ((performance.now() - start) / 1_000)
    }
    await claimRaw(loose, ids, round++)
    const raw = await rate(1)
    const atOnce = await rate(4)
    await loose.deleteMany({})
    let executed = 0
    await using node = createNode({
      uri,
      logger: false,
      ip: 'bench',
      executors: { default: { concurrency: 4_000 } },
      tasks: { work: async () => void executed++ },
    })
    await node.start()
    const jobs = Array.from({ length: jobCount }, (_, i) => ({
      _id: `s-${i}`,
      func: 'work',
      ip: 'bench',
      trigger: { type: 'interval', seconds: 0.2 },
    }))
    await loose.insertMany(jobs)
    await at(Date.now() + 3_000)
    const [before, since] = [executed, performance.now()]
    await at(Date.now() + seconds * 1_000)
    rows.push({ raw, atOnce, ours: (executed - before) / ((performance.now() - since) / 1_000) })
    await loose.updateMany({}, { $set: { next_run_time: null } })
    await client.close()
  }
  print(`sustained: ${jobCount} jobs that are always due, with history, median of ${RUNS} runs`, [
    ['', 'per s', 'share'],
    ['raw bulk claims, one bulk after the other', median(rows.map(row => row.raw)), 1],
    [
      'raw bulk claims, four bulks at once',
      median(rows.map(row => row.atOnce)),
      median(rows.map(row => row.atOnce / row.raw)),
    ],
    ['runs executed (limit 0.5)', median(rows.map(row => row.ours)), median(rows.map(row => row.ours / row.raw))],
  ])
}

async function many(server: Server): Promise<void> {
  const count = 100_000
  const uri = server.uri('many')
  await using setup = await connect({ uri })
  await setup.init()
  const client = await MongoClient.connect(uri)
  const jobs = client.db().collection('jobs')
  const soon = Date.now() + 86_400_000
  for (let from = 0; from < count; from += 5_000) {
    const batch = Array.from({ length: 5_000 }, (_, i) => ({
      _id: `m-${from + i}`,
      func: 'work',
      ip: 'bench',
      trigger: { type: 'interval', minutes: 1 + (i % 600) },
      next_run_time: new Date(soon + i),
      state: { job: `m-${from + i}`, planned: { next_run_time: new Date(soon + i), trigger: 'x:bench' } },
    }))
    await jobs.insertMany(batch as never, { ordered: false })
  }
  const start = performance.now()
  let read = 0
  for await (const _ of jobs.find({ ip: 'bench' }, { batchSize: 1_000 })) read++
  const bare = performance.now() - start
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  await using node = createNode({ uri, ip: 'bench', logger: false, tasks: { work: () => {} } })
  const begun = performance.now()
  await node.start()
  const ready = performance.now() - begun
  globalThis.gc?.()
  const bytes = (process.memoryUsage().heapUsed - before) / count
  print(`${count.toLocaleString('en')} jobs at the start of a node (${read} read, ${node.status().armed} armed)`, [
    ['', 'ms', 'ratio'],
    ['bare cursor read', bare, 1],
    ['node active', ready, ready / bare],
  ])
  print('memory', [
    ['', 'bytes a job'],
    [globalThis.gc === undefined ? 'heap (run node with --expose-gc for a clean figure)' : 'heap', bytes],
  ])
  await client.close()
}

const at = (instant: number) => new Promise(resolve => setTimeout(resolve, Math.max(0, instant - Date.now())))

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise(resolve => setTimeout(resolve, 5))
}
