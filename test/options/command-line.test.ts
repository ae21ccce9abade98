/** The table of wrong settings with the sentence that each gets: the same from a flag, a variable and the configuration file;
 *  and, as real processes, that a wrong command line ends at once with exit 2 and that sentence, whatever is not there else. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  NAMES,
  resolveSettings,
  SETTINGS,
  type SettingName,
  type Sources,
  variablesOf,
} from '../../src/cli/settings.ts'
import { TidewheelError } from '../../src/errors.ts'
import { endAll, runCli } from '../support/cli.ts'

const ms = (name: string, least: string, most: string) =>
  `${name}: expected whole milliseconds from ${least} to ${most}, found`
const LEASE = ms('lease', '250', '86,400,000')
const TTL = ms('historyTtl', '1,000', '2,147,483,647,000')

/** Text as it is given on a command line or in a variable. */
const WRONG: Readonly<Record<SettingName, readonly (readonly [text: string, sentence: string])[]>> = {
  uri: [
    [
      'localhost',
      'uri: expected a connection string such as mongodb://127.0.0.1:27017/tidewheel, found something else',
    ],
  ],
  db: [
    ['admin', "db: admin is MongoDB's own database; name another, such as tidewheel"],
    ['a.b', 'db: expected a name of at most 63 bytes without / \\ . " $ and blanks, such as tidewheel, found "a.b"'],
  ],
  config: [],
  json: [['maybe', 'json: expected true or false, found "maybe"']],
  quiet: [['2', 'quiet: expected true or false, found "2"']],
  verbose: [['very', 'verbose: expected true or false, found "very"']],
  connectTimeout: [
    ['0', `${ms('connectTimeout', '1', '3,600,000')} 0`],
    ['5s', `${ms('connectTimeout', '1', '3,600,000')} "5s"`],
  ],
  ip: [
    ['any', 'ip: expected a name without whitespace (not "any"), such as 10.0.0.7, found "any"'],
    ['two words', 'ip: expected a name without whitespace (not "any"), such as 10.0.0.7, found "two words"'],
  ],
  tasks: [],
  workspace: [],
  lease: [
    ['0', `${LEASE} 0`],
    ['1', `${LEASE} 1`],
    ['Infinity', `${LEASE} "Infinity"`],
    ['NaN', `${LEASE} "NaN"`],
    ['15s', `${LEASE} "15s"`],
    ['1000.5', `${LEASE} 1000.5`],
  ],
  timezone: [['Mars/Base', 'timezone: expected a time zone such as Europe/Berlin or UTC, found "Mars/Base"']],
  stopTimeout: [
    ['-1', `${ms('stopTimeout', '0', '86,400,000')} -1`],
    ['30s', `${ms('stopTimeout', '0', '86,400,000')} "30s"`],
  ],
  http: [
    ['7788', 'http: expected host and port, such as 127.0.0.1:7788, found "7788"'],
    ['127.0.0.1:99999', 'http: expected host and port, such as 127.0.0.1:7788, found "127.0.0.1:99999"'],
    ['http://localhost:7788', 'http: expected host and port, such as 127.0.0.1:7788, found "http://localhost:7788"'],
  ],
  basePath: [
    ['jobs', 'basePath: expected a path such as /tidewheel, found "jobs"'],
    ['/jobs/', 'basePath: expected a path such as /tidewheel, found "/jobs/"'],
  ],
  allowedHosts: [
    [
      'jobs.example.org',
      'allowedHosts: expected a list of names such as ["jobs.example.org"], found "jobs.example.org"',
    ],
  ],
  readOnly: [['perhaps', 'readOnly: expected true or false, found "perhaps"']],
  metricsAuth: [['perhaps', 'metricsAuth: expected true or false, found "perhaps"']],
  nodes: [
    ['-1', 'nodes: expected a whole number from 0 to 50, found -1'],
    ['many', 'nodes: expected a whole number from 0 to 50, found "many"'],
  ],
  port: [['65536', 'port: expected a whole number from 1 to 65,535, found 65536']],
  data: [],
  claimLead: [['-1', `${ms('claimLead', '0', '10,000')} -1`]],
  historyTtl: [
    ['0', `${TTL} 0`],
    ['-1', `${TTL} -1`],
    ['7d', `${TTL} "7d"`],
  ],
  jobs: [
    ['{"_id":"a"}', 'jobs: expected a list of jobs, found an object'],
    ['[{"func":"a"}]', 'jobs.0._id: expected an id, such as nightly-report, found none'],
  ],
  jobDefaults: [
    ['{"max_instances":0}', 'jobDefaults.max_instances: an integer from 1 to 1000, such as 1; found 0'],
    [
      '{max_instances: 1}',
      'jobDefaults: expected an object of job fields such as {max_instances: 3}, found "{max_instances: 1}"',
    ],
  ],
  executors: [
    ['{"default":{"concurrency":0}}', 'executors.default.concurrency: expected an integer from 1 to 100,000, found 0'],
    [
      '{"pool":{"type":"threadpool","max_workers":20}}',
      'executors.pool.type: expected default, process, script, found "threadpool"; that is default here, with concurrency for max_workers',
    ],
  ],
  collections: [
    ['{"job":"x"}', 'collections.job: there is no such collection; did you mean jobs?'],
    ['{"jobs":"x","nodes":"x"}', 'collections: expected different names, found "x" for jobs and nodes'],
  ],
}

/** Any text names a folder or a file: what is wrong with it is seen when it is looked for. */
const PATHS: readonly SettingName[] = ['config', 'tasks', 'workspace', 'data']

const rows = NAMES.flatMap(name => WRONG[name].map(([text, sentence]) => ({ name, text, sentence })))

function refused(sources: Partial<Sources>): string {
  try {
    resolveSettings({ flags: {}, env: {}, readSecret: path => path, ...sources })
  } catch (error) {
    expect(error).toBeInstanceOf(TidewheelError)
    expect((error as TidewheelError).code).toBe('invalid_option')
    return (error as TidewheelError).message
  }
  return 'accepted'
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

test.each(rows)(
  '$name: $text is refused by variable and file, and as a flag where there is one',
  ({ name, text, sentence }) => {
    const [variable = ''] = variablesOf(name)
    expect(refused({ env: { [variable]: text } })).toBe(`${sentence} (${variable})`)
    const isWord = SETTINGS[name].schema.def.type === 'boolean' || SETTINGS[name].schema.def.type === 'string'
    const file = { path: 'tidewheel.config.json', values: { [name]: isWord ? text : parsed(text) } }
    expect(refused({ file })).toBe(`${sentence} (tidewheel.config.json)`)
    const inFlag = refused({ flags: { [name]: text } })
    expect(inFlag).toBe(SETTINGS[name].cli.flag === 'none' ? 'accepted' : `${sentence} (flag ${flag(name)})`)
  },
)

const flag = (name: string) => `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`

test('every setting but a path has wrong values in the table', () => {
  expect(NAMES.filter(name => WRONG[name].length === 0)).toEqual(PATHS)
})

test.each(NAMES.filter(name => SETTINGS[name].cli.flag !== 'none'))('%s: an empty flag is refused', name => {
  expect(refused({ flags: { [name]: '' } })).toMatch(/: expected .+, found (""|something else) \(flag /)
})

describe('as real processes', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidewheel-wrong-'))
    await writeFile(join(folder, 'a-file'), '')
    await mkdir(join(folder, 'tasks'))
    await writeFile(join(folder, 'tasks', 'note.mjs'), 'export const note = () => 1\n')
    await writeFile(join(folder, 'broken.json'), '{"lease": 1,')
    await writeFile(join(folder, 'named.mjs'), 'export const lease = 1\n')
    await writeFile(join(folder, 'throws.mjs'), "throw new TypeError('in the file')\n")
    for (const [name, values] of Object.entries(FILES)) await writeFile(join(folder, name), JSON.stringify(values))
  })

  afterAll(async () => {
    await endAll()
    await rm(folder, { recursive: true, force: true })
  })

  const FILES = {
    'threads.json': { executors: { default: { type: 'threadpool', max_workers: 20 } } },
    'ttl.json': { historyTtl: '7d' },
    'twins.json': { collections: { executions: 'jobs' } },
    'misspelt.json': { leese: 15_000 },
    'list.json': [{ lease: 15_000 }],
    'defaults.json': { jobDefaults: { coalesce: 'yes' } },
    'code.json': { tasksDir: '.' },
  }
  /** Nobody listens there: what reaches for it ends with 69. */
  const AT = ['--uri', 'mongodb://127.0.0.1:9/tidewheel', '--connect-timeout', '200']
  const START = ['start', '--tasks', 'tasks', ...AT]
  const config = (name: keyof typeof FILES | 'broken.json' | 'named.mjs' | 'throws.mjs' | '.') => [
    ...START,
    '--config',
    name,
  ]

  test('otherwise the server is looked for: exit 69', async () => {
    expect(await runCli(START, { cwd: folder })).toMatchObject({ code: 69 })
  })

  const LINES: readonly (readonly [args: readonly string[], sentence: string, env?: Record<string, string>])[] = [
    [[...START, '--lease', '0'], `${LEASE} 0 (flag --lease)`],
    [[...START, '--lease', 'Infinity'], `${LEASE} "Infinity" (flag --lease)`],
    [[...START, '--ip', 'two words'], 'ip: expected a name without whitespace'],
    [[...START, '--timezone', 'Mars/Base'], 'timezone: expected a time zone'],
    [[...START, '--workspace', 'nothing'], 'workspace: expected a folder, found none at nothing'],
    [['start', '--tasks', 'a-file', ...AT], 'tasks folder a-file: expected a folder'],
    [[...START, '--db', 'local'], "db: local is MongoDB's own database"],
    [['start', '--tasks', 'tasks', '--uri', 'mongodb://127.0.0.1:9/a$b'], 'db: expected a name of at most 63 bytes'],
    [['start', '--tasks', 'tasks', '--uri', 'mongodb://h:1/?w=1&nonsense=2'], 'uri: not a connection string'],
    [START, `${TTL} -1 (TIDEWHEEL_HISTORY_TTL)`, { TIDEWHEEL_HISTORY_TTL: '-1' }],
    [START, 'executors.process.workers: expected', { TIDEWHEEL_EXECUTORS: '{"process":{"workers":"3"}}' }],
    [START, 'executors: expected an object', { TIDEWHEEL_EXECUTORS: '3' }],
    [['jobs', 'list', ...AT], `${LEASE} 1 (TIDEWHEEL_LEASE)`, { TIDEWHEEL_LEASE: '1' }],
    [['jobs', 'list'], 'uri: expected a connection string such as', { MONGODB_URI: 'localhost' }],
    [['jobs', 'list'], 'uri: its file cannot be read', { MONGODB_URI_FILE: 'nothing' }],
    [['init', ...AT, '--db', ''], 'db: expected a name'],
    [['events', ...AT], 'collections.job: there is no such collection', { TIDEWHEEL_COLLECTIONS: '{"job":"x"}' }],
    [['next', '@daily'], 'quiet: expected true or false', { TIDEWHEEL_QUIET: 'perhaps' }],
    [['dev', '--nodes', '51'], 'nodes: expected a whole number from 0 to 50, found 51'],
    [config('threads.json'), 'executors.default.type: expected default'],
    [config('ttl.json'), `${TTL} "7d" (ttl.json)`],
    [config('twins.json'), 'collections: expected different names, found "jobs" for jobs and executions'],
    [config('misspelt.json'), 'misspelt.json: leese: there is no such setting; did you mean lease?'],
    [config('list.json'), 'list.json: expected an object of settings'],
    [config('defaults.json'), 'jobDefaults.coalesce: true or false; found "yes" (defaults.json)'],
    [config('code.json'), 'code.json: tasksDir: there is no such setting; it is tasks here'],
    [config('broken.json'), 'configuration file broken.json: '],
    [config('named.mjs'), 'configuration file named.mjs: expected "export default { ... }"'],
    [config('throws.mjs'), 'configuration file throws.mjs: in the file'],
    [config('.'), 'configuration file .: '],
  ]

  test.concurrent.each(LINES.map(([args, sentence, env = {}]) => ({ line: args.join(' '), args, sentence, env })))(
    '$line $env: exit 2, the sentence and what to do next',
    async ({ args, sentence, env }) => {
      const { code, signal, stdout, stderr } = await runCli(args, { cwd: folder, env })
      expect([code, signal, stdout]).toEqual([2, null, ''])
      expect(stderr.slice(0, `tidewheel: ${sentence}`.length)).toBe(`tidewheel: ${sentence}`)
      expect(stderr).toMatch(/^tidewheel: .+\n.+\n$/)
    },
  )
})
