/** Kills: many node processes on one server, many jobs, and random kills for minutes; beside it what an idle node costs the server. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Document, MongoClient } from 'mongodb'
import { wait } from '../../src/clock.ts'
import { random } from '../faults/plan.ts'
import { startServer } from './server.ts'
import { print, quantile } from './table.ts'

const NODES = 20
const JOBS = 2_000
const EVERY_MS = 60_000
const IDLE_MS = 60_000
const KILLING_MS = 600_000
/** A kill so often, and each killed process is started anew after a while: about a quarter is dead at any time. */
const KILL_EVERY_MS = 5_000
const DEAD_MS = 25_000
/** So long after the last kill everything is to be in place: a lease, doubt, and the moves. */
const REST_MS = 30_000
const SEED = 2026

export async function bench(): Promise<void> {
  const server = await startServer()
  const uri = server.uri('kills')
  const client = await MongoClient.connect(uri)
  const processes = new Map<string, ChildProcess>()
  const start = async (ip: string) => {
    const child = fork(fileURLToPath(new URL('./kills-node.ts', import.meta.url)), [uri, ip], {
      execArgv: ['--import', 'tsx'],
    })
    processes.set(ip, child)
    await once(child, 'message')
  }
  const ips = Array.from({ length: NODES }, (_, i) => `10.9.0.${i + 1}`)
  for (const ip of ips) await start(ip)
  await wait(20_000)
  const idle = await operations(client, IDLE_MS)
  print(`${NODES} idle nodes, lease 15 s, for ${IDLE_MS / 1_000} s`, [
    ['', 'a second and node'],
    ['operations (limit 1.5)', idle.commands / NODES],
    ['with the drivers’ hello', (idle.commands + idle.hello) / NODES],
  ])

  const jobs = client.db().collection<{ _id: string } & Document>('jobs')
  const began = Date.now()
  await jobs.insertMany(
    Array.from({ length: JOBS }, (_, i) => ({
      _id: `c-${i}`,
      func: 'work',
      trigger: { type: 'interval', minutes: 1 },
      next_run_time: new Date(firstOf(i, began)),
    })),
  )
  const { pick } = random(SEED)
  let kills = 0
  for (const end = Date.now() + KILLING_MS; Date.now() < end; await wait(KILL_EVERY_MS)) {
    const ip = pick([...processes.keys()])
    const child = processes.get(ip) as ChildProcess
    processes.delete(ip)
    child.kill('SIGKILL')
    kills++
    void wait(DEAD_MS).then(() => start(ip))
  }
  await wait(DEAD_MS + REST_MS)
  const ended = Date.now()
  const homeless = await jobs.countDocuments({ ip: { $nin: [...processes.keys()] } })
  const rows = await client.db().collection('executions').find().toArray()
  report({ kills, homeless, rows, began, ended })
  for (const child of processes.values()) child.kill('SIGTERM')
  await Promise.all([...processes.values()].map(child => (child.exitCode === null ? once(child, 'exit') : undefined)))
  await client.close()
  await server.stop()
}

/** The first run of a job, spread over a minute. */
const firstOf = (i: number, began: number) => began + 5_000 + Math.floor((i * EVERY_MS) / JOBS)

interface Told {
  readonly kills: number
  readonly homeless: number
  readonly rows: readonly Document[]
  readonly began: number
  readonly ended: number
}

function report({ kills, homeless, rows, began, ended }: Told): void {
  const ran = rows.filter(({ status }) => status === 'executed')
  const times = new Set(ran.map(({ job_id, run_time }) => `${job_id} ${Number(run_time)}`))
  const told = new Set(
    rows.flatMap(({ job_id, run_time, coalesced }) =>
      Array.from({ length: coalesced }, (_, i) => `${job_id} ${Number(run_time) - i * EVERY_MS}`),
    ),
  )
  // What was due in the last seconds may still be under way.
  const owed = Array.from({ length: JOBS }, (_, i) => {
    const count = Math.floor((ended - REST_MS - firstOf(i, began)) / EVERY_MS) + 1
    return Array.from({ length: count }, (_, k) => `c-${i} ${firstOf(i, began) + k * EVERY_MS}`)
  }).flat()
  const late = ran.map(row => row.late as number)
  print(
    `${NODES} processes, ${JOBS.toLocaleString('en')} jobs of a run a minute, ${kills} kills in ${KILLING_MS / 60_000} min`,
    [
      ['', ''],
      ['jobs without a living node at the end (limit 0)', homeless],
      ['run times owed', owed.length],
      ['of them told by no row (limit 0)', owed.filter(time => !told.has(time)).length],
      ['runs executed', ran.length],
      ['run times executed twice (limit 0)', ran.length - times.size],
      ['interrupted', rows.filter(({ status }) => status === 'interrupted').length],
      ['late, p50 ms', quantile(late, 0.5)],
      ['late, p99 ms', quantile(late, 0.99)],
      ['late, most, ms (lease 15 s)', Math.max(...late)],
    ],
  )
}

/** What the server counts in a second, without what asks for it. */
async function operations(client: MongoClient, ms: number): Promise<{ commands: number; hello: number }> {
  const read = async () => {
    const { opcounters, metrics } = await client.db('admin').command({ serverStatus: 1 })
    const { hello = { total: 0 }, isMaster = { total: 0 } } = metrics.commands
    const asks = Number(hello.total) + Number(isMaster.total)
    const all = Object.values(opcounters as Record<string, unknown>).filter(
      value => typeof value === 'number' || typeof value === 'bigint',
    )
    return { hello: asks, commands: all.reduce<number>((sum, value) => sum + Number(value), 0) - asks }
  }
  const before = await read()
  await wait(ms)
  const after = await read()
  const share = (key: 'hello' | 'commands') => ((after[key] - before[key]) * 1_000) / ms
  return { commands: share('commands'), hello: share('hello') }
}
