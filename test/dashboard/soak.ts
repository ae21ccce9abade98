/** Soak: `npx tsx test/dashboard/soak.ts [MINUTES] [DIR]` (default: 60) looks at the built page while a plain driver makes 50 changes a
 *  second: of jobs that are shown and of others, and of some that come and go. One tab lives through it all; it looks at the jobs for
 *  most of the time, at every other view for a minute of ten. Each minute a line says what the tab holds after its garbage is collected,
 *  and which tasks of its main thread took longer than 100 ms, by the thread's own time (the machine may be busy) and by the clock.
 *  It ends with 1 when memory grew or a task was too long by the thread's time. DIR keeps the traces of minutes with a long task. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AnyBulkWriteOperation, type Collection, MongoClient } from 'mongodb'
import type { CDPSession, Page } from 'playwright-core'
import { firstValueFrom, timer } from 'rxjs'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'
import { builtPackage } from '../support/built-package.ts'
import { openChromium } from '../support/chromium.ts'
import { openTab } from '../support/page.ts'
import { startPageServer } from '../support/page-server.ts'
import { LONG_MS, startTrace, type Task } from '../support/trace.ts'

type Loose = Record<string, unknown> & { _id: string }

const JOBS = 5_000
const SHOWN = 60
const A_SECOND = 50
const TURN_MS = 100
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Rows come and go by so many. */
const PASSING = 50
/** What a tab may hold more at the end than in the beginning, in the same view: caches of the browser fill up. */
const MOST_GROWTH = 1.15
const IP = '10.20.4.11'
const OTHER_IP = '10.20.4.12'

/** What is looked at in which minute of ten; keys lead there, so that nothing is loaded anew. */
const VIEWS = ['jobs', 'jobs', 'jobs', 'job', 'nodes', 'jobs', 'timeline', 'stats', 'narrowed', 'jobs'] as const
type View = (typeof VIEWS)[number]

const [minutes = '60', folder] = process.argv.slice(2)
const opened = await openChromium()
if (opened === undefined) throw new Error('no Chromium')
const browser = opened
const whole = await builtPackage()
const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-soak-'))
const mongod = await startMongod({ dataDir, binary: (await findMongodBinary()).path })
const uri = mongod.uri.replace(/(\/\/[^/?]+)\/?/, '$1/soak')
const driver = await MongoClient.connect(uri)
const jobs: Collection<Loose> = driver.db().collection<Loose>('jobs')

const jobOf = (i: number): Loose => ({
  _id: `job-${String(i).padStart(5, '0')}`,
  func: 'do:note',
  trigger: { type: 'cron', hour: i % 24, minute: i % 60 },
  ip: i % 3 === 0 ? OTHER_IP : IP,
  standby: 'any',
  tags: [i % 2 === 0 ? 'even' : 'odd', 'prod'],
  // The first ones run soonest, and so they are shown.
  next_run_time: new Date(Date.now() + 12 * HOUR_MS + i * 60_000),
})

/** Those that run while somebody looks. */
const RUNNING: readonly Loose[] = [
  ...Array.from({ length: 10 }, (_, i) => ({
    _id: `ticker-${i}`,
    func: i === 3 ? 'do:fail' : i % 2 === 0 ? 'do:note' : 'do:slow',
    trigger: { type: 'interval', seconds: 1 + i },
    ip: i % 2 === 0 ? IP : OTHER_IP,
    tags: ['ticker', i % 2 === 0 ? 'even' : 'odd'],
  })),
  { _id: 'talker', func: 'do:talk', trigger: { type: 'interval', hours: 5 }, ip: IP, run_at: [new Date()] },
]

let turns = 0
/** One turn's edits: half of them of jobs in sight. */
function edits(): AnyBulkWriteOperation<Loose>[] {
  const count = (A_SECOND * TURN_MS) / 1_000
  return Array.from({ length: count }, (_, i): AnyBulkWriteOperation<Loose> => {
    const number = turns++
    const shown = i % 2 === 0
    const filter = { _id: jobOf(shown ? (number * 7) % SHOWN : SHOWN + ((number * 31) % (JOBS - SHOWN)))._id }
    if (number % 50 === 10) {
      const passing = { ...jobOf(number), _id: `passing-${number}`, next_run_time: new Date(Date.now() + HOUR_MS) }
      return { insertOne: { document: passing } }
    }
    if (number % 50 === 35) return { deleteOne: { filter: { _id: `passing-${number - 25 - PASSING * 50}` } } }
    if (number % 10 === 5) return { updateOne: { filter, update: { $set: { tags: [`t${number % 9}`, 'prod'] } } } }
    if (number % 10 === 8) {
      const trigger = { type: 'cron', hour: number % 24, minute: number % 60 }
      return { updateOne: { filter, update: { $set: { trigger }, $unset: { next_run_time: '' } } } }
    }
    return { updateOne: { filter, update: { $set: { note: `edit ${number}`, description: `the ${number}th` } } } }
  })
}

/** Answers with what ends it, and with how many changes were made. */
function drive(): () => Promise<number> {
  let on = true
  let made = 0
  const going = (async () => {
    const began = performance.now()
    while (on) {
      await jobs.bulkWrite(edits(), { ordered: false })
      made += (A_SECOND * TURN_MS) / 1_000
      const due = began + (made / A_SECOND) * 1_000
      await pause(Math.max(0, due - performance.now()))
    }
    return made
  })()
  return async () => {
    on = false
    return await going
  }
}

const pause = (ms: number) => firstValueFrom(timer(ms))

async function show(page: Page, view: View): Promise<void> {
  if (view === 'job') {
    await page.keyboard.press('g')
    await page.keyboard.press('j')
    await page.locator('a.job-name', { hasText: 'ticker-3' }).first().click()
    await page.locator('main h1', { hasText: 'ticker-3' }).waitFor()
    return
  }
  const key = { jobs: 'j', narrowed: 'j', nodes: 'n', timeline: 't', stats: 'o' }[view]
  await page.keyboard.press('Escape')
  await page.keyboard.press('g')
  await page.keyboard.press(key)
  if (view !== 'narrowed') return
  await page.locator('table.jobs').waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('tag:even')
  await page.keyboard.press('Enter')
}

interface Held {
  readonly heapMb: number
  readonly nodes: number
  readonly listeners: number
  /** Of the tab's process; the answers that the browser keeps for whoever drives it, up to 100 MB, are part of it. */
  readonly residentMb: number
}

async function heldBy(cdp: CDPSession, pid: number): Promise<Held> {
  for (let i = 0; i < 2; i++) await cdp.send('HeapProfiler.collectGarbage')
  const { metrics } = await cdp.send('Performance.getMetrics')
  const metric = (name: string) => metrics.find(one => one.name === name)?.value ?? 0
  return {
    heapMb: metric('JSHeapUsedSize') / 1e6,
    nodes: metric('Nodes'),
    listeners: metric('JSEventListeners'),
    residentMb: await residentOf(pid),
  }
}

async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_000
}

interface Minute extends Held {
  readonly view: View
  readonly serverMb: number
  readonly tasks: readonly Task[]
}

const growth = (all: readonly Minute[], of: (minute: Minute) => number) => {
  const jobs = all.filter(({ view }) => view === 'jobs')
  const third = Math.max(1, Math.floor(jobs.length / 3))
  const mean = (some: readonly Minute[]) => some.reduce((sum, one) => sum + of(one), 0) / some.length
  return { from: mean(jobs.slice(0, third)), to: mean(jobs.slice(-third)) }
}

try {
  await jobs.insertMany(
    Array.from({ length: JOBS }, (_, i) => jobOf(i)),
    { ordered: false },
  )
  const other = await startPageServer(whole, { uri, ip: OTHER_IP, folder: dataDir })
  const server = await startPageServer(whole, { uri, ip: IP, folder: dataDir })
  await jobs.insertMany([...RUNNING])
  const tab = await openTab(browser, `${server.url}/jobs`)
  const all = await browser.newBrowserCDPSession()
  const cdp = await tab.page.context().newCDPSession(tab.page)
  await cdp.send('Performance.enable')
  const { processInfo } = await all.send('SystemInfo.getProcessInfo')
  const resident = await Promise.all(
    processInfo.filter(({ type }) => type === 'renderer').map(async ({ id }) => ({ id, mb: await residentOf(id) })),
  )
  const pid = resident.sort((a, b) => b.mb - a.mb)[0]?.id ?? 0
  await tab.page.locator('a.job-name').first().waitFor()
  const stop = drive()
  const seen: Minute[] = []
  const began = performance.now()
  for (let minute = 0; performance.now() - began < Number(minutes) * MINUTE_MS; minute++) {
    const view = VIEWS[minute % VIEWS.length] ?? 'jobs'
    await show(tab.page, view)
    const ended = await startTrace(browser)
    // Every second minute somebody points at the list, and its order holds.
    await tab.page.mouse.move(minute % 2 === 0 ? 700 : 100, minute % 2 === 0 ? 400 : 860)
    await pause(MINUTE_MS)
    const { events, tasks } = await ended()
    const held = await heldBy(cdp, pid)
    const long = tasks.filter(({ wallMs }) => wallMs > LONG_MS)
    const last = { ...held, view, serverMb: await residentOf(server.pid), tasks: tasks.slice(0, 20) }
    seen.push(last)
    console.log(
      `${String(minute + 1).padStart(3)} ${view.padEnd(8)} heap ${held.heapMb.toFixed(1)} MB, tab ${held.residentMb.toFixed(0)} MB, ` +
        `${held.nodes} nodes, ${held.listeners} listeners, server ${last.serverMb.toFixed(0)} MB; ` +
        `${tasks.length} tasks, longest ${tasks[0]?.threadMs.toFixed(0)} ms of the thread; ` +
        `above ${LONG_MS} ms by the clock: ${long.map(({ wallMs, threadMs }) => `${wallMs.toFixed(0)} (${threadMs.toFixed(0)})`).join(', ') || 'none'}`,
    )
    for (const { threadMs, of } of long) if (threadMs > LONG_MS) console.log(`    ${threadMs.toFixed(0)} ms: ${of}`)
    if (folder !== undefined && long.some(({ threadMs }) => threadMs > LONG_MS)) {
      await writeFile(join(folder, `minute-${minute + 1}.json`), JSON.stringify({ traceEvents: events }))
    }
  }
  const made = await stop()
  const heap = growth(seen, ({ heapMb }) => heapMb)
  const drawn = growth(seen, ({ nodes }) => nodes)
  const long = seen.flatMap(({ tasks }) => tasks).filter(({ threadMs }) => threadMs > LONG_MS)
  const clock = seen.flatMap(({ tasks }) => tasks).filter(({ wallMs }) => wallMs > LONG_MS)
  for (const complaint of tab.complaints) console.log(`the page complained: ${complaint}`)
  console.log(
    `${made} changes in ${minutes} minutes (${((made * 1_000) / (performance.now() - began)).toFixed(1)} a second). ` +
      `On the jobs view the heap went from ${heap.from.toFixed(1)} to ${heap.to.toFixed(1)} MB (means of the first and the last third), ` +
      `the nodes of the document from ${drawn.from.toFixed(0)} to ${drawn.to.toFixed(0)}. ` +
      `Tasks above ${LONG_MS} ms: ${long.length} by the thread's time, ${clock.length} by the clock.`,
  )
  if (heap.to > heap.from * MOST_GROWTH || long.length > 0) process.exitCode = 1
  await tab.close()
  await Promise.all([server.close(), other.close()])
} finally {
  await browser.close()
  await driver.close()
  await mongod.stop()
  await rm(dataDir, { recursive: true, force: true })
}
