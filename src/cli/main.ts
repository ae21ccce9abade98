#!/usr/bin/env node
/** The command line: one program, one file for each command.
 *  In: arguments, the environment, stdin. Out: results on stdout, everything else on stderr, and an exit code (exit-codes.ts).
 *  The process ends when all output is written; only a second signal cuts it short. */
import { exitCodeOf, sentencesOf } from './exit-codes.ts'
import { leaveWithReader } from './output.ts'
import { program } from './program.ts'

leaveWithReader()
try {
  await program().parseAsync()
} catch (error) {
  const code = exitCodeOf(error)
  const sentences = code === 0 ? [] : sentencesOf(error, process.argv.includes('--verbose'))
  const said = sentences.map(line => `${line}\n`).join('')
  // The driver holds on to a server that never answers: the process ends as soon as all is written.
  process.stdout.write('', () => process.stderr.write(said, () => process.exit(code)))
}
