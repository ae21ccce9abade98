/** Program: the tree of commands, with the flags that all of them have.
 *  Its parser throws instead of ending the process, and answers a misspelt command or flag with the nearest one. */
import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { addSettings, COMMON } from './call.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 not authorised, 5 conflict,
69 cannot reach the database, 130 and 143 by signal.`

/** Each loads what it needs, and no other. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  dev: async () => (await import('./dev.ts')).devCommand(),
  start: async () => (await import('./start.ts')).startCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  init: async () => (await import('./init.ts')).initCommand(),
  jobs: async () => (await import('./jobs.ts')).jobsCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  diff: async () => (await import('./apply.ts')).diffCommand(),
  apply: async () => (await import('./apply.ts')).applyCommand(),
  events: async () => (await import('./events.ts')).eventsCommand(),
  history: async () => (await import('./history.ts')).historyCommand(),
  logs: async () => (await import('./logs.ts')).logsCommand(),
  top: async () => (await import('./top.ts')).topCommand(),
  next: async () => (await import('./next.ts')).nextCommand(),
  nodes: async () => (await import('./nodes.ts')).nodesCommand(),
  user: async () => (await import('./user.ts')).userCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  config: async () => (await import('./config.ts')).configCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(),
}

/** Hidden: what shells ask. */
const COMPLETE = '__complete'

/** With the command that these words name; with all where they name none. */
export async function program(words: readonly string[] = []): Promise<Command> {
  const tidewheel = new Command('tidewheel')
    .description('A distributed job scheduler on MongoDB.')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES)
  addSettings(tidewheel, COMMON)
  const [name = ''] = addSettings(new Command(), COMMON).parseOptions([...words]).operands
  if (name === COMPLETE) {
    const { completeCommand } = await import('./completion.ts')
    tidewheel.addCommand(completeCommand(program), { hidden: true })
  } else {
    const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
    for (const load of named === undefined ? Object.values(COMMANDS) : [named]) tidewheel.addCommand(await load())
  }
  strict(tidewheel)
  return tidewheel
}

/** In every command below too. */
function strict(command: Command): void {
  command.exitOverride().configureHelp({ showGlobalOptions: true }).showHelpAfterError('(--help lists what it takes)')
  for (const below of command.commands) strict(below)
}
