/** Bulk: one edit of many jobs, named by id or by a filter.
 *  In: an action, and which jobs. Out: how many were meant, how many the edit changed, and those that refused it, each with why.
 *  By a filter the jobs are those that it had at the beginning: their ids are read once, then they are worked off in parts. Each job
 *  is edited as the method of that name edits it; one that is already so is not changed, and one that refuses keeps no other. */
import { type AnyBulkWriteOperation, type Collection, type Document, type Filter, MongoBulkWriteError } from 'mongodb'
import type { Seen } from '../cluster/registry.ts'
import { TidewheelError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import type { Edit } from './edit.ts'
import { givenFields, refuse } from './given.ts'
import { cancelEdit, moveEdit, pausedOnly, pauseEdit, RESUME_EDIT, RUN_EDIT } from './orders.ts'
import { asked, notFound, refused } from './refused.ts'
import { givenJobFilter, type JobFilter, queryOf } from './which.ts'

/** What is done to each of the jobs: the method of `jobs` of that name. */
export type BulkAction = 'pause' | 'resume' | 'run' | 'move' | 'remove' | 'cancel'

/** What `jobs.bulk` takes: an action, and the jobs it is for, by `ids` or by `filter`. */
export interface BulkOptions {
  readonly action: BulkAction
  /** These jobs; or `filter`, one of the two. */
  readonly ids?: readonly string[]
  /** The jobs that it has when the work begins; `{}`: all. */
  readonly filter?: JobFilter
  /** Of `move`: the node; null has them placed anew. */
  readonly ip?: string | null
  /** Of `pause`: why, or whom to ask. */
  readonly note?: string
  /** Tells what would be changed, and changes nothing. Default false. */
  readonly dryRun?: boolean
}

/** What `jobs.bulk` did, or with `dryRun` would do. */
export interface BulkResult {
  /** How many jobs were meant and are there. */
  readonly matched: number
  /** How many of them the edit changed, or would change. */
  readonly changed: number
  /** Those that are not there, and those that MongoDB refused to change. */
  readonly failed: readonly { readonly id: string; readonly message: string }[]
  /** The first ids that were meant, 20 at most. */
  readonly sample: readonly string[]
}

const NAMES = ['action', 'ids', 'filter', 'ip', 'note', 'dryRun'] as const
const PART = 500
const READ = 10_000
const SAMPLE = 20

export async function bulkOf(
  jobs: Collection<Job>,
  registry: () => Promise<readonly Seen[]>,
  given: unknown,
): Promise<BulkResult> {
  const where = 'jobs.bulk'
  const { action, ids, filter, ip, note, dryRun = false } = givenFields(given, where, NAMES)
  const work = workOf(action, { ip, note })
  if (typeof dryRun !== 'boolean') refuse(where, 'dryRun', 'expected true or false', dryRun)
  if ((ids === undefined) === (filter === undefined)) {
    throw new TidewheelError('invalid_option', `${where}: expected ids or filter, one of the two`, { path: 'ids' })
  }
  const failed: { id: string; message: string }[] = []
  const meant = ids === undefined ? await idsBy(jobs, registry, givenJobFilter(filter, where)) : givenIds(ids)
  const sample: string[] = []
  let matched = 0
  let changed = 0
  for (let from = 0; from < meant.length; from += PART) {
    const part = meant.slice(from, from + PART)
    const there = await asked('', () => present(jobs, part))
    if (ids !== undefined) {
      for (const id of part) if (!there.has(id)) failed.push({ id, message: notFound(id).message })
    }
    matched += there.size
    const found = part.filter(id => there.has(id))
    sample.push(...found.slice(0, SAMPLE - sample.length))
    const done = dryRun ? await asked('', () => counted(jobs, found, work)) : await edit(jobs, found, work)
    changed += done.changed
    failed.push(...done.failed)
  }
  return { matched, changed, failed, sample }
}

interface Work {
  /** Null: they are removed. */
  readonly update: Edit | null
  /** Which of them it changes. */
  readonly only: Document
}

const ACTIONS = ['pause', 'resume', 'run', 'move', 'remove', 'cancel'] satisfies readonly BulkAction[]

function workOf(action: unknown, { ip, note }: { readonly ip: unknown; readonly note: unknown }): Work {
  const where = 'jobs.bulk'
  if (ip !== undefined && action !== 'move') refuse(where, 'ip', 'is for move only', ip)
  if (note !== undefined && action !== 'pause') refuse(where, 'note', 'is for pause only', note)
  switch (action) {
    case 'pause':
      return { update: pauseEdit(note, where), only: { next_run_time: { $not: { $type: 'null' } } } }
    case 'resume':
      return { update: RESUME_EDIT, only: pausedOnly }
    case 'run':
      return { update: RUN_EDIT, only: {} }
    case 'move':
      return { update: moveEdit(ip, where), only: { ip: { $ne: ip } } }
    case 'cancel':
      return {
        update: cancelEdit,
        only: { $or: [{ 'state.running.0': { $exists: true } }, { 'state.waiting': { $exists: true } }] },
      }
    case 'remove':
      return { update: null, only: {} }
    default:
      return refuse(where, 'action', `expected ${ACTIONS.join(', ')}`, action)
  }
}

function givenIds(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.some(id => typeof id !== 'string')) {
    return refuse('jobs.bulk', 'ids', 'expected an array of texts, such as ["digest"]', value)
  }
  return [...new Set(value as readonly string[])]
}

async function idsBy(
  jobs: Collection<Job>,
  registry: () => Promise<readonly Seen[]>,
  filter: JobFilter,
): Promise<readonly string[]> {
  const query = queryOf(filter, filter.status === 'stranded' ? await registry() : [])
  return await asked('', async () => {
    const ids: string[] = []
    for await (const { _id } of jobs.find(query, { projection: { _id: 1 }, batchSize: READ })) ids.push(_id)
    return ids
  })
}

async function present(jobs: Collection<Job>, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await jobs.find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } }).toArray()
  return new Set(found.map(({ _id }) => _id))
}

interface Done {
  readonly changed: number
  readonly failed: readonly { readonly id: string; readonly message: string }[]
}

async function counted(jobs: Collection<Job>, ids: readonly string[], { only }: Work): Promise<Done> {
  if (ids.length === 0) return { changed: 0, failed: [] }
  return { changed: await jobs.countDocuments({ ...only, _id: { $in: [...ids] } } as Filter<Job>), failed: [] }
}

/** Each by a write of its own in one bulk: a network that breaks off repeats no order, and a refusal is known by its job. */
async function edit(jobs: Collection<Job>, ids: readonly string[], { update, only }: Work): Promise<Done> {
  if (ids.length === 0) return { changed: 0, failed: [] }
  const operations = ids.map((_id): AnyBulkWriteOperation<Job> => {
    const filter = { ...only, _id } as Filter<Job>
    return update === null ? { deleteOne: { filter } } : { updateOne: { filter, update } }
  })
  try {
    const { modifiedCount, deletedCount } = await jobs.bulkWrite(operations, { ordered: false })
    return { changed: modifiedCount + deletedCount, failed: [] }
  } catch (error) {
    const errors = error instanceof MongoBulkWriteError ? [error.writeErrors ?? []].flat() : []
    if (!(error instanceof MongoBulkWriteError) || errors.length === 0) throw refused('', error)
    const failed = errors.map(one => {
      const id = ids[one.index] as string
      return { id, message: refused(id, one).message }
    })
    return { changed: error.modifiedCount + error.deletedCount, failed }
  }
}
