/** Inserts writer: another process that inserts many jobs, in unordered batches, as a script would. */
import { MongoClient } from 'mongodb'

const [uri = '', count = '100000', ip = 'bench'] = process.argv.slice(2)
const client = await MongoClient.connect(uri)
const jobs = client.db().collection<{ _id: string }>('jobs')
const BATCH = 1_000
process.send?.('start')
for (let from = 0; from < Number(count); from += BATCH) {
  const batch = Array.from({ length: BATCH }, (_, i) => ({
    _id: `job-${from + i}`,
    func: 'work',
    args: [from + i],
    ip,
    trigger: { type: 'interval', minutes: 30 + ((from + i) % 60) },
  }))
  await jobs.insertMany(batch, { ordered: false })
}
process.send?.('end')
await client.close()
process.disconnect()
