/** Processor: how long this process's main thread had a processor between two instants, as the kernel counts it; what is missing to
 *  the wall clock is waiting for one. Sampled by another thread, so a span's time is known to the samples around it: never less. */
import { Worker } from 'node:worker_threads'

export interface Processor {
  /** Milliseconds the main thread ran, at most, in each of these spans of `performance.now()`; NaN where the system does not tell. */
  ran(spans: readonly { readonly start: number; readonly end: number }[]): Promise<readonly number[]>
  stop(): Promise<void>
}

type Sample = readonly [at: number, ran: number]

export function watchProcessor(): Processor {
  const worker = new Worker(SAMPLER, { eval: true, workerData: { pid: process.pid, origin: performance.timeOrigin } })
  const ran: Processor['ran'] = spans =>
    new Promise(resolve => {
      worker.once('message', (samples: readonly Sample[]) => {
        resolve(
          spans.map(({ start, end }) => {
            const before = samples.findLast(([at]) => at <= start)
            const after = samples.find(([at]) => at >= end)
            return before && after ? after[1] - before[1] : Number.NaN
          }),
        )
      })
      worker.postMessage('samples')
    })
  return { ran, stop: async () => void (await worker.terminate()) }
}

const SAMPLER = `
  const { readFileSync } = require('node:fs')
  const { parentPort, workerData } = require('node:worker_threads')
  const { pid, origin } = workerData
  const now = () => performance.timeOrigin + performance.now() - origin
  const samples = []
  const sample = () => {
    let ran
    try {
      ran = Number(readFileSync('/proc/' + pid + '/task/' + pid + '/schedstat', 'utf8').split(' ')[0]) / 1e6
    } catch {
      return
    }
    samples.push([now(), ran])
    if (samples.length > 200_000) samples.splice(0, 100_000)
  }
  setInterval(sample, 1)
  parentPort.on('message', () => {
    sample()
    parentPort.postMessage(samples)
  })
`
