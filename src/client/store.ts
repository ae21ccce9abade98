/** Store: jobs on their way into the database, one or several together.
 *  In: what people hand to `jobs.add`, in every form that the contract knows. Out: the documents as they lie there. With `replace` one
 *  that is there is brought to the definition, and where it runs and when stays unless it is given. */
import { type ClientSession, type Collection, type MongoClient, ObjectId } from 'mongodb'
import { TidewheelError } from '../errors.ts'
import { type FlatJob, type Job, type JobInput, jobSchema } from '../job/job.ts'
import { parseJobInput, replacesExisting } from '../job/parse.ts'
import { type Edit, unsetting, updated } from './edit.ts'
import { isDuplicate, refused } from './refused.ts'

export interface StoreOptions {
  /** Throws `closed` where there is none (yet). */
  readonly collection: () => Collection<Job>
  /** The zone that a person gave, if one did: added triggers that name none mean it. */
  readonly timezone?: string | undefined
  /** What an absent field of an added job gets. */
  readonly defaults?: () => Partial<JobInput>
}

/** What a replacement leaves as it is, unless it is given. */
const KEPT: ReadonlySet<string> = new Set(['_id', 'ip', 'next_run_time', 'run_at', 'cancel', 'state', 'touch'])

/** Adds jobs all or none, in one transaction. What fails says in `data.index` which of them it was. */
export async function addTogether(
  client: MongoClient,
  options: StoreOptions,
  inputs: readonly (JobInput | FlatJob)[],
  replace: boolean,
): Promise<readonly Job[]> {
  let index = 0
  try {
    const added: NewJob[] = []
    for (const input of inputs) {
      added.push(newJob(input, options))
      index++
    }
    return await client.withSession(session =>
      session.withTransaction(async () => {
        const jobs: Job[] = []
        for (index = 0; index < added.length; index++) {
          const replaces = replace || replacesExisting(inputs[index])
          jobs.push(await store(options.collection(), added[index] as NewJob, replaces, session))
        }
        return jobs
      }),
    )
  } catch (error) {
    const id = (inputs[index] as { readonly _id?: unknown; readonly id?: unknown } | undefined) ?? {}
    const { code, message, data, cause } = refused(String(id._id ?? id.id ?? ''), error)
    throw new TidewheelError(code, message, index < inputs.length ? { ...data, index } : data, { cause })
  }
}

/** A job as it is to lie in the database, and whether the person named its node. */
export function newJob(input: unknown, { defaults, timezone }: Pick<StoreOptions, 'defaults' | 'timezone'>): NewJob {
  const { _id = new ObjectId().toHexString(), ...fields } = parseJobInput(input, {
    zone: timezone,
    ...(defaults && { defaults: defaults() }),
  })
  return { job: { _id, ...fields } as Job, placed: (input as JobInput).ip !== undefined }
}

export interface NewJob {
  readonly job: Job
  /** The person named its node, or none. */
  readonly placed: boolean
}

/** Throws what the driver throws: a transaction begins anew by what it reads off that. */
export async function store(
  collection: Collection<Job>,
  { job, placed }: NewJob,
  replace: boolean,
  session?: ClientSession,
): Promise<Job> {
  const { _id } = job
  const how = session && { session }
  const bring = async () => (replace ? await updated(collection, { _id }, replacement(job, placed), session) : null)
  const present = await bring()
  if (present !== null) return present
  try {
    await collection.insertOne(job as never, how)
    return job
  } catch (error) {
    // Somebody else was quicker. A transaction has to begin anew, and does.
    if (!replace || session !== undefined || !isDuplicate(error)) throw error
    return (await bring()) ?? job
  }
}

/** Brings an existing document to a definition, and leaves where it runs and when alone. */
function replacement(job: Job, withIp: boolean): Edit {
  const { _id, ip, ...set } = job
  const gone = Object.keys(jobSchema.shape).filter(field => !KEPT.has(field) && !(field in job))
  return { $set: { ...set, ...(withIp && ip !== undefined && { ip }) }, ...unsetting(gone) } as Edit
}
