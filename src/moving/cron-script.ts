/** Cron script: a crontab's command as a script for /bin/sh that does what cron does: it sets the variables, goes to the home folder,
 *  and hands the command to the shell with its stdin.
 *  Holds: whatever stands in the variables and the command, it is quoted; the same line gives the same script. */
import type { CommandLine } from './crontab-line.ts'

/** What cron uses where SHELL is not set. */
const SHELL = '/bin/sh'
/** Variables that say how cron schedules, or that cron sets itself; a command has no use for them. */
const OF_CRON: ReadonlySet<string> = new Set(['CRON_TZ', 'RANDOM_DELAY', 'LOGNAME', 'SHELL'])

/** Whether a shell takes it as the name of a variable. */
export const isName = (name: string) => /^[A-Za-z_]\w*$/.test(name)

export function cronScript({
  command,
  stdin,
  variables,
}: Pick<CommandLine, 'command' | 'stdin' | 'variables'>): string {
  const shell = variables.get('SHELL') || SHELL
  const exported = [...variables].filter(([name]) => isName(name) && !OF_CRON.has(name))
  const call = `exec ${quoted(shell)} -c ${quoted(command)}`
  return [
    ...[['SHELL', shell] as const, ...exported].map(([name, value]) => `export ${name}=${quoted(value)}`),
    `cd "\${HOME:-/}" || exit`,
    ...(stdin === undefined ? [call] : withInput(call, stdin)),
    '',
  ].join('\n')
}

const quoted = (text: string) => (/^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

/** A here-document, whose end is a word that is no line of it. */
function withInput(call: string, stdin: string): readonly string[] {
  const lines = stdin.split('\n').slice(0, -1)
  let end = 'END'
  while (lines.includes(end)) end += '_'
  return [`${call} <<'${end}'`, ...lines, end]
}
