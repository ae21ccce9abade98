/** The MongoDB of `tidewheel dev`: one of its own whose data stays in a folder, or the one of a connection string, there in
 *  the database `tidewheel_dev` unless the setting `db` names another, so that no other data is touched.
 *  Out: its address with the database in it, and the way to end it. */
import { relative } from 'node:path'
import { redacted } from '../database/connection.ts'
import { findMongodBinary } from '../dev/find-mongod.ts'
import { startMongod } from '../dev/mongod.ts'
import { TidewheelError } from '../errors.ts'
import type { Call } from './call.ts'

export interface DevServer {
  /** With the database in it. */
  readonly uri: string
  readonly db: string
  /** For people. */
  readonly where: string
  /** Rejects when the server of our own ends unasked. */
  readonly died: Promise<never>
  stop(): Promise<void>
}

const OWN_DB = 'tidewheel'
const FOREIGN_DB = 'tidewheel_dev'

export async function devServer({ settings, out }: Call): Promise<DevServer> {
  const { uri, data, port } = settings
  if (uri !== undefined) {
    const db = settings.db ?? FOREIGN_DB
    const never = new Promise<never>(() => {})
    return { uri: withDatabase(uri, db), db, where: `MongoDB at ${redacted(uri)}`, died: never, stop: async () => {} }
  }
  const binary = await findMongodBinary({
    onAttempt: ({ way, why }) => {
      if (settings.verbose) out.note(`${way}: ${why}`)
      if (way === 'caches') out.note('There is no mongod on this machine yet; fetching one, which can take minutes.')
    },
  })
  const db = settings.db ?? OWN_DB
  const mongod = await startMongod({ dataDir: data, binary: binary.path, ...(port !== undefined && { port }) })
  let stopping = false
  const died = mongod.exited.then(({ why, code, signal }) => {
    if (stopping) return new Promise<never>(() => {})
    const exit = code === null ? '' : ` (exit ${code})`
    const how = signal === null ? `ended${exit}: ${why}` : `was killed (${signal})`
    throw new TidewheelError('unreachable', `its MongoDB ${how}`, {
      advice: `Start again; more is in ${data}/mongod.log.`,
    })
  })
  died.catch(() => {})
  return {
    uri: withDatabase(mongod.uri, db),
    db,
    where: `MongoDB ${binary.version} on port ${mongod.port}, data in ${relative('', data) || '.'}`,
    died,
    stop: async () => {
      stopping = true
      await mongod.stop()
    },
  }
}

/** The connection string with this database in its path; who logs in keeps the database of the login. */
export function withDatabase(uri: string, db: string): string {
  const [, servers = uri, path = '', query = ''] = /^([a-z+]+:\/\/[^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/.exec(uri) ?? []
  const login = servers.includes('@') && path !== '' && !/(^|&)authSource=/i.test(query) ? `authSource=${path}` : ''
  const options = [query, login].filter(Boolean).join('&')
  return `${servers}/${db}${options && `?${options}`}`
}
