/** Edit to start: from another process's `next_run_time: now` to the first line of the function, beside the latency of a bare
 *  change stream measured in turns with it. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { createNode } from '../../src/index.ts'
import { startServer } from './server.ts'
import { median, print, quantile } from './table.ts'

const EDITS = 500
const RUNS = 3

export async function bench(): Promise<void> {
  for (const members of [1, 3] as const) {
    const server = await startServer(members)
    const rows: number[][] = []
    for (let run = 0; run < RUNS; run++) rows.push(await measure(server.uri(`edit${run}`)))
    await server.stop()
    const [job50, job99, bare50, bare99] = [0, 1, 2, 3].map(i => median(rows.map(row => row[i] as number))) as [
      number,
      number,
      number,
      number,
    ]
    print(`edit to start, ${members === 1 ? 'one member' : 'three members'}: ${EDITS} edits, median of ${RUNS} runs`, [
      ['', 'p50 ms', 'p99 ms'],
      ['next_run_time: now → function starts', job50, job99],
      ['bare change stream', bare50, bare99],
      ['ratio (limit 3)', job50 / bare50, job99 / bare99],
    ])
  }
}

async function measure(uri: string): Promise<number[]> {
  const started: ((at: bigint) => void)[] = []
  const node = createNode({
    uri,
    logger: false,
    ip: 'bench',
    tasks: { edited: () => started.shift()?.(process.hrtime.bigint()) },
    jobs: [{ _id: 'edited', func: 'edited', trigger: { type: 'interval', days: 1 }, max_instances: 10 }],
  })
  await node.start()
  const client = await MongoClient.connect(uri)
  const { operationTime } = await client.db().command({ ping: 1 })
  const stream = client
    .db()
    .collection('bare')
    .watch([{ $match: { 'updateDescription.updatedFields.n': { $gte: 0 } } }], { startAtOperationTime: operationTime })
  const events: ((at: bigint) => void)[] = []
  stream.on('change', () => events.shift()?.(process.hrtime.bigint()))
  const took = { job: [] as number[], bare: [] as number[] }
  const writer = fork(fileURLToPath(new URL('./edit-writer.ts', import.meta.url)), [uri, String(EDITS)], {
    execArgv: ['--import', 'tsx'],
  })
  await new Promise<void>((resolve, reject) => {
    writer.on('message', ({ kind, at }: { kind: 'job' | 'bare'; at: string }) => {
      const done = (end: bigint) => {
        took[kind].push(Number(end - BigInt(at)) / 1e6)
        writer.send('next')
      }
      if (kind === 'job') started.push(done)
      else events.push(done)
    })
    writer.on('exit', code => (code === 0 ? resolve() : reject(new Error(`the writer ended with ${code}`))))
  })
  await stream.close()
  await node.close()
  await client.close()
  return [quantile(took.job, 0.5), quantile(took.job, 0.99), quantile(took.bare, 0.5), quantile(took.bare, 0.99)]
}
