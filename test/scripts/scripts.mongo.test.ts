/** The single files of scripts/, run in the real mongosh against collections as a node makes them.
 *  What each verb does is looked at in verbs.mongo.test.ts: here it is that every file reaches its verb with its parameters, and
 *  how the files are started. A start of mongosh takes a second and more: one session runs all files. */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ensureCollections } from '../../src/database/ensure.ts'
import { type CliEnd, endAll } from '../support/cli.ts'
import { openTestDb, type TestDb, withDatabase } from '../support/mongo.ts'
import { type Mongosh, openMongosh, type Step } from '../support/mongosh.ts'

interface Stored {
  readonly _id: string
  readonly [field: string]: unknown
}

const SCRIPTS = join(import.meta.dirname, '..', '..', 'scripts')
const NEXT = new Date('2031-01-02T03:04:05Z')
const JOB = { func: 'mail:digest', trigger: { type: 'interval', minutes: 5 } }

let home: string
let mongosh: Mongosh
let own: TestDb

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

const jobs = () => own.db.collection<Stored>('jobs')
const script = (name: string) => join(SCRIPTS, `${name}.js`)
/** Whether a file is one to start, and not one that others load. */
const isAlone = (file: string) => /^[a-z-]+\.js$/.test(file)
const here = () => `database ${own.db.databaseName}`

/** Runs a script with its parameters as variables of the environment. */
const run = (name: string, env: Record<string, string> = {}, uri = own.uri): Promise<CliEnd> =>
  mongosh.run([uri, '--file', script(name)], env)

describe('every file, with its parameters as variables', () => {
  /** What the file is given, and what it says first (after its database) or fails with. */
  const cases: Readonly<Record<string, readonly (readonly [parameters: Record<string, unknown>, says: RegExp])[]>> = {
    'add-job': [
      [{ JOB: { _id: 'a', ...JOB, ip: '10.0.0.1' } }, /^added "a" on 10\.0\.0\.1$/],
      [{ JOB: JSON.stringify({ _id: 'b', ...JOB }) }, /^added "b" on a node that the cluster chooses$/],
      [{ FILE: '<file>' }, /^added "from-file" on 10\.0\.0\.1$/],
      [{}, /^! job: expected an object, .*; found nothing$/],
    ],
    'list-jobs': [
      [{ IP: '10.0.0.1', LIMIT: '1' }, /^ID +IP .* NEXT$/],
      [{ TAG: 'nothing' }, /^0 jobs$/],
      [{ LIMIT: 'many' }, /^! limit: expected a whole number from 1 to 1000000; found NaN$/],
    ],
    'get-job': [
      [{ ID: 'a' }, /^FIELD +VALUE$/],
      [{}, /^! id: expected the id of a job, text such as "digest"; found nothing$/],
    ],
    'move-job': [
      [{ ID: 'a', IP: '10.0.0.2' }, /^moved "a" from 10\.0\.0\.1 to 10\.0\.0\.2$/],
      [{ ID: 'a', IP: '' }, /^moved "a" from 10\.0\.0\.2 to a node that the cluster chooses$/],
      [{ ID: 'a' }, /^! ip: expected a node, .*; found nothing$/],
    ],
    'move-all-jobs': [
      [{ FROM: '', TO: '10.0.0.1' }, /^moved 3 jobs from no node to 10\.0\.0\.1$/],
      [{ FROM: '10.0.0.1' }, /^! to: expected a node, .*; found nothing$/],
    ],
    'pause-job': [
      [{ ID: 'a', NOTE: 'ask Ann' }, /^paused "a": ask Ann$/],
      [{ ID: 'nobody' }, /^! there is no job "nobody"$/],
    ],
    'resume-job': [
      [{ ID: 'a' }, /^resumed "a"$/],
      [{ ID: 'a' }, /^"a" is not paused: nothing was changed$/],
    ],
    'run-now': [
      [{ ID: 'a' }, /^"a" runs on 10\.0\.0\.1, ordered at [^;]+$/],
      [{ ID: 'a', RESTART: '1' }, /^"a" runs on 10\.0\.0\.1, ordered at .*; its trigger goes on from there$/],
    ],
    'reschedule-job': [
      [{ ID: 'a', TRIGGER: '*/5 * * * *' }, /^rescheduled "a": cron \*\/5 \* \* \* \*, from now on$/],
      [{ ID: 'a', TRIGGER: '{"type": "interval", "hours": 2}' }, /^rescheduled "a": every 2 hours, from now on$/],
      [{ ID: 'a', TRIGGER: { type: 'weekly' } }, /^! refused: trigger: type is date, .*$/],
      [
        { ID: 'held', TRIGGER: { type: 'cron', hour: 8 }, RESUME: '1' },
        /^rescheduled "held": cron hour=8, from now on$/,
      ],
    ],
    'next-runs': [
      [{ LIMIT: '1' }, /^NEXT RUN +IN +ID +IP +FUNC$/],
      [{ IP: '10.0.0.9' }, /^no job has a next run$/],
      [{ ID: 'held' }, /^"held" has no next run: not planned yet$/],
    ],
    history: [
      [{ ID: 'a' }, /^RUN TIME +STATUS .*$/],
      [{ STATUS: 'missed' }, /^0 runs$/],
    ],
    'show-log': [
      [{ ID: 'a' }, /^RUN TIME +STATUS .*$/],
      [{ ID: 'nobody' }, /^! there is no run "nobody", and no run of a job "nobody" is kept$/],
    ],
    'list-nodes': [[{}, /^no node has ever run here; tidewheel start runs one$/]],
    'list-stranded': [[{ LIMIT: '1' }, /^ID +IP +FUNC +WHY$/]],
    'list-invalid': [[{}, /^0 jobs$/]],
    watch: [[{ ID: '' }, /^! id: expected the id of a job, .*; found ""$/]],
    'create-node-user': [[{}, /^! NEW_USER: expected the name of the user to make, such as ann; found nothing$/]],
    'create-person-user': [
      [
        { NEW_USER: 'ann' },
        /^! PASSWORD: expected the password of the user to make; found nothing, and no terminal .*$/,
      ],
    ],
  }
  let said: Record<string, Step>

  beforeAll(async () => {
    const file = join(home, 'a job.json')
    await writeFile(
      file,
      JSON.stringify({ _id: 'from-file', ...JOB, ip: '10.0.0.1', next_run_time: { $date: NEXT.toISOString() } }),
    )
    await jobs().insertOne({ _id: 'held', ...JOB, next_run_time: null })
    await own.db
      .collection<Stored>('executions')
      .insertOne({ _id: 'r', job_id: 'a', run_time: NEXT, status: 'executed', recorded: new Date() })
    const steps: Record<string, string> = {}
    for (const [name, uses] of Object.entries(cases)) {
      uses.forEach(([parameters], use) => {
        const given = JSON.stringify(parameters).replace('"<file>"', JSON.stringify(file))
        const names = JSON.stringify(Object.keys(parameters))
        // A file that fails leaves its parameters behind: they go before the next one.
        steps[`${name} ${use}`] =
          `((globalThis.last ?? []).forEach(name => delete globalThis[name]), globalThis.last = ${names}, Object.assign(globalThis, ${given}), load(${JSON.stringify(script(name))}))`
      })
    }
    said = await mongosh.session(own.uri, steps)
    expect(await jobs().findOne({ _id: 'from-file' })).toMatchObject({ next_run_time: NEXT })
  }, 120_000)

  test('there is a use of each here', async () => {
    const files = (await readdir(SCRIPTS)).filter(isAlone)
    expect(Object.keys(cases).sort()).toEqual(files.map(file => file.replace('.js', '')).sort())
  })

  test.each(
    Object.entries(cases).flatMap(([name, uses]) => uses.map(([given, says], use) => ({ name, given, says, use }))),
  )('$name with $given', ({ name, says, use }) => {
    const { printed, error } = said[`${name} ${use}`] as Step
    expect(printed[0]).toBe(here())
    expect(error === undefined ? printed[1] : `! ${error}`).toMatch(says)
  })
})

describe('started as a program', () => {
  beforeEach(async () => {
    await jobs().deleteMany({})
  })

  test('from any folder, with parameters from --eval', async () => {
    const file = relative(home, script('add-job'))
    const job = '{_id: "mail", func: "mail:digest", trigger: {type: "interval", minutes: 5}, ip: "10.0.0.1"}'
    const { code, stdout, stderr } = await mongosh.run([own.uri, '--eval', `var JOB=${job}`, '--file', file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').slice(0, 2)).toEqual([here(), 'added "mail" on 10.0.0.1'])
    expect(await jobs().findOne()).toEqual({ _id: 'mail', ...JOB, ip: '10.0.0.1' })
  })

  test('FORMAT=json gives lines of extended JSON alone, and DB goes before the connection string', async () => {
    await jobs().insertMany([
      { _id: 'due', ...JOB, next_run_time: NEXT },
      { _id: 'fresh', ...JOB },
    ])
    const env = { FORMAT: 'json', LIMIT: '1', DB: own.db.databaseName }
    const { code, stdout, stderr } = await run('list-jobs', env, withDatabase(own.uri, 'admin'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: `${here()}\n1 of 2 jobs; limit shows more\n` })
    expect(JSON.parse(stdout)).toEqual({ _id: 'due', ...JOB, next_run_time: { $date: '2031-01-02T03:04:05Z' } })
  })

  test('what fails ends with 1 and one sentence', async () => {
    const { code, stdout, stderr } = await run('move-job', { ID: 'nobody', IP: 'a' })
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: `${here()}\n`,
      stderr: 'Error: there is no job "nobody"\n',
    })
  })

  test('watch tells of events as lines of JSON, and Ctrl-C is its usual end', async () => {
    const watching = mongosh.start([own.uri, '--file', script('watch')], { FORMAT: 'json', ID: 'mail' })
    await watching.saw(/^watching "mail"; Ctrl-C ends$/m)
    await jobs().insertOne({ _id: 'mail', ...JOB, ip: '10.0.0.1' })
    await watching.saw(/job\.added/)
    watching.kill('SIGINT')
    const { code, stdout } = await watching.ended
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ type: 'job.added', node: '10.0.0.1', job_id: 'mail' })
  })

  test('a table is printed once where mongosh shows what an expression gave', async () => {
    await jobs().insertOne({ _id: 'mail', ...JOB })
    const load = `load(${JSON.stringify(join(SCRIPTS, 'tidewheel.mongosh.js'))})`
    const { stdout } = await mongosh.run([own.uri, '--eval', load, '--eval', 'tw.list()'])
    expect(stdout.match(/mail/g)).toHaveLength(2)
    expect(stdout).toContain('1 job\n')
  })

  test('a file without the library beside it names what it needs', async () => {
    const alone = join(home, 'list-jobs.js')
    await copyFile(script('list-jobs'), alone)
    const { code, stderr } = await mongosh.run([own.uri, '--file', alone])
    expect(code).toBe(1)
    expect(stderr).toContain('tidewheel.mongosh.js')
  })

  test('a database without jobs of ours is refused by its name, and left as it is', async () => {
    const name = `${own.db.databaseName}_x`
    const other = own.client.db(name)
    await other.collection<Stored>('jobs').insertOne({ _id: 'mail' })
    const { code, stderr, stdout } = await run('pause-job', { ID: 'mail' }, withDatabase(own.uri, name))
    const left = await other.collection('jobs').find().toArray()
    await other.dropDatabase()
    expect({ code, stdout, left }).toEqual({ code: 1, stdout: '', left: [{ _id: 'mail' }] })
    expect(stderr).toContain(`the database "${name}" has no collection "jobs" of Tidewheel`)
  })

  test('in mongosh\'s own database "test" the database is tidewheel', async () => {
    const { stdout, stderr } = await run('list-jobs', {}, withDatabase(own.uri, 'test'))
    expect(stdout + stderr).toMatch(/^database tidewheel$|the database "tidewheel" has no/m)
  })

  test('the first lines of each file name its parameters, and no others', async () => {
    for (const file of await readdir(SCRIPTS)) {
      if (!isAlone(file)) continue
      const text = await readFile(join(SCRIPTS, file), 'utf8')
      const [opening = '', program = ''] = text.split(' */\n')
      const named = [...opening.matchAll(/^ \* ([A-Z_]+) {2,}\S/gm)].map(([, name]) => name)
      const common = ['FORMAT', 'DB', ...(program.includes('options') ? ['LIMIT'] : [])]
      const user = program.includes('tidewheelUser') ? ['NEW_USER', 'PASSWORD'] : []
      const read = [...program.matchAll(/given\('([A-Z_]+)'\)/g)].map(([, name]) => name)
      expect([file, [...named].sort()]).toEqual([file, [...new Set([...read, ...common, ...user])].sort()])
    }
  })
})
