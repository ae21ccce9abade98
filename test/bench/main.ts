/** Benchmarks: `npm run bench` runs all, `npm run bench -- wheel edit` those named. Every row stands beside an alternative measured in the
 *  same run; compare ratios, since machines differ. */
const benches = {
  wheel: () => import('./wheel.ts'),
  trigger: () => import('./trigger.ts'),
  edit: () => import('./edit.ts'),
  storm: () => import('./storm.ts'),
  runs: () => import('./runs.ts'),
  start: () => import('./start.ts'),
  indexes: () => import('./indexes.ts'),
  lists: () => import('./lists.ts'),
  heap: () => import('./heap.ts'),
  crowd: () => import('./crowd.ts'),
  live: () => import('./live.ts'),
  streams: () => import('./streams.ts'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !(name in benches))
if (unknown.length > 0) {
  process.stderr.write(`unknown benchmark ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}\n`)
  process.exit(2)
}
for (const [name, load] of Object.entries(benches)) {
  if (wanted.length === 0 || wanted.includes(name)) await (await load()).bench()
}
