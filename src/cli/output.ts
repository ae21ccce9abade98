/** Output: what a command says, and where.
 *  Results go to stdout: one JSON value, or one JSON object a line (`--json`), or text for people: a table on a terminal,
 *  columns parted by tabs in a pipe. Notes go to stderr and are left out with `--quiet`.
 *  A reader that has gone away (`| head`) ends the process without a word. */
import Table from 'cli-table3'
import colours from 'picocolors'
import { EXIT } from './exit-codes.ts'
import type { Settings } from './settings.ts'

export interface Output {
  readonly json: boolean
  /** The one result: `value` with `--json`, else the lines. */
  result(value: unknown, lines: readonly string[]): void
  /** The one result as rows. */
  rows(value: unknown, head: readonly string[], rows: readonly (readonly string[])[]): void
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
    rows: (value, head, rows) => text(json ? [toJson(value)] : columns(head, rows)),
    each: (value, line) => text(json ? [toJson(value)] : [line]),
    note: line => {
      if (!quiet) process.stderr.write(`${line}\n`)
    },
  }
}

/** Whole numbers beyond the safe ones, and MongoDB's timestamps, as text. */
export const toJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part), indent)

function columns(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (!process.stdout.isTTY) return rows.map(row => row.map(plain).join('\t'))
  if (rows.length === 0) return []
  const none = Object.fromEntries(BORDERS.map(border => [border, '']))
  const table = new Table({
    head: head.map(colours.dim),
    chars: { ...none, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  table.push(...rows.map(row => row.map(plain)))
  const lines = table.toString().split('\n')
  return lines.map(line => line.trimEnd()).filter(line => line !== '')
}

const BORDERS = ['top', 'bottom', 'left', 'right', 'mid']
  .flatMap(side => [side, `${side}-mid`, `${side}-left`, `${side}-right`, `${side}-top`, `${side}-bottom`])
  .filter(name => !/^(left|right)-(left|right|top|bottom)$|^(top|bottom|mid)-(top|bottom)$/.test(name))

/** A cell holds one line. */
const plain = (cell: string) => cell.replace(/[\t\r\n]+/g, ' ')

/** Whoever reads our output may leave: that is no error. Any other failure to write is one. */
export function leaveWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed))
  }
}
