/** Table: rows for a terminal, as wide as that is.
 *  In: a head, rows of text, the width in columns. Out: lines; where they would be wider, first the columns that may be are left out,
 *  then the widest are cut and end in `…`. Pure. */
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import { colours } from './colours.ts'

const GAP = 2
/** No column is cut to less. */
const LEAST = 6

/** What is to become of columns, by their heads, where there is no room for all. */
export interface Narrow {
  /** They are left out, the first first. */
  readonly spare?: readonly string[]
  /** They are not cut: half an id is none. */
  readonly whole?: readonly string[]
}

export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
  narrow: Narrow = {},
): readonly string[] {
  if (rows.length === 0) return []
  const cells = rows.map(row => row.map(oneLine))
  const [least, ...others] = narrow.spare ?? []
  const column = least === undefined ? -1 : head.indexOf(least)
  if (column !== -1 && width !== undefined && sumOf(naturalWidths([head, ...cells])) > width) {
    const without = (row: readonly string[]) => row.toSpliced(column, 1)
    return tableOf(without(head), cells.map(without), width, { ...narrow, spare: others })
  }
  const none = Object.fromEntries(BORDERS.map(border => [border, '']))
  const table = new Table({
    head: head.map(colours.dim),
    chars: { ...none, middle: ' '.repeat(GAP) },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colWidths: widthsOf(
      [head, ...cells],
      width,
      head.map(name => narrow.whole?.includes(name) ?? false),
    ),
  })
  table.push(...cells.map(row => [...row]))
  const lines = table.toString().split('\n')
  return lines.map(line => line.trimEnd()).filter(line => line !== '')
}

const COLOUR = '\x1b\\[[\\d;]*m'
/** A colour, or what could move the cursor of a terminal. */
const COLOUR_OR_CONTROL = new RegExp(`${COLOUR}|(?:(?!${COLOUR})[\\p{Cc}\\p{Zl}\\p{Zp}])+`, 'gu')

/** A cell holds one line, of text that stays where it is put. */
export const oneLine = (cell: string) => cell.replace(COLOUR_OR_CONTROL, found => (found.endsWith('m') ? found : ' '))

/** Letters and signs that take two columns. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60]/gu

/** How many columns it takes. */
export function widthOf(text: string): number {
  const shown = stripVTControlCharacters(text)
  return [...shown].length + (shown.match(WIDE)?.length ?? 0)
}

/** As much of it as fits. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  const letters = [...stripVTControlCharacters(text)]
  while (widthOf(letters.join('')) > columns - 1) letters.pop()
  return `${letters.join('')}…`
}

const naturalWidths = (rows: readonly (readonly string[])[]): number[] =>
  Array.from({ length: rows[0]?.length ?? 0 }, (_, i) =>
    rows.reduce((most, row) => Math.max(most, widthOf(row[i] ?? '')), 1),
  )

const sumOf = (widths: readonly number[]) => widths.reduce((sum, one) => sum + one, GAP * (widths.length - 1))

/** The widest column gives way first; the last columns stay whole where nothing has to. */
function widthsOf(
  rows: readonly (readonly string[])[],
  width: number | undefined,
  whole: readonly boolean[],
): number[] {
  const widths = naturalWidths(rows)
  if (width === undefined) return widths
  const cuttable = () => widths.filter((_, i) => !whole[i])
  for (let over = sumOf(widths) - width; over > 0; over = sumOf(widths) - width) {
    const widest = Math.max(...cuttable())
    if (widest <= LEAST) break
    const next = Math.max(LEAST, ...cuttable().filter(one => one < widest))
    const at = widths.findIndex((one, i) => one === widest && !whole[i])
    widths[at] = Math.max(next, widest - over, LEAST)
    if (next === widest) break
  }
  return widths
}

const BORDERS = ['top', 'bottom', 'left', 'right', 'mid']
  .flatMap(side => [side, `${side}-mid`, `${side}-left`, `${side}-right`, `${side}-top`, `${side}-bottom`])
  .filter(name => !/^(left|right)-(left|right|top|bottom)$|^(top|bottom|mid)-(top|bottom)$/.test(name))
