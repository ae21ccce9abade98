/** `tidewheel completion`: a script that has bash, zsh or fish complete commands, flags, and ids from the database.
 *  The script asks the hidden command `__complete` with the words of the line; it answers a candidate a line, with a tab and what it
 *  is, and nothing where the shell's own completion of file names is meant. A database that does not answer at once has no ids. */
import { Command, type Option } from 'commander'
import { PLACED } from '../client/definition.ts'
import { JOB_STATUSES } from '../client/which.ts'
import type { Database } from '../database/database.ts'
import { nearest, TidewheelError } from '../errors.ts'
import { SHOWN } from '../event.ts'
import { PATHS } from '../job/meaning.ts'
import { ROLES } from '../user/user.ts'
import { COMMON, run, settle, withClient, withExample } from './call.ts'
import type { Settings } from './settings.ts'

const BASH = String.raw`_tidewheel() {
  local line="${'$'}{COMP_LINE:0:COMP_POINT}" words current before one quoted
  read -ra words <<< "$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  current="${'$'}{words[${'$'}{#words[@]}-1]}"
  # To readline a word begins after a colon, too.
  before="${'$'}{current%"${'$'}{current##*[:=]}"}"
  COMPREPLY=()
  while IFS=$'\t' read -r one _; do
    printf -v quoted %q "${'$'}{one#"$before"}"
    COMPREPLY+=("$quoted")
  done < <(tidewheel __complete -- "${'$'}{words[@]:1}" 2>/dev/null)
}
complete -o default -F _tidewheel tidewheel`

const ZSH = String.raw`#compdef tidewheel
_tidewheel() {
  local -a lines found
  lines=("${'$'}{(@f)$(tidewheel __complete -- "${'$'}{(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -z "$lines[1]" ]]; then
    _files
    return
  fi
  lines=("${'$'}{(@)lines//:/\\:}")
  found=("${'$'}{(@)lines//$'\t'/:}")
  _describe tidewheel found
}
compdef _tidewheel tidewheel`

const FISH = String.raw`function __tidewheel_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (tidewheel __complete -- $words[2..-1] 2>/dev/null)
  if test (count $found) -eq 0
    __fish_complete_path (commandline -ct)
  else
    printf '%s\n' $found
  end
end
complete -c tidewheel -f -a '(__tidewheel_complete)'`

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH }
const SHELLS = Object.keys(SCRIPTS)

export const completionCommand = () =>
  withExample(
    new Command('completion')
      .description('a script that completes commands, flags and ids in your shell')
      .argument('<shell>', SHELLS.join(', '))
      .action(
        run([], async ({ out }, _, shell: string) => {
          const script = SCRIPTS[shell]
          if (script === undefined) {
            const near = nearest(shell, SHELLS)
            const advice = near === undefined ? '' : `; did you mean ${near}?`
            const message = `completion: expected ${SHELLS.join(', ')}, found ${JSON.stringify(shell)}${advice}`
            throw new TidewheelError('invalid_option', message, { path: 'shell' })
          }
          out.result({ shell, script }, [script])
        }),
      ),
    [
      'tidewheel completion bash >> ~/.bashrc',
      'tidewheel completion zsh >> ~/.zshrc',
      'tidewheel completion fish > ~/.config/fish/completions/tidewheel.fish',
    ],
  )

/** Hidden. `program` gives the tree that it completes. */
export const completeCommand = (program: (words: readonly string[]) => Promise<Command>) =>
  new Command('__complete').argument('[words...]').action(async (words: readonly string[]) => {
    const { wanted, flags } = wantedOf(await program(words), words)
    const found = await candidatesOf(wanted, words.at(-1) ?? '', flags).catch(() => [])
    for (const { value, help } of found) process.stdout.write(help === '' ? `${value}\n` : `${value}\t${help}\n`)
  })

export interface Candidate {
  readonly value: string
  readonly help: string
}

type Ids = 'jobs' | 'nodes' | 'runs' | 'users'

/** What can stand there: these words, and ids that the database has. */
export interface Wanted {
  readonly words?: readonly Candidate[]
  readonly ids?: Ids
}

/** What the last of the words can be, and which settings the others give. */
export function wantedOf(
  program: Command,
  words: readonly string[],
): { readonly wanted: Wanted; readonly flags: Readonly<Record<string, string>> } {
  const flags: Record<string, string> = {}
  const last = words.at(-1) ?? ''
  let command = program
  let places = 0
  let pending: string | undefined
  for (const word of words.slice(0, -1)) {
    if (pending !== undefined) {
      flags[pending] = word
      pending = undefined
    } else if (word.startsWith('-')) {
      const option = optionsOf(command).find(({ long, short }) => long === word || short === word)
      if (option?.required) pending = option.attributeName()
    } else {
      const below = command.commands.find(one => one.name() === word)
      if (below === undefined) places++
      else command = below
    }
  }
  return { wanted: wantedAt({ command, places, pending, last }), flags }
}

interface Place {
  readonly command: Command
  /** How many arguments stand before. */
  readonly places: number
  /** The flag whose value it is. */
  readonly pending: string | undefined
  readonly last: string
}

function wantedAt({ command, places, pending, last }: Place): Wanted {
  if (pending !== undefined) return valuesOf(pending)
  if (last.startsWith('-')) {
    return { words: optionsOf(command).map(({ long, short, description }) => said(long ?? short ?? '', description)) }
  }
  const all = command.registeredArguments
  const argument = all[places] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined)
  const values = argument === undefined ? { words: [] } : valuesOf(argument.name())
  // A command that takes an argument has commands below in its place only.
  if (command.commands.length === 0 || (places > 0 && all.length > 0)) return values
  const below = command.createHelp().visibleCommands(command)
  return { ...values, words: below.map(one => said(one.name(), one.description())) }
}

/** Its own and those of all commands above it. */
function optionsOf(command: Command): readonly Option[] {
  const own = command.createHelp().visibleOptions(command)
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)]
}

/** By the name of an argument or of a flag; of what is not in it, files. */
const VALUES: Readonly<Record<string, Wanted>> = {
  id: { ids: 'jobs' },
  job: { ids: 'jobs' },
  run: { ids: 'runs' },
  ip: { ids: 'nodes' },
  node: { ids: 'nodes' },
  user: { ids: 'users' },
  role: { words: ROLES.map(bare) },
  shell: { words: SHELLS.map(bare) },
  field: { words: PATHS.map(bare) },
  status: { words: JOB_STATUSES.map(bare) },
  with: { words: PLACED.map(bare) },
  type: {
    words: Object.keys(SHOWN)
      .filter(type => SHOWN[type as keyof typeof SHOWN])
      .map(bare),
  },
  timezone: { words: Intl.supportedValuesOf('timeZone').map(bare) },
}

const valuesOf = (name: string): Wanted => (Object.hasOwn(VALUES, name) ? VALUES[name] : undefined) ?? { words: [] }

/** The first sentence, without notes. */
const said = (value: string, help: string): Candidate => ({ value, help: help.replace(/ \(.*$/s, '') })

function bare(value: string): Candidate {
  return { value, help: '' }
}

const MOST_IDS = 200
/** Nobody waits longer for a key. */
const PATIENCE_MS = 1_000
const BEYOND = '\u{10ffff}'

export async function candidatesOf(
  wanted: Wanted,
  begun: string,
  flags: Readonly<Record<string, string>>,
): Promise<readonly Candidate[]> {
  const words = (wanted.words ?? []).filter(({ value }) => value.startsWith(begun))
  if (wanted.ids === undefined) return words
  const names: readonly string[] = COMMON
  const given = Object.entries({ connectTimeout: String(PATIENCE_MS), ...flags })
  const { settings } = await settle(Object.fromEntries(given.filter(([name]) => names.includes(name))))
  return [...words, ...(await idsOf(settings, wanted.ids, begun).catch(() => []))]
}

const idsOf = (settings: Settings, of: Ids, begun: string): Promise<readonly Candidate[]> =>
  withClient(settings, async (_, { collections }: Database) => {
    const between = { _id: { $gte: begun, $lt: `${begun}${BEYOND}` } }
    if (of === 'nodes') {
      const nodes = await collections.nodes
        .find(between, { projection: { status: 1 } })
        .limit(MOST_IDS)
        .toArray()
      return nodes.map(({ _id, status = '' }) => ({ value: _id, help: status }))
    }
    if (of === 'runs') {
      const runs = await collections.executions
        .find(between, { projection: { job_id: 1, status: 1 }, sort: { _id: -1 } })
        .limit(MOST_IDS)
        .toArray()
      return runs.map(({ _id, job_id, status }) => ({ value: _id, help: `${job_id} ${status}` }))
    }
    if (of === 'users') {
      const users = await collections.users
        .find(between, { projection: { role: 1 } })
        .limit(MOST_IDS)
        .toArray()
      return users.map(({ _id, role }) => ({ value: _id, help: role }))
    }
    const jobs = await collections.jobs
      .find(between, { projection: { name: 1, func: 1 } })
      .limit(MOST_IDS)
      .toArray()
    return jobs.map(({ _id, name, func }) => ({ value: _id, help: (name ?? func ?? '').replace(/\s+/g, ' ') }))
  })
