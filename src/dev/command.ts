/** Runs a command to its end, with a hard limit of time.
 *  Out: what it wrote to stdout; an exit other than 0, a signal or the limit is an Error of one line.
 *  Holds: past the limit the command is killed and its pipes are closed, whatever it started itself. */
import { type ExecFileException, execFile } from 'node:child_process'
import { basename } from 'node:path'

export interface CommandOptions {
  readonly timeoutMs: number
  /** The whole environment of the command; default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What the command is called in messages; default: the file's name. */
  readonly name?: string
}

export function command(file: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const { timeoutMs, env = process.env, name = basename(file) } = options
  const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const
  return new Promise((resolve, reject) => {
    execFile(file, args, { ...limits, env: { ...env } }, (error, stdout, stderr) => {
      if (!error) resolve(stdout)
      else reject(new Error(failure(error, stderr, name, timeoutMs), { cause: error }))
    })
  })
}

function failure(error: ExecFileException, stderr: string, name: string, timeoutMs: number): string {
  if (error.killed) return `${name} was given up after ${timeoutMs} ms`
  if (typeof error.code === 'string') return `${name} cannot be started (${error.code})`
  const lines = stderr.trim().split('\n')
  const said = lines.find(line => /^\w*error\b.*:/i.test(line)) ?? lines.at(-1)
  return `${name} failed: ${said?.slice(0, 300) || (error.signal ?? `exit ${error.code}`)}`
}
