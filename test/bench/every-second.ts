/** Every second: five hundred jobs that are all due each second, for ten seconds from the first run of a fresh node on. */
import { MongoClient } from 'mongodb'
import { type Measure, rounds } from './figures.ts'
import { startFreshNode } from './fresh-node.ts'
import type { Loose } from './raw-claims.ts'
import { quantile } from './table.ts'

const JOBS = 500
const SECONDS = 10
const AHEAD_MS = 3_000

export const measure: Measure = async server => {
  const samples: number[] = []
  const measured = await rounds(async i => {
    await using client = await MongoClient.connect(server.uri(`every${i}`))
    const jobs = client.db().collection<Loose>('jobs')
    const node = await startFreshNode(server.uri(`every${i}`))
    const first = Math.ceil((Date.now() + AHEAD_MS) / 1_000) * 1_000
    const end_date = new Date(first + (SECONDS - 1) * 1_000)
    const trigger = { type: 'interval', seconds: 1, start_date: new Date(first), end_date }
    await jobs.insertMany(
      Array.from({ length: JOBS }, (_, i) => ({ _id: `e-${i}`, func: 'work', ip: 'bench', trigger })),
    )
    const { late, early } = await node.starts(JOBS * SECONDS, first + (SECONDS + 2) * 1_000 - Date.now())
    await node.stop()
    samples.push(...late)
    return {
      p50: quantile(late, 0.5),
      p99: quantile(late, 0.99),
      last: Math.max(...late),
      early,
      rate: late.length / SECONDS,
    }
  })
  const of = (key: keyof (typeof measured)[number]) => measured.map(round => round[key])
  return {
    work: `${JOBS} jobs every second, ${SECONDS} s, a fresh node`,
    figures: [
      { name: 'late, p50', unit: 'ms', values: of('p50') },
      { name: 'late, p99', unit: 'ms', values: of('p99'), limit: { most: 60 } },
      { name: 'late, the last', unit: 'ms', values: of('last') },
      { name: 'early', unit: '', values: of('early'), limit: { most: 0, every: true } },
      { name: 'runs', unit: '/s', values: of('rate'), limit: { least: JOBS } },
    ],
    samples: { late: samples },
  }
}
