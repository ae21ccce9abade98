/** Agenda as one node of the fault checker: jobs named `note@<ip>` run here, and say so in the witness file.
 *  In: URI, NODE_IP, AGENDA (the folder where it is installed). It polls once a second and hears changes by a change stream. */
import { appendFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { AGENDA, URI, NODE_IP, WITNESS } = process.env
const load = name => import(pathToFileURL(join(AGENDA, 'node_modules', name)).href)
const { Agenda } = await load('agenda/dist/index.js')
const { MongoBackend, MongoChangeStreamNotificationChannel } = await load('@agendajs/mongo-backend/dist/index.js')
const { MongoClient } = createRequire(join(AGENDA, 'package.json'))('mongodb')

const micros = () => Number(process.hrtime.bigint() / 1000n)
const say = (msg, more = {}) =>
  process.stdout.write(`${JSON.stringify({ level: 30, time: Date.now(), msg, ...more })}\n`)
const write = line =>
  appendFileSync(
    WITNESS,
    `${JSON.stringify({ mono: micros(), wall: Date.now(), ip: NODE_IP, pid: process.pid, ...line })}\n`,
  )

const client = new MongoClient(URI)
await client.connect()
const db = client.db('faults')
const agenda = new Agenda({
  backend: new MongoBackend({ mongo: db, collection: 'agenda' }),
  notificationChannel: new MongoChangeStreamNotificationChannel({ db, collection: 'agenda' }),
  processEvery: '1 second',
  defaultLockLifetime: 10_000,
  defaultConcurrency: 100,
  maxConcurrency: 200,
})
agenda.on('error', error => say('error', { level: 50, error: String(error) }))
let runs = 0
agenda.define(`note@${NODE_IP}`, async job => {
  const { job: id, args, x_ver: ver, ms } = job.attrs.data
  const run = `${NODE_IP}-${process.pid}-${runs++}`
  write({ type: 'start', job: id, run, attempt: 1, args, ver })
  if (ms > 0) await new Promise(resolve => setTimeout(resolve, ms))
  write({ type: 'end', job: id, run })
})
process.on('uncaughtException', error => say('error', { level: 50, error: String(error) }))
process.on('unhandledRejection', error => say('error', { level: 50, error: String(error) }))
process.on('SIGTERM', () => {
  const end = () => process.exit(0)
  setTimeout(end, 5_000)
  agenda.stop().then(end, end)
})
await agenda.start()
say('node.started')
