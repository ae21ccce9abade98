/** The real Flask-APScheduler and ours are asked the same, one after the other, and answer the same: status, and each field of each
 *  job, times as instants. Where ours answers otherwise on purpose, the row says what both answer and why. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { type Answered, type Asking, askAt, serveApp } from '../support/http.ts'
import { openTestDb } from '../support/mongo.ts'
import { type Nodes, startNodes } from '../support/node.ts'
import { endPythons, pythonWith } from '../support/python.ts'

const PACKAGES = ['flask-apscheduler==1.13.1', 'flask==3.1.3', 'apscheduler==3.11.3']
const FUNC = 'flask_server:note'
const LATER = '2099-01-31T08:00:00'
const START = '2099-01-31 08:00:00'

/** Of every job, beside what Flask-APScheduler shows. */
const MORE = ['coalesce', 'executor', 'ip', 'standby', 'tags', 'timezone']

/** What differs in every answer, and why. */
const ALWAYS = {
  misfire_grace_time: 'late rather than never: 60 s where nothing is said, theirs is 1 s',
  error_message: 'sentences of ours, with a code; compared is that there is one',
  order: 'all jobs come by id, in pages of an index; theirs by next run time',
  offset: 'every time of a job has the offset of its zone; theirs keeps the one of a date that was given with its own',
}

interface Row {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  /** Of both. */
  readonly status: number | { readonly theirs: number; readonly ours: number }
  /** Fields of the job that differ. `absent`: theirs has none. */
  readonly differs?: Readonly<Record<string, { readonly theirs: unknown; readonly ours: unknown }>>
  /** The field that ours names. */
  readonly field?: string
  /** Why something differs. */
  readonly why?: string
}

const get = (path: string, status = 200): Row => ({ method: 'GET', path, status })
const post = (path: string, body: unknown, status: Row['status'], more: Partial<Row> = {}): Row => ({
  method: 'POST',
  path,
  body,
  status,
  ...more,
})
const add = (body: object, more: Partial<Row> = {}) => post('/jobs', { func: FUNC, ...body }, 200, more)
const patch = (id: string, body: unknown, status: Row['status'], more: Partial<Row> = {}): Row => ({
  method: 'PATCH',
  path: `/jobs/${id}`,
  body,
  status,
  ...more,
})
const mistake = { theirs: 500, ours: 400 }
const OURS = 'a mistake of the caller is told as one, with its field'
const NOT_PINNED = 'an interval that was given no start begins with its next run, which a pause takes away'

const GIVEN_OFFSET = 'offset'

const ROWS: readonly Row[] = [
  get(''),
  get('/jobs'),
  add(
    { id: 'interval', trigger: 'interval', minutes: 90, seconds: 1.5, args: [1, 'a'], kwargs: { to: 'ann' } },
    { differs: { seconds: { theirs: 1, ours: 1.5 } }, why: 'fractions of a second are kept' },
  ),
  add({
    id: 'bounded',
    trigger: 'interval',
    days: 8,
    start_date: START,
    end_date: '2100-01-01 00:00:00',
    name: 'Named',
  }),
  add({ id: 'cron', trigger: 'cron', hour: '*/3', minute: 5, day_of_week: 'MON-fri' }),
  add({ id: 'places', trigger: 'cron', day: '1st mon, last', month: '1-6/2', hour: 3, timezone: 'Europe/Berlin' }),
  add({ id: 'date', trigger: 'date', run_date: LATER, misfire_grace_time: 7, max_instances: 3, coalesce: false }),
  add({ id: GIVEN_OFFSET, trigger: 'date', run_date: '2099-07-31T08:00:00+05:30' }),
  add({ id: 'nested', trigger: { type: 'interval', hours: 2, start_date: START } }),
  add({ id: 'paused', trigger: 'cron', hour: 7, next_run_time: null }),
  add({ id: 'ordered', trigger: 'cron', hour: 7, next_run_time: LATER, name: '' }),
  post('/jobs', { id: 'cron', func: FUNC, trigger: 'interval', minutes: 1 }, 409),
  add({ id: 'bounded', trigger: 'interval', days: 9, start_date: START, replace_existing: true }),
  post('/jobs', { func: FUNC, trigger: 'interval', minutes: 1 }, mistake, { field: 'id', why: OURS }),
  post('/jobs', { id: 'w', func: FUNC, trigger: 'intervall', minutes: 1 }, mistake, { field: 'trigger', why: OURS }),
  post('/jobs', { id: 'w', func: FUNC, trigger: 'cron', hour: 25 }, mistake, { field: 'hour', why: OURS }),
  post('/jobs', { id: 'w', func: FUNC, trigger: 'interval', minutes: 'x' }, mistake, { field: 'minutes', why: OURS }),
  post('/jobs', { id: 'w', func: 'flask_server:nope', trigger: 'cron', hour: 1 }, mistake, {
    field: 'func',
    why: OURS,
  }),
  post('/jobs', { id: 'w', func: FUNC, trigger: 'cron', hour: 1, max_instances: 0 }, mistake, {
    field: 'max_instances',
    why: OURS,
  }),
  post('/jobs', { id: 'w', func: FUNC, trigger: 'cron', hour: 1, colour: 'red' }, mistake, {
    field: 'colour',
    why: OURS,
  }),
  post('/jobs', '{', 400, { why: 'ours is JSON, theirs a page' }),
  get('/jobs/cron'),
  get('/jobs/none', 404),
  patch('cron', { name: 'Other', args: [2], max_instances: 2, misfire_grace_time: 9 }, 200),
  patch('paused', { trigger: 'cron', hour: 9 }, 200),
  patch('date', { trigger: 'interval', hours: 3, start_date: START }, 200),
  patch('ordered', { next_run_time: null }, 200),
  patch('cron', { id: 'x' }, mistake, { field: 'id', why: OURS }),
  patch('interval', { seconds: 4 }, mistake, { field: 'seconds', why: OURS }),
  patch('none', { name: 'x' }, 404),
  post('/jobs/cron/pause', undefined, 200),
  post('/jobs/cron/resume', undefined, 200),
  post('/jobs/cron/run', undefined, 200),
  post('/jobs/interval/pause', undefined, 200, {
    differs: { start_date: { theirs: expect.any(String), ours: null }, seconds: { theirs: 1, ours: 1.5 } },
    why: NOT_PINNED,
  }),
  post('/jobs/none/pause', undefined, 404),
  post('/jobs/none/resume', undefined, 404),
  post('/jobs/none/run', undefined, 404),
  get('/jobs'),
  { method: 'DELETE', path: '/jobs/cron', status: 204 },
  { method: 'DELETE', path: '/jobs/cron', status: 404 },
  { method: 'PUT', path: '/jobs/interval', body: {}, status: 405, why: 'ours is JSON, theirs a page' },
  post('/pause', undefined, 204),
  get(''),
  post('/resume', undefined, 204),
  post('/start', undefined, 400),
  post('/shutdown', { wait: false }, 204),
  get(''),
  post('/shutdown', undefined, 400),
  post('/pause', undefined, mistake, { why: 'it is not running: that is for the caller to know' }),
  post('/resume', undefined, mistake, { why: 'it is not running: that is for the caller to know' }),
  post('/start', undefined, 204),
  get(''),
  post('/shutdown', undefined, 204),
]

let db: Awaited<ReturnType<typeof openTestDb>>
let cluster: Nodes
let client: Awaited<ReturnType<typeof connect>>
let ours: Asking
let flask: string

beforeAll(async () => {
  db = await openTestDb()
  cluster = await startNodes({ uri: db.uri, tasks: { [FUNC]: async () => null } })
  client = await connect({ uri: db.uri })
  ours = await serveApp({ client, node: cluster.nodes[0] as (typeof cluster.nodes)[0] })
  const python = await pythonWith(PACKAGES)
  const port = await python.firstLine([fileURLToPath(new URL('../support/flask_server.py', import.meta.url))])
  flask = `http://127.0.0.1:${port}/scheduler`
}, 300_000)

afterAll(async () => {
  await endPythons()
  await ours?.close()
  await client?.close()
  await cluster?.close()
  await db?.close()
})

describe('ours answers as Flask-APScheduler does', () => {
  test.each(
    ROWS.map((row, i) => [`${i + 1} ${row.method} ${row.path} ${JSON.stringify(row.body) ?? ''}`, row] as const),
  )('%s', async (_, row) => {
    const { method, path, body, status } = row
    const theirs = await askAt(flask, method, path, body)
    const mine = await ours.ask(method, `/scheduler${path}`, body)
    const expected = typeof status === 'number' ? { theirs: status, ours: status } : status
    expect({ theirs: theirs.status, ours: mine.status }).toEqual(expected)
    if (expected.ours === 204) return expect([theirs.text, mine.text]).toEqual(['', ''])
    expect(mine.type).toBe('application/json')
    if (expected.ours >= 400) return compareErrors(theirs, mine, row)
    if (!Array.isArray(mine.body))
      return 'id' in mine.body ? compareJobs(theirs.body, mine.body, row) : expect(mine.body).toEqual(theirs.body)
    const byId = (jobs: readonly { id: string }[]) => new Map(jobs.map(job => [job.id, job]))
    const [theirJobs, ourJobs] = [byId(theirs.body), byId(mine.body)]
    // Why: ALWAYS.order.
    expect([...ourJobs.keys()]).toEqual([...theirJobs.keys()].sort())
    for (const [id, job] of theirJobs) compareJobs(job, ourJobs.get(id), id === 'interval' ? PAUSED_INTERVAL : row)
  })

  test('each difference is told with its reason', () => {
    const differing = ROWS.filter(({ status, differs }) => typeof status !== 'number' || differs !== undefined)
    expect(differing.filter(({ why }) => why === undefined)).toEqual([])
    expect(Object.values(ALWAYS).every(why => why !== '')).toBe(true)
  })
})

const PAUSED_INTERVAL = ROWS.find(({ path }) => path === '/jobs/interval/pause') as Row

// biome-ignore lint/suspicious/noExplicitAny: what was answered
type Shown = any

function compareJobs(theirs: Shown, mine: Shown, { differs = {}, body }: Row): void {
  expect(Object.keys(mine).sort()).toEqual([...Object.keys(theirs), ...MORE].sort())
  for (const [name, value] of Object.entries(theirs)) {
    const differing = differs[name]
    if (differing !== undefined) {
      expect({ [name]: [value, mine[name]] }).toEqual({ [name]: [differing.theirs, differing.ours] })
    } else if (name === 'misfire_grace_time' && value === 1) {
      // Why: ALWAYS.misfire_grace_time.
      expect(mine[name]).toBe(60)
    } else if (/_date$|_time$/.test(name) && typeof value === 'string') {
      expect(mine[name]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d$/)
      // Both took the present for a start, one after the other.
      const apart = value.includes('.') ? 5_000 : 0
      expect(
        Math.abs(Date.parse(value) - Date.parse(mine[name])),
        `${name}: ${value}, ${mine[name]}`,
      ).toBeLessThanOrEqual(apart)
      // Why: ALWAYS.offset.
      expect(mine[name].slice(-6), name).toBe(theirs.id === GIVEN_OFFSET ? '+00:00' : value.slice(-6))
    } else expect({ [name]: mine[name] }).toEqual({ [name]: value })
  }
  const asked = body as Shown
  expect(mine.coalesce).toBe(asked?.coalesce ?? mine.coalesce)
}

function compareErrors(theirs: Answered, mine: Answered, { field }: Row): void {
  // Why: ALWAYS.error_message. What is no JSON of theirs is a page.
  if (theirs.body === undefined) expect(theirs.text).toContain('<!doctype html>')
  else expect(theirs.body).toEqual({ error_message: expect.any(String) })
  expect(mine.body).toMatchObject({
    error_message: expect.stringMatching(/\w/),
    code: expect.stringMatching(/^[a-z_]+$/),
  })
  if (field === undefined) return
  expect(mine.body.error_message).toContain(field)
  expect(mine.body.problems).toContainEqual({ path: expect.stringContaining(field), message: expect.any(String) })
}
