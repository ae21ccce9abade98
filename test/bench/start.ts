/** Start: how long a node takes until many jobs are armed, what they cost in memory, and for how long the event loop stands still;
 *  beside it a bare cursor that reads the same documents. Each in a fresh process of the built package. `JOBS` says how many. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Document, Long, MongoClient, Timestamp } from 'mongodb'
import { connect } from '../../src/index.ts'
import { fingerprint } from '../../src/trigger/trigger.ts'
import { built } from '../support/cli.ts'
import { startServer } from './server.ts'
import { median, print } from './table.ts'

const JOBS = Number(process.env.JOBS ?? 1_000_000)
const MEMBERS = process.env.MEMBERS === '1' ? 1 : 3
const RUNS = 3
const BATCH = 5_000
const IP = 'bench'

interface Measured {
  readonly jobs: number
  readonly ms: number
  /** Of all its threads. */
  readonly cpu: number
  /** The longest block, and the longest time that the main thread worked without a look at timers. */
  readonly block: number
  readonly work: number
  readonly peak: number
  readonly settled: number
  readonly bytes: number
}

export async function bench(): Promise<void> {
  const server = await startServer(MEMBERS)
  const uri = server.uri('start')
  await fill(uri)
  const read: Measured[] = []
  const start: Measured[] = []
  for (let run = 0; run < RUNS; run++) {
    read.push(await measure('read', uri))
    start.push(await measure('start', uri))
  }
  await server.stop()
  const middle = (all: readonly Measured[], of: keyof Measured) => median(all.map(one => one[of]))
  const row = (name: string, all: readonly Measured[]) => [
    name,
    `${(middle(all, 'ms') / 1_000).toFixed(1)} (${all.map(({ ms }) => (ms / 1_000).toFixed(1)).join(', ')})`,
    median(all.map(({ ms }, i) => ms / (read[i] as Measured).ms)),
    middle(all, 'cpu') / 1_000,
    middle(all, 'settled'),
    middle(all, 'peak'),
    middle(all, 'block'),
    middle(all, 'work'),
    middle(all, 'bytes'),
  ]
  const jobs = middle(start, 'jobs').toLocaleString('en')
  print(`start of a node with ${jobs} jobs, ${MEMBERS} members, fresh processes, median of ${RUNS} runs`, [
    ['', 's', 'ratio', 'CPU s', 'MB', 'MB at most', 'longest block ms', 'of own work', 'bytes a job'],
    row('bare cursor read', read),
    row('node active', start),
    ['limits', '', 2, '', 500, 500, 50, '', ''],
  ])
}

/** Jobs as a node leaves them after some runs, all due tomorrow. */
async function fill(uri: string): Promise<void> {
  await using setup = await connect({ uri })
  await setup.init()
  await using client = await MongoClient.connect(uri)
  const jobs = client.db().collection<{ _id: string } & Document>('jobs')
  const due = Date.now() + 86_400_000
  for (let from = 0; from < JOBS; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, JOBS - from) }, (_, i) => jobOf(from + i, due))
    await jobs.insertMany(batch, { ordered: false, writeConcern: { w: 1 } })
  }
}

function jobOf(i: number, due: number): { _id: string } & Document {
  const _id = `account-${i}`
  const trigger = { type: 'interval', minutes: 1 + (i % 600) } as const
  const [next, last] = [new Date(due + i), new Date(due + i - 60_000 * trigger.minutes)]
  return {
    _id,
    name: `Statement of account ${i}`,
    tags: ['billing', 'monthly'],
    func: 'work',
    args: [i, 'statement'],
    kwargs: { to: `${i}@example.com` },
    ip: IP,
    trigger,
    next_run_time: next,
    touch: `incarnation-${i}`,
    state: {
      job: _id,
      planned: { next_run_time: next, trigger: fingerprint(trigger, 'UTC') },
      claimed_to: last,
      runs: 7,
      fence: new Timestamp(Long.fromBits(i, 1)),
      last_run_time: last,
      last_status: 'executed',
      failures: 0,
    },
  }
}

async function measure(what: 'read' | 'start', uri: string): Promise<Measured> {
  const file = fileURLToPath(new URL('./start-process.mjs', import.meta.url))
  const child = fork(file, [what, built(), uri, IP], { execArgv: [] })
  const [measured] = (await once(child, 'message')) as [Measured]
  await once(child, 'exit')
  return measured
}
