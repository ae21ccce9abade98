/** Secret: a password, typed without an echo or piped in.
 *  In: a terminal, or stdin with `--password-stdin`. Out: the text, without the end of its line. What is asked goes to stderr:
 *  stdout is for results. Throws `invalid_option` where nobody can be asked, or where the two do not agree. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { TidewheelError } from '../errors.ts'

/** Where a password comes from. */
export interface Terminal {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WritableStream
}

/** A password is no book. */
const MOST_BYTES = 64 * 1024

/** `fromStdin`: the whole of stdin is the password. Else it is asked for twice. */
export async function secretOf(
  fromStdin: boolean,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<string> {
  if (fromStdin) return await piped(input)
  if (!input.isTTY) {
    throw new TidewheelError('invalid_option', 'password: expected a terminal to ask at, found none', {
      path: 'password',
      advice: 'Pipe it in: --password-stdin.',
    })
  }
  const [first, second] = await typed(['Password: ', 'Once more: '], { input, output })
  if (first === second && first !== undefined) return first
  throw new TidewheelError('invalid_option', 'password: expected the same text twice, found two', { path: 'password' })
}

async function piped(input: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of input) {
    bytes += (chunk as Buffer).length
    if (bytes > MOST_BYTES) throw new TidewheelError('invalid_option', 'password: expected one line on stdin')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

/** Asks for one line after the other; readline writes what is typed to a hole. */
async function typed(questions: readonly string[], { input, output }: Terminal): Promise<readonly string[]> {
  const hole = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: hole, terminal: true, historySize: 0 })
  const answers: string[] = []
  const asked = new Promise<readonly string[]>((resolve, reject) => {
    lines.on('line', line => {
      answers.push(line)
      output.write('\n')
      const next = questions[answers.length]
      if (next === undefined) resolve(answers)
      else output.write(next)
    })
    // The terminal is raw: its Ctrl-C comes as a key. Once it is no longer, the process ends as by any other.
    lines.on('SIGINT', () => {
      output.write('\n')
      lines.removeAllListeners('close')
      lines.close()
      process.kill(process.pid, 'SIGINT')
    })
    lines.on('close', () => reject(new TidewheelError('invalid_option', 'password: expected a line, found none')))
  })
  output.write(questions[0] ?? '')
  try {
    return await asked
  } finally {
    lines.close()
  }
}
