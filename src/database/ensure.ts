/** The collections in the database: creates them with validators and indexes, and brings older ones up to date.
 *  In: a database. Out: warnings, when this user may not change what should be changed; the node then checks by itself.
 *  Holds: doing it twice, or from many nodes at once, changes nothing more; a newer validator, a validator that is not ours
 *  and every document stay as they are. Each index costs every write: the reasons stand beside them. */
import { type CreateIndexesOptions, type Db, MongoServerError } from 'mongodb'
import { JOBS_VALIDATOR, type JsonSchema, NODES_VALIDATOR } from '../job/schema.ts'
import { readTable } from '../options/option.ts'
import { OPTIONS } from '../options/table.ts'
import { COLLECTIONS } from '../options/values.ts'

/** Names of the collections, all different. */
export interface CollectionNames {
  /** The jobs. Default: `jobs`. */
  readonly jobs?: string
  /** The history. Default: `executions`. */
  readonly executions?: string
  /** The registry of nodes. Default: `nodes`. */
  readonly nodes?: string
  /** Who may come in over HTTP. Default: `users`. */
  readonly users?: string
}

export interface EnsureOptions {
  readonly collections?: CollectionNames
  /** How long history is kept, in ms; absent: as it is, 7 days where there is no index yet. */
  readonly historyTtlMs?: number
}

const HISTORY_TTL_MS = OPTIONS.historyTtl.fallback

const NAMESPACE_EXISTS = 48
const INDEX_OPTIONS_CONFLICT = 85
const UNAUTHORIZED = [13, 8000]

/** All of them, each by its own name where no other is given. */
export const namesOf = (names: CollectionNames = {}) => readTable(COLLECTIONS, { ...names }, { path: 'collections' })

/** An index and its options. */
export interface Index {
  readonly key: { readonly [field: string]: 1 | -1 }
  readonly options?: CreateIndexesOptions
}

/** All but the expiry of the history, whose time can be set. */
export const INDEXES: Readonly<Record<'jobs' | 'executions', readonly Index[]>> = {
  jobs: [
    // A node reads the jobs of its ip at its start, people leaf through them by id. What these three hold no claim changes.
    { key: { ip: 1, _id: 1 } },
    { key: { tags: 1, _id: 1 } },
    { key: { func: 1, _id: 1 } },
    // What runs next, and what is paused or not planned. It changes with every claim and takes 6-9 % of what raw claims could be;
    // without it each such list reads all jobs.
    { key: { next_run_time: 1, _id: 1 } },
    // States that few jobs are in: a run id is looked up and the running are found; claims have been as quick with it.
    { key: { 'state.error': 1 }, options: { partialFilterExpression: { 'state.error': { $exists: true } } } },
    {
      key: { 'state.running.run_id': 1 },
      options: { partialFilterExpression: { 'state.running.run_id': { $exists: true } } },
    },
  ],
  executions: [
    // The history of one job, newest first. Status and node are filtered on the way.
    { key: { job_id: 1, run_time: -1 } },
    // What went wrong, newest first: rows of runs that went well are in neither of the two.
    { key: { status: 1, recorded: -1 }, options: { partialFilterExpression: { status: { $lt: 'executed' } } } },
    { key: { status: 1, recorded: 1 }, options: { partialFilterExpression: { status: { $gt: 'executed' } } } },
    // What ran on a node in a span of time.
    { key: { ip: 1, started: -1 } },
    // Runs that go on, by node: what a process that died has left. Only runs of more than a second pay for it.
    { key: { node: 1 }, options: { partialFilterExpression: { status: 'started' } } },
  ],
}

/** Removes old rows, and lists the newest of all jobs: it only grows at its end, which is the cheapest index. */
export const EXPIRY = { recorded: 1 } as const

export const VALIDATORS = { jobs: JOBS_VALIDATOR, nodes: NODES_VALIDATOR } as const

export async function ensureCollections(db: Db, options: EnsureOptions = {}): Promise<{ warnings: string[] }> {
  const names = namesOf(options.collections)
  const warnings: string[] = []
  const attempt = async (what: string, work: () => Promise<string | undefined>): Promise<void> => {
    try {
      const warning = await work()
      if (warning !== undefined) warnings.push(warning)
    } catch (error) {
      if (!(error instanceof MongoServerError) || !UNAUTHORIZED.includes(Number(error.code))) throw error
      warnings.push(`${what}: this user may not (${error.message}); let an administrator run tidewheel init`)
    }
  }
  const validator = (of: keyof typeof VALIDATORS) =>
    attempt(`validator of ${names[of]}`, () => ensureValidator(db, names[of], VALIDATORS[of]))
  const indexes = async (of: keyof typeof INDEXES) => {
    for (const index of INDEXES[of]) {
      await attempt(`index of ${names[of]}`, () => ensureIndex(db, names[of], index))
    }
  }
  const executions = async () => {
    // A row that is refused would be a run without history: no validator here.
    await attempt(`collection ${names.executions}`, () => create(db, names.executions, {}).then(() => undefined))
    await attempt(`expiry of ${names.executions}`, () => ensureExpiry(db, names.executions, options.historyTtlMs))
    await indexes('executions')
  }
  await Promise.all([validator('jobs').then(() => indexes('jobs')), validator('nodes'), executions()])
  return { warnings }
}

/** Whether the collection is new; another node may have been quicker. */
async function create(db: Db, name: string, options: { readonly validator?: JsonSchema }): Promise<boolean> {
  try {
    const rules = options.validator && { ...options, validationLevel: 'moderate', validationAction: 'error' }
    await db.command({ create: name, ...rules })
    return true
  } catch (error) {
    if (error instanceof MongoServerError && error.code === NAMESPACE_EXISTS) return false
    throw error
  }
}

async function ensureValidator(db: Db, name: string, validator: JsonSchema): Promise<string | undefined> {
  let present = await readOptions(db, name)
  if (present === undefined) {
    if (await create(db, name, { validator })) return undefined
    present = (await readOptions(db, name)) ?? {}
  }
  const theirs = titleOf(present.validator)
  const ours = titleOf(validator) as Title
  if (present.validator !== undefined && Object.keys(present.validator).length > 0 && theirs?.of !== ours.of) {
    return `collection ${name} has a validator that is not ours; it stays, and each node checks by itself`
  }
  if (theirs !== undefined && theirs.version > ours.version) return undefined
  if (theirs?.version === ours.version && present.level === 'moderate' && present.action === 'error') return undefined
  await db.command({ collMod: name, validator, validationLevel: 'moderate', validationAction: 'error' })
  return undefined
}

export interface Present {
  readonly validator?: JsonSchema
  readonly level?: string
  readonly action?: string
}

/** Undefined: there is no such collection. */
export async function readOptions(db: Db, name: string): Promise<Present | undefined> {
  const [info] = await db.listCollections({ name }, { nameOnly: false }).toArray()
  if (info === undefined) return undefined
  const { validator, validationLevel = 'strict', validationAction = 'error' } = info.options ?? {}
  return { ...(validator && { validator }), level: validationLevel, action: validationAction }
}

export interface Title {
  readonly of: string
  readonly version: number
}

/** `tidewheel jobs 3`: ours, and which of ours. */
export function titleOf(validator: JsonSchema | undefined): Title | undefined {
  const title = (validator?.$jsonSchema as JsonSchema | undefined)?.title
  const [, of, version] = /^(tidewheel \w+) (\d+)$/.exec(String(title)) ?? []
  return of === undefined ? undefined : { of, version: Number(version) }
}

async function ensureIndex(db: Db, name: string, { key, options = {} }: Index): Promise<undefined> {
  await db.collection(name).createIndex(key, options)
}

/** The server refuses to create the index anew with another time: that is changed in place. */
async function ensureExpiry(db: Db, name: string, ttlMs: number | undefined): Promise<undefined> {
  const expireAfterSeconds = Math.max(1, Math.round((ttlMs ?? HISTORY_TTL_MS) / 1000))
  try {
    await db.collection(name).createIndex(EXPIRY, { expireAfterSeconds })
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.code !== INDEX_OPTIONS_CONFLICT) throw error
    if (ttlMs === undefined) return
    await db.command({ collMod: name, index: { keyPattern: EXPIRY, expireAfterSeconds } })
  }
}
