/** Edit writer: another process that edits. It sets `next_run_time` to now of a job and of a document that only a bare stream watches,
 *  in turns; each time it says which and when, by the clock that all processes of a machine share. */
import { once } from 'node:events'
import { MongoClient } from 'mongodb'
import { wait } from '../../src/clock.ts'

/** So long the last run's end is written before the next edit. */
const REST_MS = 15
const [uri = '', edits = ''] = process.argv.slice(2)
const client = await MongoClient.connect(uri)
const targets = [
  { kind: 'job', collection: client.db().collection<{ _id: string }>('jobs'), _id: 'edited' },
  { kind: 'bare', collection: client.db().collection<{ _id: string }>('bare'), _id: 'raw-0' },
] as const

for (let i = 0; i < Number(edits); i++) {
  for (const { kind, collection, _id } of targets) {
    const answer = once(process, 'message')
    process.send?.({ kind, at: String(process.hrtime.bigint()) })
    const $set = { next_run_time: new Date() }
    await collection.updateOne({ _id }, { $set }, { writeConcern: { w: 'majority' } })
    await answer
    await wait(REST_MS)
  }
}
await client.close()
process.disconnect()
