/** Screens: `npx tsx test/dashboard/screens.ts DIR [JOBS]` writes a picture of every view into DIR, to be looked at: light, dark, 360 px
 *  wide, forced colours, a viewer, and what is seen seldom (no job yet, a conflict, a drain). Then it says how long the first rows
 *  took, and which tasks of the page's script were longer than 100 ms. JOBS: how many jobs there are, 2,000 without it.
 *  It starts a mongod and two nodes of its own and ends them. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { findMongod } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'
import type { Run } from '../../src/index.ts'
import { builtPackage } from '../support/built-package.ts'
import { openChromium } from '../support/chromium.ts'
import { openSite, openTab, type Site } from '../support/page.ts'

type Loose = Record<string, unknown> & { _id: string }

const HERE = '10.20.4.11'
const THERE = '10.20.4.12'
const MARKS = 10_000
const SETTLE_MS = 1_500
const HOUR_MS = 3_600_000

const [folder, wanted = '2000'] = process.argv.slice(2)
if (folder === undefined) throw new Error('expected a folder: npx tsx test/dashboard/screens.ts DIR [JOBS]')
await mkdir(folder, { recursive: true })
const opened = await openChromium()
if (opened === undefined) throw new Error('no Chromium')
const browser = opened
const whole = await builtPackage()
const found = await findMongod()
const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-screens-'))
const mongod = found.kind === 'server' ? undefined : await startMongod({ dataDir, binary: found.path })
const server = mongod?.uri ?? (found.kind === 'server' ? found.uri : '')
const uriOf = (name: string) => server.replace(/(\/\/[^/?]+)\/?[^?]*/, `$1/${name}`)

const jobOf = (i: number): Loose => ({
  _id: `${['invoices', 'backup', 'prices', 'digest'][i % 4]}-${String(i).padStart(6, '0')}`,
  func: 'note',
  trigger: i % 3 === 0 ? { type: 'cron', hour: i % 24, minute: i % 60 } : { type: 'interval', minutes: 1 + (i % 90) },
  ip: i % 2 === 0 ? HERE : THERE,
  standby: 'any',
  tags: [['billing', 'ops'][i % 2], 'prod'],
  next_run_time: i % 17 === 0 ? null : new Date(Date.now() + HOUR_MS + i * 1_000),
  ...(i % 17 === 0 && { note: 'until Monday' }),
})

const rowOf = (i: number): Loose => {
  const at = new Date(Date.now() - HOUR_MS + (i * HOUR_MS) / MARKS)
  const status = i % 50 === 0 ? 'error' : i % 77 === 0 ? 'missed' : 'executed'
  const duration = status === 'missed' ? null : 200 + ((i * 37) % 9_000)
  return {
    _id: `row-${String(i).padStart(6, '0')}`,
    job_id: jobOf(i % 40)._id,
    func: 'note',
    ip: i % 2 === 0 ? HERE : THERE,
    node: i % 2 === 0 ? HERE : THERE,
    status,
    run_time: at,
    attempt: 1,
    scheduled: true,
    ...(duration !== null && { started: at, finished: new Date(at.getTime() + duration) }),
    duration,
    late: i % 40,
    result: null,
    ...(status === 'error' && {
      exception: 'RangeError: out of range',
      traceback: 'RangeError: out of range\n at note',
    }),
    log: 'begun\nall done',
    recorded: at,
  }
}

const talk = ({ log, signal }: Run) =>
  new Promise<string>(resolve => {
    log.info('begun, 412 invoices due')
    signal.addEventListener('abort', () => resolve('aborted'))
  })

const nodes = [HERE, THERE].map(ip =>
  whole.createNode({ uri: uriOf('screens'), ip, logger: false, tasks: { note: async () => 'noted', talk } }),
)
const clientOfDb = await whole.connect({ uri: uriOf('screens') })
const { MongoClient } = await import('mongodb')
const person = await MongoClient.connect(uriOf('screens'))
const jobs = person.db().collection<Loose>('jobs')

async function picture(site: Site, name: string, path: string, options?: BrowserContextOptions, before?: Act) {
  const tab = await openTab(browser, `${site.url}${path}`, options)
  await tab.page.locator('.flow', { hasText: 'Live' }).first().waitFor({ state: 'attached' })
  await tab.page.waitForLoadState('load')
  await before?.(tab.page)
  // What was asked for is read and drawn.
  await tab.page.waitForTimeout(SETTLE_MS)
  await tab.page.screenshot({ path: join(folder as string, `${name}.png`) })
  for (const complaint of tab.complaints) console.log(`${name}: ${complaint}`)
  await tab.close()
}
type Act = (page: Page) => Promise<void>

/** Runs in the page. */
const LISTEN = `globalThis.longTasks = []
new PerformanceObserver(list => longTasks.push(...list.getEntries().map(one => one.duration))).observe({ type: 'longtask', buffered: true })`

/** Long tasks are those of the browser's own list, from the first byte on. */
async function measure(site: Site, path: string, ready: string, whileMs = 0) {
  const tab = await openTab(browser, 'about:blank')
  await tab.page.addInitScript(LISTEN)
  await tab.page.goto(`${site.url}${path}`, { waitUntil: 'commit' })
  await tab.page.locator(ready).first().waitFor()
  const shown = (await tab.page.evaluate('performance.now()')) as number
  for (let gone = 0; gone < whileMs; gone += 1_000) {
    await tab.page.mouse.move(400 + (gone % 700), 200)
    await tab.page.keyboard.press('j')
    await tab.page.waitForTimeout(1_000)
  }
  const long = ((await tab.page.evaluate('longTasks')) as number[]).filter(ms => ms > 100)
  console.log(
    `${path}: shown after ${Math.round(shown)} ms; tasks above 100 ms: ${long.map(Math.round).join(', ') || 'none'}`,
  )
  await tab.close()
}

try {
  const many = Number(wanted)
  for (let from = 0; from < many; from += 10_000) {
    await jobs.insertMany(
      Array.from({ length: Math.min(10_000, many - from) }, (_, i) => jobOf(from + i)),
      { ordered: false },
    )
  }
  for (const node of nodes) await node.start()
  await person
    .db()
    .collection<Loose>('executions')
    .insertMany(Array.from({ length: MARKS }, (_, i) => rowOf(i)))
  await jobs.insertMany([
    { _id: 'a-talker', func: 'talk', trigger: { type: 'interval', hours: 5 }, ip: HERE, run_at: [new Date()] },
    { _id: 'broken', func: 'note', trigger: { type: 'cron', hour: 25 }, ip: HERE },
    { _id: 'stranded', func: 'note', trigger: { type: 'interval', minutes: 5 }, ip: '10.20.4.99' },
  ])
  const site = await openSite(whole, { client: clientOfDb })
  const views = {
    jobs: '/jobs',
    job: '/jobs/invoices-000000',
    talker: '/jobs/a-talker',
    run: '/runs/row-000050',
    nodes: '/nodes',
    timeline: '/timeline',
    stats: '/stats',
    new: '/new',
  }
  const looks: Readonly<Record<string, BrowserContextOptions>> = {
    light: {},
    dark: { colorScheme: 'dark' },
    narrow: { viewport: { width: 360, height: 780 } },
    forced: { forcedColors: 'active' },
  }
  for (const [look, options] of Object.entries(looks)) {
    for (const [name, path] of Object.entries(views)) await picture(site, `${look}-${name}`, path, options)
  }
  await picture(site, 'drain', '/nodes', {}, async page => {
    await page.getByLabel(`What can be done with ${THERE}`).click()
    await page.getByRole('button', { name: /Drain/ }).first().click()
    await page.getByText('Where they go').waitFor()
  })
  await picture(site, 'conflict', '/jobs/prices-000002', {}, async page => {
    await page.getByLabel('Timeout').fill('30')
    await jobs.updateOne({ _id: 'prices-000002' }, { $set: { timeout: 90, description: 'theirs' } })
    await page.getByText('It was changed elsewhere meanwhile').waitFor()
    await page.keyboard.press('Control+s')
    await page.locator('.conflict').scrollIntoViewIfNeeded()
  })
  const viewers = await openSite(whole, { client: clientOfDb, auth: () => ({ user: 'vera', role: 'viewer' }) })
  for (const name of ['jobs', 'job', 'nodes'] as const) await picture(viewers, `viewer-${name}`, views[name])
  await viewers.close()
  const nothing = await whole.connect({ uri: uriOf('screens_empty') })
  const empty = await openSite(whole, { client: nothing })
  await picture(empty, 'empty', '/')
  await empty.close()
  await nothing.close()
  await measure(site, '/jobs', 'a.job-name')
  await measure(site, '/timeline?span=7200', 'canvas', 10_000)
  await site.close()
} finally {
  await browser.close()
  await person.close()
  await clientOfDb.close()
  for (const node of nodes) await node.close()
  await mongod?.stop()
  await rm(dataDir, { recursive: true, force: true })
}
