/** Report: a verdict in words (Markdown) and as a picture (SVG).
 *  The picture: time from left to right; above, runs in each second and the worst lateness; below, each fault as a bar on the
 *  nodes that it hit, with the time until runs were on time again. */
import type { Verdict } from './verdict.ts'

const CLASSES: Readonly<Record<string, string>> = {
  F1: 'lost',
  F2: 'duplicate',
  F3: 'wrong host',
  F4: 'ghost',
  F5: 'early',
  F6: 'stale',
  F7: 'schedule',
  F8: 'overlap',
  F9: 'frozen',
  F10: 'books',
  F11: 'lost edit',
  F12: 'leak',
  F13: 'mute',
}

const number = (n: number) => n.toLocaleString('en')
const seconds = (ms: number | null) => (ms === null ? '–' : `${(ms / 1_000).toFixed(1)} s`)
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => ' --- ').join('|')}|`,
    ...rows.map(row => `| ${row.join(' | ')} |`),
  ].join('\n')

/** Columns beside one another, e.g. ours and a reference. */
function totalsTable(columns: Readonly<Record<string, Verdict>>): string {
  const rows: readonly (readonly [string, (verdict: Verdict) => string])[] = [
    ['owed by the schedule', v => number(v.totals.owed)],
    ['run', v => number(v.totals.run)],
    ['run within 250 ms', v => number(v.totals.onTime)],
    ['in another run, as coalesce says', v => number(v.totals.coalesced)],
    ['not run, with a row that says why', v => number(v.totals.missedWithRow)],
    ['excused: an edit came first', v => number(v.totals.excused)],
    ['ordered by people / run', v => `${number(v.totals.orders)} / ${number(v.totals.ordersRun)}`],
    ['jobs of storms / run once', v => `${number(v.totals.bursts)} / ${number(v.totals.burstsRun)}`],
    ['edits acknowledged', v => number(v.totals.edits)],
    ['**doubled**', v => number(v.totals.doubled)],
    ['**lost**', v => number(v.totals.lost)],
    ['**wrong place**', v => number(v.totals.wrongPlace)],
    ['**lost edits**', v => number(v.totals.lostEdits)],
    ['late, quiet: p50 / p99 / max', v => spread(v.lateness.quiet)],
    ['late, in faults: p50 / p99 / max', v => spread(v.lateness.faults)],
    ['late, jobs of storms: p50 / p99 / max', v => spread(v.lateness.bursts)],
    ...Object.entries(CLASSES).map(
      ([id, name]) => [`${id} ${name}`, (v: Verdict) => number(v.classes[id] ?? 0)] as const,
    ),
  ]
  return table(
    ['', ...Object.keys(columns)],
    rows.map(([name, of]) => [name, ...Object.values(columns).map(of)]),
  )
}

const spread = ({ n, p50, p99, max }: Verdict['lateness']['quiet']) =>
  n === 0 ? '–' : `${p50} / ${p99} / ${number(Math.round(max))} ms (${number(n)} runs)`

export function inWords(
  name: string,
  verdict: Verdict,
  columns: Readonly<Record<string, Verdict>> = { [name]: verdict },
): string {
  const { totals, faults, violations, notes, begin } = verdict
  const bound =
    totals.owed > 0
      ? `; none in ${number(totals.owed)} bounds the rate by 1 in ${number(Math.floor(totals.owed / 3))} (95 %)`
      : ''
  const kinds = [...new Set(faults.map(({ kind }) => kind))]
  const perKind = kinds.map(kind => {
    const own = faults.filter(fault => fault.kind === kind)
    const worst = (of: (fault: (typeof own)[number]) => number | null) => {
      const values = own.map(of).filter(value => value !== null)
      return values.length === 0 ? null : Math.max(...values)
    }
    const skipped = own.find(fault => fault.skipped !== null)?.skipped
    return [
      kind,
      String(own.length),
      seconds(worst(fault => fault.to - fault.from)),
      number(own.reduce((sum, { late }) => sum + late, 0)),
      skipped ?? seconds(worst(fault => fault.recoveredMs)),
      seconds(worst(fault => fault.takeoverMs)),
    ]
  })
  const each = faults.map(({ kind, nodes, from, to, late, recoveredMs, takeoverMs, skipped }) => [
    seconds(from - begin),
    kind,
    nodes.join(' '),
    seconds(to - from),
    String(late),
    skipped ?? seconds(recoveredMs),
    seconds(takeoverMs),
  ])
  return [
    `# ${name}`,
    `${number(totals.starts)} starts, ${number(totals.owed)} owed runs, ${faults.length} faults, ${number(totals.edits)} edits${bound}.`,
    '## Totals',
    totalsTable(columns),
    `Rows: ${Object.entries(totals.rows)
      .map(([status, n]) => `${number(n)} ${status}`)
      .join(', ')}.`,
    '## Faults',
    'Late: runs that started more than 250 ms late. Recovered: from the heal until the last late run had started. Takeover: from the death of a node until its last job with a standby ran elsewhere.',
    table(['kind', 'times', 'longest', 'late', 'recovered at worst', 'takeover at worst'], perKind),
    '### One by one',
    table(['at', 'kind', 'nodes', 'for', 'late', 'recovered', 'takeover'], each),
    '## What failed',
    violations.length === 0
      ? 'Nothing.'
      : violations
          .map(({ class: id, job, what }) => `- ${id} ${CLASSES[id]}${job === undefined ? '' : ` \`${job}\``}: ${what}`)
          .join('\n'),
    '## Notes',
    notes.map(note => `- ${note}`).join('\n'),
    '',
  ].join('\n\n')
}

const WIDTH = 1_200
const LEFT = 110

export function asPicture(name: string, { faults, series, begin, end, totals }: Verdict): string {
  const length = Math.max(1, (end - begin) / 1_000)
  const x = (second: number) => LEFT + (second / length) * (WIDTH - LEFT - 20)
  const most = Math.max(1, ...series.map(([, n]) => n))
  const runs = series.map(([second, n]) => {
    const height = (n / most) * 80
    return `<rect x="${x(second).toFixed(1)}" y="${(130 - height).toFixed(1)}" width="${Math.max(0.6, x(1) - x(0)).toFixed(2)}" height="${height.toFixed(1)}" fill="#7aa6c2"/>`
  })
  const scale = (ms: number) => 250 - (Math.log10(Math.max(1, ms)) / 5) * 100
  const late = series.map(([second, , worst]) => {
    const fill = worst > 250 ? '#c0392b' : '#2e8b57'
    return `<circle cx="${x(second).toFixed(1)}" cy="${scale(worst).toFixed(1)}" r="1.6" fill="${fill}"/>`
  })
  const grid = [1, 10, 100, 1_000, 10_000].map(
    ms =>
      `<line x1="${LEFT}" x2="${WIDTH - 20}" y1="${scale(ms)}" y2="${scale(ms)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${scale(ms) + 4}" text-anchor="end">${ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`}</text>`,
  )
  const kinds = [...new Set(faults.map(({ kind }) => kind))]
  const bars = faults.map(({ kind, from, to, nodes, recoveredMs, skipped }) => {
    const y = 285 + kinds.indexOf(kind) * 18
    const a = x((from - begin) / 1_000)
    const b = Math.max(a + 2, x((to - begin) / 1_000))
    const c = recoveredMs === null ? b : x((to + recoveredMs - begin) / 1_000)
    const title = `${kind} of ${nodes.join(', ')} at ${seconds(from - begin)} for ${seconds(to - from)}; recovered after ${seconds(recoveredMs)}`
    const fill = skipped === null ? '#d98032' : '#bbb'
    return `<g><title>${title}</title><rect x="${a.toFixed(1)}" y="${y}" width="${(b - a).toFixed(1)}" height="12" fill="${fill}"/><rect x="${b.toFixed(1)}" y="${y + 4}" width="${Math.max(0, c - b).toFixed(1)}" height="4" fill="#c0392b"/></g>`
  })
  const labels = kinds.map((kind, i) => `<text x="${LEFT - 6}" y="${295 + i * 18}" text-anchor="end">${kind}</text>`)
  const height = 285 + kinds.length * 18 + 40
  const step = length > 900 ? 300 : length > 200 ? 60 : 10
  const ticks = Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => {
    const at = x(i * step)
    return `<line x1="${at}" x2="${at}" y1="40" y2="${height - 30}" stroke="#eee"/><text x="${at}" y="${height - 12}" text-anchor="middle">${step < 60 ? `${i * step} s` : `${(i * step) / 60} min`}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${LEFT}" y="20" font-size="14">${name}: ${number(totals.owed)} owed, ${totals.doubled} doubled, ${totals.lost} lost, ${totals.wrongPlace} in the wrong place, ${totals.lostEdits} lost edits</text>`,
    ...ticks,
    `<text x="${LEFT - 6}" y="60" text-anchor="end">runs a second</text><text x="${LEFT - 6}" y="74" text-anchor="end">(${most} at most)</text>`,
    ...runs,
    ...grid,
    ...late,
    ...labels,
    ...bars,
    '</svg>',
    '',
  ].join('\n')
}
