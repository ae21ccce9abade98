/** Table: prints rows with aligned columns, and the figures statistics are made of. */
export function print(title: string, rows: readonly (readonly (string | number)[])[]): void {
  const text = rows.map(row => row.map(cell => (typeof cell === 'number' ? number(cell) : cell)))
  const widths = (text[0] ?? []).map((_, i) => Math.max(...text.map(row => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  process.stdout.write(`\n${title}\n${text.map(line).join('\n')}\n`)
}

const number = (value: number) =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 100) / 100)

/** The value below which the share `p` of all lies. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN
}

export const median = (values: readonly number[]) => quantile(values, 0.5)
