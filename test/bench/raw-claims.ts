/** Raw claims: the database work of claiming alone, without a scheduler: guarded majority updates in bulk and a find of the winners. */
import { type Collection, ObjectId } from 'mongodb'

export type Loose = { _id: string } & Record<string, unknown>

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

/** Claims each id once, each by a command of its own, with so many under way. */
export async function claimSingly(
  jobs: Collection<Loose>,
  ids: readonly string[],
  round: number,
  atOnce: number,
): Promise<void> {
  const left = [...ids]
  const work = async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const { filter, update } = claimOf(id, timeOf(round), timeOf(round + 1))
      const options = { writeConcern: { w: 'majority' }, returnDocument: 'after' } as const
      await jobs.findOneAndUpdate(filter as never, update as never, options)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

async function claimChunk(jobs: Collection<Loose>, ids: readonly string[], round: number): Promise<number> {
  const claims = ids.map(id => claimOf(id, timeOf(round), timeOf(round + 1)))
  const operations = claims.map(({ filter, update }) => ({ updateOne: { filter, update } }))
  await jobs.bulkWrite(operations as never, { ordered: false, writeConcern: { w: 'majority' } })
  const runs = claims.map(({ run_id }) => run_id)
  const found = await jobs
    .find({ _id: { $in: [...ids] }, 'state.running.run_id': { $in: runs } }, { readConcern: { level: 'majority' } })
    .toArray()
  return found.length
}

/** The write of a claim as a node makes it: from one run time to the next, or to none. */
export function claimOf(_id: string, due: Date, next: Date | undefined) {
  const run_id = new ObjectId().toHexString()
  const entry = { run_id, job: _id, run_time: due, claimed: due, node: 'raw', incarnation: 'raw', attempt: 1 }
  const planned = { trigger: 'raw', ...(next && { next_run_time: next }) }
  return {
    run_id,
    filter: { _id, ip: 'raw', next_run_time: due, 'state.running.1000': { $exists: false } },
    update: {
      $set: { touch: run_id, 'state.planned': planned, ...(next && { next_run_time: next }) },
      ...(next === undefined && { $unset: { next_run_time: '' } }),
      $push: { 'state.running': { $each: [entry], $slice: -1 } },
      $max: { 'state.claimed_to': due },
      $inc: { 'state.runs': 1 },
      $currentDate: { 'state.fence': { $type: 'timestamp' } },
    },
  }
}

/** The run time of a round. */
const timeOf = (round: number) => new Date(round * 1_000)
