/** Program: the tree of commands, with the flags that all of them have.
 *  Its parser throws instead of ending the process, and answers a misspelt command or flag with the nearest one. */
import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { applyCommand, diffCommand } from './apply.ts'
import { addSettings, COMMON } from './call.ts'
import { checkCommand } from './check.ts'
import { completeCommand, completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import { devCommand } from './dev.ts'
import { eventsCommand } from './events.ts'
import { explainCommand } from './explain.ts'
import { exportCommand } from './export.ts'
import { historyCommand } from './history.ts'
import { importCommand } from './import.ts'
import { initCommand } from './init.ts'
import { jobsCommand } from './jobs.ts'
import { logsCommand } from './logs.ts'
import { nextCommand } from './next.ts'
import { nodesCommand } from './nodes.ts'
import { serveCommand } from './serve.ts'
import { startCommand } from './start.ts'
import { topCommand } from './top.ts'
import { userCommand } from './user.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 not authorised, 5 conflict,
69 cannot reach the database, 130 and 143 by signal.`

const COMMANDS = [
  devCommand,
  startCommand,
  serveCommand,
  initCommand,
  jobsCommand,
  exportCommand,
  importCommand,
  diffCommand,
  applyCommand,
  eventsCommand,
  historyCommand,
  logsCommand,
  topCommand,
  nextCommand,
  nodesCommand,
  userCommand,
  checkCommand,
  explainCommand,
  configCommand,
  completionCommand,
]

export function program(): Command {
  const tidewheel = new Command('tidewheel')
    .description('A distributed job scheduler on MongoDB.')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES)
  addSettings(tidewheel, COMMON)
  for (const command of COMMANDS) tidewheel.addCommand(command())
  tidewheel.addCommand(completeCommand(program), { hidden: true })
  strict(tidewheel)
  return tidewheel
}

/** In every command below too. */
function strict(command: Command): void {
  command.exitOverride().configureHelp({ showGlobalOptions: true }).showHelpAfterError('(--help lists what it takes)')
  for (const below of command.commands) strict(below)
}
