#!/usr/bin/env node
/** The command line: one program, one file for each command.
 *  In: arguments, the environment, stdin. Out: results on stdout, everything else on stderr, and an exit code (exit-codes.ts).
 *  The process ends when the command has and all output is written, whatever a task, a module or the driver still holds open;
 *  only a second signal cuts it short. */
import { leaveWithReader } from './output.ts'
import { run } from './run.ts'

leaveWithReader()
const { code, said } = await run(process.argv.slice(2))
process.stdout.write('', () => process.stderr.write(said, () => process.exit(code)))
