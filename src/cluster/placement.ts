/** Placement: which node takes a job that has none.
 *  In: a job and the living nodes, with what each says that it can perform. Out: those that can, and the order in which they should
 *  try. Every node computes the same order (rendezvous hashing, Thaler and Ravishankar 1998: a node's weight for a job is a hash of
 *  both), so jobs spread evenly and only those of a lost node move. The first writes at once, the others wait their turn, so that a
 *  dead first one costs a moment. Pure. */
import { nearest } from '../errors.ts'
import { isObject, JOB_DEFAULTS, type Job } from '../job/job.ts'

/** A node, and what it says that it can perform. Absent, as a node of an older version leaves it: that is not known. */
export interface Taker {
  readonly _id: string
  /** Functions by name; null: too many to tell. */
  readonly tasks?: readonly string[] | null
  /** Of which kind its executors are, by name: only those that can perform something. */
  readonly executors?: Readonly<Record<string, string>>
}

/** What a job needs of its node. */
export type Needs = Pick<Job, 'func' | 'executor'>

/** A document that breaks the rules is anybody's, so that somebody says what is wrong. */
export const isBroken = ({ func, executor = JOB_DEFAULTS.executor }: Needs) =>
  typeof func !== 'string' || typeof executor !== 'string'

/** Whether a node can perform a job, as far as its own words tell: which files are in its workspace it does not tell. */
export function ability({ tasks, executors }: Taker, needs: Needs): 'yes' | 'perhaps' | 'no' {
  const { func, executor = JOB_DEFAULTS.executor } = needs
  // Rows may be spoilt by hand.
  if (!isObject(executors) || isBroken(needs)) return 'perhaps'
  const kind = Object.hasOwn(executors, executor) ? executors[executor] : undefined
  if (kind === undefined) return 'no'
  if (kind === 'script' || !Array.isArray(tasks)) return 'perhaps'
  return namesIn(tasks).has(func) ? 'yes' : 'no'
}

/** The jobs of which `ability` does not say no, as conditions of a query: one of them has to be so. */
export function performableBy({ tasks, executors }: Taker): readonly object[] {
  if (!isObject(executors)) return [{}]
  const broken = [{ func: { $not: { $type: 'string' } } }, { executor: { $exists: true, $not: { $type: 'string' } } }]
  const isKnown = Array.isArray(tasks)
  const named = Object.entries(executors).map(([name, kind]) => ({
    // A job that names none has the default one.
    executor: name === JOB_DEFAULTS.executor ? { $in: [name, null] } : name,
    ...(kind !== 'script' && isKnown && { func: { $in: tasks } }),
  }))
  return [...broken, ...named]
}

const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

function namesIn(tasks: readonly string[]): ReadonlySet<string> {
  let names = sets.get(tasks)
  if (names === undefined) {
    names = new Set(tasks)
    sets.set(tasks, names)
  }
  return names
}

const idsOf = (takers: readonly Taker[]) => takers.map(taker => taker._id)

/** The nodes that can perform a job for sure. */
export const sureOf = (job: Needs, takers: readonly Taker[]): readonly string[] =>
  idsOf(takers.filter(taker => ability(taker, job) === 'yes'))

/** The nodes that do not say that they cannot perform a job. */
export const maybeOf = (job: Needs, takers: readonly Taker[]): readonly string[] =>
  idsOf(takers.filter(taker => ability(taker, job) !== 'no'))

/** The nodes that a job may be given to: those that can perform it for sure, where there are any. */
export function ableOf(job: Needs, takers: readonly Taker[]): readonly string[] {
  const sure = sureOf(job, takers)
  return sure.length > 0 ? sure : maybeOf(job, takers)
}

/** More nodes are counted only. */
const MOST_NAMED = 8

/** Why none of these nodes can perform a job, in a sentence for `state.error`. */
export function unableProblem(job: Needs, takers: readonly Taker[]): string {
  const { func, executor = JOB_DEFAULTS.executor } = job
  const ips = idsOf(takers)
  const more = ips.length > MOST_NAMED ? ` and ${ips.length - MOST_NAMED} more` : ''
  const asked = `asked: ${ips.slice(0, MOST_NAMED).join(', ')}${more}`
  const has = takers.filter(({ executors = {} }) => Object.hasOwn(executors, executor))
  if (has.length === 0) return `executor: no living node has one named "${executor}" that performs anything; ${asked}`
  const near = nearest(func, new Set(has.flatMap(({ tasks }) => tasks ?? [])))
  return `func: no living node has a task "${func}"; ${near === undefined ? '' : `did you mean ${near}? `}${asked}`
}

/** 32-bit FNV-1a with a final mix, so that names that differ in one digit spread. */
function weight(node: string, job: string): number {
  let hash = 0x811c9dc5
  for (const text of [node, '\n', job]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A number that stands for a job's id, from 1 to 2^53: among a million of them two are the same once in ten thousand times. */
export const markOf = (job: string): number => weight('', job) * 2 ** 21 + (weight('mark', job) >>> 11) || 1

/** The node that should have the job, of those that live; undefined when none does. */
export function homeOf(job: string, living: readonly string[]): string | undefined {
  return ranked(job, living)[0]
}

/** All living nodes, the one that should have the job first. */
export function ranked(job: string, living: readonly string[]): readonly string[] {
  return living
    .map(node => ({ node, weight: weight(node, job) }))
    .sort((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1))
    .map(({ node }) => node)
}

/** How many others come before this node; those not known to live come last. */
export function rankOf(job: string, living: readonly string[], mine: string): number {
  const rank = ranked(job, living).indexOf(mine)
  return rank === -1 ? living.length : rank
}
