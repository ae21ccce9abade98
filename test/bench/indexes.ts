/** Indexes: what an index on a field that claims change costs claims, and what lists of 100,000 jobs take at the server with it. */
import { type Collection, MongoClient } from 'mongodb'
import { claimRaw, insertRaw } from './raw-claims.ts'
import { startServer } from './server.ts'
import { median, print } from './table.ts'

const COUNT = 10_000
const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SETS = {
  'ip alone': [],
  'and tags, func': [{ key: { tags: 1, _id: 1 } }, { key: { func: 1, _id: 1 } }],
  'and next_run_time': [{ key: { next_run_time: 1, _id: 1 } }],
  'and state.error, partial': [
    { key: { 'state.error': 1 }, partialFilterExpression: { 'state.error': { $exists: true } } },
  ],
  'and state.running, partial': [
    {
      key: { 'state.running.run_id': 1 },
      partialFilterExpression: { 'state.running.run_id': { $exists: true } },
    },
  ],
} as const

type Loose = { _id: string } & Record<string, unknown>

/** Claims a second, one round of each set after the other, so that what else the machine does falls on all of them. */
export async function bench(): Promise<void> {
  const server = await startServer()
  const client = await MongoClient.connect(server.uri('indexes'))
  const rates = new Map<string, number[]>()
  const jobsOf = (name: string): Collection<Loose> => client.db().collection<Loose>(name)
  const ids = new Map<string, string[]>()
  const names = Object.keys(SETS) as (keyof typeof SETS)[]
  for (const name of names) {
    await jobsOf(name).createIndex({ ip: 1 })
    for (const { key, ...options } of SETS[name]) await jobsOf(name).createIndex(key as never, options)
    ids.set(name, await insertRaw(jobsOf(name), COUNT))
    await claimRaw(jobsOf(name), ids.get(name) as string[], 0)
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const name of names) {
      const start = performance.now()
      const won = await claimRaw(jobsOf(name), ids.get(name) as string[], round)
      if (won !== COUNT) throw new Error(`${name}, round ${round}: ${won} of ${COUNT} claims won`)
      rates.set(name, [...(rates.get(name) ?? []), (COUNT / (performance.now() - start)) * 1_000])
    }
  }
  const base = median(rates.get('ip alone') as number[])
  print(`claims with indexes on jobs, ${COUNT} jobs, median of ${ROUNDS} rounds`, [
    ['', 'claims/s', 'share', 'best'],
    ...names.map(name => {
      const all = rates.get(name) as number[]
      return [name, median(all), median(all) / base, Math.max(...all)]
    }),
  ])
  await client.close()
  await server.stop()
}
