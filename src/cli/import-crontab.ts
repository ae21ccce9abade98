/** `tidewheel import crontab`: the commands of a crontab as jobs, each with a script in the workspace that does what cron did.
 *  The scripts are written first. Whatever does not come along is said line by line; the crontab itself stays as it is. */
import { realpathSync } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import { Command } from 'commander'
import { TidewheelError } from '../errors.ts'
import { CRON_PREFIX, fromCrontab } from '../moving/crontab.ts'
import { addSettings, run, withExample } from './call.ts'
import { bring, type ImportOptions, withImportFlags } from './import-jobs.ts'
import { foreignScripts, writeScripts } from './import-scripts.ts'
import { inputOf } from './input.ts'

interface Options extends ImportOptions {
  readonly system?: boolean
  readonly user?: string
}

/** Crontabs that have a column for the user. */
const SYSTEM = /^\/etc\/(?:crontab$|cron\.d\/)/
const UTC = /^(?:Etc\/)?(?:UTC|GMT|Zulu)$/
const PREFIX = /^[\w.-]{1,100}$/

export const importCrontabCommand = () =>
  withExample(
    addSettings(
      withImportFlags(
        new Command('crontab')
          .description('the commands of a crontab as jobs, each with a script in the workspace')
          .argument('<file>', 'a crontab; - is stdin')
          .option('--system', 'a column with the user stands before each command (default: so in /etc)')
          .option('--user <name>', 'of a system crontab take the lines of this user (default: you)'),
        CRON_PREFIX,
      ),
      ['workspace'],
    ).action(
      run(['timezone', 'workspace'], async (call, options: Options, file: string) => {
        const { workspace, timezone } = call.settings
        const { system = isSystem(file), user = userInfo().username, prefix = CRON_PREFIX, ip } = options
        if (!PREFIX.test(prefix) || /^\.+$/.test(prefix)) throw wrongPrefix(prefix)
        if (workspace === undefined && options.dryRun !== true) throw noWorkspace()
        const { text } = await inputOf(file)
        const found = fromCrontab(text, {
          system,
          user,
          prefix,
          ...(ip !== undefined && { ip }),
          ...(timezone !== undefined && { timezone }),
        })
        const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
        const unzoned = found.jobs.filter(({ trigger }) => trigger.timezone === undefined).length
        if (unzoned > 0 && !UTC.test(zone)) {
          call.out.note(
            `Cron reads times in this machine's zone, ${zone}; these jobs have that of their node, UTC unless it was given one. --timezone ${zone} keeps them where they are.`,
          )
        }
        const kept = workspace === undefined ? [] : foreignScripts(workspace, found.scripts)
        for (const { path: below } of kept) {
          call.out.note(`${below}: is there, and not as an import wrote it; it stays as it is.`)
        }
        await bring(call, options, {
          ...found,
          source: 'crontab',
          prepare: () => writeScripts(workspace as string, found.scripts),
        })
      }),
    ),
    [
      'crontab -l | tidewheel import crontab - --workspace ./scripts --dry-run',
      'tidewheel import crontab /etc/crontab --workspace ./scripts --user root --ip 10.0.0.7',
    ],
    'Each machine and user whose crontab is imported needs a --prefix of its own. Remove the crontab when its jobs are there.',
  )

function isSystem(file: string): boolean {
  if (file === '-') return false
  try {
    return SYSTEM.test(realpathSync(file))
  } catch {
    return SYSTEM.test(path.resolve(file))
  }
}

const wrongPrefix = (prefix: string) =>
  new TidewheelError(
    'invalid_option',
    `--prefix: expected letters, digits, dots and hyphens, such as web1, found ${JSON.stringify(prefix)}`,
    { path: 'prefix' },
  )

const noWorkspace = () =>
  new TidewheelError('invalid_option', 'workspace: expected the folder for scripts, found none', {
    path: 'workspace',
    advice: 'Give --workspace the folder that the nodes of these jobs have as their workspace.',
  })
