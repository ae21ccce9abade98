/** Exit codes: what a command's end tells the shell, and what an error tells the person.
 *  In: whatever was thrown. Out: a number of the contract, one sentence, and what to do next.
 *  The only place that maps error codes to exit codes. */
import { CommanderError } from 'commander'
import { type ErrorCode, TidewheelError } from '../errors.ts'

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unauthorised: 4,
  conflict: 5,
  unreachable: 69,
  SIGINT: 130,
  SIGTERM: 143,
} as const

const CODES: Readonly<Record<ErrorCode, number>> = {
  invalid_trigger: EXIT.usage,
  invalid_job: EXIT.usage,
  invalid_option: EXIT.usage,
  not_found: EXIT.notFound,
  unauthorised: EXIT.unauthorised,
  conflict: EXIT.conflict,
  unreachable: EXIT.unreachable,
  not_replica_set: EXIT.unreachable,
  closed: EXIT.failed,
  timeout: EXIT.failed,
}

/** What to do next, where neither the message nor the error's `data.advice` says so. */
const ADVICE: Readonly<Partial<Record<ErrorCode, string>>> = {
  invalid_trigger: 'Correct the trigger; tidewheel next TRIGGER shows when one fires.',
  invalid_job: 'Correct the job and try again; the README shows a whole one.',
  invalid_option: 'Correct it; --help after the command lists what it takes.',
  not_found: 'See what there is: tidewheel jobs list.',
  unauthorised: 'Check user, password and authSource in the connection string, and the rights of the user.',
  unreachable: 'Start that server or correct --uri; tidewheel dev starts a server of its own.',
  not_replica_set: 'Or use another server: tidewheel dev starts a replica set of its own.',
  timeout: 'Try again, or see what the nodes do: tidewheel events.',
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof TidewheelError) return CODES[error.code]
  // Of the parser, which has said what was wrong; asking for help or the version is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  return EXIT.failed
}

/** The lines for stderr; none where the parser has written its own. */
export function sentencesOf(error: unknown, verbose: boolean): readonly string[] {
  if (error instanceof CommanderError) return []
  const lines = [`tidewheel: ${error instanceof Error ? error.message : String(error)}`]
  if (error instanceof TidewheelError) {
    const advice = typeof error.data.advice === 'string' ? error.data.advice : ADVICE[error.code]
    if (advice !== undefined) lines.push(advice)
  } else {
    lines.push('This is not foreseen: run it again with --verbose and report what it says.')
  }
  if (verbose && error instanceof Error) lines.push(error.stack ?? '', ...causes(error))
  return lines
}

function causes(error: Error): string[] {
  return error.cause instanceof Error
    ? [`caused by ${error.cause.stack ?? error.cause.message}`, ...causes(error.cause)]
    : []
}
