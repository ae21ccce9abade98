/** Page: the rows of a run as one HTML file that needs nothing else. Each figure is a bar to its median with a dot for each round and a
 *  line at its limit; single measurements are drawn as the share of them that came within a time. */
import { cpus, loadavg, totalmem } from 'node:os'
import { type Figure, isKept, limitOf, type Row } from './figures.ts'
import { median } from './table.ts'

const WIDTH = 900
const LABEL = 330
const BAR = 380
const LINE = 24
const PLOT = 220
/** Points of a curve. */
const POINTS = 200
const COLOURS = ['#2563eb', '#d97706', '#059669', '#9333ea']

export function pageOf(rows: readonly Row[], peers: readonly Row[]): string {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)} at the end`
  const section = (row: Row) => `<section><h2>${text(row.work)}</h2>${bars(row)}${curves(row)}</section>`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tidewheel, measured</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: ${WIDTH}px; margin: 2rem auto; padding: 0 1rem }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
svg { width: 100%; height: auto } text { font-size: 13px; fill: currentColor }
</style>
<h1>Tidewheel, measured</h1>
<p>A set of three members, default options, processes that have run nothing before. Bars end at the median, dots are the rounds, a red line is the limit. ${text(machine)}.</p>
${rows.map(section).join('\n')}
${peers.length === 0 ? '' : `<h1>Beside it</h1>\n${peers.map(section).join('\n')}`}
<script type="application/json" id="data">${JSON.stringify({ rows, peers }).replaceAll('<', '\\u003c')}</script>
</html>
`
}

function bars({ figures }: Row): string {
  // Figures of one unit share a scale, so that they can be compared.
  const most = new Map<string, number>()
  for (const { unit, values, limit } of figures) {
    const top = Math.max(...values, limit?.most ?? 0, limit?.least ?? 0)
    most.set(unit, Math.max(most.get(unit) ?? 0, top))
  }
  const drawn = figures.map((figure, i) => bar(figure, i * LINE, (most.get(figure.unit) ?? 1) || 1))
  return `<svg viewBox="0 0 ${WIDTH} ${figures.length * LINE}" role="img" aria-label="figures">${drawn.join('')}</svg>`
}

function bar(figure: Figure, y: number, most: number): string {
  const { name, unit, values, limit } = figure
  const x = (value: number) => LABEL + Math.max(0, (value / most) * BAR)
  const value = median(values)
  const kept = isKept(figure)
  const colour = kept === false ? '#dc2626' : COLOURS[0]
  const dots = values.map(value => `<circle cx="${round(x(value))}" cy="${y + 12}" r="3" fill="currentColor"/>`)
  const at = limit?.most ?? limit?.least
  const line = at === undefined ? '' : `<path d="M${round(x(at))} ${y + 2}v20" stroke="#dc2626" stroke-width="2"/>`
  const said = `${number(value)} ${unit}${limit === undefined ? '' : ` (${limitOf(figure)})`}`
  return `<text x="0" y="${y + 16}">${text(name)}</text><rect x="${LABEL}" y="${y + 6}" width="${round(x(value) - LABEL)}" height="12" fill="${colour}" opacity=".6"/>${dots.join('')}${line}<text x="${LABEL + BAR + 12}" y="${y + 16}">${text(said)}</text>`
}

/** Up to the 99.9th percentile of the slowest. */
function curves({ samples }: Row): string {
  const sorted = Object.entries(samples)
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => [name, [...values].sort((a, b) => a - b)] as const)
  if (sorted.length === 0) return ''
  const top = Math.max(...sorted.map(([, values]) => values[Math.floor((values.length - 1) * 0.999)] ?? 0), 1)
  const [width, height] = [WIDTH - 60, PLOT - 40]
  const curve = ([, values]: (typeof sorted)[number], i: number) => {
    const points = Array.from({ length: POINTS + 1 }, (_, k) => {
      const value = values[Math.round(((values.length - 1) * k) / POINTS)] ?? 0
      const x = 40 + (Math.min(Math.max(value, 0), top) / top) * width
      return `${round(x)},${round(10 + height - (k / POINTS) * height)}`
    })
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2"/>`
  }
  const names = sorted.map(
    ([name], i) =>
      `<text x="${width - 160}" y="${height - 20 - i * 18}" style="fill:${COLOURS[i % COLOURS.length]}">${text(name)}</text>`,
  )
  const marks = [0, 0.25, 0.5, 0.75, 1].map(
    share => `<text x="${40 + share * width}" y="${PLOT - 8}" text-anchor="middle">${number(share * top)} ms</text>`,
  )
  const shares = [0, 0.5, 1].map(share => `<text x="0" y="${14 + (1 - share) * height}">${share * 100} %</text>`)
  return `<svg viewBox="0 0 ${WIDTH} ${PLOT}" role="img" aria-label="share within a time"><path d="M40 10V${10 + height}H${40 + width}" fill="none" stroke="currentColor" opacity=".4"/>${sorted.map(curve).join('')}${names.join('')}${marks.join('')}${shares.join('')}</svg>`
}

const round = (value: number) => Math.round(value * 10) / 10
const number = (value: number) =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(round(value))
const text = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
