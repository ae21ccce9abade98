/** Pace: `npx tsx test/dashboard/pace.ts [JOBS] [MARKS]` (default: 100,000 and 10,000) says how long it takes from an address to the first
 *  rows, and where the time goes; then what each frame costs while the timeline is moved and zoomed. The page is served by a node in a
 *  process of its own; each load has a tab of its own, with nothing in its cache, in a browser that runs already. */
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import type { Page } from 'playwright-core'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'
import { builtPackage } from '../support/built-package.ts'
import { openChromium } from '../support/chromium.ts'
import { openTab } from '../support/page.ts'
import { startPageServer } from '../support/page-server.ts'
import { startTrace } from '../support/trace.ts'

type Loose = Record<string, unknown> & { _id: string }

const IP = '10.20.4.11'
const LANES = 10
const LOADS = 7
const STEPS = 120
const HOUR_MS = 3_600_000
/** A frame of 60 a second. */
const FRAME_MS = 16.7

const [many = '100000', marks = '10000'] = process.argv.slice(2)
const opened = await openChromium()
if (opened === undefined) throw new Error('no Chromium')
const browser = opened
const whole = await builtPackage()
const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-pace-'))
const mongod = await startMongod({ dataDir, binary: (await findMongodBinary()).path })
const uri = mongod.uri.replace(/(\/\/[^/?]+)\/?/, '$1/pace')
const person = await MongoClient.connect(uri)
const laneOf = (i: number) => `10.20.4.${11 + (i % LANES)}`

const jobOf = (i: number): Loose => ({
  _id: `${['invoices', 'backup', 'prices', 'digest'][i % 4]}-${String(i).padStart(6, '0')}`,
  func: 'do:note',
  trigger: i % 3 === 0 ? { type: 'cron', hour: i % 24, minute: i % 60 } : { type: 'interval', minutes: 1 + (i % 90) },
  ip: laneOf(i),
  tags: [['billing', 'ops'][i % 2], 'prod'],
  next_run_time: i % 17 === 0 ? null : new Date(Date.now() + HOUR_MS + i * 100),
})

const rowOf = (i: number): Loose => {
  const at = new Date(Date.now() - HOUR_MS + (i * HOUR_MS) / Number(marks))
  const status = i % 50 === 0 ? 'error' : i % 77 === 0 ? 'missed' : 'executed'
  const duration = status === 'missed' ? null : 200 + ((i * 37) % 20_000)
  return {
    _id: `row-${String(i).padStart(6, '0')}`,
    job_id: jobOf(i % 40)._id,
    ip: laneOf(i),
    node: laneOf(i),
    status,
    run_time: at,
    attempt: 1,
    ...(duration !== null && { started: at, finished: new Date(at.getTime() + duration) }),
    duration,
    late: i % 40,
    recorded: at,
  }
}

interface Load {
  /** From the address to rows that are drawn. */
  readonly shown: number
  /** What the tab's main thread itself worked for it. */
  readonly worked: number
  /** Of the page itself, of its script, of the answer with the rows: when each had come. */
  readonly html: number
  readonly script: number
  readonly asked: number
  readonly rows: number
}

/** Runs in the page. */
const SEEN = `new Promise(seen => {
  const look = () => document.querySelector('a.job-name') ? requestAnimationFrame(() => seen(performance.now())) : requestAnimationFrame(look)
  look()
})`
const TIMES = `(() => {
  const all = performance.getEntriesByType('resource')
  const rows = all.find(one => /api\\/jobs\\?(?!.*count=)/.test(one.name))
  const script = all.find(one => one.name.endsWith('.js'))
  return {
    html: performance.getEntriesByType('navigation')[0].responseEnd,
    script: script.responseEnd, asked: rows.startTime, rows: rows.responseEnd,
  }
})()`

async function load(url: string): Promise<Load> {
  const tab = await openTab(browser, 'about:blank')
  const ended = await startTrace(browser)
  await tab.page.goto(`${url}/jobs`, { waitUntil: 'commit' })
  const shown = (await tab.page.evaluate(SEEN)) as number
  const { tasks } = await ended()
  const worked = tasks.reduce((sum, { threadMs }) => sum + threadMs, 0)
  const times = (await tab.page.evaluate(TIMES)) as Omit<Load, 'shown' | 'worked'>
  await tab.close()
  return { shown, worked, ...times }
}

async function move(page: Page): Promise<void> {
  const canvas = await page.locator('canvas').boundingBox()
  if (canvas === null) throw new Error('no canvas')
  const [x, y] = [canvas.x + canvas.width / 2, canvas.y + 60]
  await page.mouse.move(x, y)
  await page.mouse.down()
  for (let i = 0; i < STEPS; i++) await page.mouse.move(x + 2 * Math.abs(60 - i), y)
  await page.mouse.up()
}

async function zoom(page: Page): Promise<void> {
  await page.keyboard.down('Control')
  for (let i = 0; i < STEPS / 4; i++) await page.mouse.wheel(0, i % 10 < 5 ? 60 : -60)
  await page.keyboard.up('Control')
}

async function point(page: Page): Promise<void> {
  const canvas = await page.locator('canvas').boundingBox()
  if (canvas === null) throw new Error('no canvas')
  for (let i = 0; i < STEPS; i++) await page.mouse.move(canvas.x + 100 + 4 * i, canvas.y + 40 + (i % 50))
}

async function frames(page: Page, what: string, act: (page: Page) => Promise<void>): Promise<void> {
  const ended = await startTrace(browser)
  await act(page)
  const { tasks } = await ended()
  const own = tasks.map(({ threadMs }) => threadMs)
  const at = (share: number) => own[Math.floor(own.length * (1 - share))]?.toFixed(1)
  const over = own.filter(ms => ms > FRAME_MS).length
  console.log(
    `${what}: ${own.length} tasks, of the thread's time p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${own[0]?.toFixed(1)} ms; ${over} above a frame`,
  )
}

const middle = (all: readonly number[]) => [...all].sort((a, b) => a - b)[all.length >> 1] ?? Number.NaN

try {
  const jobs = person.db().collection<Loose>('jobs')
  for (let from = 0; from < Number(many); from += 10_000) {
    const some = Array.from({ length: Math.min(10_000, Number(many) - from) }, (_, i) => jobOf(from + i))
    await jobs.insertMany(some, { ordered: false })
  }
  const server = await startPageServer(whole, { uri, ip: IP, folder: dataDir })
  const { nodes, executions } = { nodes: 'nodes', executions: 'executions' }
  const stopped = { status: 'stopped', seen: new Date(), lease: 15_000, started: new Date() }
  const others = Array.from({ length: LANES - 1 }, (_, i) => ({ _id: laneOf(i + 1), ...stopped }))
  await person.db().collection<Loose>(nodes).insertMany(others)
  await person
    .db()
    .collection<Loose>(executions)
    .insertMany(Array.from({ length: Number(marks) }, (_, i) => rowOf(i)))
  await load(server.url)
  const loads: Load[] = []
  for (let i = 0; i < LOADS; i++) loads.push(await load(server.url))
  const of = (what: keyof Load) => middle(loads.map(one => one[what])).toFixed(0)
  console.log(
    `${many} jobs: first rows after ${of('shown')} ms (${loads.map(({ shown }) => shown.toFixed(0)).join(', ')}); ` +
      `main thread ${of('worked')} ms; page there at ${of('html')}, script at ${of('script')}, rows asked for at ${of('asked')}, there at ${of('rows')}; ` +
      `load of the machine ${loadavg()[0]?.toFixed(1)}`,
  )
  const tab = await openTab(browser, `${server.url}/timeline`)
  await tab.page.getByText(/\d{4,} ran|\d,\d{3} ran/).waitFor()
  console.log(await tab.page.locator('.strip .support').textContent())
  await frames(tab.page, 'moved', move)
  await frames(tab.page, 'zoomed', zoom)
  await frames(tab.page, 'pointed at', point)
  for (const complaint of tab.complaints) console.log(complaint)
  await tab.close()
  await server.close()
} finally {
  await browser.close()
  await person.close()
  await mongod.stop()
  await rm(dataDir, { recursive: true, force: true })
}
