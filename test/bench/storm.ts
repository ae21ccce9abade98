/** Storm: twenty thousand one-shot jobs that are due already when a fresh node starts, from the first claim until the last row is stored
 *  and the last job is over; beside it raw claims of as many documents, in bulks and one by one. */
import { type Collection, MongoClient } from 'mongodb'
import { wait } from '../../src/clock.ts'
import { type Measure, rounds } from './figures.ts'
import { startFreshNode } from './fresh-node.ts'
import { claimRaw, claimSingly, insertRaw, type Loose } from './raw-claims.ts'

const JOBS = 20_000
/** Single claims are slow, and as fast with fewer. */
const SINGLE = 4_000
const AT_ONCE = 4
const SINGLES_AT_ONCE = 100
const POLL_MS = 20
const LIMIT_MS = 300_000

export const measure: Measure = async server => {
  const measured = await rounds(async i => {
    await using client = await MongoClient.connect(server.uri(`storm${i}`))
    const raw = client.db(`storm-raw${i}`).collection<Loose>('jobs')
    const ids = await insertRaw(raw, JOBS)
    const bulk = await rate(JOBS, () => claimRaw(raw, ids, 0, 1))
    const bulks = await rate(JOBS, () => claimRaw(raw, ids, 1, AT_ONCE))
    const singles = await rate(SINGLE, () => claimSingly(raw, ids.slice(0, SINGLE), 2, SINGLES_AT_ONCE))
    await client.db(`storm-raw${i}`).dropDatabase()

    const jobs = client.db().collection<Loose>('jobs')
    const trigger = { type: 'date', run_date: new Date() }
    const job = { func: 'work', ip: 'bench', trigger, misfire_grace_time: null }
    await jobs.insertMany(Array.from({ length: JOBS }, (_, i) => ({ _id: `s-${i}`, ...job })))
    const node = await startFreshNode(server.uri(`storm${i}`))
    const rows = client.db().collection('executions')
    const end = await over(jobs, rows)
    await node.stop()
    const [first] = await rows.find().sort({ claimed: 1 }).limit(1).toArray()
    const runs = (JOBS * 1_000) / (end - Number(first?.claimed))
    await client.db().dropDatabase()
    return { runs, share: runs / bulk, bulk, bulks, singles }
  })
  const of = (key: keyof (typeof measured)[number]) => measured.map(round => round[key])
  return {
    work: `${JOBS.toLocaleString('en')} due one-shot jobs, history kept, a fresh node`,
    figures: [
      { name: 'runs', unit: '/s', values: of('runs') },
      { name: 'share of raw bulk claims, one after the other', unit: '', values: of('share'), limit: { least: 0.5 } },
      { name: 'raw bulk claims, one after the other', unit: '/s', values: of('bulk') },
      { name: `raw bulk claims, ${AT_ONCE} at once`, unit: '/s', values: of('bulks') },
      { name: `raw single claims, ${SINGLES_AT_ONCE} at once`, unit: '/s', values: of('singles') },
    ],
    samples: {},
  }
}

async function rate(count: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (count * 1_000) / (performance.now() - began)
}

/** The time at which each run has its row and no job is left. */
async function over(jobs: Collection<Loose>, rows: Collection): Promise<number> {
  for (const limit = Date.now() + LIMIT_MS; Date.now() < limit; await wait(POLL_MS)) {
    if ((await jobs.estimatedDocumentCount()) > 0) continue
    if ((await rows.estimatedDocumentCount()) >= JOBS) return Date.now()
  }
  throw new Error(`not all ${JOBS} jobs were over after ${LIMIT_MS / 1_000} s`)
}
