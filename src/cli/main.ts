#!/usr/bin/env node
/** The command line: one program, one file for each command.
 *  In: arguments, the environment, stdin. Out: results on stdout, everything else on stderr, and an exit code (exit-codes.ts).
 *  The process ends when the command has and all output is written, whatever a task, a module or the driver still holds open;
 *  only a second signal cuts it short. */
import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { addSettings, COMMON } from './call.ts'
import { devCommand } from './dev.ts'
import { eventsCommand } from './events.ts'
import { EXIT, exitCodeOf, sentencesOf } from './exit-codes.ts'
import { initCommand } from './init.ts'
import { jobsCommand } from './jobs.ts'
import { nextCommand } from './next.ts'
import { nodesCommand } from './nodes.ts'
import { leaveWithReader } from './output.ts'
import { startCommand } from './start.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 not authorised, 5 conflict,
69 cannot reach the database, 130 and 143 by signal.`

function program(): Command {
  const tidewheel = new Command('tidewheel')
    .description('A distributed job scheduler on MongoDB.')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES)
  addSettings(tidewheel, COMMON)
  const commands = [devCommand, startCommand, initCommand, jobsCommand, eventsCommand, nextCommand, nodesCommand]
  for (const command of commands) tidewheel.addCommand(command())
  strict(tidewheel)
  return tidewheel
}

/** Commander throws instead of ending the process, in every command below too. */
function strict(command: Command): void {
  command.exitOverride().configureHelp({ showGlobalOptions: true }).showHelpAfterError('(--help lists what it takes)')
  for (const below of command.commands) strict(below)
}

function end(code: number, said = ''): void {
  process.stdout.write('', () => process.stderr.write(said, () => process.exit(code)))
}

leaveWithReader()
try {
  await program().parseAsync()
  // A command that ended by a signal, or did a part only, has said its code.
  end(Number(process.exitCode ?? EXIT.done))
} catch (error) {
  const code = exitCodeOf(error)
  const sentences = code === 0 ? [] : sentencesOf(error, process.argv.includes('--verbose'))
  end(code, sentences.map(line => `${line}\n`).join(''))
}
