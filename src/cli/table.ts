/** Table: rows for a terminal, as wide as that is.
 *  In: a head, rows of text, the width in columns. Out: lines; where they would be wider, the widest columns are cut and end in `…`.
 *  Pure. */
import Table from 'cli-table3'
import { colours } from './colours.ts'

const GAP = 2
/** No column is cut to less. */
const LEAST = 6

export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): readonly string[] {
  if (rows.length === 0) return []
  const cells = rows.map(row => row.map(oneLine))
  const none = Object.fromEntries(BORDERS.map(border => [border, '']))
  const table = new Table({
    head: head.map(colours.dim),
    chars: { ...none, middle: ' '.repeat(GAP) },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colWidths: widthsOf([head, ...cells], width),
  })
  table.push(...cells.map(row => [...row]))
  const lines = table.toString().split('\n')
  return lines.map(line => line.trimEnd()).filter(line => line !== '')
}

/** A cell holds one line. */
export const oneLine = (cell: string) => cell.replace(/[\t\r\n]+/g, ' ')

/** The widest column gives way first; the last columns stay whole where nothing has to. */
function widthsOf(rows: readonly (readonly string[])[], width: number | undefined): number[] {
  const columns = rows[0]?.length ?? 0
  const widths = Array.from({ length: columns }, (_, i) => Math.max(1, ...rows.map(row => row[i]?.length ?? 0)))
  if (width === undefined) return widths
  const total = () => widths.reduce((sum, one) => sum + one, GAP * (columns - 1))
  for (let over = total() - width; over > 0; over = total() - width) {
    const widest = Math.max(...widths)
    if (widest <= LEAST) break
    const next = Math.max(LEAST, ...widths.filter(one => one < widest))
    widths[widths.indexOf(widest)] = Math.max(next, widest - over, LEAST)
    if (next === widest) break
  }
  return widths
}

const BORDERS = ['top', 'bottom', 'left', 'right', 'mid']
  .flatMap(side => [side, `${side}-mid`, `${side}-left`, `${side}-right`, `${side}-top`, `${side}-bottom`])
  .filter(name => !/^(left|right)-(left|right|top|bottom)$|^(top|bottom|mid)-(top|bottom)$/.test(name))
