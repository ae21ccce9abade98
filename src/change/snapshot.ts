/** Snapshot: reads all jobs of a node, and those without one, as of one instant.
 *  In: the collection, and whom to tell. Out: each document, slice by slice, with pauses in which others have their turn; then the
 *  instant from which on the stream tells what changes. What only a run needs (`args`, `kwargs`) is left out on the server where it is
 *  what it should be: memory keeps nothing of it, and a claim returns the whole document.
 *  Holds: what is not as it should be is told, so that whoever looks at the document finds it. */
import type { Db, Timestamp } from 'mongodb'
import { breathe } from '../clock.ts'
import type { Job } from '../job/job.ts'

export interface SnapshotOptions {
  readonly db: Db
  /** Name of the jobs collection. */
  readonly collection: string
  readonly ip: string
  /** All documents follow, whatever was told before. */
  readonly begin: () => void
  readonly tell: (job: Job) => void
  readonly isClosed: () => boolean
}

export interface Snapshot {
  readonly jobs: number
  /** From here on the stream tells what changes. */
  readonly at: Timestamp
  /** It was read bit by bit until then: an event that is not later may be older than what was read. */
  readonly until: Timestamp | undefined
}

/** The server has no snapshot of a collection that was created this very moment. */
export const NO_SNAPSHOT_YET = 246
/** A reading took longer than the server keeps the past (300 s by default). */
const SNAPSHOT_TOO_OLD = 239

/** Documents of one answer: few enough that neither end stands still for it. */
const PAGE = 500
/** So many are told at a time. */
const SLICE = 50

const unless = (field: string, type: string) => ({
  $cond: [{ $eq: [{ $type: `$${field}` }, type] }, '$$REMOVE', `$${field}`],
})
const LEFT_OUT = { args: unless('args', 'array'), kwargs: unless('kwargs', 'object') }

export async function readSnapshot(options: SnapshotOptions): Promise<Snapshot> {
  const at = await operationTime(options.db)
  let jobs = 0
  const tell = (job: Job) => {
    jobs++
    options.tell(job)
  }
  options.begin()
  try {
    await readAll({ ...options, tell }, { level: 'snapshot', atClusterTime: at })
    return { jobs, at, until: undefined }
  } catch (error) {
    const { code } = error as { readonly code?: unknown }
    if (code !== SNAPSHOT_TOO_OLD && !(code === NO_SNAPSHOT_YET && jobs > 0)) throw error
  }
  // So many jobs, or so slow a machine, that no snapshot lasts. Read bit by bit nothing is missed either: what changes behind the
  // reading's back, the stream tells from its beginning on, and whatever it tells up to its end is read once more.
  const from = await operationTime(options.db)
  jobs = 0
  // What the first reading came by may be gone by now.
  options.begin()
  await readAll({ ...options, tell }, { level: 'majority', afterClusterTime: from })
  return { jobs, at: from, until: await operationTime(options.db) }
}

async function readAll({ db, collection, ip, tell, isClosed }: SnapshotOptions, readConcern: object): Promise<void> {
  const cursor = db.runCursorCommand({
    aggregate: collection,
    pipeline: [{ $match: { ip: { $in: [ip, null] } } }, { $set: LEFT_OUT }],
    cursor: { batchSize: PAGE },
    readConcern,
  })
  cursor.setBatchSize(PAGE)
  try {
    while (!isClosed() && (await cursor.hasNext())) {
      for (const job of cursor.readBufferedDocuments(SLICE)) tell(job as unknown as Job)
      await breathe()
    }
  } finally {
    await cursor.close()
  }
}

const operationTime = async (db: Db): Promise<Timestamp> => (await db.command({ ping: 1 })).operationTime
