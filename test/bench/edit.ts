/** Edit: from another process's `next_run_time: now` to the first line of the function, in a fresh node; beside it, in turns, the least
 *  that this can take: a bare change stream in a fresh process that claims with one raw update what it is told of. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { type Measure, rounds } from './figures.ts'
import { startFreshNode } from './fresh-node.ts'
import { insertRaw, type Loose } from './raw-claims.ts'
import { quantile } from './table.ts'

const EDITS = 300

export const measure: Measure = async server => {
  const samples = { job: [] as number[], stream: [] as number[], bare: [] as number[] }
  const measured = await rounds(async i => {
    const uri = server.uri(`edit${i}`)
    await using client = await MongoClient.connect(uri)
    const trigger = { type: 'interval', days: 1 }
    const jobs = client.db().collection<Loose>('jobs')
    await jobs.insertOne({ _id: 'edited', func: 'told', ip: 'bench', max_instances: 10, trigger })
    await insertRaw(client.db().collection<Loose>('bare'), 1)
    const node = await startFreshNode(uri)
    const bare = start('bare-stream.ts', [uri])
    await once(bare, 'message')
    const took = await edits(start('edit-writer.ts', [uri, String(EDITS)]), { job: node.child, bare })
    bare.kill('SIGKILL')
    await node.stop()
    for (const kind of ['job', 'stream', 'bare'] as const) samples[kind].push(...took[kind])
    return took
  })
  const of = (kind: keyof typeof samples, p: number) => measured.map(took => quantile(took[kind], p))
  const ratio = (p: number) => measured.map(({ job, bare }) => quantile(job, p) / quantile(bare, p))
  return {
    work: `edit to start, ${EDITS} edits, a fresh node`,
    figures: [
      { name: 'edit to start, p50', unit: 'ms', values: of('job', 0.5) },
      { name: 'edit to start, p99', unit: 'ms', values: of('job', 0.99) },
      { name: 'bare stream, p50', unit: 'ms', values: of('stream', 0.5) },
      { name: 'bare stream, p99', unit: 'ms', values: of('stream', 0.99) },
      { name: 'bare stream and one claim, p50', unit: 'ms', values: of('bare', 0.5) },
      { name: 'bare stream and one claim, p99', unit: 'ms', values: of('bare', 0.99) },
      { name: 'ratio to stream and claim, p50', unit: '', values: ratio(0.5), limit: { most: 1.2 } },
      { name: 'ratio to stream and claim, p99', unit: '', values: ratio(0.99), limit: { most: 1.2 } },
    ],
    samples: { 'edit to start': samples.job, 'bare stream': samples.stream, 'bare stream and one claim': samples.bare },
  }
}

const start = (file: string, args: readonly string[]) =>
  fork(fileURLToPath(new URL(`./${file}`, import.meta.url)), args, { execArgv: ['--import', 'tsx'] })

interface Told {
  readonly type: string
  readonly at: string
  /** Of a bare stream: when the event came. */
  readonly event?: string
}

/** Milliseconds from each edit on; the writer waits for each to be told. */
async function edits(writer: ChildProcess, tellers: Readonly<Record<'job' | 'bare', ChildProcess>>) {
  const took = { job: [] as number[], stream: [] as number[], bare: [] as number[] }
  const since = (edit: string, end: string) => Number(BigInt(end) - BigInt(edit)) / 1e6
  let pending: { readonly kind: 'job' | 'bare'; readonly at: string } | undefined
  for (const kind of ['job', 'bare'] as const) {
    tellers[kind].on('message', ({ type, at, event }: Told) => {
      if (type !== 'told' || pending?.kind !== kind) return
      took[kind].push(since(pending.at, at))
      if (event !== undefined) took.stream.push(since(pending.at, event))
      pending = undefined
      writer.send('next')
    })
  }
  writer.on('message', edit => {
    pending = edit as typeof pending
  })
  const [code] = await once(writer, 'exit')
  if (code !== 0) throw new Error(`the writer ended with ${code}`)
  return took
}
