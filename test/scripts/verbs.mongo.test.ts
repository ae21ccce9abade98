/** The verbs of scripts/tidewheel.mongosh.js, in the real mongosh: what each prints, returns, changes and refuses.
 *  A start of mongosh takes a second and more: three sessions say all that is looked at here. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureCollections } from '../../src/database/ensure.ts'
import { refusal } from '../../src/job/schema.ts'
import { endAll } from '../support/cli.ts'
import { openTestDb, type TestDb } from '../support/mongo.ts'
import { type Mongosh, openMongosh, type Step } from '../support/mongosh.ts'

interface Stored {
  readonly _id: string
  readonly [field: string]: unknown
}

const LIBRARY = join(import.meta.dirname, '..', '..', 'scripts', 'tidewheel.mongosh.js')
const LOAD = `load(${JSON.stringify(LIBRARY)})`
const NEXT = new Date('2031-01-02T03:04:05Z')
const LATER = new Date('2031-01-02T03:04:05.678Z')
const JOB = { func: 'mail:digest', trigger: { type: 'interval', minutes: 5 } }

let home: string
let mongosh: Mongosh
let own: TestDb

const collection = (name: 'jobs' | 'executions' | 'nodes') => own.db.collection<Stored>(name)
const stored = (_id: string) => collection('jobs').findOne({ _id })
const here = () => `database ${own.db.databaseName}`

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tidewheel-mongosh-'))
  mongosh = await openMongosh(home)
  own = await openTestDb()
  await ensureCollections(own.db)
}, 360_000)

afterAll(async () => {
  await endAll()
  await own?.close()
  await rm(home, { recursive: true, force: true })
})

/** Three nodes: one that lives, one that was stopped, one that fell silent. */
async function registerNodes(): Promise<void> {
  const now = Date.now()
  await collection('nodes').deleteMany({})
  await collection('nodes').insertMany([
    { _id: '10.0.0.1', incarnation: 'a', status: 'active', seen: new Date(now), lease: 3_600_000, jobs: 2, running: 1 },
    { _id: '10.0.0.2', incarnation: 'b', status: 'stopped', seen: new Date(now - 3 * 3_600_000), lease: 15_000 },
    { _id: '10.0.0.3', incarnation: 'c', status: 'active', seen: new Date(now - 300_000), lease: 15_000 },
    // Spoilt by hand.
    { _id: '10.0.0.4', incarnation: 'd', status: 'active', lease: 15_000 },
  ])
}

describe('edits', () => {
  const steps = {
    load: LOAD,
    add: 'tw.add({_id: "mail", func: "mail:digest", trigger: {type: "interval", minutes: 5}, ip: "10.0.0.1"})',
    addWithoutId: `tw.add('{"func": "f", "trigger": {"type": "cron", "hour": 8}, "next_run_time": {"$date": "2031-01-02T03:04:05Z"}}')`,
    addAgain: 'tw.add({_id: "mail", func: "f", trigger: {type: "cron", hour: 8}, ip: "b"})',
    move: 'tw.move("due", "10.0.0.1")',
    moveToNobody: 'tw.move("due", "10.0.0.9")',
    moveToStopped: 'tw.move("due", "10.0.0.2")',
    moveAnywhere: 'tw.move("due", null)',
    moveAll: 'tw.moveAll("10.0.0.3", "10.0.0.1")',
    moveAllBack: 'tw.moveAll("10.0.0.3", "")',
    pause: 'tw.pause("armed", "ask Ann")',
    pauseWithoutNote: 'tw.pause("bare")',
    resume: 'tw.resume("armed")',
    resumeArmed: 'tw.resume("due")',
    resumeOver: 'tw.resume("over")',
    runTwice: 'tw.run("ordered") && tw.run("ordered")',
    runInvalid: 'tw.run("invalid")',
    runPaused: 'tw.run("held")',
    restart: 'tw.run("restarted", {restart: true})',
    reschedule: 'tw.reschedule("changed", {type: "interval", seconds: 30})',
    rescheduleCrontab: 'tw.reschedule("held", "*/5 * * * *")',
    rescheduleResume: 'tw.reschedule("resumed", {type: "cron", minute: "*/10"}, {resume: true})',
  }
  let said: Record<keyof typeof steps, Step>
  let before: number
  let after: number

  beforeAll(async () => {
    await registerNodes()
    await collection('jobs').deleteMany({})
    await collection('jobs').insertMany([
      { _id: 'armed', ...JOB, next_run_time: NEXT, note: 'old' },
      { _id: 'bare', ...JOB },
      { _id: 'changed', ...JOB, next_run_time: NEXT },
      { _id: 'due', ...JOB, ip: '10.0.0.3', next_run_time: NEXT },
      { _id: 'held', ...JOB, ip: '10.0.0.1', next_run_time: null, note: 'ask Ann' },
      { _id: 'invalid', ...JOB, ip: '10.0.0.1', state: { error: 'func: there is no mail:digest' } },
      { _id: 'ordered', ...JOB, ip: '10.0.0.1', next_run_time: NEXT },
      { _id: 'over', ...JOB, next_run_time: null, state: { over: true } },
      { _id: 'restarted', ...JOB, ip: '10.0.0.1', next_run_time: NEXT },
      { _id: 'resumed', ...JOB, next_run_time: null, note: 'ask Ann' },
      { _id: 'third-a', ...JOB, ip: '10.0.0.3' },
      { _id: 'third-b', ...JOB, ip: '10.0.0.3' },
    ])
    const serverTime = async () => ((await own.db.command({ hello: 1 })).localTime as Date).getTime()
    before = await serverTime()
    said = await mongosh.session(own.uri, steps)
    after = await serverTime()
  })

  test('add stores the document as it was given, prints it and returns it', async () => {
    expect(said.add).toEqual({
      printed: [
        'added "mail" on 10.0.0.1',
        'ID    IP        FUNC         TRIGGER          LAST  NEXT',
        'mail  10.0.0.1  mail:digest  every 5 minutes  -     not planned yet',
      ],
      value: { _id: 'mail', ...JOB, ip: '10.0.0.1' },
    })
    expect(await stored('mail')).toEqual({ _id: 'mail', ...JOB, ip: '10.0.0.1' })
  })

  test('add takes extended JSON, and makes an id of text where there is none', async () => {
    const { _id } = said.addWithoutId.value as Stored
    expect(_id).toMatch(/^[0-9a-f]{24}$/)
    expect(await stored(_id)).toEqual({ _id, func: 'f', trigger: { type: 'cron', hour: 8 }, next_run_time: NEXT })
    expect(said.addWithoutId.printed[0]).toBe(`added "${_id}" on a node that the cluster chooses`)
  })

  test('add leaves a job alone whose id is taken', () => {
    expect(said.addAgain.error).toBe('there is a job "mail" already')
  })

  test('move sets the ip and nothing else, and says whether a node of that name lives', async () => {
    expect(said.move.printed.slice(0, 2)).toEqual([
      'moved "due" from 10.0.0.3 to 10.0.0.1',
      'ID   IP        FUNC         TRIGGER          LAST  NEXT',
    ])
    expect(said.move.value).toEqual({ _id: 'due', ...JOB, ip: '10.0.0.1', next_run_time: NEXT })
    expect(said.moveToNobody.printed[1]).toBe('it waits for the node "10.0.0.9": no such node is known')
    expect(said.moveToStopped.printed[1]).toBe('it waits for the node "10.0.0.2": stopped for 3 h')
    expect(said.moveAnywhere.printed[0]).toBe('moved "due" from 10.0.0.2 to a node that the cluster chooses')
    expect(await stored('due')).toEqual({ _id: 'due', ...JOB, next_run_time: NEXT })
  })

  test('moveAll moves the jobs of a node, and counts what each has then', async () => {
    expect(said.moveAll.printed).toEqual([
      'moved 2 jobs from 10.0.0.3 to 10.0.0.1',
      'NODE      STATUS            JOBS',
      '10.0.0.3  silent for 5 min  0',
      '10.0.0.1  active            7',
    ])
    expect(said.moveAll.value).toEqual({ moved: 2, from: '10.0.0.3', to: '10.0.0.1' })
    expect(said.moveAllBack.value).toEqual({ moved: 0, from: '10.0.0.3', to: null })
    expect(await stored('third-b')).toEqual({ _id: 'third-b', ...JOB, ip: '10.0.0.1' })
  })

  test('pause keeps an older note unless it has one of its own', async () => {
    expect(said.pause.printed[0]).toBe('paused "armed": ask Ann')
    expect(said.pause.printed.at(-1)).toMatch(/^armed .* paused: ask Ann$/)
    expect(said.pause.value).toEqual({ _id: 'armed', ...JOB, next_run_time: null, note: 'ask Ann' })
    expect(said.pauseWithoutNote.printed[0]).toBe('paused "bare"')
    expect(await stored('bare')).toEqual({ _id: 'bare', ...JOB, next_run_time: null })
  })

  test('resume takes a pause and its note away, and leaves alone what is not paused or is over', async () => {
    expect(said.resume).toMatchObject({ printed: ['resumed "armed"', expect.anything(), expect.anything()] })
    expect(await stored('armed')).toEqual({ _id: 'armed', ...JOB })
    expect(said.resumeArmed.printed[0]).toBe('"due" is not paused: nothing was changed')
    expect(said.resumeOver.printed[0]).toBe('"over" is over, its last run goes on: nothing was changed')
    expect(await stored('over')).toEqual({ _id: 'over', ...JOB, next_run_time: null, state: { over: true } })
  })

  test("run orders runs at the server's time, each of its own moment, and leaves the schedule alone", async () => {
    const { run_at, ...job } = (await stored('ordered')) as Stored
    expect(job).toEqual({ _id: 'ordered', ...JOB, ip: '10.0.0.1', next_run_time: NEXT })
    const [first, second] = (run_at as Date[]).map(Number) as [number, number]
    expect(first).toBeGreaterThanOrEqual(before)
    expect(second).toBeGreaterThan(first)
    expect(second).toBeLessThanOrEqual(after)
    expect(await stored('held')).toMatchObject({ next_run_time: null, run_at: [expect.any(Date)] })
    expect(said.runInvalid.printed[1]).toBe('it may not: func: there is no mail:digest')
  })

  test("run with restart moves the schedule to the server's time", async () => {
    const { next_run_time, ...job } = (await stored('restarted')) as Stored
    expect(job).toEqual({ _id: 'restarted', ...JOB, ip: '10.0.0.1' })
    expect(Number(next_run_time)).toBeGreaterThanOrEqual(before)
    expect(Number(next_run_time)).toBeLessThanOrEqual(after)
    expect(said.restart.printed[0]).toMatch(/ordered at .*; its trigger goes on from there$/)
  })

  test('reschedule changes the trigger alone, and resumes a paused job only if asked', async () => {
    expect(await stored('changed')).toEqual({
      _id: 'changed',
      func: JOB.func,
      trigger: { type: 'interval', seconds: 30 },
      next_run_time: NEXT,
    })
    expect(said.reschedule.printed[0]).toBe('rescheduled "changed": every 30 seconds, from now on')
    expect(said.rescheduleCrontab.printed[0]).toBe(
      'rescheduled "held": cron */5 * * * *, from now on, and stays paused',
    )
    const trigger = { type: 'cron', expression: '*/5 * * * *' }
    expect(await stored('held')).toMatchObject({ trigger, next_run_time: null, note: 'ask Ann' })
    const resumed = { _id: 'resumed', func: JOB.func, trigger: { type: 'cron', minute: '*/10' } }
    expect(await stored('resumed')).toEqual(resumed)
  })

  test('no edit sets what nodes write', async () => {
    expect(await collection('jobs').countDocuments({ touch: { $exists: true } })).toBe(0)
    const states = await collection('jobs').distinct('_id', { state: { $exists: true } })
    expect(states).toEqual(['invalid', 'over'])
  })
})

describe('reads', () => {
  const row = {
    job_id: 'due',
    job_name: 'due',
    func: JOB.func,
    scheduled: true,
    ip: '10.0.0.1',
    node: '10.0.0.1',
    exception: null,
    traceback: null,
    log: null,
  }
  const log = [
    JSON.stringify({ level: 30, time: NEXT.getTime(), job_id: 'due', msg: 'a digest for ann' }),
    'plain text, with \u001b[31mcolour',
  ].join('\n')
  const steps = {
    load: LOAD,
    itself: "tw[Symbol.for('@@mongosh.asPrintable')]()",
    help: 'tw.help()',
    verbs: 'Object.keys(tw)',
    list: 'tw.list()',
    listSome: 'tw.list({ip: "10.0.0.1"}, {limit: 1})',
    get: 'tw.get("due")',
    next: 'tw.next()',
    nextSome: 'tw.next({ip: "10.0.0.2"}, {limit: 5})',
    nextOne: 'tw.next("due")',
    nextPaused: 'tw.next("held")',
    history: 'tw.history()',
    historyOfOne: 'tw.history("due", {limit: 1})',
    historyFiltered: 'tw.history({status: "error"})',
    historyOfNone: 'tw.history("held")',
    log: 'tw.log("run-1")',
    logOfJob: 'tw.log("due")',
    nodes: 'tw.nodes()',
    stranded: 'tw.stranded()',
    strandedSome: 'tw.stranded({limit: 1})',
    invalid: 'tw.invalid()',
    elsewhere: '(db = db.getSiblingDB(db.getName() + "_x"), tw.list())',
    byDB: '(globalThis.DB = db.getName().slice(0, -2), tw.list({_id: "due"}).length)',
    gone: '(db = db.getSiblingDB(DB), db.nodes.deleteMany({}), tw.stranded().length)',
  }
  let said: Record<keyof typeof steps, Step>

  beforeAll(async () => {
    await registerNodes()
    await collection('jobs').deleteMany({})
    await collection('jobs').insertMany([
      { _id: 'broken', ...JOB, ip: '10.0.0.1', state: { error: 'func: there is no mail:digest' } },
      { _id: 'due', ...JOB, ip: '10.0.0.1', next_run_time: NEXT, state: { last_status: 'executed', runs: 7 } },
      { _id: 'fresh', func: 'f', trigger: { type: 'cron', expression: '0 8 * * *' } },
      { _id: 'held', ...JOB, ip: '10.0.0.2', next_run_time: null, note: 'ask\nAnn' },
      { _id: 'later', ...JOB, ip: '10.0.0.3', next_run_time: LATER, note: 'slow' },
      { _id: 'lost', func: 'f', trigger: { type: 'cron', hour: 8, minute: '*/5' }, ip: '10.0.0.9', run_at: [NEXT] },
    ])
    await collection('executions').insertMany([
      { ...row, _id: 'run-1', run_time: NEXT, status: 'executed', duration: 1234, log, recorded: NEXT },
      {
        ...row,
        _id: 'run-2',
        run_time: LATER,
        status: 'error',
        duration: 3,
        exception: 'RangeError: out of range',
        traceback: 'RangeError: out of range\n    at digest (tasks/mail.js:3:9)',
        recorded: LATER,
      },
    ])
    said = await mongosh.session(own.uri, steps)
  })

  test('loading says which database it is, and what there is', () => {
    expect(said.load.printed).toEqual([here()])
    expect(said.itself.value).toBe('tw.help() says what there is')
  })

  test('help tells of every verb, and of nothing else', () => {
    const told = said.help.printed.map(line => /^tw\.(\w+)\(/.exec(line)?.[1]).filter(Boolean)
    expect([...told, 'help', 'script'].sort()).toEqual([...(said.verbs.value as string[])].sort())
  })

  test('list shows where jobs run, what, and when next or why not', () => {
    expect(said.list.printed).toEqual([
      'ID      IP        FUNC         TRIGGER                 LAST      NEXT',
      'broken  10.0.0.1  mail:digest  every 5 minutes         -         not schedulable: func: there is no mail:digest',
      'due     10.0.0.1  mail:digest  every 5 minutes         executed  2031-01-02T03:04:05Z',
      'fresh   -         f            cron 0 8 * * *          -         not planned yet',
      'held    10.0.0.2  mail:digest  every 5 minutes         -         paused: ask Ann',
      'later   10.0.0.3  mail:digest  every 5 minutes         -         2031-01-02T03:04:05Z (slow)',
      'lost    10.0.0.9  f            cron hour=8 minute=*/5  -         not planned yet',
      '6 jobs',
    ])
    expect(said.list.value).toHaveLength(6)
    expect(said.listSome.printed.at(-1)).toBe('1 of 2 jobs; limit shows more')
    expect(said.listSome.value).toEqual([expect.objectContaining({ _id: 'broken' })])
  })

  test('get shows a document field by field', () => {
    expect(said.get.printed).toEqual([
      'FIELD              VALUE',
      '_id                due',
      'func               mail:digest',
      'trigger            {"type":"interval","minutes":5}',
      'ip                 10.0.0.1',
      'next_run_time      2031-01-02T03:04:05Z',
      'state.last_status  executed',
      'state.runs         7',
    ])
    expect(said.get.value).toMatchObject({ _id: 'due', next_run_time: NEXT })
  })

  test('next puts the soonest first, ordered runs among them, and says why there is none', () => {
    const ids = said.next.printed.slice(1).map(line => line.replace(/ +/g, ' ').split(' ').slice(-3, -2)[0])
    expect(ids).toEqual(['due', 'lost', 'later'])
    expect(said.next.printed[1]).toMatch(/^2031-01-02T03:04:05Z +\d+ d +due +10\.0\.0\.1 +mail:digest$/)
    expect(said.next.value).toEqual([
      { _id: 'due', ip: '10.0.0.1', func: JOB.func, time: NEXT },
      { _id: 'lost', ip: '10.0.0.9', func: 'f', time: NEXT },
      { _id: 'later', ip: '10.0.0.3', func: JOB.func, time: LATER },
    ])
    expect(said.nextSome).toEqual({ printed: ['no job has a next run'], value: [] })
    expect(said.nextOne.printed.at(-1)).toBe('later times follow from its trigger: tidewheel jobs next due')
    expect(said.nextPaused).toEqual({ printed: ['"held" has no next run: paused: ask Ann'], value: [] })
  })

  test('history shows the latest run first, of all jobs or of one', () => {
    expect(said.history.printed).toEqual([
      'RUN TIME              STATUS    TOOK  JOB  NODE      RUN    WHY',
      '2031-01-02T03:04:05Z  error     3 ms  due  10.0.0.1  run-2  RangeError: out of range',
      '2031-01-02T03:04:05Z  executed  1 s   due  10.0.0.1  run-1',
      '2 runs',
    ])
    expect(said.historyOfOne.value).toEqual([expect.objectContaining({ _id: 'run-2' })])
    expect(said.historyOfOne.printed.at(-1)).toBe('the latest 1 run; limit shows more')
    expect(said.historyFiltered.value).toEqual([expect.objectContaining({ _id: 'run-2' })])
    expect(said.historyOfNone).toEqual({ printed: ['0 runs'], value: [] })
  })

  test('log shows what a run said, with nothing in it that could move the cursor', () => {
    expect(said.log.printed.slice(2)).toEqual([
      '2031-01-02T03:04:05.000Z  info  a digest for ann  {"job_id":"due"}',
      'plain text, with  [31mcolour',
    ])
    expect(said.log.value).toMatchObject({ _id: 'run-1', log })
    expect(said.logOfJob.printed.slice(2)).toEqual([
      'it logged nothing',
      'RangeError: out of range',
      '    at digest (tasks/mail.js:3:9)',
    ])
  })

  test("nodes tells who lives by the server's clock", () => {
    const rows = said.nodes.printed.slice(1, -1).map(line => line.split(/ {2,}/))
    expect(rows.map(([node, status]) => [node, status])).toEqual([
      ['10.0.0.1', 'active'],
      ['10.0.0.2', 'stopped'],
      ['10.0.0.3', 'lost'],
      ['10.0.0.4', 'lost'],
    ])
    expect(said.nodes.printed[2]).toContain('3 h ago')
    const living = (said.nodes.value as Stored[]).filter(node => node.living).map(({ _id }) => _id)
    expect(living).toEqual(['10.0.0.1'])
  })

  test('stranded names the jobs that nobody runs, and why', () => {
    expect(said.stranded.printed).toEqual([
      'ID     IP        FUNC         WHY',
      'held   10.0.0.2  mail:digest  stopped for 3 h',
      'later  10.0.0.3  mail:digest  silent for 5 min',
      'lost   10.0.0.9  f            no such node is known',
      '3 jobs',
    ])
    expect(said.strandedSome.printed.at(-1)).toBe('1 of 3 jobs; limit shows more')
    // Where no node lives, those without a node wait as well.
    expect(said.gone.value).toBe(6)
  })

  test('invalid names the jobs that cannot be scheduled, and why', () => {
    expect(said.invalid.printed).toEqual([
      'ID      IP        FUNC         WHY',
      'broken  10.0.0.1  mail:digest  func: there is no mail:digest',
      '1 job',
    ])
  })

  test('the database follows `use`, and DB goes before it', () => {
    const name = own.db.databaseName
    expect(said.elsewhere.error).toBe(
      `the database "${name}_x" has no collection "jobs" of Tidewheel; name another with DB, or run: tidewheel init`,
    )
    expect(said.byDB.value).toBe(1)
  })
})

describe('wrong input', () => {
  const ID = 'id: expected the id of a job, text such as "digest"'
  const FILTER = 'filter: expected a filter of MongoDB, such as {ip: "10.0.0.7"}'
  const LIMIT = 'limit: expected a whole number from 1 to 1000000'
  const NOBODY = 'there is no job "nobody"'
  const SUCH_AS = '{_id: "digest", func: "mail:digest", trigger: {type: "interval", minutes: 5}}'
  const cases: readonly (readonly [code: string, error: string])[] = [
    ['tw.add()', `job: expected an object, such as ${SUCH_AS}; found nothing`],
    ['tw.add([1])', `job: expected an object, such as ${SUCH_AS}; found an array of 1`],
    ['tw.add(new ObjectId())', `job: expected an object, such as ${SUCH_AS}; found an ObjectId`],
    [
      'tw.add({_id: new ObjectId(), func: "f", trigger: {type: "cron", hour: 8}})',
      '_id: job ids are strings of 1-255 characters, not ObjectIds, such as digest; found an ObjectId',
    ],
    [
      'tw.add({_id: 7, func: "f", trigger: {type: "cron", hour: 8}})',
      '_id: job ids are strings of 1-255 characters, not ObjectIds, such as digest; found 7',
    ],
    ['tw.get()', `${ID}; found nothing`],
    ['tw.get(new ObjectId())', `${ID}; found an ObjectId`],
    ['tw.get("nobody")', NOBODY],
    ['tw.list("mail")', `${FILTER}; found "mail"`],
    ['tw.list({}, {limit: 0})', `${LIMIT}; found 0`],
    ['tw.list({}, {limit: "many"})', `${LIMIT}; found "many"`],
    ['tw.list({}, {limt: 1})', 'limt: not an option of this verb; it takes limit'],
    ['tw.list({}, 5)', 'options: expected an object with limit; found 5'],
    ['tw.move(7, "10.0.0.1")', `${ID}; found 7`],
    ['tw.move("nobody", "10.0.0.1")', NOBODY],
    [
      'tw.move("mail")',
      'ip: expected a node, text such as "10.0.0.7", or null for one that the cluster chooses; found nothing',
    ],
    [
      'tw.move("mail", "two words")',
      'refused: ip: a node name without whitespace, not any, such as 10.0.0.7; or leave it out; found "two words"',
    ],
    ['tw.moveAll()', 'from: expected a node, text such as "10.0.0.7", or null for jobs without a node; found nothing'],
    [
      'tw.moveAll("a", 5)',
      'to: expected a node, text such as "10.0.0.7", or null for nodes that the cluster chooses; found 5',
    ],
    ['tw.moveAll("a", "a")', 'to: expected another node than "a"; found the same'],
    ['tw.pause(null)', `${ID}; found null`],
    ['tw.pause("nobody")', NOBODY],
    ['tw.pause("mail", 7)', 'note: expected text, such as "ask Ann"; found 7'],
    ['tw.resume("")', `${ID}; found ""`],
    ['tw.resume("nobody")', NOBODY],
    ['tw.run(["mail"])', `${ID}; found an array of 1`],
    ['tw.run("nobody")', NOBODY],
    ['tw.run("mail", {restart: 1})', 'restart: expected true or false; found 1'],
    ['tw.reschedule("nobody", "* * * * *")', NOBODY],
    [
      'tw.reschedule("mail")',
      'trigger: expected an object, such as {type: "interval", minutes: 5}, or crontab text such as "*/5 * * * *"; found nothing',
    ],
    [
      'tw.reschedule("mail", "{minutes")',
      /^trigger: expected JSON, such as .*; found "\{minutes" \(.+\)$/ as unknown as string,
    ],
    [
      'tw.reschedule("mail", {type: "cron", hour: 8}, {resum: true})',
      'resum: not an option of this verb; it takes resume',
    ],
    ['tw.next("nobody")', NOBODY],
    ['tw.next(5)', 'filter: expected a filter of MongoDB, such as {ip: "10.0.0.7"}, or the id of a job; found 5'],
    ['tw.history("nobody")', NOBODY],
    ['tw.history(5)', 'filter: expected a filter of MongoDB, such as {status: "error"}, or the id of a job; found 5'],
    ['tw.log()', 'id: expected the id of a run or of a job, text such as "digest"; found nothing'],
    ['tw.log("nobody")', 'there is no run "nobody", and no run of a job "nobody" is kept'],
    ['tw.stranded({limit: -1})', `${LIMIT}; found -1`],
    ['tw.invalid(1)', 'options: expected an object with limit; found 1'],
    ['tw.watch(new ObjectId())', `${ID}; found an ObjectId`],
    ['tw.watch("mail", {limit: 1.5})', `${LIMIT}; found 1.5`],
    ['tw.list({$foo: 1})', /^unknown top level operator: \$foo/ as unknown as string],
  ]
  const REFUSED = {
    'a misspelt field': { fucn: 'f', trigger: JOB.trigger },
    'a field that is nowhere near one': { ...JOB, colour: 'red' },
    'a field of triggers': { ...JOB, minutes: 5 },
    'no func': { trigger: JOB.trigger },
    'a wrong value': { ...JOB, max_instances: 0 },
    'a wrong type': { ...JOB, coalesce: 'yes' },
    'no trigger': { func: 'f' },
    'an unknown trigger': { func: 'f', trigger: { type: 'weekly' } },
    'an empty interval': { func: 'f', trigger: { type: 'interval' } },
    'a misspelt part of a trigger': { func: 'f', trigger: { type: 'interval', minuts: 5 } },
    'both kinds of cron': { func: 'f', trigger: { type: 'cron', hour: 8, expression: '* * * * *' } },
    'a part of retry that is none': { ...JOB, retry: { max_attempts: 3, delay: 1, dleay: 2 } },
    'a member of a trigger': { func: 'f', trigger: { type: 'or', triggers: [{ type: 'cron', hour: true }] } },
  }
  let said: Record<string, Step>

  beforeAll(async () => {
    await collection('jobs').deleteMany({})
    await collection('jobs').insertOne({ _id: 'mail', ...JOB })
    const refused = Object.values(REFUSED).map(job => `tw.add(${JSON.stringify({ _id: 'refused', ...job })})`)
    const all = [LOAD, ...cases.map(([code]) => code), ...refused]
    said = await mongosh.session(own.uri, Object.fromEntries(all.map(code => [code, code])))
  })

  test.each(cases)('%s', (code, error) => {
    const step = said[code] as Step
    if (typeof error === 'string') expect(step).toEqual({ printed: [], error })
    else expect(step.error).toMatch(error as RegExp)
  })

  test.each(Object.entries(REFUSED))(
    'what MongoDB says of %s becomes the sentence that the API has',
    async (_, job) => {
      const document = { _id: 'refused', ...job }
      const error = await collection('jobs')
        .insertOne(document)
        .catch((refused: unknown) => refused)
      expect(refusal(error)).toBeDefined()
      expect(said[`tw.add(${JSON.stringify(document)})`]?.error).toBe(`refused: ${refusal(error)}`)
    },
  )

  test('nothing of that changed anything', async () => {
    expect(await collection('jobs').find().toArray()).toEqual([{ _id: 'mail', ...JOB }])
  })
})

describe('watch', () => {
  test('tells of edits, runs and nodes as they happen, but not of what nodes write, and leaves no stream behind', async () => {
    await registerNodes()
    await collection('jobs').deleteMany({})
    const watching = mongosh.start([own.uri, '--eval', LOAD, '--eval', 'tw.watch()'])
    await watching.saw(/^watching all jobs and nodes; Ctrl-C ends$/m)
    const _id = 'mail'
    const jobs = collection('jobs')
    await jobs.insertOne({ _id, ...JOB, ip: '10.0.0.1' })
    await jobs.updateOne(
      { _id },
      { $set: { next_run_time: NEXT, touch: 'a', 'state.planned': { trigger: 'x', next_run_time: NEXT } } },
    )
    await jobs.updateOne({ _id }, { $set: { ip: '10.0.0.2' } })
    await jobs.updateOne({ _id }, { $set: { next_run_time: null, note: 'ask Ann' } })
    await jobs.updateOne({ _id }, { $unset: { next_run_time: '', note: '' } })
    await jobs.updateOne({ _id }, { $set: { 'state.error': 'func: there is no mail:digest', touch: 'b' } })
    await jobs.updateOne({ _id }, { $set: { timeout: 60 } })
    const run = { job_id: _id, ip: '10.0.0.2', run_time: NEXT, exception: null }
    await collection('executions').insertOne({ ...run, _id: 'w-1', status: 'started', duration: null })
    await collection('executions').updateOne({ _id: 'w-1' }, { $set: { log: 'a line' } })
    await collection('executions').replaceOne({ _id: 'w-1' }, { ...run, status: 'executed', duration: 1500 })
    await collection('executions').insertOne({
      ...run,
      _id: 'w-2',
      status: 'error',
      duration: 2,
      exception: 'Error: no',
    })
    await collection('nodes').updateOne({ _id: '10.0.0.1' }, { $set: { seen: new Date() } })
    await collection('nodes').updateOne({ _id: '10.0.0.1' }, { $set: { status: 'draining' } })
    // Of a change the node is looked up: it is the job's as long as there is one.
    await watching.saw(/job\.modified/)
    await watching.saw(/node\.draining/)
    await jobs.deleteOne({ _id })
    await watching.saw(/job\.removed/)
    watching.kill('SIGINT')
    const { code, stdout } = await watching.ended
    expect(code).toBe(0)
    const lines = stdout.split('\n').filter(line => /^\d\d:\d\d:\d\d\.\d{3}Z /.test(line))
    const told = lines.map(line => line.split(/ {2,}/).slice(1).join(' | '))
    // Within one look the collections are told in the order of the server's clock; events of the same moment in any.
    expect(told.filter(line => line.includes('job.'))).toEqual([
      '10.0.0.1 | job.added | mail',
      '10.0.0.2 | job.moved | mail | to 10.0.0.2',
      '10.0.0.2 | job.paused | mail | ask Ann',
      '10.0.0.2 | job.resumed | mail',
      '10.0.0.2 | job.invalid | mail | func: there is no mail:digest',
      '10.0.0.2 | job.modified | mail | timeout',
      '- | job.removed | mail',
    ])
    expect(told.filter(line => line.includes('run.'))).toEqual([
      '10.0.0.2 | run.started | mail | due 2031-01-02T03:04:05Z',
      '10.0.0.2 | run.executed | mail | took 2 s',
      '10.0.0.2 | run.error | mail | Error: no; took 2 ms',
    ])
    expect(told.filter(line => line.includes('node.'))).toEqual(['10.0.0.1 | node.draining'])
  })

  test('ends after so many events of one job, returns them, and outlives a drop', async () => {
    await collection('jobs').deleteMany({})
    const steps = `(${LOAD}, print(EJSON.stringify(tw.watch("mail", {limit: 2}))))`
    const watching = mongosh.start([own.uri, '--eval', steps])
    await watching.saw(/^watching "mail"; Ctrl-C ends$/m)
    await collection('jobs').insertOne({ _id: 'other', ...JOB })
    await collection('jobs').insertOne({ _id: 'mail', ...JOB, ip: 'a' })
    await watching.saw(/job\.added +mail/)
    await collection('jobs').drop()
    await watching.saw(/^the collection jobs is gone; it is watched again as soon as it is back$/m)
    await ensureCollections(own.db)
    await collection('jobs').insertOne({ _id: 'mail', ...JOB })
    const { code, stdout } = await watching.ended
    expect({ code, other: /other/.test(stdout) }).toEqual({ code: 0, other: false })
    const events = JSON.parse(stdout.split('\n').find(line => line.startsWith('[')) as string)
    expect(events).toEqual([
      { at: expect.anything(), type: 'job.added', node: 'a', job_id: 'mail' },
      { at: expect.anything(), type: 'job.added', node: null, job_id: 'mail' },
    ])
  })
})
