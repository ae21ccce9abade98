/** `tidewheel import agenda`: the jobs of an Agenda collection that are still to run, with their next run times.
 *  The collection is only read: while Agenda works on it too, runs happen twice. */
import { Command } from 'commander'
import { readForeign } from '../client/foreign.ts'
import { AGENDA_PREFIX, type AgendaJob, fromAgenda } from '../moving/agenda.ts'
import { connectionOf, run, withExample } from './call.ts'
import { readFuncMap } from './func-map.ts'
import { bring, type ImportOptions, withImportFlags } from './import-jobs.ts'

interface Options extends ImportOptions {
  readonly from?: string
  readonly collection: string
  readonly funcMap?: string
}

export const importAgendaCommand = () =>
  withExample(
    withImportFlags(
      new Command('agenda')
        .description('the jobs of an Agenda collection, with their next run times')
        .option('--from <string>', 'connection string, with the database of Agenda in it (default: that of --uri)')
        .option('--collection <name>', 'collection of Agenda', 'agendaJobs')
        .option('--func-map <file>', 'JSON: our function for a name of theirs (default: the same name)'),
      AGENDA_PREFIX,
    ).action(
      run(['timezone'], async (call, options: Options) => {
        const { settings } = call
        const { prefix, ip } = options
        const funcs = await readFuncMap(options.funcMap)
        const { documents, others } = await readForeign({
          uri: options.from ?? connectionOf(settings).uri,
          db: options.from === undefined ? settings.db : undefined,
          collection: options.collection,
          filter: { nextRunAt: { $type: 'date' } },
          timeoutMs: settings.connectTimeout,
        })
        const found = fromAgenda(documents as readonly AgendaJob[], {
          funcs,
          ...(prefix !== undefined && { prefix }),
          ...(ip !== undefined && { ip }),
          ...(settings.timezone !== undefined && { timezone: settings.timezone }),
        })
        const rest = { text: `${others} documents without a next run`, why: 'they have run, or are over' }
        const skipped = others === 0 ? found.skipped : [...found.skipped, rest]
        await bring(call, options, { jobs: found.jobs, skipped, source: 'agenda' })
      }),
    ),
    [
      'tidewheel import agenda --from mongodb://127.0.0.1/app --dry-run',
      'tidewheel import agenda --collection jobs --func-map names.json --timezone Europe/Berlin',
    ],
    'Stop Agenda first: it and Tidewheel would both run these jobs.',
  )
