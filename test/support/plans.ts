/** Plans: how the server carried out what was asked of it: by which indexes, and how many documents and keys it looked at.
 *  Its profiler tells, so what is judged is the very command that our code sent. */
import type { Db, Document } from 'mongodb'

export interface Plan {
  /** Such as `IXSCAN { ip: 1, _id: 1 }`. */
  readonly summary: string
  readonly docs: number
  readonly keys: number
  /** Whether it sorted in memory. */
  readonly sorted: boolean
  readonly ms: number
  readonly command: Document
}

/** What the server did on this collection while the work went on. */
export async function plansOf(db: Db, collection: string, work: () => Promise<unknown>): Promise<readonly Plan[]> {
  await db.command({ profile: 0 })
  await db.dropCollection('system.profile').catch(() => {})
  await db.command({ profile: 2 })
  try {
    await work()
  } finally {
    await db.command({ profile: 0 })
  }
  const ns = `${db.databaseName}.${collection}`
  const entries = await db
    .collection('system.profile')
    .find({ ns, planSummary: { $exists: true } })
    .toArray()
  return entries.map(({ planSummary, docsExamined, keysExamined, hasSortStage, millis, command }) => ({
    summary: String(planSummary),
    docs: Number(docsExamined ?? 0),
    keys: Number(keysExamined ?? 0),
    sorted: hasSortStage === true,
    ms: Number(millis),
    command,
  }))
}
