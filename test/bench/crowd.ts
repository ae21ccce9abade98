/** Crowd: a thousand one-shot jobs that are due at one instant, the first thing that a fresh node does; beside it the same claims as raw
 *  bulks of a hundred, one after the other. */
import { MongoClient } from 'mongodb'
import { type Measure, rounds } from './figures.ts'
import { startFreshNode } from './fresh-node.ts'
import { claimRaw, insertRaw, type Loose } from './raw-claims.ts'
import { quantile } from './table.ts'

const JOBS = 1_000
/** From the insert, when the node is up, to the due time. */
const AHEAD_MS = 3_000
const LIMIT_MS = 30_000

export const measure: Measure = async server => {
  const samples: number[] = []
  const measured = await rounds(async i => {
    await using client = await MongoClient.connect(server.uri(`crowd${i}`))
    const jobs = client.db().collection<Loose>('jobs')
    const raw = await rawMs(client.db(`crowd-raw${i}`).collection<Loose>('jobs'))
    const node = await startFreshNode(server.uri(`crowd${i}`))
    const due = Date.now() + AHEAD_MS
    const trigger = { type: 'date', run_date: new Date(due) }
    await jobs.insertMany(
      Array.from({ length: JOBS }, (_, i) => ({ _id: `c-${i}`, func: 'work', ip: 'bench', trigger })),
    )
    const { late, early } = await node.starts(JOBS, LIMIT_MS)
    await node.stop()
    if (late.length !== JOBS) throw new Error(`${late.length} of ${JOBS} jobs ran`)
    samples.push(...late)
    return { p50: quantile(late, 0.5), last: Math.max(...late), early, raw }
  })
  const of = (key: keyof (typeof measured)[number]) => measured.map(round => round[key])
  return {
    work: `${JOBS.toLocaleString('en')} jobs at one instant, a fresh node`,
    figures: [
      { name: 'late, p50', unit: 'ms', values: of('p50') },
      { name: 'late, the last', unit: 'ms', values: of('last'), limit: { most: 60 } },
      { name: 'early', unit: '', values: of('early'), limit: { most: 0, every: true } },
      { name: 'raw bulk claims', unit: 'ms', values: of('raw') },
    ],
    samples: { late: samples },
  }
}

async function rawMs(jobs: import('mongodb').Collection<Loose>): Promise<number> {
  const ids = await insertRaw(jobs, JOBS)
  const began = performance.now()
  await claimRaw(jobs, ids, 0, 1)
  return performance.now() - began
}
