/** Start process: one fresh process, as users have it, that reads many jobs: by a bare cursor, or as a node that starts.
 *  In: what it does, the built package, the database. Out: one message with milliseconds, MB and bytes; then it ends. Linux only. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Blocks are told to this many ms. */
const RESOLUTION_MS = 2
/** How often the main thread's own time is looked at: on a busy machine a block says as much of others. */
const LOOK_MS = 5
/** So long after the start memory is looked at: what was needed for the start alone may be gone. */
const SETTLE_MS = 5_000

const [what, built, uri, ip] = process.argv.slice(2)
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
const work = await (what === 'read' ? prepareRead() : prepareStart())
const base = used()
delays.enable()
let [longest, before] = [0, threadMs()]
const look = () => {
  const now = threadMs()
  longest = Math.max(longest, now - before)
  before = now
}
const looks = setInterval(look, LOOK_MS)
const began = performance.now()
const cpu = process.cpuUsage()
const jobs = await work()
const ms = performance.now() - began
const { user, system } = process.cpuUsage(cpu)
await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
delays.disable()
clearInterval(looks)
look()
const [peak, settled] = [status('VmHWM'), status('VmRSS')]
const block = delays.max / 1e6
const bytes = (used() - base) / jobs
process.send?.({ jobs, ms, cpu: (user + system) / 1e3, block, work: longest, peak, settled, bytes }, () =>
  process.exit(0),
)

async function prepareRead() {
  const { MongoClient } = await import('mongodb')
  const client = await MongoClient.connect(uri)
  return async () => {
    let count = 0
    for await (const _ of client.db().collection('jobs').find({ ip }, { batchSize: 1_000 })) count++
    return count
  }
}

async function prepareStart() {
  const { createNode } = await import(join(built, 'index.js'))
  const node = createNode({ uri, ip, logger: false, tasks: { work: () => {} } })
  return async () => {
    await node.start()
    return node.status().armed
  }
}

/** In MB. */
function status(field) {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(found?.[1]) / 1024
}

/** For how long the main thread has had a processor. */
function threadMs() {
  return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ', 1)[0]) / 1e6
}

/** Bytes in use, the buffers of typed arrays among them. */
function used() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let i = 0; i < 3; i++) collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
