/** Run: one call of the command line, from its words to its end.
 *  In: what was typed after the program's name. Out: the exit code, and what is still to be said on stderr. Never rejects. */
import { VERSION } from '../version.ts'
import { EXIT, exitCodeOf, sentencesOf } from './exit-codes.ts'

export interface End {
  readonly code: number
  readonly said: string
}

const asksForVersion = ([first = '', ...more]: readonly string[]) =>
  more.length === 0 && ['--version', '-V'].includes(first)

export async function run(words: readonly string[]): Promise<End> {
  try {
    // The whole program takes most of a second to load, on a busy machine several.
    if (asksForVersion(words)) process.stdout.write(`${VERSION}\n`)
    else await (await (await import('./program.ts')).program(words)).parseAsync(words, { from: 'user' })
    // A command that ended by a signal, or did a part only, has said its code.
    return { code: Number(process.exitCode ?? EXIT.done), said: '' }
  } catch (error) {
    const code = exitCodeOf(error)
    const sentences = code === 0 ? [] : sentencesOf(error, words.includes('--verbose'))
    return { code, said: sentences.map(line => `${line}\n`).join('') }
  }
}
