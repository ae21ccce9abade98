/** Revoke: a thousand jobs that are due at one instant, and so are claimed ahead of it, taken back in four ways moments before: moved to
 *  another day, paused, deleted, given another trigger. How many of them ran all the same. */
import { type Db, MongoClient } from 'mongodb'
import { wait } from '../../src/clock.ts'
import { startFreshNode } from './fresh-node.ts'
import type { Loose } from './raw-claims.ts'
import { startServer } from './server.ts'
import { median, print } from './table.ts'

const JOBS = 1_000
const DAY_MS = 86_400_000
const ROUNDS = 5
/** From the insert to the due time, and from there until all is stored. */
const AHEAD_MS = 3_000
const AFTER_MS = 4_000
/** How long the edits of the first round take, as far as is known. */
const FIRST_GUESS_MS = 300

interface Round {
  /** Milliseconds from the acknowledgement of the last edit to the due time. */
  readonly acknowledged: number
  readonly claimed: number
  readonly ran: number
  readonly unstored: number
}

export async function bench(): Promise<void> {
  const server = await startServer(3)
  const client = await MongoClient.connect(server.uri('revoke'))
  const node = await startFreshNode(server.uri('revoke'))
  const table: (string | number)[][] = [
    ['acknowledged, ms before', 'claimed by then', 'ran all the same', 'without a row'],
  ]
  const took: number[] = [FIRST_GUESS_MS]
  for (const before of [50, 10]) {
    for (let i = 0; i < ROUNDS; i++) {
      const { acknowledged, claimed, ran, unstored } = await round(
        client.db(),
        `${before}-${i}`,
        before + median(took),
        took,
      )
      table.push([acknowledged, claimed, ran, unstored])
    }
  }
  await node.stop()
  await client.close()
  await server.stop()
  print(`${JOBS.toLocaleString('en')} jobs at one instant, each taken back`, table)
}

async function round(db: Db, name: string, leadMs: number, took: number[]): Promise<Round> {
  const jobs = db.collection<Loose>('jobs')
  const due = new Date(Date.now() + AHEAD_MS)
  const later = new Date(due.getTime() + DAY_MS)
  const trigger = { type: 'interval', days: 2, start_date: due }
  const edits = [
    { $set: { next_run_time: later } },
    { $set: { next_run_time: null } },
    { $set: { trigger: { type: 'interval', days: 2, start_date: later } } },
    undefined,
  ]
  const job = (i: number) => ({ _id: `${name}-${i % edits.length}-${i}`, func: 'work', ip: 'bench', trigger })
  await jobs.insertMany(Array.from({ length: JOBS }, (_, i) => job(i)))
  await wait(due.getTime() - leadMs - Date.now())
  const began = Date.now()
  await Promise.all(
    edits.map((edit, i) => {
      const some = { _id: { $regex: `^${name}-${i}-` } }
      return edit === undefined ? jobs.deleteMany(some) : jobs.updateMany(some, edit)
    }),
  )
  const acknowledged = Date.now()
  took.push(acknowledged - began)
  await wait(due.getTime() + AFTER_MS - Date.now())
  const rows = db.collection('executions')
  const mine = { job_id: { $regex: `^${name}-` } }
  const ran = await rows.countDocuments({ ...mine, status: 'executed' })
  const revoked = await rows.countDocuments({ ...mine, status: 'cancelled' })
  const unstored = await jobs.countDocuments({ _id: mine.job_id, 'state.running.0': { $exists: true } })
  return { acknowledged: due.getTime() - acknowledged, claimed: ran + revoked + unstored, ran, unstored }
}
