/** Edit writer: another process that edits. It sets `next_run_time` of a job to now, and a field of a document that only a bare
 *  change stream watches, in turns; each time it says which and when, by the clock that all processes of a machine share. */
import { MongoClient } from 'mongodb'

const [uri = '', edits = '500'] = process.argv.slice(2)
const client = await MongoClient.connect(uri)
const jobs = client.db().collection<{ _id: string }>('jobs')
const bare = client.db().collection<{ _id: string }>('bare')
const seen = () => new Promise<void>(resolve => process.once('message', () => resolve()))

const options = { writeConcern: { w: 'majority' as const } }
await bare.updateOne({ _id: 'x' }, { $set: { n: -1 } }, { upsert: true, ...options })
for (let n = 0; n < Number(edits) * 2; n++) {
  const kind = n % 2 === 0 ? 'job' : 'bare'
  const answer = seen()
  process.send?.({ kind, n, at: String(process.hrtime.bigint()) })
  if (kind === 'job') await jobs.updateOne({ _id: 'edited' }, { $set: { next_run_time: new Date() } }, options)
  else await bare.updateOne({ _id: 'x' }, { $set: { n } }, options)
  await answer
}
await client.close()
process.disconnect()
