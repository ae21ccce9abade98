/** Benchmarks: `npm run bench` measures the rows of the table, each beside its limit, on a set of three members with fresh processes;
 *  `npm run bench -- crowd wheel` only what is named, rows and others; `peers` other schedulers. Plots of all that are written as a page.
 *  Machines differ: compare with what stands beside. */
import { writeFile } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Measure, printRow, type Row } from './figures.ts'
import { entry } from './fresh-node.ts'
import { pageOf } from './page.ts'
import { startServer } from './server.ts'

/** The table, in its order. `idle` comes first: after the others twice as many greetings (`hello`) are counted for a while. */
const rows: Readonly<Record<string, () => Promise<{ readonly measure: Measure }>>> = {
  idle: () => import('./idle.ts'),
  edit: () => import('./edit.ts'),
  lateness: () => import('./lateness.ts'),
  crowd: () => import('./crowd.ts'),
  'every-second': () => import('./every-second.ts'),
  storm: () => import('./storm.ts'),
  start: () => import('./start.ts'),
}

/** What is measured by name only. */
const others: Readonly<Record<string, () => Promise<{ bench(): Promise<void> }>>> = {
  wheel: () => import('./wheel.ts'),
  trigger: () => import('./trigger.ts'),
  inserts: () => import('./inserts.ts'),
  indexes: () => import('./indexes.ts'),
  lists: () => import('./lists.ts'),
  heap: () => import('./heap.ts'),
  kills: () => import('./kills.ts'),
  live: () => import('./live.ts'),
  streams: () => import('./streams.ts'),
  revoke: () => import('./revoke.ts'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !(name in rows) && !(name in others) && name !== 'peers')
if (unknown.length > 0) {
  const names = [...Object.keys(rows), 'peers', ...Object.keys(others)]
  process.stderr.write(`unknown benchmark ${unknown.join(', ')}; there are ${names.join(', ')}\n`)
  process.exit(2)
}

const measured = Object.entries(rows).filter(([name]) => wanted.length === 0 || wanted.includes(name))
const table: Row[] = []
const peers: Row[] = []
const tell = (list: Row[]) => (row: Row) => {
  list.push(row)
  printRow(row)
}
if (measured.length > 0 || wanted.includes('peers')) {
  process.stdout.write(`${cpus().length} processors, load ${loadavg()[0]?.toFixed(1)}\n`)
  // Built before anything is timed.
  entry()
  const server = await startServer(3)
  try {
    for (const [, load] of measured) tell(table)(await (await load()).measure(server))
    if (wanted.includes('peers')) await (await import('./peers.ts')).comparePeers(server, tell(peers))
  } finally {
    await server.stop()
    const file = join(tmpdir(), 'tidewheel-bench.html')
    await writeFile(file, pageOf(table, peers))
    process.stdout.write(`\nplots: ${file}\n`)
  }
}
for (const [name, load] of Object.entries(others)) if (wanted.includes(name)) await (await load()).bench()
