/** Check: what is wrong with a scheduler as it stands: its database, its nodes, its jobs?
 *  In: a database that is open. Out: findings, those that are well too. It only reads. */
import type { Filter } from 'mongodb'
import { systemClock } from '../clock.ts'
import { MOVABLE, type Movable, unableReason } from '../cluster/moves.ts'
import { isLiving, readRegistry, type Seen, takesJobs } from '../cluster/registry.ts'
import { strandedQuery } from '../cluster/stranded.ts'
import type { Database } from '../database/database.ts'
import type { CollectionNames } from '../database/ensure.ts'
import { clockFinding, counted, type Finding, inspect, looked } from '../database/inspect.ts'
import type { Job } from '../job/job.ts'
import { JOBS_VALIDATOR } from '../job/schema.ts'

export type { Finding } from '../database/inspect.ts'

/** So many are named. */
const NAMED = 5

export async function check(database: Database, names?: CollectionNames): Promise<readonly Finding[]> {
  const { connection, collections } = database
  const found = [...(await inspect(connection, { collections: names, clock: systemClock }))]
  found.push(
    ...(await looked('nodes', async () => {
      const nodes = await readRegistry(collections.nodes)
      return [
        ...nodeFindings(nodes, await collections.jobs.estimatedDocumentCount()),
        ...(await stranded(collections, nodes)),
      ]
    })),
    ...(await looked('invalid jobs', () => invalid(collections))),
  )
  return found
}

/** `jobs`: how many there are. */
function nodeFindings(nodes: readonly Seen[], jobs: number): readonly Finding[] {
  const check = 'nodes'
  const living = nodes.filter(isLiving)
  const lives: Finding =
    living.length > 0
      ? {
          check,
          status: 'ok',
          found: `${counted(living.length, 'node')} living: ${named(living.map(({ _id }) => _id))}`,
        }
      : jobs === 0
        ? {
            check,
            status: 'note',
            found: 'none lives, and there is no job',
            advice: 'Start one: tidewheel start --tasks FOLDER.',
          }
        : {
            check,
            status: 'wrong',
            found: 'none lives: no job runs',
            advice: 'Start one: tidewheel start --tasks FOLDER.',
          }
  const lost = nodes.filter(node => !isLiving(node) && node.status !== 'stopped').map(({ _id }) => _id)
  const kept = living.filter(node => !takesJobs(node)).map(({ _id, wanted, status }) => `${_id} (${wanted ?? status})`)
  const versions = [...new Set(living.map(({ version = '?' }) => version))]
  return [
    lives,
    ...(lost.length === 0
      ? []
      : [
          {
            check,
            status: 'note',
            found: `ended without a word: ${named(lost)}`,
            advice: 'See why, then start it again; it is forgotten after 7 days without jobs.',
          } as const,
        ]),
    ...(kept.length === 0
      ? []
      : [
          {
            check,
            status: 'note',
            found: `takes no runs: ${named(kept)}`,
            advice: 'tidewheel nodes drain IP --undo has a drained one work again.',
          } as const,
        ]),
    ...(versions.length < 2
      ? []
      : [{ check, status: 'note', found: `of several versions: ${versions.join(', ')}` } as const]),
    ...living.flatMap(({ _id, offset = 0 }) => {
      const finding = clockFinding(`the clock of node ${_id}`, offset)
      return finding.status === 'ok' ? [] : [finding]
    }),
  ]
}

/** Jobs that no node runs and none takes over. */
async function stranded({ jobs }: Database['collections'], nodes: readonly Seen[]): Promise<readonly Finding[]> {
  const check = 'stranded jobs'
  const living = new Set(nodes.filter(isLiving).map(({ _id }) => _id))
  const takers = nodes.filter(takesJobs)
  const findings: Finding[] = []
  for (const ip of await jobs.distinct('ip')) {
    if (typeof ip !== 'string' || living.has(ip)) continue
    const left = { $and: [{ ip }, strandedQuery(nodes)] } as Filter<Job>
    const some = await jobs.find<Movable>(left, { projection: MOVABLE }).limit(NAMED).toArray()
    if (some.length === 0) continue
    const count = await jobs.countDocuments(left)
    const known = nodes.find(({ _id }) => _id === ip)
    const why =
      known === undefined
        ? 'no node of that name was ever there'
        : known.status === 'stopped'
          ? 'it has stopped'
          : 'it is dead'
    findings.push({
      check,
      status: 'wrong',
      found: `${counted(count, 'job')} of ${ip}, and ${why}: ${named(
        some.map(job => toldWith(job, takers)),
        count,
      )}`,
      advice: `Start it (tidewheel start --ip ${ip} --tasks FOLDER), or move them (tidewheel jobs move ID IP).`,
    })
  }
  const nobodys = { ip: { $exists: false } } as Filter<Job>
  const waiting = takers.length === 0 ? await jobs.countDocuments(nobodys) : 0
  if (waiting > 0) {
    const found = `${counted(waiting, 'job')} without a node, and none lives that takes jobs`
    findings.push({ check, status: 'wrong', found, advice: 'Start one: tidewheel start --tasks FOLDER.' })
  }
  return findings.length > 0 ? findings : [{ check, status: 'ok', found: 'none' }]
}

/** With why none of those that may take it over can perform it, where that is so. */
function toldWith(job: Movable, takers: readonly Seen[]): string {
  const problem = unableReason(job, takers)
  return problem === undefined ? job._id : `${job._id} (${problem})`
}

/** Jobs whose node says that it cannot run them, and documents that MongoDB would refuse today. */
async function invalid({ jobs }: Database['collections']): Promise<readonly Finding[]> {
  const check = 'invalid jobs'
  const broken: readonly (readonly [filter: object, word: string])[] = [
    [{ 'state.error': { $exists: true } }, 'cannot be scheduled'],
    [{ 'state.error': { $exists: false }, $nor: [JOBS_VALIDATOR] }, 'would be refused by MongoDB'],
  ]
  const findings: Finding[] = []
  for (const [filter, word] of broken) {
    const wanted = filter as Filter<Job>
    const found = await jobs
      .find(wanted, { projection: { 'state.error': 1 } })
      .limit(NAMED)
      .toArray()
    if (found.length === 0) continue
    const count = await jobs.countDocuments(wanted)
    const told = found.map(({ _id, state }) => (state?.error === undefined ? String(_id) : `${_id} (${state.error})`))
    findings.push({
      check,
      status: 'wrong',
      found: `${counted(count, 'job')} ${word}: ${named(told, count)}`,
      advice: 'Correct it (tidewheel jobs edit ID) or remove it (tidewheel jobs remove ID).',
    })
  }
  return findings.length > 0 ? findings : [{ check, status: 'ok', found: 'none' }]
}

/** The first of them, and how many more there are. */
function named(words: readonly string[], count = words.length): string {
  const shown = words.slice(0, NAMED)
  return `${shown.join(', ')}${count > shown.length ? ` and ${(count - shown.length).toLocaleString('en')} more` : ''}`
}
