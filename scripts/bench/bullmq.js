/** BullMQ on Redis, with as many runs at once as a node of Tidewheel has by default. */
import { Queue, Worker } from 'bullmq'

const AT_ONCE = 100

export async function open(uri, run) {
  const { hostname: host, port, username, password, pathname } = new URL(uri)
  const connection = {
    host,
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
    maxRetriesPerRequest: null,
  }
  if (password !== '') Object.assign(connection, { username, password: decodeURIComponent(password) })
  const queue = new Queue('work', { connection })
  await queue.waitUntilReady()
  return {
    async start() {
      const worker = new Worker('work', async job => run(job.data), { connection, concurrency: AT_ONCE })
      await worker.waitUntilReady()
    },
    async add(jobs) {
      const delayOf = ({ due }) => Math.max(0, due - Date.now())
      await queue.addBulk(jobs.map(job => ({ name: 'work', data: job, opts: { delay: delayOf(job) } })))
    },
  }
}
