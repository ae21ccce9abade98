/** Live: two hundred clients on `/api/events` while two hundred jobs a second run: lateness of the runs without them and with them, in
 *  turns of one run; what they are told and when; memory before and after. `LIVE_SECONDS` sets the length, default 60. */
import { type ChildProcess, fork } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { createApp } from '../../src/api/app.ts'
import { connect, createNode } from '../../src/index.ts'
import { startServer } from './server.ts'
import { print, quantile } from './table.ts'

const CLIENTS = 200
const JOBS = 200
const TURNS = 4
const TURN_MS = (Number(process.env.LIVE_SECONDS ?? 60) * 1_000) / TURNS
/** After a change of clients. */
const SETTLING_MS = 2_000

export async function bench(): Promise<void> {
  const mongo = await startServer()
  const uri = mongo.uri('live')
  let late: number[] = []
  const tick = ({ runTime }: { readonly runTime: Date }) =>
    void late.push(performance.timeOrigin + performance.now() - runTime.getTime())
  const node = createNode({ uri, ip: 'bench', logger: false, tasks: { tick } })
  await node.start()
  const client = await connect({ uri })
  const app = createApp({ client, node, logger: false })
  const server = createServer(app.listener)
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/events`
  const clients = fork(fileURLToPath(new URL('./live-clients.ts', import.meta.url)), [url, String(CLIENTS)], {
    execArgv: ['--import', 'tsx'],
  })
  await heard(clients)
  await addJobs(uri)
  await wait(5_000)
  const turns: { readonly live: boolean; readonly late: number[]; readonly told?: Told }[] = []
  const opening: number[] = []
  const before = memory()
  for (let turn = 0; turn < TURNS; turn++) {
    const live = turn % 2 === 1
    if (live) {
      const began = performance.now()
      clients.send('open')
      await heard(clients)
      opening.push(performance.now() - began)
    }
    await wait(SETTLING_MS)
    late = []
    await wait(TURN_MS)
    const ran = late
    late = []
    if (!live) turns.push({ live, late: ran })
    else {
      clients.send('cut')
      turns.push({ live, late: ran, told: (await heard(clients)) as Told })
    }
  }
  await wait(SETTLING_MS)
  const after = memory()
  const gone = new Promise(resolve => clients.once('exit', resolve))
  clients.disconnect()
  await gone
  await app.close()
  server.close()
  await client.close()
  await node.close()
  await mongo.stop()
  report(turns, before, after)
  print(`until ${CLIENTS} clients had their first bytes, ms`, [opening])
}

interface Told {
  readonly events: number
  readonly lost: number
  readonly p50: number
  readonly p99: number
}

function report(
  turns: readonly { readonly live: boolean; readonly late: readonly number[]; readonly told?: Told }[],
  before: number,
  after: number,
): void {
  const of = (live: boolean) => turns.filter(turn => turn.live === live)
  const lates = [of(false), of(true)].map(some => some.flatMap(({ late }) => late)) as [number[], number[]]
  const told = of(true).flatMap(turn => turn.told ?? [])
  print(`live: ${JOBS} runs a second, turns of ${TURN_MS / 1_000} s`, [
    ['lateness', 'p50 ms', 'p99 ms', 'runs'],
    ['nobody listens', quantile(lates[0], 0.5), quantile(lates[0], 0.99), lates[0].length],
    [`${CLIENTS} clients listen`, quantile(lates[1], 0.5), quantile(lates[1], 0.99), lates[1].length],
    [
      'ratio',
      quantile(lates[1], 0.5) / quantile(lates[0], 0.5),
      quantile(lates[1], 0.99) / quantile(lates[0], 0.99),
      '',
    ],
  ])
  print('what the clients were told', [
    ['events', 'lost clients', 'p50 ms after it happened', 'p99 ms (limit 1000)'],
    ...told.map(({ events, lost, p50, p99 }) => [String(events), lost, p50, p99]),
  ])
  print('heap, MiB', [
    ['before', 'after'],
    [String(Math.round(before)), Math.round(after)],
  ])
}

/** Each once a second, one after the other. */
async function addJobs(uri: string): Promise<void> {
  const client = await MongoClient.connect(uri)
  const start = Date.now() + 1_000
  const jobs = Array.from({ length: JOBS }, (_, i) => ({
    _id: `live-${i}`,
    func: 'tick',
    ip: 'bench',
    trigger: { type: 'interval', seconds: 1, start_date: new Date(start + (i * 1_000) / JOBS) },
  }))
  await client
    .db()
    .collection('jobs')
    .insertMany(jobs as never)
  await client.close()
}

function memory(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}

const heard = (child: ChildProcess): Promise<unknown> => new Promise(resolve => child.once('message', resolve))
const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
