/** `tidewheel init`: collections, validators and indexes, created where they are missing.
 *  Twice does no harm. What this user may not do, or what is not ours to change, is said and counts as failed. */
import { Command } from 'commander'
import { open } from '../database/connection.ts'
import { connect } from '../index.ts'
import { connectionOf, run, withExample } from './call.ts'
import { EXIT } from './exit-codes.ts'

export const initCommand = () =>
  withExample(
    new Command('init').description('create collections, validators and indexes where they are missing').action(
      run([], async ({ settings, out }) => {
        const options = connectionOf(settings)
        const connection = await open(options)
        try {
          const database = connection.db.databaseName
          const { uri: _, ...others } = options
          await using client = await connect({ ...others, client: connection.client, db: database })
          const warnings = await client.init()
          out.result({ database, warnings }, [`database ${database}: collections, validators and indexes are there`])
          for (const warning of warnings) out.note(warning)
          if (warnings.length > 0) process.exitCode = EXIT.failed
        } finally {
          await connection.close()
        }
      }),
    ),
    ['tidewheel init --uri mongodb://127.0.0.1:27017/tidewheel'],
  )
