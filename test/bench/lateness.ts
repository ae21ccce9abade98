/** Lateness: five hundred one-shot jobs one after the other, each claimed in the database, in a fresh node; beside it bare timers and
 *  croner with as many times, each in a fresh process, at the same time: what else the machine does falls on all three. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { type Measure, rounds } from './figures.ts'
import { startFreshNode } from './fresh-node.ts'
import type { Loose } from './raw-claims.ts'
import { quantile } from './table.ts'

const JOBS = 500
const EVERY_MS = 20
const AHEAD_MS = 4_000
const LIMIT_MS = 60_000

export const measure: Measure = async server => {
  const samples = { node: [] as number[], timers: [] as number[], croner: [] as number[] }
  const measured = await rounds(async i => {
    const uri = server.uri(`late${i}`)
    await using client = await MongoClient.connect(uri)
    const node = await startFreshNode(uri)
    const first = Date.now() + AHEAD_MS
    const timers = timed('timers', first + EVERY_MS / 3)
    const croner = timed('croner', first + (EVERY_MS * 2) / 3)
    await client
      .db()
      .collection<Loose>('jobs')
      .insertMany(
        Array.from({ length: JOBS }, (_, i) => ({
          _id: `l-${i}`,
          func: 'work',
          ip: 'bench',
          trigger: { type: 'date', run_date: new Date(first + i * EVERY_MS) },
        })),
      )
    const { late, early } = await node.starts(JOBS, LIMIT_MS)
    const round = { node: late, early, timers: await timers, croner: await croner }
    await node.stop()
    for (const kind of ['node', 'timers', 'croner'] as const) samples[kind].push(...round[kind])
    return round
  })
  const of = (kind: keyof typeof samples, p: number) => measured.map(round => quantile(round[kind], p))
  const more = (p: number) => measured.map(({ node, timers }) => quantile(node, p) - quantile(timers, p))
  return {
    work: `lateness, ${JOBS} jobs over ${(JOBS * EVERY_MS) / 1_000} s, a fresh node`,
    figures: [
      { name: 'late, p50', unit: 'ms', values: of('node', 0.5) },
      { name: 'late, p99', unit: 'ms', values: of('node', 0.99) },
      { name: 'bare setTimeout, p50', unit: 'ms', values: of('timers', 0.5) },
      { name: 'bare setTimeout, p99', unit: 'ms', values: of('timers', 0.99) },
      { name: 'croner, p50', unit: 'ms', values: of('croner', 0.5) },
      { name: 'croner, p99', unit: 'ms', values: of('croner', 0.99) },
      { name: 'more than setTimeout, p50', unit: 'ms', values: more(0.5), limit: { most: 0.5 } },
      { name: 'more than setTimeout, p99', unit: 'ms', values: more(0.99), limit: { most: 1.5 } },
      { name: 'early', unit: '', values: measured.map(({ early }) => early), limit: { most: 0, every: true } },
    ],
    samples: { tidewheel: samples.node, setTimeout: samples.timers, croner: samples.croner },
  }
}

async function timed(kind: 'timers' | 'croner', first: number): Promise<readonly number[]> {
  const file = fileURLToPath(new URL('./fresh-timers.ts', import.meta.url))
  const child = fork(file, [kind, String(Math.round(first)), String(JOBS), String(EVERY_MS)], {
    execArgv: ['--import', 'tsx'],
  })
  const [{ late }] = await once(child, 'message')
  child.kill('SIGKILL')
  return late
}
