/** The dashboard in a real browser, on a real database with real nodes: what a person does there, and what the database then says.
 *  One browser and two nodes for all; each test looks through a tab of its own at jobs of its own, among 100,000 others. */
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Run, TidewheelNode } from '../../src/index.ts'
import { graveFindings } from '../support/axe.ts'
import { type BuiltPackage, builtPackage } from '../support/built-package.ts'
import { openChromium } from '../support/chromium.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { until } from '../support/node.ts'
import { openSite, openTab, type Site, type Tab } from '../support/page.ts'

const OTHERS = 100_000
const NEVER = new Date('2099-01-01T00:00:00Z')
const HERE = '10.7.0.1'
const THERE = '10.7.0.2'

type Loose = Record<string, unknown> & { _id: string }

const browser: Browser | undefined = await openChromium()
let whole: BuiltPackage
let db: TestDb
let nodes: readonly TidewheelNode[]
let site: Site
let tab: Tab
/** Runs of `talk` that go on: what they say, and how they end. */
const talking = new Map<string, { readonly say: (line: string) => void; readonly end: () => void }>()

const clientOf = () => (nodes[0] as TidewheelNode).client
const jobs = () => db.db.collection<Loose>('jobs')
const jobOf = async (id: string) => (await jobs().findOne({ _id: id })) as Loose & { ip?: string; tags?: string[] }

/** A person's plain insert. */
async function insert(...given: readonly Loose[]): Promise<void> {
  await jobs().insertMany(
    given.map(job => ({ func: 'note', trigger: { type: 'interval', hours: 1 }, ip: HERE, ...job })),
  )
}

async function look(path: string, at: Site = site, options: Parameters<typeof openTab>[2] = {}): Promise<Tab> {
  await tab?.close()
  tab = await openTab(browser as Browser, `${at.url}${path}`, options)
  return tab
}

const shows = (words: string | RegExp) => tab.page.getByText(words).first().waitFor()
const gone = (selector: string) => tab.page.locator(selector).first().waitFor({ state: 'detached' })
/** Each key when what the one before did is drawn, as it is for whoever looks before typing on. */
const press = async (...keys: readonly string[]) => {
  for (const key of keys) {
    await tab.page.keyboard.press(key)
    await tab.page.evaluate(
      'new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(null))))',
    )
  }
}
const button = (name: string | RegExp) => tab.page.getByRole('button', { name }).first()
const live = () => tab.page.locator('.flow', { hasText: 'Live' }).first().waitFor()

function talk({ job, signal, log }: Run): Promise<string> {
  return new Promise(resolve => {
    talking.set(job._id, { say: line => log.info(line), end: () => resolve('said') })
    signal.addEventListener('abort', () => resolve('aborted'))
  })
}

describe.skipIf(browser === undefined)('the dashboard', () => {
  beforeAll(async () => {
    whole = await builtPackage()
    db = await openTestDb()
    // They are planned already: an edit's plan need not wait for those of all others.
    const planned = { next_run_time: NEVER, trigger: 'of another version' }
    const others = Array.from({ length: OTHERS }, (_, i) => `other-${String(i).padStart(5, '0')}`).map((_id, i) => ({
      _id,
      state: { job: _id, planned },
      func: 'note',
      trigger: { type: 'interval' as const, hours: 1 },
      ip: i % 2 === 0 ? HERE : THERE,
      next_run_time: NEVER,
      standby: 'any',
      tags: ['others'],
    }))
    nodes = [HERE, THERE].map(ip =>
      whole.createNode({ uri: db.uri, ip, logger: false, tasks: { note: async () => 'noted', talk } }),
    )
    await jobs().insertMany(others, { ordered: false })
    for (const node of nodes) await node.start()
    site = await openSite(whole, { node: nodes[0] as TidewheelNode })
  })

  afterAll(async () => {
    await tab?.close()
    await browser?.close()
    await site?.close()
    await Promise.all((nodes ?? []).map(node => node.close()))
    await db?.close()
  })

  beforeEach(async () => {
    await jobs().deleteMany({ tags: { $ne: 'others' } })
  })

  afterEach(() => {
    for (const { end } of talking.values()) end()
    talking.clear()
  })

  test('one job is found among 100,000 as it is typed, and the address says what is shown', async () => {
    await insert({ _id: 'needle', tags: ['hay'], next_run_time: new Date(Date.now() + 60_000) })
    await look('/jobs')
    await tab.row('needle').waitFor()
    await press('/')
    await tab.page.keyboard.type('tag:others 12345')
    // A search that took too long, as on a busy machine, is offered again.
    const again = button('Try again')
    await until(async () => {
      // It may be gone before it is clicked.
      if (await again.isVisible()) await again.click({ timeout: 1_000 }).catch(() => {})
      expect(await tab.row('other-12345').isVisible()).toBe(true)
    }, 30_000)
    await until(async () => expect(await tab.page.locator('a.job-name').allTextContents()).toEqual(['other-12345']))
    expect(new URL(tab.page.url()).searchParams.get('tag')).toBe('others')
    expect(new URL(tab.page.url()).searchParams.get('search')).toBe('12345')
    await press('Enter', 'j', 'Enter')
    await tab.page.getByRole('heading', { level: 1, name: 'other-12345' }).waitFor()
    // The browser's own word for that offer.
    expect(tab.complaints.filter(text => !/ 400 .*[?&]search=/.test(text))).toEqual([])
  })

  test('a row that is dragged onto a node moves there, and z moves it back', async () => {
    await insert({ _id: 'carried', tags: ['drag'] })
    await look('/jobs?tag=drag')
    const from = await tab.row('carried').locator('.c-schedule').boundingBox()
    const to = await tab.page.locator(`.rail [data-node="${THERE}"]`).boundingBox()
    if (from === null || to === null) throw new Error('nothing to drag')
    await tab.page.mouse.move(from.x + 10, from.y + 10)
    await tab.page.mouse.down()
    await tab.page.mouse.move(from.x - 40, from.y + 20, { steps: 3 })
    await tab.page.mouse.move(to.x + 20, to.y + to.height / 2, { steps: 4 })
    await shows(`Move 1 job to ${THERE}`)
    expect((await jobOf('carried')).ip).toBe(HERE)
    await tab.page.mouse.up()
    await until(async () => expect((await jobOf('carried')).ip).toBe(THERE))
    await shows(`carried moved to ${THERE}.`)
    await press('z')
    await until(async () => expect((await jobOf('carried')).ip).toBe(HERE))
    expect(tab.complaints).toEqual([])
  })

  test('the keyboard alone moves a job: Space, an arrow, Enter; and Escape puts it back', async () => {
    await insert({ _id: 'typed', tags: ['keys'] })
    await look('/jobs?tag=keys')
    await tab.row('typed').waitFor()
    await press('j', 'Space')
    await shows(`Move 1 job to ${THERE}`)
    await press('Escape')
    await gone('.in-hand')
    expect((await jobOf('typed')).ip).toBe(HERE)
    await press('Space')
    await shows(`Move 1 job to ${THERE}`)
    await press('ArrowDown')
    await shows(`Move 1 job to ${THERE}`)
    await press('Enter')
    await until(async () => expect((await jobOf('typed')).ip).toBe(THERE))
  })

  test('an edit by a plain driver is seen at once, by an event, the old value struck through', async () => {
    await insert({ _id: 'edited', tags: ['edits'] })
    await look('/jobs?tag=edits')
    await tab.row('edited').waitFor()
    await live()
    await tab.row('edited').hover()
    // What the page reads when its stream opens has been read when a first edit is seen.
    await jobs().updateOne({ _id: 'edited' }, { $set: { trigger: { type: 'interval', minutes: 6 } } })
    await tab.row('edited').locator('ins', { hasText: '6 min' }).waitFor({ timeout: 5_000 })
    expect(await tab.row('edited').locator('del').textContent()).toBe('every hour')
    const asked: string[] = []
    tab.page.on('request', request => asked.push(new URL(request.url()).pathname))
    await jobs().updateOne({ _id: 'edited' }, { $set: { trigger: { type: 'interval', minutes: 7 } } })
    await tab.row('edited').locator('ins', { hasText: '7 min' }).waitFor({ timeout: 5_000 })
    // That one row was read again, the list was not.
    expect(asked).toContain('/api/jobs/edited')
    expect(asked).not.toContain('/api/jobs')
  })

  test('p pauses the row of the keyboard, the reason stands where its next run stood, and z wakes it', async () => {
    await insert({ _id: 'sleeper', tags: ['pause'] })
    await look('/jobs?tag=pause')
    await until(async () => expect((await jobOf('sleeper')).next_run_time).toBeInstanceOf(Date))
    const before = (await jobOf('sleeper')).next_run_time
    await tab.row('sleeper').locator('time').first().waitFor()
    await press('j', 'p')
    await until(async () => expect((await jobOf('sleeper')).next_run_time).toBeNull())
    await tab.row('sleeper').locator('.c-next', { hasText: 'paused' }).waitFor()
    await press('z')
    await until(async () => expect((await jobOf('sleeper')).next_run_time).toEqual(before))
  })

  test('a wrong trigger is named beside its field and cannot be saved; a right one can', async () => {
    await insert({ _id: 'formed', trigger: { type: 'cron', hour: '5-18' } })
    await look('/jobs/formed')
    const hour = tab.page.getByLabel('hour', { exact: true })
    await hour.fill('5-25')
    await tab.page.locator('.form-row.wrong .problem').waitFor()
    expect(await hour.getAttribute('aria-invalid')).toBe('true')
    expect(await button('Save').isDisabled()).toBe(true)
    expect((await jobOf('formed')).trigger).toEqual({ type: 'cron', hour: '5-18' })
    await hour.fill('5-19')
    await gone('.form-row.wrong')
    await press('Control+s')
    await until(async () => expect((await jobOf('formed')).trigger).toEqual({ type: 'cron', hour: '5-19' }))
    await shows('formed saved: trigger.')
    expect(tab.complaints).toEqual([])
  })

  test('an edit that meets another shows both, and overwrites only the fields that were changed here', async () => {
    await insert({ _id: 'both', timeout: 10 })
    await look('/jobs/both')
    await tab.page.getByLabel('Timeout').fill('30')
    await jobs().updateOne({ _id: 'both' }, { $set: { description: 'theirs' } })
    await shows('It was changed elsewhere meanwhile: both are shown before saving.')
    await press('Control+s')
    await tab.page.locator('.conflict', { hasText: 'theirs' }).waitFor()
    expect((await jobOf('both')).timeout).toBe(10)
    await button('Save yours').click()
    await until(async () => expect(await jobOf('both')).toMatchObject({ timeout: 30, description: 'theirs' }))
    await gone('.conflict')
  })

  test('many are paused after a preview that counts them, and one undo wakes them all', async () => {
    await insert(...['a', 'b', 'c'].map(end => ({ _id: `many-${end}`, tags: ['many'] })), {
      _id: 'lone',
      tags: ['one'],
    })
    await look('/jobs?tag=many&sort=_id')
    await tab.row('many-c').waitFor()
    const armed = () => jobs().countDocuments({ tags: 'many', next_run_time: { $type: 'date' } })
    await until(async () => expect(await armed()).toBe(3))
    await tab.page.getByLabel('All loaded rows').check()
    await press('p')
    await button('Pause 3 jobs').waitFor()
    expect(await armed()).toBe(3)
    await press('Enter')
    await until(async () => expect(await armed()).toBe(0))
    await shows('3 jobs paused.')
    await press('z')
    await until(async () => expect(await armed()).toBe(3))
    expect((await jobOf('lone')).next_run_time).not.toBeNull()
  })

  test('with all that match chosen, one row can be taken out, and only the others are paused', async () => {
    await insert(...['a', 'b', 'c'].map(end => ({ _id: `but-${end}`, tags: ['but'] })))
    await look('/jobs?tag=but&sort=_id')
    await tab.row('but-c').waitFor()
    await press('j', 'a')
    await shows('3 selected')
    await tab.page.getByLabel('Select but-b').uncheck()
    await shows('2 selected')
    await press('p')
    await button('Pause 2 jobs').click()
    await until(async () => expect(await jobs().countDocuments({ tags: 'but', next_run_time: null })).toBe(2))
    expect((await jobOf('but-b')).next_run_time).not.toBeNull()
  })

  test('the log of a run is followed while it goes on, and the run can be cancelled', async () => {
    await insert({ _id: 'talker', func: 'talk', run_at: [new Date()] })
    await until(() => expect(talking.has('talker')).toBe(true))
    await look('/jobs/talker')
    await tab.page.locator('.run-list, .runs').first().waitFor()
    talking.get('talker')?.say('first words')
    const row = await until(async () => {
      const found = await db.db.collection<Loose>('executions').findOne({ job_id: 'talker' })
      expect(found).not.toBeNull()
      return found as Loose
    })
    await look(`/runs/${row._id}`)
    await shows('first words')
    talking.get('talker')?.say('more, while you look')
    await shows('more, while you look')
    await button('Cancel run').click()
    await tab.page.locator('h1 .status', { hasText: 'cancelled' }).waitFor()
    await until(async () =>
      expect(await db.db.collection<Loose>('executions').findOne({ _id: row._id })).toMatchObject({
        status: 'cancelled',
      }),
    )
  })

  test('a drain says first how many jobs would go where, and undo ends it', async () => {
    await insert({ _id: 'pinned', ip: THERE, standby: [] })
    await look('/nodes')
    const card = tab.page.locator(`[data-card="${THERE}"]`)
    await card.getByLabel(`What can be done with ${THERE}`).click()
    await card.getByRole('button', { name: /Drain/ }).click()
    const sheet = tab.page.getByRole('dialog', { name: `Drain ${THERE}` })
    await sheet.getByText(/jobs go, 1 stays?\./).waitFor()
    await sheet.getByText('pinned').waitFor()
    await sheet.getByRole('button', { name: /Not now/ }).click()
    await sheet.waitFor({ state: 'detached' })
    expect(await nodes[1]?.client.nodes.list()).toContainEqual(
      expect.objectContaining({ _id: THERE, status: 'active' }),
    )
  })

  test('keys that come faster than frames are heeded by the view they lead to, and a menu goes when its choice comes', async () => {
    await look('/jobs')
    await live()
    await until(async () => (await tab.page.locator('.rail-node').count()) >= 2)
    // All before the browser draws once.
    await tab.page.evaluate(`(async () => {
      for (const key of ['g', 'n', 'd']) {
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
        for (let turn = 0; turn < 20; turn++) await null
      }
    })()`)
    await shows(`Drain ${HERE}`)
    await press('Escape')
    await tab.page.getByLabel(`What can be done with ${THERE}`).click()
    await button(/^Drain/).click()
    await shows(`Drain ${THERE}`)
    expect(await tab.page.locator('details[open]').count()).toBe(0)
  })

  test('views that were left leave nothing behind in memory', async () => {
    await look('/jobs')
    await tab.page.locator('a.job-name').first().waitFor()
    const cdp = await tab.page.context().newCDPSession(tab.page)
    await cdp.send('Performance.enable')
    const held = async () => {
      await cdp.send('HeapProfiler.collectGarbage')
      const { metrics } = await cdp.send('Performance.getMetrics')
      return metrics.find(({ name }) => name === 'Nodes')?.value ?? Number.NaN
    }
    const round = async () => {
      for (const [key, place] of Object.entries({ n: '.cards', t: 'canvas', o: '.overview-view', j: 'a.job-name' })) {
        await press('g', key)
        await tab.page.locator(place).first().waitFor()
      }
    }
    const before = await held()
    for (let i = 0; i < 4; i++) await round()
    await until(async () => (await held()) < before * 1.4)
  })

  test('the overview tells of a node whose lease has ended, and shows the way to it', async () => {
    const row = { _id: '10.7.0.66', incarnation: 'gone', lease: 15_000, seen: new Date(Date.now() - 60_000) }
    await db.db.collection<Loose>('nodes').insertOne({ ...row, status: 'active' })
    await look('/stats')
    await shows(/10\.7\.0\.66 is silent since/)
    await db.db.collection<Loose>('nodes').deleteOne({ _id: row._id })
  })

  test('the overview draws its plots, also where the browser has no locale', async () => {
    await look('/stats')
    await until(async () => expect(await tab.page.locator('.plot canvas').count()).toBe(4))
    expect(tab.complaints).toEqual([])
  })

  test('when the server goes away the page says so, and when it comes back it shows what happened meanwhile', async () => {
    const other = await openSite(whole, { node: nodes[0] as TidewheelNode })
    try {
      await insert({ _id: 'meanwhile', tags: ['away'] })
      await look('/jobs?tag=away', other)
      await tab.row('meanwhile').waitFor()
      await live()
      await other.goAway()
      await tab.page.locator('.flow', { hasText: 'Reconnecting' }).first().waitFor()
      await jobs().updateOne({ _id: 'meanwhile' }, { $set: { trigger: { type: 'interval', minutes: 9 } } })
      await other.comeBack()
      await live()
      await tab.row('meanwhile').getByText(/9 min/).first().waitFor()
    } finally {
      await tab.close()
      await other.close()
    }
  })

  test('a viewer sees the same jobs and no way to change them', async () => {
    await insert({ _id: 'seen', tags: ['viewed'] })
    const other = await openSite(whole, { client: clientOf(), auth: () => ({ user: 'vera', role: 'viewer' }) })
    try {
      await look('/jobs?tag=viewed', other)
      await tab.row('seen').waitFor()
      await shows('You may look, not change.')
      expect(await tab.page.locator('input[type=checkbox][aria-label^="Select"]').count()).toBe(0)
      expect(await tab.page.getByRole('button', { name: 'New job' }).count()).toBe(0)
      await press('j', 'p', 'Space')
      await tab.page.locator('.in-hand, .notice').first().waitFor({ state: 'detached' })
      await tab.page.goto(`${other.url}/jobs/seen`)
      await shows('you may look and copy')
      expect(await tab.page.getByRole('button', { name: /^(Pause|Run now|Move|Remove|Save)/ }).count()).toBe(0)
      expect((await jobOf('seen')).next_run_time).not.toBeNull()
      expect(tab.complaints).toEqual([])
    } finally {
      await tab.close()
      await other.close()
    }
  })

  test('read-only is said, and offers an admin no more than a viewer', async () => {
    await insert({ _id: 'fixed', tags: ['fixed'] })
    const other = await openSite(whole, { client: clientOf(), readOnly: true })
    try {
      await look('/jobs?tag=fixed', other)
      await tab.row('fixed').waitFor()
      await tab.page.locator('.flow', { hasText: 'read-only' }).first().waitFor()
      expect(await tab.page.locator('table.jobs input[type=checkbox]').count()).toBe(0)
    } finally {
      await tab.close()
      await other.close()
    }
  })

  test('below a base path every view works from its own address, and links stay below it', async () => {
    await insert({ _id: 'a/b c', tags: ['based'] })
    const other = await openSite(whole, { client: clientOf(), basePath: '/x' })
    try {
      await look('/jobs?tag=based', other)
      await tab.row('a/b c').locator('a.job-name').click()
      await tab.page.getByRole('heading', { level: 1, name: 'a/b c' }).waitFor()
      expect(new URL(tab.page.url()).pathname).toBe('/x/jobs/a%2Fb%20c')
      await tab.page.reload()
      await tab.page.getByRole('heading', { level: 1, name: 'a/b c' }).waitFor()
      for (const path of ['/nodes', '/timeline', '/stats', '/new']) {
        await tab.page.goto(`${other.url}${path}`)
        await tab.page.locator('main h1').first().waitFor()
      }
      await live()
      expect(tab.complaints).toEqual([])
    } finally {
      await tab.close()
      await other.close()
    }
  })

  test('without a job the page says how to insert one, and shows it as it is written', async () => {
    const empty = await openTestDb()
    const client = await whole.connect({ uri: empty.uri })
    const other = await openSite(whole, { client })
    try {
      await look('/', other)
      await shows('No jobs yet. Insert one.')
      await live()
      await empty.db.collection<Loose>('jobs').insertOne({
        _id: 'hello',
        func: 'note',
        trigger: { type: 'interval', seconds: 10 },
      })
      await tab.row('hello').waitFor()
    } finally {
      await tab.close()
      await other.close()
      await client.close()
      await empty.close()
    }
  })

  // What a viewer does not see is absent: other views hold the same for both.
  const paths = {
    admin: ['/jobs/heard', '/nodes', '/timeline', '/stats', '/new'],
    viewer: ['/jobs/heard', '/nodes'],
  }
  for (const [role, colorScheme] of [
    ['admin', 'light'],
    ['admin', 'dark'],
    ['viewer', 'light'],
    ['viewer', 'dark'],
  ] as const) {
    test(`axe finds nothing serious in any view, for ${role} in ${colorScheme}`, async () => {
      await insert(
        { _id: 'heard', tags: ['axe'], run_at: [new Date()] },
        { _id: 'broken', tags: ['axe'], trigger: { type: 'cron', hour: 25 } },
        { _id: 'asleep', tags: ['axe'], next_run_time: null, note: 'until Monday' },
        { _id: 'stranded', tags: ['axe'], ip: '10.7.0.9' },
      )
      const ran = await until(async () => {
        const row = await db.db.collection<Loose>('executions').findOne({ job_id: 'heard', status: 'executed' })
        expect(row).not.toBeNull()
        return row as Loose
      }, 30_000)
      const other = await openSite(whole, { client: clientOf(), auth: () => ({ user: 'ada', role }) })
      try {
        await look('/jobs?tag=axe', other, { colorScheme })
        const found: string[] = []
        const judge = async (what: string) =>
          found.push(...(await graveFindings(tab.page)).map(finding => `${what}: ${finding}`))
        await tab.row('heard').waitFor()
        await press('j', 'x')
        await judge('/jobs?tag=axe')
        for (const path of [...paths[role], `/runs/${ran._id}`]) {
          await tab.page.goto(`${other.url}${path}`)
          await tab.page.locator('main h1, main h2').first().waitFor()
          await tab.page.locator('.flow', { hasText: 'Live' }).first().waitFor()
          await judge(path)
        }
        await press('?')
        await tab.page.getByRole('dialog').waitFor()
        await judge('keys')
        expect(found).toEqual([])
      } finally {
        await tab.close()
        await other.close()
      }
    })
  }
})
