/** App options: what was given to `createApp`, checked as a whole by the table of options.
 *  In: anything. Throws `invalid_option` for what is wrong: where it is, what is expected, what was found, the nearest known word.
 *  A misspelt `readOnly` that nobody hears of would let everybody change everything. */
import { z } from 'zod'
import { expected, found, isRecord, readTable, refused, type Table } from '../options/option.ts'
import { OPTIONS } from '../options/table.ts'

const { allowedHosts, readOnly, metricsAuth, logger } = OPTIONS

/** Known by what it has: it may come from another copy of the package. */
const having = (names: readonly string[], what: string) =>
  z.custom(value => isRecord(value) && names.every(name => name in value)).describe(what)

const TABLE: Table = {
  client: { schema: having(['jobs', 'history', 'nodes', 'events$'], 'a client as connect gives it'), help: '' },
  node: { schema: having(['client', 'start', 'stop', 'status'], 'a node as createNode gives it'), help: '' },
  auth: {
    schema: z.custom(value => typeof value === 'function').describe('a function that says who asks'),
    help: '',
  },
  basePath: {
    ...OPTIONS.basePath,
    schema: z.union([OPTIONS.basePath.schema, z.literal('')]).describe('a path such as /tidewheel'),
  },
  allowedHosts,
  readOnly,
  metricsAuth,
  logger,
}

export function checkAppOptions(options: unknown): void {
  if (!isRecord(options)) throw refused(expected('options', 'an object such as {client}', found(options)))
  const { basePath } = options
  const path = typeof basePath === 'string' ? basePath.replace(/\/+$/, '') : basePath
  readTable(TABLE, { ...options, basePath: path }, { what: 'option of createApp' })
}
