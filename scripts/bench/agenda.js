/** Agenda on MongoDB with its change stream, and as many runs at once as a node of Tidewheel has by default. */
import { MongoBackend, MongoChangeStreamNotificationChannel } from '@agendajs/mongo-backend'
import { Agenda } from 'agenda'
import { MongoClient } from 'mongodb'

const AT_ONCE = 100

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
      if (jobs.length === 1) return await agenda.schedule(new Date(jobs[0].due), 'work', jobs[0])
      // One by one, as its functions would, thousands take longer than until they are due.
      const document = job => ({
        name: 'work',
        data: job,
        type: 'normal',
        priority: 0,
        nextRunAt: new Date(job.due),
        lockedAt: null,
      })
      await db.collection('agendaJobs').insertMany(jobs.map(document))
    },
  }
}
