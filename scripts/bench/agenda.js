/** Agenda on MongoDB with its change stream, and as many runs at once as a node of Tidewheel has by default. */
import { MongoBackend, MongoChangeStreamNotificationChannel } from '@agendajs/mongo-backend'
import { Agenda } from 'agenda'
import { MongoClient } from 'mongodb'

const AT_ONCE = 100
const ADDED_AT_ONCE = 50

export async function open(uri, run) {
  const client = await MongoClient.connect(uri)
  const db = client.db()
  const agenda = new Agenda({
    backend: new MongoBackend({ mongo: db }),
    notificationChannel: new MongoChangeStreamNotificationChannel({ db }),
    defaultConcurrency: AT_ONCE,
    maxConcurrency: AT_ONCE,
  })
  agenda.define('work', async job => run(job.attrs.data))
  await agenda.ready
  return {
    start: () => agenda.start(),
    async add(jobs) {
      const left = [...jobs]
      const next = async () => {
        for (let job = left.shift(); job !== undefined; job = left.shift())
          await agenda.schedule(new Date(job.due), 'work', job)
      }
      await Promise.all(Array.from({ length: ADDED_AT_ONCE }, next))
    },
  }
}
