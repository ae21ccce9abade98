/** Settings: what a person says to the command line by flags, variables and the configuration file, by the table of options.
 *  Every name is said once: `connectTimeout` in the file is `--connect-timeout` and `TIDEWHEEL_CONNECT_TIMEOUT`.
 *  In: what flags, the environment and the file say. Out: values, and where each came from: the flag, else the variable,
 *  else the file, else the default. Pure: whoever calls reads the file. Everything wrong is `invalid_option`. */
import { nearest } from '../errors.ts'
import { isRecord, refused, unknown, type Values, valueProblem } from '../options/option.ts'
import { type Holder, OPTIONS, type TableOf, type TableOption } from '../options/table.ts'

type All = typeof OPTIONS
/** The part of the table that the command line takes, by the names it has there. */
type SettingsTable = {
  readonly [N in keyof All as All[N] extends { readonly cli: infer C }
    ? C extends { readonly name: infer Own extends string }
      ? Own
      : N
    : never]: All[N]
}

export type SettingName = keyof SettingsTable
/** Of those without a default, only what was set is there. */
export type Settings = Values<SettingsTable>
export type Setting = TableOption & Required<Pick<TableOption, 'cli'>>

const isSetting = (option: TableOption): option is Setting => option.cli !== undefined

/** All that the command line takes. */
export const SETTINGS = Object.fromEntries(
  Object.entries<TableOption>(OPTIONS).flatMap(([name, option]) =>
    isSetting(option) ? [[option.cli.name ?? name, option]] : [],
  ),
) as Readonly<Record<SettingName, Setting>>

/** `flag --uri`, `MONGODB_URI`, `tidewheel.config.json` or `default`. */
export type Origins = Readonly<Partial<Record<SettingName, string>>>

export interface Sources {
  /** As the command line's parser gives them: text, or true for switches. */
  readonly flags: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file?: { readonly path: string; readonly values: unknown } | undefined
  /** Reads the file of a `_FILE` variable. */
  readonly readSecret: (path: string) => string
}

export const NAMES = Object.keys(SETTINGS) as SettingName[]

export const flagOf = (name: SettingName) => `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`

/** What stands for its value in the help; none: a switch. */
export const placeholderOf = ({ cli, unit }: Setting) => cli.value ?? unit

const PREFIX = 'TIDEWHEEL_'

/** Its own variable first. */
export function variablesOf(name: SettingName): readonly string[] {
  const own = `${PREFIX}${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`
  return [own, ...(SETTINGS[name].cli.alsoVariables ?? [])]
}

/** The options of `createNode` or `connect` among them. */
export function optionsIn<H extends Holder>(holder: H, settings: Settings): Partial<Values<TableOf<H>>> {
  const given = Object.entries<TableOption>(OPTIONS)
    .filter(([, option]) => isSetting(option) && option.of.includes(holder))
    .map(([name, { cli }]) => [name, settings[(cli?.name ?? name) as SettingName]])
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Partial<Values<TableOf<H>>>
}

/** All that was set and all defaults. Throws `invalid_option` for the first that is wrong. */
export function resolveSettings(sources: Sources): { readonly settings: Settings; readonly origins: Origins } {
  const inFile = fileValues(sources.file)
  const settings: Record<string, unknown> = {}
  const origins: Partial<Record<SettingName, string>> = {}
  for (const name of NAMES) {
    const found = firstOf(name, sources, inFile)
    if (found === undefined) continue
    settings[name] = checked(name, found.value, found.origin)
    origins[name] = found.origin
  }
  return { settings: settings as Settings, origins }
}

/** The one setting, without looking at others: which file to read is known before it is read. */
export function settingOf(name: SettingName, sources: Omit<Sources, 'file'>): unknown {
  const found = firstOf(name, sources, {})
  return found && checked(name, found.value, found.origin)
}

interface Found {
  readonly value: unknown
  readonly origin: string
}

function firstOf(
  name: SettingName,
  { flags, env, file, readSecret }: Sources,
  inFile: Readonly<Record<string, unknown>>,
): Found | undefined {
  const setting = SETTINGS[name]
  if (setting.cli.flag !== 'none' && flags[name] !== undefined) {
    return { value: flags[name], origin: `flag ${flagOf(name)}` }
  }
  for (const variable of variablesOf(name)) {
    // An empty variable says nothing.
    if (env[variable] && !isOfKubernetes(variable, env[variable])) return { value: env[variable], origin: variable }
    const path = setting.secret && env[`${variable}_FILE`]
    if (path) return { value: readSecret(path).trim(), origin: `${variable}_FILE` }
  }
  if (inFile[name] !== undefined) return { value: inFile[name], origin: file?.path ?? 'file' }
  return setting.default === undefined ? undefined : { value: setting.default, origin: 'default' }
}

/** Whether it tells a pod where the service named `tidewheel` is. */
const isOfKubernetes = (variable: string, value: string) => variable === 'TIDEWHEEL_PORT' && /^\w+:\/\//.test(value)

/** What to say of variables that are none of ours, but nearly. */
export function misspeltIn(env: Sources['env']): readonly string[] {
  const known = NAMES.flatMap(name =>
    variablesOf(name).flatMap(own => (SETTINGS[name].secret ? [own, `${own}_FILE`] : own)),
  )
  return Object.keys(env).flatMap(name => {
    if (!name.startsWith(PREFIX) || known.includes(name)) return []
    return nearest(name, known) === undefined ? [] : [unknown(name, name, known, { what: 'setting' }).message]
  })
}

function fileValues(file: Sources['file']): Readonly<Record<string, unknown>> {
  if (file === undefined) return {}
  const { path, values } = file
  if (!isRecord(values)) {
    throw refused({
      path: 'config',
      message: `${path}: expected an object of settings, such as {"uri": "mongodb://..."}`,
    })
  }
  const known = NAMES.filter(name => !SETTINGS[name].cli.notInFile)
  const strange = Object.keys(values).find(key => !(known as string[]).includes(key))
  if (strange === undefined) return values
  const { message } = unknown(strange, strange, known, { what: 'setting', hint })
  throw refused({ path: strange, message: `${path}: ${message}` })
}

/** For the names that options have in code. */
function hint(key: string): string | undefined {
  const option: TableOption | undefined = Object.hasOwn(OPTIONS, key) ? OPTIONS[key as keyof All] : undefined
  if (option?.cli?.notInFile) return 'it names the file itself'
  return option && (option.cli?.name === undefined ? 'it can only be given in code' : `it is ${option.cli.name} here`)
}

function checked(name: SettingName, raw: unknown, origin: string): unknown {
  const setting = SETTINGS[name]
  const value = typeof raw === 'string' ? fromText(setting, raw) : raw
  const problem = valueProblem(name, setting, value)
  if (problem === undefined) return value
  throw refused({ ...problem, message: `${problem.message} (${origin})` })
}

/** Text of a flag, a variable or a file, as the value that it spells; itself where it spells none. */
function fromText({ schema }: Setting, text: string): unknown {
  switch (schema.def.type) {
    case 'string':
      return text
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text
    case 'boolean':
      return /^(1|true|yes|on)$/i.test(text) ? true : /^(0|false|no|off)$/i.test(text) ? false : text
    default:
      try {
        return JSON.parse(text)
      } catch {
        return text
      }
  }
}
