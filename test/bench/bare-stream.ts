/** Bare stream: a process that has never run anything. It watches one collection, claims with one raw update what it is told of, and
 *  tells when each event came and when the claim was acknowledged. */
import { MongoClient } from 'mongodb'
import { claimOf, type Loose } from './raw-claims.ts'

const [uri = ''] = process.argv.slice(2)
const client = await MongoClient.connect(uri)
const bare = client.db().collection<Loose>('bare')
const watcher = await MongoClient.connect(uri)
const { operationTime } = await watcher.db().command({ ping: 1 })
const pipeline = [{ $match: { 'updateDescription.updatedFields.next_run_time': { $exists: true } } }]
const stream = watcher.db().collection<Loose>('bare').watch(pipeline, { startAtOperationTime: operationTime })

process.once('disconnect', () => process.exit())
process.send?.({ type: 'active' })
for (;;) {
  const change = await stream.next()
  const event = String(process.hrtime.bigint())
  if (change.operationType !== 'update') continue
  const due = change.updateDescription.updatedFields?.next_run_time as Date
  // The claim takes the time away, which is no edit.
  const { filter, update } = claimOf(change.documentKey._id, due, undefined)
  const claimed = await bare.findOneAndUpdate(filter as never, update as never, { writeConcern: { w: 'majority' } })
  if (claimed === null) throw new Error('the claim was lost')
  process.send?.({ type: 'told', at: String(process.hrtime.bigint()), event })
}
