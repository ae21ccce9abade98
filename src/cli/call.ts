/** Call: one use of a command, with its settings resolved.
 *  In: what the parser found. Out: the settings in force, the output, and a client of the database that is closed at the end.
 *  `run` gives commander an action that throws what the command throws. */
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import type { Database } from '../database/database.ts'
import { TidewheelError } from '../errors.ts'
import type { Client, ConnectOptions } from '../index.ts'
import { readConfigFile } from './config-file.ts'
import { withNearest } from './near.ts'
import { type Output, outputOf } from './output.ts'
import {
  flagOf,
  misspeltIn,
  NAMES,
  type Origins,
  optionsIn,
  placeholderOf,
  resolveSettings,
  SETTINGS,
  type SettingName,
  type Settings,
  settingOf,
  variablesOf,
} from './settings.ts'

export interface Call {
  readonly settings: Settings
  /** Where each of them comes from. */
  readonly origins: Origins
  readonly out: Output
}

export const COMMON: readonly SettingName[] = NAMES.filter(name => SETTINGS[name].cli.flag === 'common')

/** Flags of settings, as the table has them, each with its variable. */
export function addSettings(command: Command, names: readonly SettingName[]): Command {
  for (const name of names) {
    const setting = SETTINGS[name]
    const value = placeholderOf(setting)
    const standard = setting.default ?? setting.absent
    const notes = [...(standard === undefined ? [] : [`default: ${standard}`]), `env: ${variablesOf(name).join(', ')}`]
    const flag = `${flagOf(name)}${value === undefined ? '' : ` <${value}>`}`
    command.addOption(new Option(flag, `${setting.help} (${notes.join('; ')})`))
  }
  return command
}

/** What the help of a command ends with: lines to paste, and a sentence before them where one is needed. */
export const withExample = (command: Command, lines: readonly string[], sentence?: string): Command =>
  command.addHelpText(
    'after',
    ['', ...(sentence ? [sentence, ''] : []), 'For example:', ...lines.map(line => `  ${line}`)].join('\n'),
  )

/** An action of a command whose flags, beside the common ones, are these settings and its own. */
export function run<O extends object, A extends readonly unknown[]>(
  uses: readonly SettingName[],
  action: (call: Call, options: O, ...args: A) => Promise<void>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command
    const options = command.optsWithGlobals()
    const names: readonly string[] = [...COMMON, ...uses]
    const flags = Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)))
    const { settings, origins } = await settle(flags)
    const out = outputOf(settings)
    for (const misspelt of misspeltIn(process.env)) out.note(misspelt)
    await action({ settings, origins, out }, options as O, ...(given.slice(0, -2) as unknown as A))
  }
}

/** The settings in force where these flags are given. */
export async function settle(flags: Readonly<Record<string, unknown>>): Promise<Pick<Call, 'settings' | 'origins'>> {
  const sources = { flags, env: process.env, readSecret }
  const named = settingOf('config', sources)
  const file = await readConfigFile(named as string | undefined, process.cwd())
  return resolveSettings({ ...sources, file })
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TidewheelError('invalid_option', `uri: its file cannot be read: ${reason}`, { path: 'uri' })
  }
}

/** What a connection needs of the settings. */
export function connectionOf(settings: Settings): ConnectOptions & { readonly uri: string } {
  const { uri } = settings
  if (uri === undefined) {
    throw new TidewheelError('invalid_option', 'uri: expected a connection string, found none', {
      path: 'uri',
      advice: 'Give --uri, or set MONGODB_URI; tidewheel dev starts a MongoDB of its own and says its address.',
    })
  }
  return { ...optionsIn('client', settings), uri }
}

/** Gives `use` a client and what it is made of, and closes it whatever happens. */
export async function withClient<T>(
  settings: Settings,
  use: (client: Client, database: Database) => Promise<T>,
): Promise<T> {
  const options = connectionOf(settings)
  // The driver is the most of what there is to load: a command that is wrong, or asks no database, does without.
  const [{ openDatabase }, { clientOf }] = await Promise.all([
    import('../database/database.ts'),
    import('../client/connect.ts'),
  ])
  const database = await openDatabase(options)
  await using client = clientOf(database, options)
  try {
    return await use(client, database)
  } catch (error) {
    throw await withNearest(error, database)
  }
}
