/** Input: text from a file or from stdin, and where it came from, for messages.
 *  Throws `invalid_option` where there is none. */
import { readFileSync } from 'node:fs'
import { TidewheelError } from '../errors.ts'

export interface Input {
  readonly text: string
  /** The file, or `stdin`. */
  readonly where: string
}

/** No file, or `-`: stdin. */
export async function inputOf(file: string | undefined): Promise<Input> {
  if (file === undefined || file === '-') return { text: await stdin(), where: 'stdin' }
  try {
    return { text: readFileSync(file, 'utf8'), where: file }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TidewheelError('invalid_option', `file: ${reason}`, { path: 'file' }, { cause: error })
  }
}

async function stdin(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new TidewheelError('invalid_option', 'expected text on stdin, found a terminal', {
      advice: 'Give a file, or pipe into the command.',
    })
  }
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
