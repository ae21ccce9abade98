/** Settings: one table of what a person can set, from which come flags, variables, the configuration file's keys,
 *  the checks and the table in the README. Every name is said once: `connectTimeout` in the file is `--connect-timeout`
 *  and `TIDEWHEEL_CONNECT_TIMEOUT`.
 *  In: what flags, the environment and the file say. Out: values, and where each came from: the flag, else the variable,
 *  else the file, else the default. Pure: whoever calls reads the file. Everything wrong is `invalid_option`. */
import { nearest, TidewheelError } from '../errors.ts'

type Kind = 'text' | 'number' | 'switch' | 'object' | 'list'

export interface Setting {
  readonly kind: Kind
  /** `common`: of every command; `file`: only in the file, it has no flag. */
  readonly of: 'common' | 'start' | 'dev' | 'file'
  /** What stands for the value in the help: `--uri <string>`. */
  readonly value?: string
  readonly default?: string | number | boolean
  /** Other variables that say the same, after its own. */
  readonly alsoVariables?: readonly string[]
  /** Never shown; its variables may end in `_FILE` and then name a file that holds it. */
  readonly secret?: true
  /** Names the file itself, so it cannot stand in it. */
  readonly notInFile?: true
  /** What is wrong with a value of the right kind: what is expected instead. */
  readonly check?: (value: never) => string | undefined
  readonly help: string
}

const atLeast = (least: number, what: string) => (value: number) =>
  Number.isInteger(value) && value >= least ? undefined : `${what} from ${least.toLocaleString('en')}`

const zone = (value: string) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value })
    return undefined
  } catch {
    return 'a time zone such as Europe/Berlin'
  }
}

const nodeName = (value: string) =>
  /^\S+$/.test(value) && value !== 'any' ? undefined : 'a name without whitespace (not "any"), such as 10.0.0.7'

const connectionString = (value: string) =>
  /^mongodb(\+srv)?:\/\/[^/]/.test(value)
    ? undefined
    : 'a connection string such as mongodb://127.0.0.1:27017/tidewheel'

export const SETTINGS = {
  uri: {
    kind: 'text',
    of: 'common',
    value: 'string',
    alsoVariables: ['MONGODB_URI'],
    secret: true,
    check: connectionString,
    help: 'connection string of MongoDB (a replica set)',
  },
  db: { kind: 'text', of: 'common', value: 'name', help: "database; default: the connection string's, else tidewheel" },
  config: {
    kind: 'text',
    of: 'common',
    value: 'file',
    notInFile: true,
    help: 'configuration file; default: tidewheel.config.json, .mjs or .ts in the working folder, if there is one',
  },
  json: { kind: 'switch', of: 'common', help: 'one JSON value on stdout, or one JSON object a line for streams' },
  quiet: { kind: 'switch', of: 'common', help: 'results and errors only' },
  verbose: { kind: 'switch', of: 'common', help: 'more about what is going on, and the cause of errors' },
  connectTimeout: {
    kind: 'number',
    of: 'common',
    value: 'ms',
    default: 5_000,
    check: atLeast(1, 'whole milliseconds'),
    help: 'how long to look for a server',
  },
  ip: {
    kind: 'text',
    of: 'start',
    value: 'ip',
    check: nodeName,
    help: "the node's name: jobs with this ip run here; default: this machine's address as MongoDB sees it",
  },
  tasks: {
    kind: 'text',
    of: 'start',
    value: 'folder',
    help: 'folder of modules; each exported function is the task module:export',
  },
  workspace: { kind: 'text', of: 'start', value: 'folder', help: 'folder of scripts, for the executor script' },
  lease: {
    kind: 'number',
    of: 'start',
    value: 'ms',
    default: 15_000,
    check: atLeast(1_000, 'whole milliseconds'),
    help: 'after so long a silent node counts as dead',
  },
  timezone: {
    kind: 'text',
    of: 'start',
    value: 'zone',
    check: zone,
    help: 'zone of triggers and dates that name none, and in which times are shown; default: UTC',
  },
  nodes: {
    kind: 'number',
    of: 'dev',
    value: 'n',
    default: 1,
    check: (value: number) =>
      Number.isInteger(value) && value >= 1 && value <= 50 ? undefined : 'a whole number from 1 to 50',
    help: 'how many nodes, named 127.0.0.1, 127.0.0.2 and so on',
  },
  data: {
    kind: 'text',
    of: 'dev',
    value: 'folder',
    default: '.tidewheel',
    help: 'where its MongoDB keeps the data',
  },
  claimLead: {
    kind: 'number',
    of: 'file',
    check: atLeast(0, 'whole milliseconds'),
    help: 'most milliseconds before its due time at which a run is claimed; 0 turns it off',
  },
  historyTtl: {
    kind: 'number',
    of: 'file',
    check: atLeast(1_000, 'whole milliseconds'),
    help: 'milliseconds for which history is kept; default 7 days',
  },
  jobs: { kind: 'list', of: 'file', help: 'jobs that a node stores when it starts' },
  jobDefaults: { kind: 'object', of: 'file', help: 'what these jobs get for absent fields' },
  executors: { kind: 'object', of: 'file', help: 'how many runs at once: {"default": {"concurrency": 100}}' },
  collections: { kind: 'object', of: 'file', help: 'other names of jobs, executions and nodes' },
} as const satisfies Record<string, Setting>

export type SettingName = keyof typeof SETTINGS
type ValueOf<K extends Kind> = {
  text: string
  number: number
  switch: boolean
  object: Readonly<Record<string, unknown>>
  list: readonly unknown[]
}[K]
/** Of those without a default, only what was set is there. */
export type Settings = {
  readonly [N in SettingName as (typeof SETTINGS)[N] extends { readonly default: unknown } ? N : never]: ValueOf<
    (typeof SETTINGS)[N]['kind']
  >
} & { readonly [N in SettingName]?: ValueOf<(typeof SETTINGS)[N]['kind']> }

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

/** Its own variable first. */
export function variablesOf(name: SettingName): readonly string[] {
  const setting: Setting = SETTINGS[name]
  return [`TIDEWHEEL_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`, ...(setting.alsoVariables ?? [])]
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
  const setting: Setting = SETTINGS[name]
  if (setting.of !== 'file' && flags[name] !== undefined) return { value: flags[name], origin: `flag ${flagOf(name)}` }
  for (const variable of variablesOf(name)) {
    // An empty variable says nothing.
    if (env[variable]) return { value: env[variable], origin: variable }
    const path = setting.secret && env[`${variable}_FILE`]
    if (path) return { value: readSecret(path).trim(), origin: `${variable}_FILE` }
  }
  if (inFile[name] !== undefined) return { value: inFile[name], origin: file?.path ?? 'file' }
  return setting.default === undefined ? undefined : { value: setting.default, origin: 'default' }
}

function fileValues(file: Sources['file']): Readonly<Record<string, unknown>> {
  if (file === undefined) return {}
  const { path, values } = file
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw invalid('config', `${path}: expected an object of settings, such as {"uri": "mongodb://..."}`)
  }
  const known = NAMES.filter(name => !('notInFile' in SETTINGS[name]))
  for (const key of Object.keys(values)) {
    if ((known as string[]).includes(key)) continue
    const near = nearest(key, known)
    throw invalid(
      key,
      `${path}: ${key}: there is no such setting; ${near ? `did you mean ${near}?` : knownKeys(known)}`,
    )
  }
  return values as Record<string, unknown>
}

const knownKeys = (known: readonly string[]) => `known are ${known.join(', ')}`

const EXPECTED: Readonly<Record<Kind, string>> = {
  text: 'text',
  number: 'a number',
  switch: 'true or false',
  object: 'an object',
  list: 'a list',
}

function checked(name: SettingName, raw: unknown, origin: string): unknown {
  const setting: Setting = SETTINGS[name]
  const value = typeof raw === 'string' ? fromText(setting.kind, raw) : raw
  const expected = isOf(setting.kind, value) ? setting.check?.(value as never) : EXPECTED[setting.kind]
  if (expected === undefined) return value
  const found = setting.secret ? 'something else' : JSON.stringify(raw)
  throw invalid(name, `${name}: expected ${expected}, found ${found} (${origin})`)
}

function fromText(kind: Kind, text: string): unknown {
  switch (kind) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text
    case 'switch':
      return /^(1|true|yes|on)$/i.test(text) ? true : /^(0|false|no|off)$/i.test(text) ? false : text
    case 'object':
    case 'list':
      try {
        return JSON.parse(text)
      } catch {
        return text
      }
    default:
      return text
  }
}

function isOf(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string' && value !== ''
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'switch':
      return typeof value === 'boolean'
    case 'list':
      return Array.isArray(value)
    default:
      return typeof value === 'object' && value !== null && !Array.isArray(value)
  }
}

const invalid = (path: string, message: string) => new TidewheelError('invalid_option', message, { path })

/** The README's table. */
export function settingsTable(): string {
  const rows = NAMES.map(name => {
    const setting: Setting = SETTINGS[name]
    const flag = setting.of === 'file' ? '' : `\`${flagOf(name)}${setting.value ? ` <${setting.value}>` : ''}\``
    const variables = variablesOf(name).map(variable => `\`${variable}\``)
    const key = setting.notInFile ? '' : `\`${name}\``
    const standard = setting.default === undefined ? '' : `\`${setting.default}\``
    return `| ${key} | ${flag} | ${variables.join(', ')} | ${standard} | ${setting.help} |`
  })
  return ['| In the file | Flag | Variable | Default | Meaning |', '| --- | --- | --- | --- | --- |', ...rows].join(
    '\n',
  )
}
