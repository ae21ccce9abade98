/** Start: how long a node takes until many jobs are armed, what they cost in memory, and for how long the event loop stands still;
 *  beside it a bare cursor that reads the same documents. Each in a fresh process of the built package. `JOBS` says how many. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Document, Long, MongoClient, Timestamp } from 'mongodb'
import { connect } from '../../src/index.ts'
import { fingerprint } from '../../src/trigger/trigger.ts'
import { built } from '../support/cli.ts'
import { type Figure, type Measure, rounds } from './figures.ts'

const JOBS = Number(process.env.JOBS ?? 1_000_000)
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

export const measure: Measure = async server => {
  const uri = server.uri('start')
  await fill(uri)
  const measured = await rounds(async () => {
    const round = { read: await started('read', uri), node: await started('start', uri) }
    if (round.node.jobs !== JOBS) throw new Error(`${round.node.jobs} of ${JOBS} jobs are armed`)
    return round
  })
  await drop(uri)
  const of = (what: 'read' | 'node', value: (one: Measured) => number) => measured.map(round => value(round[what]))
  const both = (name: string, unit: string, value: (one: Measured) => number, limit?: Figure['limit']): Figure[] => [
    { name, unit, values: of('node', value), ...(limit && { limit }) },
    { name: `bare cursor read: ${name}`, unit, values: of('read', value) },
  ]
  return {
    work: `start with ${JOBS.toLocaleString('en')} jobs, a fresh node`,
    figures: [
      ...both('until it is active', 's', ({ ms }) => ms / 1_000),
      {
        name: 'ratio to the read',
        unit: '',
        values: measured.map(({ read, node }) => node.ms / read.ms),
        limit: { most: 2 },
      },
      ...both('processor time', 's', ({ cpu }) => cpu / 1_000),
      ...both('resident', 'MB', ({ settled }) => settled, { most: 500 }),
      ...both('resident, at most', 'MB', ({ peak }) => peak, { most: 500 }),
      ...both('longest block', 'ms', ({ block }) => block, { most: 50 }),
      ...both('longest own work', 'ms', ({ work }) => work),
      { name: 'heap', unit: 'B a job', values: of('node', ({ bytes }) => bytes) },
    ],
    samples: {},
  }
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

async function drop(uri: string): Promise<void> {
  await using client = await MongoClient.connect(uri)
  await client.db().dropDatabase()
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

async function started(what: 'read' | 'start', uri: string): Promise<Measured> {
  const file = fileURLToPath(new URL('./start-process.mjs', import.meta.url))
  const child = fork(file, [what, built(), uri, IP], { execArgv: [] })
  const [measured] = (await once(child, 'message')) as [Measured]
  await once(child, 'exit')
  return measured
}
