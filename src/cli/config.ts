/** `tidewheel config`: the settings in force here and where each comes from; needs no database.
 *  It takes the flags of all commands, so that a whole command line can be tried. What is secret in a value is masked. */
import { Command } from 'commander'
import { redacted } from '../database/connection.ts'
import { toJson } from '../json.ts'
import { addSettings, type Call, COMMON, run, withExample } from './call.ts'
import { NAMES, SETTINGS, type SettingName } from './settings.ts'

const USES = NAMES.filter(name => SETTINGS[name].cli.flag !== 'none' && !COMMON.includes(name))

export const configCommand = () =>
  withExample(
    addSettings(
      new Command('config').description('the settings in force, and where each comes from; needs no database'),
      USES,
    ).action(
      run(USES, async ({ settings, origins, out }: Call) => {
        const found = NAMES.map(name => ({ name, value: shown(name, settings[name]), from: origins[name] }))
        const values = found.map(({ name, value = null, from = null }) => [name, { value, from }])
        const rows = found.map(({ name, value, from }) => [name, textOf(name, value), from ?? '-'])
        out.rows(Object.fromEntries(values), ['SETTING', 'VALUE', 'FROM'], rows)
      }),
    ),
    ['tidewheel config', 'tidewheel config --json --lease 5000'],
  )

/** As JSON can say it, without what is secret. */
function shown(name: SettingName, value: unknown): unknown {
  if (value === undefined || SETTINGS[name].secret === undefined) return value
  return redacted(String(value))
}

function textOf(name: SettingName, value: unknown): string {
  if (value !== undefined) return typeof value === 'string' ? value : toJson(value)
  const { absent } = SETTINGS[name]
  return absent === undefined ? '-' : `(${absent})`
}
