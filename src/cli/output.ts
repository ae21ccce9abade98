/** Output: what a command says, and where.
 *  Results go to stdout: one JSON value, or one JSON object a line (`--json`), or text for people: a table on a terminal,
 *  columns parted by tabs in a pipe. Notes go to stderr and are left out with `--quiet`.
 *  A reader that has gone away (`| head`) ends the process without a word. */
import { toJson } from '../json.ts'
import { EXIT } from './exit-codes.ts'
import type { Settings } from './settings.ts'
import { type Narrow, oneLine, tableOf } from './table.ts'

export interface Output {
  readonly json: boolean
  /** The one result: `value` with `--json`, else the lines. */
  result(value: unknown, lines: readonly string[]): void
  /** The one result as rows. */
  rows(value: unknown, head: readonly string[], rows: readonly (readonly string[])[], narrow?: Narrow): void
  /** One of many: an object a line with `--json`, else the line. */
  each(value: unknown, line: string): void
  /** Not a result: what goes on. */
  note(line: string): void
}

export function outputOf({ json = false, quiet = false }: Pick<Settings, 'json' | 'quiet'>): Output {
  const text = (lines: readonly string[]) => {
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
  }
  return {
    json,
    result: (value, lines) => text(json ? [toJson(value)] : lines),
    rows: (value, head, rows, narrow) => text(json ? [toJson(value)] : columns(head, rows, narrow)),
    each: (value, line) => text(json ? [toJson(value)] : [line]),
    note: line => {
      if (!quiet) process.stderr.write(`${line}\n`)
    },
  }
}

function columns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  narrow: Narrow | undefined,
): readonly string[] {
  if (isTerminal()) return tableOf(head, rows, process.stdout.columns, narrow)
  return rows.map(row => row.map(oneLine).join('\t'))
}

/** Whether a person reads what is written, not a program. */
export const isTerminal = () => process.stdout.isTTY === true

/** Whoever reads our output may leave: that is no error. Any other failure to write is one. */
export function leaveWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed))
  }
}
