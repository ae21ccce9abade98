/** Peers: what other schedulers make of the rows of the table, on the same machine: Agenda on the same set of three, BullMQ where there
 *  is a Redis (REDIS_URL, or a redis-server on the path), croner in the process alone. They live in scripts/bench, with packages of
 *  their own that are installed there the first time. */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { wait } from '../../src/clock.ts'
import { freePort } from '../../src/dev/mongod.ts'
import { type Figure, type Row, rounds } from './figures.ts'
import type { Server } from './server.ts'
import { quantile } from './table.ts'

const FOLDER = fileURLToPath(new URL('../../scripts/bench/', import.meta.url))
const EDITS = 200
/** Slow ones get fewer. */
const STORM: Readonly<Record<string, number>> = { agenda: 2_000, bullmq: 20_000 }

interface Peer {
  readonly name: 'agenda' | 'bullmq' | 'croner'
  readonly uri: (database: string) => string
}

/** Measures them one after the other, and tells each row when it is there. */
export async function comparePeers(server: Server, tell: (row: Row) => void): Promise<void> {
  if (!existsSync(`${FOLDER}node_modules`)) {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: FOLDER, stdio: 'inherit' })
  }
  const redis = await startRedis()
  if (redis === undefined) process.stdout.write('\nBullMQ is left out: no REDIS_URL, and no redis-server on the path\n')
  const peers: readonly Peer[] = [
    { name: 'agenda', uri: server.uri },
    ...(redis === undefined ? [] : [{ name: 'bullmq', uri: redis.uri } as const]),
    { name: 'croner', uri: () => '' },
  ]
  try {
    for (const peer of peers) tell(await measured(peer))
  } finally {
    redis?.stop()
  }
}

async function measured(peer: Peer): Promise<Row> {
  const isStored = peer.name !== 'croner'
  const many = STORM[peer.name] ?? 0
  const found = await rounds(async i => {
    const ask = async (work: string, options: object): Promise<{ late: readonly number[]; rate: number }> => {
      const child = start(peer, `${peer.name}-${work}${i}`, work, options)
      const answer = await said(child)
      child.kill('SIGKILL')
      return answer
    }
    const crowd = (await ask('crowd', { jobs: 1_000 })).late
    const second = (await ask('every-second', { jobs: 5_000, everyMs: 2 })).late
    const single = (await ask('lateness', { jobs: 500, everyMs: 20 })).late
    const storm = isStored ? (await ask('storm', { jobs: many })).rate : Number.NaN
    const edit = isStored ? await edits(peer, `${peer.name}-edit${i}`) : []
    return { crowd, second, single, storm, edit }
  })
  const late = (name: string, key: 'crowd' | 'second' | 'single' | 'edit', p: number): Figure => {
    return { name, unit: 'ms', values: found.map(round => quantile(round[key], p)) }
  }
  return {
    work: peer.name,
    figures: [
      ...(isStored ? [late('edit to start, p50', 'edit', 0.5), late('edit to start, p99', 'edit', 0.99)] : []),
      late('lateness, 500 jobs over 10 s, p50', 'single', 0.5),
      late('lateness, 500 jobs over 10 s, p99', 'single', 0.99),
      late('1,000 jobs at one instant, p50', 'crowd', 0.5),
      late('1,000 jobs at one instant, the last', 'crowd', 1),
      late('500 jobs every second, p50', 'second', 0.5),
      late('500 jobs every second, p99', 'second', 0.99),
      ...(isStored
        ? [{ name: `${many.toLocaleString('en')} due jobs`, unit: '/s', values: found.map(({ storm }) => storm) }]
        : []),
    ],
    samples: { '1,000 jobs at one instant, ms late': found.flatMap(({ crowd }) => crowd) },
  }
}

const start = ({ name, uri }: Peer, database: string, work: string, options: object): ChildProcess =>
  fork(`${FOLDER}peer.js`, [name, uri(database), work, JSON.stringify(options)], { cwd: FOLDER })

/** What it says next; a process that ends instead has said why on its stderr. */
async function said(child: ChildProcess): Promise<{ late: readonly number[]; rate: number }> {
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('a peer ended without an answer')))
  const [answer] = await Promise.race([once(child, 'message'), ended])
  return answer
}

/** From a job that another process adds as due now to the first line of the function. */
async function edits(peer: Peer, database: string): Promise<readonly number[]> {
  const runner = start(peer, database, 'edited', { jobs: 0 })
  const writer = start(peer, database, 'edits', { jobs: 0 })
  await Promise.all([said(runner), said(writer)])
  const took: number[] = []
  for (let i = 0; i < EDITS; i++) {
    const told = once(runner, 'message')
    writer.send('add')
    const [{ ms }] = await told
    took.push(ms)
    await wait(20)
  }
  runner.kill('SIGKILL')
  writer.kill('SIGKILL')
  return took
}

/** Each measurement has a database of its own. */
async function startRedis(): Promise<{ readonly uri: Peer['uri']; stop(): void } | undefined> {
  const numbers = new Map<string, number>()
  const numberOf = (database: string) => {
    if (!numbers.has(database)) numbers.set(database, numbers.size % 16)
    return numbers.get(database)
  }
  const given = process.env.REDIS_URL
  if (given !== undefined) {
    return { uri: database => `${given.replace(/\/\d*$/, '')}/${numberOf(database)}`, stop: () => {} }
  }
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const redis = spawn('redis-server', args, { stdio: 'ignore' })
  let gone = false
  redis.once('error', () => {
    gone = true
  })
  while (!gone && !(await answers(port))) await wait(100)
  if (gone) return undefined
  return { uri: database => `redis://127.0.0.1:${port}/${numberOf(database)}`, stop: () => void redis.kill() }
}

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
