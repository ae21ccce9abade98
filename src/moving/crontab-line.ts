/** Crontab lines: the text of a crontab, each line as what it is: a variable, a command with its schedule, or not understood.
 *  Variables count for the lines below them, so each command comes with those in force there. An unescaped `%` ends the command, what
 *  follows is its stdin, one line a `%`. Comments and blank lines are left out. Pure text: schedules are not looked into. */

/** Names and values, in the order in which they were set. */
export type Variables = ReadonlyMap<string, string>

interface Place {
  /** From 1. */
  readonly line: number
  readonly text: string
}

export interface VariableLine extends Place {
  readonly kind: 'variable'
  readonly name: string
  readonly value: string
}

export interface CommandLine extends Place {
  readonly kind: 'command'
  /** Five fields with a blank between them, or `@daily` and the like. */
  readonly schedule: string
  /** Of a system crontab. */
  readonly user?: string
  readonly command: string
  /** Absent: none. Each line ends with a line break. */
  readonly stdin?: string
  readonly variables: Variables
}

export interface StrangeLine extends Place {
  readonly kind: 'strange'
}

export type CrontabLine = VariableLine | CommandLine | StrangeLine

const VARIABLE = /^\s*(?:"([^"]+)"|'([^']+)'|([^\s=#"'][^\s=]*))\s*=\s*(.*?)\s*$/
/** A hyphen before the minute keeps a run out of the system's log (SUSE, cronie): it says nothing of the schedule. */
const COMMAND = /^\s*(?:-(?=[\d*]))?(@\S+|\S+(?:\s+\S+){4})\s+(.*\S.*)$/
const USER = /^(\S+)\s+(.*\S.*)$/

/** `system`: a column with the user stands before each command, as in /etc/crontab and below /etc/cron.d. */
export function crontabLines(text: string, { system }: { readonly system: boolean }): readonly CrontabLine[] {
  const found: CrontabLine[] = []
  let variables: Variables = new Map()
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = raw.replace(/\r$/, '')
    if (/^\s*(?:#|$)/.test(line)) continue
    const read = lineOf(line, { system, variables, place: { line: index + 1, text: line.trim() } })
    if (read.kind === 'variable') variables = new Map([...variables, [read.name, read.value]])
    found.push(read)
  }
  return found
}

interface Around {
  readonly system: boolean
  readonly variables: Variables
  readonly place: Place
}

function lineOf(line: string, { system, variables, place }: Around): CrontabLine {
  const [, double, single, bare, written = ''] = VARIABLE.exec(line) ?? []
  const name = double ?? single ?? bare
  const value = name === undefined ? undefined : readValue(written)
  if (name !== undefined && value !== undefined) return { kind: 'variable', ...place, name, value }
  const [, schedule, rest] = COMMAND.exec(line) ?? []
  const [, user, own] = system ? (USER.exec(rest ?? '') ?? []) : [undefined, undefined, rest]
  if (schedule === undefined || own === undefined) return { kind: 'strange', ...place }
  const { command, stdin } = commandOf(own)
  return {
    kind: 'command',
    ...place,
    schedule: schedule.replace(/\s+/g, ' '),
    ...(user !== undefined && { user }),
    command,
    ...(stdin !== undefined && { stdin }),
    variables,
  }
}

/** Undefined: cron would not take it. */
function readValue(written: string): string | undefined {
  const [quote] = written
  if (quote !== '"' && quote !== "'") return written
  const end = written.indexOf(quote, 1)
  return end === written.length - 1 && end > 0 ? written.slice(1, end) : undefined
}

/** As cron reads it: a backslash keeps the next character, and goes only before a `%`. */
function commandOf(text: string): Pick<CommandLine, 'command' | 'stdin'> {
  const end = /^(?:[^\\%]|\\.|\\$)*/.exec(text)?.[0].length ?? text.length
  const command = unescaped(text.slice(0, end))
  if (end >= text.length) return { command }
  const input = text.slice(end + 1).replace(/\\%|%/g, found => (found === '%' ? '\n' : '%'))
  return { command, stdin: input === '' || input.endsWith('\n') ? input : `${input}\n` }
}

const unescaped = (text: string) => text.replace(/\\(.)/g, (pair, kept) => (kept === '%' ? '%' : pair))
