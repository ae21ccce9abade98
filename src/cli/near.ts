/** Near: which id could be meant where there is none of the one that was given?
 *  In: what a command threw. Out: the same, with the nearest id of a job, a run or a node as advice; or itself. */
import type { Database } from '../database/database.ts'
import { nearest, TidewheelError } from '../errors.ts'

/** So many ids are compared, beside those that begin alike. */
const MOST = 10_000
const BEYOND = '\u{10ffff}'

export async function withNearest(error: unknown, { collections }: Pick<Database, 'collections'>): Promise<unknown> {
  if (!(error instanceof TidewheelError) || error.code !== 'not_found') return error
  const { id, ip, run_id, advice } = error.data
  // Whoever knows better says so.
  if (typeof id === 'string' && advice === undefined) return await advised(error, id, collections.jobs, 'jobs')
  if (typeof run_id === 'string' && advice === undefined) return await runAdvised(error, run_id, collections)
  if (typeof ip === 'string') return await advised(error, ip, collections.nodes, 'nodes')
  return error
}

/** Whoever gave a job's id, the beginning of a run's, or one that is misspelt. */
async function runAdvised(
  error: TidewheelError,
  given: string,
  { executions, jobs }: Database['collections'],
): Promise<unknown> {
  try {
    if ((await executions.findOne({ _id: given }, { projection: { _id: 1 } })) !== null) return error
    const job = await jobs.findOne({ _id: given }, { projection: { _id: 1 } })
    const near = (await begunBy(executions, given)) ?? nearest(given, await idsOf(executions, {}, MOST, -1))
    const advice =
      job !== null
        ? `${given} is a job; its runs: tidewheel history ${given}.`
        : `${near === undefined ? '' : `Did you mean ${near}? `}All of them: tidewheel history.`
    return new TidewheelError(error.code, error.message, { ...error.data, advice }, { cause: error.cause })
  } catch {
    // As below.
    return error
  }
}

type Either = Database['collections'][keyof Database['collections']]

async function advised(error: TidewheelError, given: string, among: Either, what: 'jobs' | 'nodes'): Promise<unknown> {
  try {
    const near = nearest(given, await idsOf(among, {})) ?? (await begunBy(among, given))
    if (near === undefined) return error
    const advice = `Did you mean ${near}? All of them: tidewheel ${what} list.`
    return new TidewheelError(error.code, error.message, { ...error.data, advice }, { cause: error.cause })
  } catch {
    // The question failed already; that this one did, too, says nothing more.
    return error
  }
}

/** The one that begins with the text, where it is the only one. */
async function begunBy(among: Either, begun: string): Promise<string | undefined> {
  if (begun === '') return undefined
  const [first, second] = await idsOf(among, { _id: { $gte: begun, $lt: `${begun}${BEYOND}` } }, 2)
  return second === undefined ? first : undefined
}

async function idsOf(among: Either, query: object, most = MOST, order?: -1): Promise<readonly string[]> {
  const collection = among as Database['collections']['nodes']
  const found = await collection
    .find(query, { projection: { _id: 1 }, ...(order && { sort: { _id: order } }) })
    .limit(most)
    .toArray()
  return found.map(({ _id }) => String(_id))
}
