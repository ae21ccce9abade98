/** Screens: `npx tsx test/dashboard/screens.ts DIR [WORDS]` writes a picture of every view into DIR, to be looked at: light, dark, 360 px
 *  wide, forced colours, a viewer, and what is seen for a moment only (a job in the air, a crowd pointed at, a conflict, a drain).
 *  WORDS: only pictures whose names have one of these words, such as `jobs,drain`.
 *  It starts a mongod and two nodes, each a process, and ends them. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Collection, MongoClient } from 'mongodb'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { findMongodBinary } from '../../src/dev/find-mongod.ts'
import { startMongod } from '../../src/dev/mongod.ts'
import { builtPackage } from '../support/built-package.ts'
import { openChromium } from '../support/chromium.ts'
import { openSite, openTab, type Site } from '../support/page.ts'
import { startPageServer } from '../support/page-server.ts'
import { HERE, jobsOf, type Loose, manyNodes, nodesOf, rowsOf, THERE, wrongJobs } from './scenery.ts'

const JOBS = 4_000
const SETTLE_MS = 1_500

const [folder, wanted = ''] = process.argv.slice(2)
if (folder === undefined) throw new Error('expected a folder: npx tsx test/dashboard/screens.ts DIR [WORDS]')
await mkdir(folder, { recursive: true })
const opened = await openChromium()
if (opened === undefined) throw new Error('no Chromium')
const browser = opened
const whole = await builtPackage()
const dataDir = await mkdtemp(join(tmpdir(), 'tidewheel-screens-'))
const mongod = await startMongod({ dataDir, binary: (await findMongodBinary()).path })
const uriOf = (name: string) => mongod.uri.replace(/(\/\/[^/?]+)\/?/, `$1/${name}`)
const person = await MongoClient.connect(uriOf('screens'))
const of = (name: string): Collection<Loose> => person.db().collection<Loose>(name)

type Act = (page: Page) => Promise<void>

async function picture(
  site: Pick<Site, 'url'>,
  name: string,
  path: string,
  options: BrowserContextOptions = {},
  before?: Act,
) {
  if (wanted !== '' && !wanted.split(',').some(word => name.includes(word))) return
  const tab = await openTab(browser, `${site.url}${path}`, options)
  try {
    await tab.page.locator('.flow', { hasText: 'Live' }).first().waitFor({ state: 'attached' })
    await tab.page.waitForLoadState('load')
    const [, ready] = READY.find(([place]) => path.startsWith(place)) ?? []
    if (ready !== undefined && !name.startsWith('empty')) await tab.page.locator(ready).first().waitFor()
    await tab.page.waitForTimeout(SETTLE_MS)
    await before?.(tab.page)
    // What was asked for is read and drawn.
    if (before !== undefined) await tab.page.waitForTimeout(SETTLE_MS)
  } catch (error) {
    console.log(`${name}: ${error}`)
  }
  await tab.page.screenshot({ path: join(folder as string, `${name}.png`) })
  for (const complaint of tab.complaints) console.log(`${name}: ${complaint}`)
  await tab.close()
}

const VIEWS = {
  jobs: '/jobs',
  job: '/jobs/invoice-reminders',
  running: '/jobs/migrate-orders',
  wrong: '/jobs/cohort-report',
  run: '/runs/webhook-retry-0100',
  nodes: '/nodes',
  timeline: '/timeline',
  stats: '/stats',
  new: '/new',
}
/** What stands there when a view is read. */
const READY: readonly (readonly [string, string])[] = [
  ['/nodes', '.card-jobs li'],
  ['/timeline', '.lane-name'],
  ['/stats', '.wrong-now li'],
  ['/jobs/', '.definition'],
  ['/jobs', '.counts a'],
]
const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  light: {},
  dark: { colorScheme: 'dark' },
  narrow: { viewport: { width: 360, height: 780 } },
  forced: { forcedColors: 'active' },
}
const DARK = LOOKS.dark as BrowserContextOptions
const NARROW = LOOKS.narrow as BrowserContextOptions

const press =
  (...keys: readonly string[]): Act =>
  async page => {
    for (const key of keys) {
      await page.keyboard.press(key)
      await page.waitForTimeout(150)
    }
  }

const inAir: Act = async page => {
  const from = await page.locator('.card-jobs li').first().boundingBox()
  const to = await page.locator(`[data-card="${THERE}"]`).boundingBox()
  if (from === null || to === null) throw new Error('no card')
  await page.mouse.move(from.x + 90, from.y + 10)
  await page.mouse.down()
  await page.mouse.move(from.x + 120, from.y + 30, { steps: 4 })
  await page.mouse.move(to.x + 120, to.y + 150, { steps: 8 })
}

const crowd: Act = async page => {
  const canvas = await page.locator('canvas').boundingBox()
  if (canvas === null) throw new Error('no canvas')
  for (let x = canvas.width * 0.6; x < canvas.width - 10; x += 3) {
    await page.mouse.move(canvas.x + x, canvas.y + 60)
    if (await page.getByText(/\d\d runs due/).isVisible()) return
  }
}

/** What is seen for a moment, or seldom. */
async function moments(site: Pick<Site, 'url'>): Promise<void> {
  await picture(site, 'moment-bulk', '/jobs', {}, press('j', 'x', 'j', 'x', 'j', 'j', 'x', 'm'))
  await picture(site, 'moment-edited', '/jobs', {}, async () => {
    await of('jobs').updateOne({ _id: 'bounce-scan' }, { $set: { trigger: { type: 'interval', minutes: 12 } } })
  })
  await picture(site, 'moment-completion', '/jobs', DARK, async page => {
    await page.keyboard.press('/')
    await page.keyboard.type('tag:prod status:')
  })
  await picture(site, 'moment-palette', '/jobs', {}, async page => {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('pause inv')
  })
  await picture(site, 'moment-keys', '/jobs', {}, press('?'))
  await picture(site, 'moment-columns', '/jobs', {}, page => page.getByText('Columns', { exact: true }).click())
  await picture(site, 'moment-error', '/jobs/webhook-retry', {}, async page => {
    await page.getByText('SmtpError').first().click()
  })
  await picture(site, 'moment-wrong-hour', '/jobs/session-gc', {}, page => page.getByLabel('hour').first().fill('25'))
  await picture(site, 'moment-backfill', '/jobs/session-gc', {}, press('b'))
  await picture(site, 'moment-copy', '/jobs/session-gc', {}, press('y'))
  await picture(site, 'moment-air', '/nodes', {}, inAir)
  await picture(site, 'moment-drain', '/nodes', {}, async page => {
    await page.getByLabel(`What can be done with ${THERE}`).click()
    await page.getByRole('button', { name: /Drain/ }).first().click()
    await page
      .getByText(/Where they go|stay, because/)
      .first()
      .waitFor()
  })
  await picture(site, 'moment-evict', '/nodes', DARK, async page => {
    await page.getByLabel(`What can be done with ${THERE}`).click()
    await page.getByRole('button', { name: 'Evict' }).first().click()
  })
  await picture(site, 'moment-crowd', '/timeline', {}, crowd)
  await picture(site, 'moment-minute', '/timeline?span=60')
  await picture(site, 'moment-day', '/timeline?span=86400', DARK)
  await picture(site, 'moment-narrow-bulk', '/jobs', NARROW, async page => {
    await page.keyboard.press('j')
    await page.keyboard.press('x')
  })
  await picture(site, 'moment-conflict', '/jobs/payout-batch', {}, async page => {
    await page.getByLabel('Timeout').fill('30')
    await of('jobs').updateOne({ _id: 'payout-batch' }, { $set: { timeout: 90, description: 'theirs' } })
    await page.getByText('It was changed elsewhere meanwhile').waitFor()
    await page.keyboard.press('Control+s')
    await page.locator('.conflict').scrollIntoViewIfNeeded()
  })
}

try {
  const now = Date.now()
  await of('jobs').insertMany([...jobsOf(now, JOBS)], { ordered: false })
  const there = await startPageServer(whole, { uri: uriOf('screens'), ip: THERE, folder: dataDir })
  const site = await startPageServer(whole, { uri: uriOf('screens'), ip: HERE, folder: dataDir })
  await of('executions').insertMany([...rowsOf(now)])
  await of('nodes').insertMany([...nodesOf(now)])
  await of('jobs').insertMany([...wrongJobs()])
  for (const [look, options] of Object.entries(LOOKS)) {
    for (const [name, path] of Object.entries(VIEWS)) await picture(site, `${look}-${name}`, path, options)
  }
  await moments(site)
  const client = await whole.connect({ uri: uriOf('screens') })
  const viewers = await openSite(whole, { client, auth: () => ({ user: 'vera', role: 'viewer' }) })
  for (const name of ['jobs', 'job', 'nodes', 'stats'] as const) await picture(viewers, `viewer-${name}`, VIEWS[name])
  await viewers.close()
  await of('nodes')
    .insertMany([...manyNodes(now, 40)], { ordered: false })
    .catch(() => {})
  await picture(site, 'forty-nodes', '/nodes')
  await picture(site, 'forty-timeline', '/timeline')
  const nothing = await whole.connect({ uri: uriOf('empty') })
  const empty = await openSite(whole, { client: nothing })
  await picture(empty, 'empty-jobs', '/')
  await picture(empty, 'empty-nodes', '/nodes', DARK)
  await picture(empty, 'empty-narrow', '/', NARROW)
  await picture(empty, 'empty-stats', '/stats')
  await empty.close()
  await Promise.all([nothing.close(), client.close(), site.close(), there.close()])
} finally {
  await browser.close()
  await person.close()
  await mongod.stop()
  await rm(dataDir, { recursive: true, force: true })
}
