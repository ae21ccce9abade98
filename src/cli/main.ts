#!/usr/bin/env node
/** The command line: one program, one file for each command.
 *  In: arguments, the environment, stdin. Out: results on stdout, everything else on stderr, and an exit code (exit-codes.ts).
 *  The process ends when the command has and all output is written, whatever a task, a module or the driver still holds open;
 *  only a second signal cuts it short. */
import { VERSION } from '../version.ts'
import { EXIT, exitCodeOf, sentencesOf } from './exit-codes.ts'
import { leaveWithReader } from './output.ts'

function end(code: number, said = ''): void {
  process.stdout.write('', () => process.stderr.write(said, () => process.exit(code)))
}

const asksForVersion = ([first = '', ...more]: readonly string[]) =>
  more.length === 0 && ['--version', '-V'].includes(first)

leaveWithReader()
try {
  const words = process.argv.slice(2)
  // The whole program takes most of a second to load, on a busy machine several.
  if (asksForVersion(words)) process.stdout.write(`${VERSION}\n`)
  else await (await (await import('./program.ts')).program(words)).parseAsync()
  // A command that ended by a signal, or did a part only, has said its code.
  end(Number(process.exitCode ?? EXIT.done))
} catch (error) {
  const code = exitCodeOf(error)
  const sentences = code === 0 ? [] : sentencesOf(error, process.argv.includes('--verbose'))
  end(code, sentences.map(line => `${line}\n`).join(''))
}
