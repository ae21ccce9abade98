/** Lists: what pages, counts and searches of 100,000 jobs take, beside the reading of as many documents as they lie, which is the least
 *  that a search without an index can take. Each is asked as people ask, and by turns, so that what else the machine does falls on all. */
import { loadavg } from 'node:os'
import { MongoClient } from 'mongodb'
import { connect } from '../../src/client/connect.ts'
import type { JobsPageOptions } from '../../src/client/jobs-page.ts'
import { startServer } from './server.ts'
import { median, print } from './table.ts'

const COUNT = 100_000
const BATCH = 5_000
const ROUNDS = Number(process.env.ROUNDS ?? 15)

const PAGES: Readonly<Record<string, JobsPageOptions>> = {
  'first page': {},
  'of one node': { filter: { ip: 'node-7' } },
  'by time': { sort: 'next_run_time' },
  'latest first': { sort: '-next_run_time' },
  paused: { filter: { status: 'paused' } },
  armed: { filter: { status: 'armed' } },
  running: { filter: { status: 'running' } },
  invalid: { filter: { status: 'invalid' } },
  'first page, counted': { count: true },
  'of one node, counted': { filter: { ip: 'node-7' }, count: true },
  'search that finds much': { filter: { search: 'number 1' } },
  'search that finds nothing': { filter: { search: 'zzzz' } },
}

function documentOf(i: number) {
  const _id = `job-${String((i * 7_919) % COUNT).padStart(6, '0')}`
  return {
    _id,
    name: `Report number ${i}`,
    func: i % 3 === 0 ? 'report:nightly' : 'mail:digest',
    tags: i % 4 === 0 ? ['billing', 'x'] : ['ops'],
    trigger: { type: 'interval', minutes: 5 },
    ip: `node-${i % 20}`,
    next_run_time: i % 10 === 0 ? null : new Date(Date.UTC(2027, 0, 1) + ((i * 31) % 86_400_000)),
    state: { job: _id },
  }
}

export async function bench(): Promise<void> {
  const server = await startServer()
  const client = await connect({ uri: server.uri('lists') })
  const raw = await MongoClient.connect(server.uri('lists'))
  const jobs = raw.db().collection<ReturnType<typeof documentOf>>('jobs')
  await client.init()
  for (let from = 0; from < COUNT; from += BATCH) {
    await jobs.insertMany(Array.from({ length: BATCH }, (_, i) => documentOf(from + i)))
  }
  const asks: Readonly<Record<string, () => Promise<unknown>>> = {
    'all read as they lie': () => jobs.find({ name: 'none' }).hint({ $natural: 1 }).toArray(),
    ...Object.fromEntries(Object.entries(PAGES).map(([name, options]) => [name, () => client.jobs.page(options)])),
  }
  const took = new Map<string, number[]>(Object.keys(asks).map(name => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, ask] of Object.entries(asks)) {
      const start = performance.now()
      await ask()
      took.get(name)?.push(performance.now() - start)
    }
  }
  const base = median(took.get('all read as they lie') ?? [])
  print(`lists of ${COUNT} jobs, ms, median of ${ROUNDS}; load ${loadavg()[0]?.toFixed(1)}`, [
    ['', 'ms', 'best', 'share'],
    ...[...took].map(([name, all]) => [name, median(all), Math.min(...all), median(all) / base]),
  ])
  await raw.close()
  await client.close()
  await server.stop()
}
