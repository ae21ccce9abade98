/** Raw claims: the database work of claiming alone, without a scheduler: guarded majority updates in bulk and a find of the winners. */
import { type Collection, ObjectId } from 'mongodb'

type Loose = { _id: string } & Record<string, unknown>

const BULK = 100

/** Jobs to claim; each claim moves them by a second. */
export async function insertRaw(jobs: Collection<Loose>, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => `raw-${i}`)
  const start = new Date(0)
  await jobs.insertMany(
    ids.map(_id => ({ _id, ip: 'raw', func: 'x', trigger: { type: 'interval', seconds: 1 }, next_run_time: start })),
  )
  return ids
}

/** Claims each id once for the run time `round`, with so many bulks under way; answers how many were won. */
export async function claimRaw(
  jobs: Collection<Loose>,
  ids: readonly string[],
  round: number,
  atOnce = 4,
): Promise<number> {
  const chunks = Array.from({ length: Math.ceil(ids.length / BULK) }, (_, i) => ids.slice(i * BULK, (i + 1) * BULK))
  let won = 0
  const work = async () => {
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      const claimed = await claimChunk(jobs, chunk, round)
      won += claimed
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return won
}

async function claimChunk(jobs: Collection<Loose>, ids: readonly string[], round: number): Promise<number> {
  const due = new Date(round * 1000)
  const next = new Date((round + 1) * 1000)
  const runs = ids.map(() => new ObjectId().toHexString())
  const entry = { run_time: due, claimed: due, node: 'raw', incarnation: 'raw', attempt: 1 }
  const operations = ids.map((_id, i) => ({
    updateOne: {
      filter: { _id, ip: 'raw', next_run_time: due, 'state.running.1000': { $exists: false } },
      update: {
        $set: { next_run_time: next, touch: runs[i], 'state.planned': { next_run_time: next, trigger: 'raw' } },
        $push: { 'state.running': { $each: [{ ...entry, run_id: runs[i], job: _id }], $slice: -1 } },
        $max: { 'state.claimed_to': due },
        $inc: { 'state.runs': 1 },
        $currentDate: { 'state.fence': { $type: 'timestamp' } },
      },
    },
  }))
  await jobs.bulkWrite(operations as never, { ordered: false, writeConcern: { w: 'majority' } })
  const found = await jobs
    .find({ _id: { $in: [...ids] }, 'state.running.run_id': { $in: runs } }, { readConcern: { level: 'majority' } })
    .toArray()
  return found.length
}
