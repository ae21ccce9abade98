/** Moving in from APScheduler 3, held against the real one: stores of every kind with every kind of trigger are exported and imported,
 *  and the run times of each job are those that APScheduler itself computes, but for the defects that are not copied, which are named.
 *  Three of the Python functions are then run by a node. */
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Execution } from '../../src/index.ts'
import { nextFireTime, type Trigger } from '../../src/trigger/trigger.ts'
import { called } from '../support/called.ts'
import { endAll, runCli } from '../support/cli.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { startNodes, until } from '../support/node.ts'
import { endPythons, type Python, pythonWith } from '../support/python.ts'

const PACKAGES = [
  'APScheduler>=3.11,<4',
  'Flask-APScheduler',
  'django-apscheduler',
  'SQLAlchemy',
  'pymongo',
  'fakeredis',
  'pytz',
]
const root = fileURLToPath(new URL('../..', import.meta.url))
const exporter = join(root, 'scripts', 'export_apscheduler.py')

interface Made {
  readonly stores: {
    readonly sqlalchemy: string
    readonly mongodb: readonly [uri: string, database: string]
    readonly redis: string
    readonly django: string
    readonly pickles: { readonly states: string; readonly jobs: string; readonly pinned: string }
    readonly flask: string
  }
  /** By id, what APScheduler makes of each job; `chain`: the run times after the next one. */
  readonly jobs: Readonly<Record<string, { readonly next_run_time: string | null; readonly chain: readonly string[] }>>
}

interface Line {
  readonly id: string
  readonly trigger: Trigger | null
  readonly next_run_time: string | null
  readonly args: readonly unknown[]
  readonly lost: readonly string[]
}

let python: Python
let made: Made
let testDb: TestDb
let folder: string
/** What the exporter writes of the SQLAlchemy store. */
let exported: string

const exportFrom = async (args: readonly string[], options = {}) => {
  const { code, stdout, stderr } = await python.run([exporter, ...args], options)
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^\d+ jobs/)])
  return stdout
}
const linesOf = (text: string): readonly Line[] =>
  text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
const byId = (text: string) => new Map(linesOf(text).map(line => [line.id, line]))
const sorted = (text: string) => text.trim().split('\n').sort()
const ms = (iso: string) => Date.parse(iso)
const jobs = () => testDb.db.collection<{ _id: string; next_run_time?: Date | null; trigger: Trigger }>('jobs')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel moving '))
  testDb = await openTestDb()
  python = await pythonWith(PACKAGES)
  const stores = join(root, 'test', 'support', 'apscheduler_stores.py')
  made = JSON.parse(await python.firstLine([stores, folder, testDb.uri]))
  exported = await exportFrom(['--sqlalchemy', made.stores.sqlalchemy])
  await writeFile(join(folder, 'jobs.jsonl'), exported)
}, 300_000)

afterEach(endAll)

afterAll(async () => {
  await endPythons()
  await testDb.close()
  await rm(folder, { recursive: true, force: true })
})

describe('the exporter', () => {
  test('says the same of every kind of store, though nothing of the application can be imported', async () => {
    const { mongodb, redis, django, pickles } = made.stores
    const [uri, database] = mongodb
    const wanted = sorted(exported)
    expect(wanted).toHaveLength(Object.keys(made.jobs).length)
    const others = await Promise.all([
      exportFrom(['--mongodb', uri, '--database', database, '--collection', 'aps_jobs']),
      exportFrom(['--redis', redis]),
      exportFrom(['--sqlalchemy', django, '--django']),
      // These need no package at all.
      exportFrom(['--pickle', pickles.states], { bare: true }),
      exportFrom(['--pickle', pickles.jobs], { bare: true }),
    ])
    for (const other of others) expect(sorted(other)).toEqual(wanted)
  })

  test('asks the routes of Flask-APScheduler with a password, and says what they do not show', async () => {
    const { flask } = made.stores
    const refused = await python.run([exporter, '--flask', flask], { bare: true })
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/401/)])
    const shown = byId(
      await exportFrom(['--flask', flask, '--auth', 'ann:sea', '--timezone', 'Europe/Berlin'], { bare: true }),
    )
    const whole = byId(exported)
    // All but the job whose arguments the routes cannot show themselves.
    expect([...shown.keys()].sort()).toEqual([...whole.keys()].filter(id => id !== 'lossy').sort())
    expect(shown.get('cron')).toMatchObject({
      trigger: { type: 'cron', hour: '8', minute: '30', timezone: 'Europe/Berlin' },
      lost: ['the routes do not show coalesce and executor; the defaults are taken', 'the routes do not show jitter'],
    })
    expect(shown.get('interval')?.trigger).toMatchObject({ type: 'interval', hours: 1, minutes: 30 })
    expect(ms(shown.get('interval')?.next_run_time ?? '')).toBe(ms(whole.get('interval')?.next_run_time ?? ''))
    expect(shown.get('date-pytz')?.trigger).toMatchObject({ type: 'date', run_date: '2027-11-07T01:30:00-05:00' })
    expect(shown.get('paused')?.next_run_time).toBeNull()
    expect(shown.get('typed')?.args).toEqual(whole.get('typed')?.args)
    expect(shown.get('cron-offset')).toMatchObject({
      trigger: { timezone: 'Etc/GMT+3' },
      lost: expect.arrayContaining([expect.stringMatching(/is not in Europe\/Berlin; Etc\/GMT\+3 is taken/)]),
    })
    expect(shown.get('or')).toMatchObject({
      trigger: null,
      lost: [expect.anything(), expect.stringMatching(/^the routes show its trigger only as or\[/)],
    })
  })

  test('says of each job what it cannot keep, and of most jobs nothing', () => {
    const lines = byId(exported)
    expect(lines.get('lossy')?.lost).toEqual([
      'args[0] is a datetime.date; it becomes ISO text',
      'args[1] is bytes; it becomes text in base64',
      'args[2] is an object of the class __main__.Order; it becomes null',
      'args[3] is a tuple; it becomes a list',
      'args[4] is a decimal.Decimal; it becomes text',
      'args[5] is a whole number beyond 2^53; it becomes text',
      'kwargs.by has the key 1, which becomes text',
      'kwargs.rest is a set; it becomes a list',
    ])
    expect(lines.get('lossy')?.args).toEqual(['2027-01-01', 'AP8=', null, [1, 2], '1.10', String(2n ** 60n)])
    expect(
      [...lines.values()]
        .filter(({ lost }) => lost.length > 0)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['calendar-odd', 'lossy', 'own-trigger'])
  })

  test('keeps the ip that a descendant of APScheduler pins a job to', async () => {
    const [first, second] = linesOf(await exportFrom(['--pickle', made.stores.pickles.pinned], { bare: true }))
    expect([first, second]).toEqual([
      expect.objectContaining({ ip: '10.0.0.7' }),
      expect.not.objectContaining({ ip: '10.0.0.7' }),
    ])
  })

  test('a store that is not there ends with a sentence and exit 1', async () => {
    const refused = async (args: readonly string[], sentence: RegExp) => {
      const { code, stdout, stderr } = await python.run([exporter, ...args])
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(sentence)])
    }
    await Promise.all([
      refused(['--sqlalchemy', 'sqlite:///nowhere.sqlite'], /there is no file nowhere\.sqlite/),
      refused(['--sqlalchemy', made.stores.sqlalchemy, '--table', 'other'], /no such table: other/),
      refused(['--pickle', join(folder, 'nowhere.pickle')], /No such file/),
    ])
  })
})

describe('run times', () => {
  /** Ours, in the same number as theirs: those that follow the next run time. */
  const following = ({ trigger, next_run_time }: Line, count: number) => {
    const times: number[] = []
    let last = next_run_time === null ? null : new Date(ms(next_run_time))
    while (last !== null && times.length < count) {
      last = nextFireTime(trigger as Trigger, last, last)
      if (last !== null) times.push(last.getTime())
    }
    return times
  }

  /** Where ours are others on purpose: each is a defect of APScheduler. */
  const DEFECTS = ['cron-spring', 'cron-autumn', 'and', 'and-later', 'or-drift'] as const
  const WITHOUT = ['calendar-odd', 'own-trigger']

  test('the ten that follow are those of APScheduler, for each kind of trigger', () => {
    const compared = linesOf(exported).filter(
      ({ id }) => !(DEFECTS as readonly string[]).includes(id) && !WITHOUT.includes(id) && id !== 'paused',
    )
    expect(compared.length).toBeGreaterThanOrEqual(25)
    const theirs = Object.fromEntries(compared.map(({ id }) => [id, made.jobs[id]?.chain.map(ms)]))
    // Their chain may be over before ten; then so is ours.
    const ours = Object.fromEntries(compared.map(line => [line.id, following(line, 10)]))
    expect(ours).toEqual(theirs)
  })

  test('the first is that of the store, to the millisecond, also where a trigger begins anew', () => {
    for (const { id, trigger, next_run_time } of linesOf(exported)) {
      const known = made.jobs[id]?.next_run_time ?? null
      expect([id, next_run_time === null ? null : ms(next_run_time)]).toEqual([id, known === null ? null : ms(known)])
      if (trigger === null || next_run_time === null) continue
      // Asked from that very moment on, the trigger fires then: it is on the trigger's grid.
      const moment = new Date(ms(next_run_time))
      expect([id, nextFireTime(trigger, null, moment)]).toEqual([id, moment])
    }
  })

  test('defect not copied: a job in the first hour of the day does not skip the day after summer time began', () => {
    const line = byId(exported).get('cron-spring') as Line
    const theirs = made.jobs['cron-spring']?.chain.map(ms) ?? []
    const lost = ms('2027-03-15T07:00:00Z')
    expect(theirs).not.toContain(lost)
    expect(following(line, 11)).toEqual([theirs[0], lost, ...theirs.slice(1)])
  })

  test('defect not copied: a job in the repeated hour does not run twice when summer time ends', () => {
    const line = byId(exported).get('cron-autumn') as Line
    const theirs = made.jobs['cron-autumn']?.chain.map(ms) ?? []
    const second = ms('2027-11-07T09:30:00Z')
    expect(theirs.slice(0, 2)).toEqual([ms('2027-11-07T08:30:00Z'), second])
    expect(following(line, 9)).toEqual(theirs.filter(time => time !== second))
  })

  test('defect not copied: an and of triggers goes on after its first run', () => {
    const lines = byId(exported)
    expect(following(lines.get('and-later') as Line, 3)).toEqual(
      ['12:06', '12:12', '12:18'].map(time => ms(`2027-01-15T${time}:00Z`)),
    )
    const fridays = following(lines.get('and') as Line, 4).map(time => new Date(time))
    expect(fridays).toHaveLength(4)
    for (const day of fridays) expect([day.getUTCDay(), day.getUTCDate()]).toEqual([5, 13])
  })

  test('defect not copied: an or does not move the grid of its interval', () => {
    const line = byId(exported).get('or-drift') as Line
    const hours = (times: readonly number[]) => times.map(time => new Date(time).getUTCHours())
    expect(hours(following(line, 6))).toEqual([13, 18, 0, 6, 12, 13])
    // After the run at 13:00 its interval goes on from there.
    expect(hours(made.jobs['or-drift']?.chain.slice(0, 3).map(ms) ?? [])).toEqual([13, 19, 1])
  })
})

describe('tidewheel import apscheduler', () => {
  const env = () => ({ MONGODB_URI: testDb.uri })
  const importing = (...args: readonly string[]) =>
    called(['import', 'apscheduler', join(folder, 'jobs.jsonl'), ...args], env())
  const stored = async () => new Map((await jobs().find().toArray()).map(job => [job._id, job]))

  test('every job that can be is stored; what is lost is said job by job; twice changes nothing', async () => {
    const workspace = join(folder, 'app')
    await mkdir(workspace)
    // So that MongoDB itself checks what is stored.
    await called(['init', '--quiet'], env())
    const tried = await importing('--workspace', workspace, '--dry-run', '--json')
    expect(tried.code).toBe(0)
    expect(await jobs().countDocuments()).toBe(0)
    await expect(stat(join(workspace, 'run_func.py'))).rejects.toThrow(/ENOENT/)

    const { code, stdout, stderr } = await runCli(['import', 'apscheduler', '-', '--workspace', workspace, '--json'], {
      env: env(),
      input: exported,
    })
    expect([code, stderr]).toEqual([0, expect.stringMatching(/31 of the jobs had the default of one second/)])
    const answer = JSON.parse(stdout)
    expect(answer.jobs).toEqual(JSON.parse(tried.stdout).jobs)
    const lines = linesOf(exported)
    const whole = lines.filter(({ trigger }) => trigger !== null)
    expect(answer.jobs.map(({ _id }: { _id: string }) => _id)).toEqual(whole.map(({ id }) => id))
    const said = answer.skipped.map(({ text, why }: { text: string; why: string }) => [text, why])
    expect(said).toEqual(
      lines.flatMap(({ id, lost }) => [
        ...lost.map(sentence => [id, sentence]),
        ...(id === 'lossy'
          ? [[id, 'executor: it ran in reports; here the executor script runs it, with a limit of its own']]
          : []),
      ]),
    )

    const documents = await stored()
    for (const { id, next_run_time } of whole) {
      const wanted = next_run_time === null ? null : new Date(ms(next_run_time))
      expect([id, documents.get(id)?.next_run_time]).toEqual([id, wanted])
    }
    expect(documents.get('cron')).toEqual({
      _id: 'cron',
      name: 'The cron',
      executor: 'script',
      func: 'run_func.py',
      args: ['chores:report'],
      trigger: { type: 'cron', hour: '8', minute: '30', timezone: 'Europe/Berlin' },
      next_run_time: new Date('2027-01-16T07:30:00Z'),
      x_applied: expect.anything(),
    })
    expect(documents.get('typed')).toMatchObject({ misfire_grace_time: 300, coalesce: false, max_instances: 3 })
    expect(documents.get('later')).toMatchObject({ misfire_grace_time: null })

    const again = await importing('--workspace', workspace, '--json')
    expect(JSON.parse(again.stdout)).toMatchObject({ added: [], changed: [], removed: [], unchanged: whole.length })
    expect(await stored()).toEqual(documents)
  })

  test('a node runs the Python functions: arguments keep their types, what is raised fails the run', async () => {
    const workspace = join(folder, 'app')
    await copyFile(join(root, 'test', 'support', 'chores.py'), join(workspace, 'chores.py'))
    const { nodes, executions, close } = await startNodes({ uri: testDb.uri, workspace })
    try {
      for (const id of ['typed', 'failing', 'later']) await nodes[0]?.jobs.run(id)
      const rowOf = (id: string) =>
        until(async () => {
          const row = (await executions.findOne({
            job_id: id,
            status: { $ne: 'started' },
          })) as unknown as Execution | null
          expect(row).not.toBeNull()
          return row as Execution
        }, 20_000)
      expect(await rowOf('typed')).toMatchObject({
        status: 'executed',
        result: {
          types: ['int', 'str', 'float', 'bool', 'NoneType', 'list', 'str'],
          args: [7, '7', 2.5, true, null, ['a', { b: '' }], 'zoë "quoted" $HOME'],
          kwargs: { when: 'now', deep: { n: [1, '1'] } },
        },
      })
      expect(await rowOf('failing')).toMatchObject({
        status: 'error',
        exception: expect.stringMatching(/ValueError: the till is empty$/),
        traceback: expect.stringMatching(/chores\.py", line \d+, in fail/),
      })
      expect(await rowOf('later')).toMatchObject({ status: 'executed', result: 'after 20 ms' })
    } finally {
      await close()
    }
  })

  test('functions with a task here become plain jobs, and the interpreter is the one that is named', async () => {
    await jobs().deleteMany({})
    const workspace = join(folder, 'other')
    await mkdir(workspace)
    const map = join(folder, 'functions.json')
    await writeFile(map, JSON.stringify({ 'chores:report': 'shop:report' }))
    const flags = ['--func-map', map, '--workspace', workspace, '--script', 'py/call.py', '--python', 'python3.99']
    const { code } = await importing(...flags, '--ip', '10.0.0.7', '--prefix', 'shop')
    expect(code).toBe(0)
    const documents = await stored()
    expect(documents.get('shop-typed')).toMatchObject({
      func: 'shop:report',
      args: [7, '7', 2.5, true, null, ['a', { b: '' }], 'zoë "quoted" $HOME'],
      kwargs: { when: 'now', deep: { n: [1, '1'] } },
      ip: '10.0.0.7',
    })
    expect(documents.get('shop-typed')).not.toHaveProperty('executor')
    expect(documents.get('shop-lossy')).toMatchObject({ executor: 'reports' })
    expect(documents.get('shop-failing')).toMatchObject({
      executor: 'script',
      func: 'py/call.py',
      args: ['chores:fail', ['the till is empty']],
    })
    expect(await readFile(join(workspace, 'py', 'call.py'), 'utf8')).toMatch(/^#!\/usr\/bin\/env python3\.99\n/)
  })

  test('a wrong map or script path is exit 2, and nothing is stored', async () => {
    await jobs().deleteMany({})
    const map = join(folder, 'wrong.json')
    await writeFile(map, '{"chores:report": 7}')
    for (const [flags, sentence] of [
      [['--func-map', map], /--func-map: .*wrong\.json: expected an object of names/],
      [['--func-map', join(folder, 'nowhere.json')], /ENOENT/],
      [['--script', '../run_func.py'], /--script: expected a path below the workspace/],
    ] as const) {
      const { code, stderr } = await importing(...flags)
      expect([code, stderr]).toEqual([2, expect.stringMatching(sentence)])
    }
    expect(await jobs().countDocuments()).toBe(0)
  })
})
