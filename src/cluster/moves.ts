/** Moves: gives jobs to other nodes, as guarded changes of `ip` in bulk.
 *  In: jobs of a node that is dead or drains, or all that are not at home, and the nodes that take jobs. Out: how many moved.
 *  Always holds: no job is given to a node that says it cannot perform it; a job that somebody moved, or whose standby nodes are gone,
 *  since it was read stays where it is; `state.home` is where a person had it, or where it was placed, before nodes moved it;
 *  `state.assigned` is where a node put it last, so that what a person moved since is not rebalanced. Doing it twice moves nothing
 *  twice. The new owner learns of it by its stream. */
import type { Collection, Document, FindCursor } from 'mongodb'
import type { News } from '../event.ts'
import type { Job } from '../job/job.ts'
import {
  isWherePut,
  type Move,
  moveWrite,
  NOBODYS,
  type Placed,
  placeAfreshWrite,
  placeWrite,
  unableWrite,
} from '../protocol/place.ts'
import type { Write } from '../protocol/write.ts'
import type { Writer } from '../protocol/writer.ts'
import {
  ability,
  ableOf,
  homeOf,
  maybeOf,
  type Needs,
  performableBy,
  sureOf,
  type Taker,
  unableProblem,
} from './placement.ts'

export interface MovesContext {
  readonly jobs: Collection<Job>
  readonly writer: Pick<Writer, 'send'>
  /** Hears of jobs that nobody can perform. */
  readonly emit?: (news: News<'job.invalid'>) => void
  /** Asked before each bulk: whether the reason to move still stands. */
  readonly goOn?: () => Promise<boolean>
}

const BULK = 500
/** More standby nodes are not named. */
const MOST_NAMED = 8
/** What a move goes by. */
export const MOVABLE = {
  ip: 1,
  func: 1,
  executor: 1,
  standby: 1,
  'state.job': 1,
  'state.placed': 1,
  'state.home': 1,
  'state.assigned': 1,
  isObject: { $in: [{ $type: '$state' }, ['object', 'missing']] },
}

/** Which nodes may take the job when its own is dead. */
const standbyOf = ({ _id, standby, state }: Pick<Job, '_id' | 'standby' | 'state'>): readonly string[] | 'any' =>
  standby ?? (state?.placed === true && (state.job ?? _id) === _id ? 'any' : [])

/** In a document whose state is its own: one that was copied from another job says nothing of its placement. */
const PLACED_ITSELF = { 'state.placed': true, $expr: { $eq: [{ $ifNull: ['$state.job', '$_id'] }, '$_id'] } }

export type Movable = Placed & Needs

/** The node that takes the job over; undefined: none of those that may and can does live. */
export function targetOf(job: Movable, targets: readonly Taker[]): string | undefined {
  return homeOf(job._id, ableOf(job, standbysOf(job, targets)))
}

function standbysOf(job: Movable, targets: readonly Taker[]): readonly Taker[] {
  const standby = standbyOf(job)
  return standby === 'any' ? targets : targets.filter(({ _id }) => standby.includes(_id))
}

/** Why none of those that may take a job over can perform it; undefined: one can, or none may. */
export function unableReason(job: Movable, targets: readonly Taker[]): string | undefined {
  const may = standbysOf(job, targets)
  return may.length === 0 || maybeOf(job, may).length > 0 ? undefined : unableProblem(job, may)
}

/** Why no node takes a job over; undefined: one does. */
export function stayingReason(job: Movable, targets: readonly Taker[]): string | undefined {
  if (targetOf(job, targets) !== undefined) return undefined
  const unable = unableReason(job, targets)
  if (unable !== undefined) return unable
  const standby = standbyOf(job)
  if (standby !== 'any' && standby.length === 0) return 'standby: no other node may take it'
  if (standby === 'any') return 'no other living node takes jobs'
  return `standby: no living node of these takes jobs: ${standby.slice(0, MOST_NAMED).join(', ')}`
}

/** The jobs of a node that others of `targets` may take; some of them may be such that none of these can perform. */
export const takeable = (from: string, targets: readonly Taker[]): Document => ({
  ip: from,
  $or: takenBy(targets.filter(({ _id }) => _id !== from)),
})

const takenBy = (targets: readonly Taker[]): readonly Document[] => [
  { standby: { $in: ['any', ...targets.map(({ _id }) => _id)] } },
  { standby: { $exists: false }, ...PLACED_ITSELF },
]

/** The jobs for which `targetOf` finds a node among these: one of the conditions has to be so. None without targets. */
export function takenOverBy(targets: readonly Taker[]): readonly Document[] {
  const alike = new Map<string, Taker[]>()
  for (const target of targets) {
    const abilities = JSON.stringify([target.tasks, target.executors])
    alike.set(abilities, [...(alike.get(abilities) ?? []), target])
  }
  return [...alike.values()].map(some => ({
    $and: [{ $or: takenBy(some) }, { $or: performableBy(some[0] as Taker) }],
  }))
}

/** Moves what may move from one node to those of `targets`. */
export async function evacuate(from: string, targets: readonly Taker[], context: MovesContext): Promise<number> {
  const others = targets.filter(({ _id }) => _id !== from)
  if (others.length === 0) return 0
  return await moveAll(takeable(from, targets), context, job => {
    const to = targetOf(job, others)
    return to === undefined ? undefined : { job, to, back: false }
  })
}

/** Gives a node to jobs that have none, which those that might have adopted them missed; says so in those that nobody can perform. */
export async function place(targets: readonly Taker[], context: MovesContext): Promise<void> {
  if (targets.length === 0) return
  const { jobs, writer, goOn } = context
  const nobodys: Document = NOBODYS
  const projection = { func: 1, executor: 1, 'state.error': 1 }
  const cursor = jobs.find(nobodys, { projection, batchSize: BULK })
  await inBatches(cursor, async lost => {
    if (goOn !== undefined && !(await goOn())) return false
    const placed = lost.map(job => ({ job, ip: homeOf(job._id, ableOf(job, targets)) }))
    await placeAll(
      placed.flatMap(({ job, ip }) => (ip === undefined ? [] : [{ id: job._id, ip }])),
      writer,
    )
    const nobodys = placed.flatMap(({ job, ip }) => (ip === undefined ? [job] : []))
    await sayUnable(nobodys, targets, context)
    return true
  })
}

/** Says in jobs without a node why none of these can perform them, where that does not stand there. */
export async function sayUnable(
  jobs: readonly (Pick<Job, '_id' | 'state'> & Needs)[],
  asked: readonly Taker[],
  { writer, emit }: Pick<MovesContext, 'writer' | 'emit'>,
): Promise<void> {
  const say = async (job: (typeof jobs)[number]) => {
    const message = unableProblem(job, asked)
    if (job.state?.error === message) return
    const { matched } = await sendEach(writer, [unableWrite(job._id, message)])
    if (matched === 0) return
    emit?.({ type: 'job.invalid', job_id: job._id, problems: [{ path: message.split(':', 1)[0] as string, message }] })
  }
  await Promise.all(jobs.map(say))
}

/** Gives a node to each of these jobs that has none. `goOn`, asked between two writes: absent: both are made. */
export async function placeAll(
  jobs: readonly { readonly id: string; readonly ip: string }[],
  writer: Pick<Writer, 'send'>,
  goOn?: () => boolean,
): Promise<void> {
  const matched = (
    await sendEach(
      writer,
      jobs.map(({ id, ip }) => placeWrite(id, ip)),
    )
  ).matched
  // Others were quicker, or the state is not the job's own.
  if (matched === jobs.length || goOn?.() === false) return
  await sendEach(
    writer,
    jobs.map(({ id, ip }) => placeAfreshWrite(id, ip)),
  )
}

/** Brings jobs home whose home takes jobs, and spreads placed ones over the nodes that do. Only to nodes that can perform them: from
 *  one that has perhaps the script it runs, a job is spread to nobody who has it no surer. */
export async function rebalance(targets: readonly Taker[], context: MovesContext): Promise<number> {
  if (targets.length === 0) return 0
  const ips = targets.map(({ _id }) => _id)
  const filter = { ip: { $type: 'string' }, $or: [{ 'state.home': { $in: ips } }, { 'state.placed': true }] }
  return await moveAll(filter, context, job => {
    if (!isWherePut(job)) return undefined
    const here = targets.find(({ _id }) => _id === job.ip)
    const stays = here?.executors !== undefined && ability(here, job) === 'perhaps'
    const to =
      job.state?.placed === true
        ? homeOf(job._id, stays ? sureOf(job, targets) : ableOf(job, targets))
        : maybeOf(job, targets).find(ip => ip === job.state?.home)
    return to === undefined || to === job.ip ? undefined : { job, to, back: true }
  })
}

async function moveAll(
  filter: Document,
  context: MovesContext,
  moveOf: (job: Movable) => Move | undefined,
): Promise<number> {
  let moved = 0
  const cursor = context.jobs.find<Movable>(filter, { projection: MOVABLE, batchSize: BULK })
  await inBatches(cursor, async jobs => {
    const moves = jobs.map(moveOf).filter(move => move !== undefined)
    if (moves.length === 0) return true
    if (context.goOn !== undefined && !(await context.goOn())) return false
    moved += (await sendEach(context.writer, moves.map(moveWrite))).modified
    return true
  })
  return moved
}

/** Reads all there is, as long as `take` goes on. */
async function inBatches<T>(cursor: FindCursor<T>, take: (documents: readonly T[]) => Promise<boolean>): Promise<void> {
  try {
    let documents: T[] = []
    for await (const document of cursor) {
      if (documents.push(document) < BULK) continue
      if (!(await take(documents))) return
      documents = []
    }
    if (documents.length > 0) await take(documents)
  } finally {
    await cursor.close()
  }
}

/** One document that refuses its write keeps no other from its own. */
async function sendEach(writer: Pick<Writer, 'send'>, writes: readonly Write[]) {
  const sent = await writer.send(writes)
  if (sent.failure !== undefined) throw sent.failure
  return sent
}
