/** What needs no database: wrong usage, wrong input, servers that are not there, and `next`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { endAll, runCli, runHere } from '../support/cli.ts'
import { silentServer } from '../support/silent-server.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewheel cli '))
})

afterEach(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

const sentence = /^tidewheel: .+\n.+\n$/

test('a process of its own ends with the code that a call has, and says the same', async () => {
  for (const args of [
    ['jobs', 'lst'],
    ['next', '@daily', '--after', '2026-01-31'],
  ])
    expect(await runCli(args)).toEqual(await runHere(args))
})

describe('usage', () => {
  test.each([
    [[]],
    [['nonsense']],
    [['jobs', 'lst']],
    [['next']],
    [['jobs', 'list', '--nonsense']],
    [['jobs', 'get']],
    [['jobs', 'get', 'a', 'b']],
    [['jobs', 'backfill', 'a']],
  ])('%j is wrong usage: exit 2, nothing on stdout', async args => {
    const { code, stdout, stderr } = await runHere(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).not.toBe('')
  })

  test.each([[['--help']], [['--version']], [['jobs', '--help']], [['help', 'start']]])('%j: exit 0', async args => {
    const { code, stdout } = await runHere(args)
    expect(code).toBe(0)
    expect(stdout).not.toBe('')
  })

  test.each([
    [['jobs', 'list'], /^tidewheel: uri: expected a connection string, found none/],
    [['jobs', 'list', '--uri', 'localhost'], /^tidewheel: uri: expected a connection string such as mongodb:/],
    [['jobs', 'list', '--uri', 'mongodb://h:1/?replicaset=x&nonsense=1'], /^tidewheel: uri: not a connection string/],
    [['jobs', 'list', '--uri', 'mongodb://h:1/admin'], /^tidewheel: db: admin is MongoDB's own/],
    [['jobs', 'list', '--config', 'nothing.json'], /nothing\.json: there is no such file/],
    [['jobs', 'move', 'a', '--uri', 'mongodb://h:1'], /expected a node \(its ip\) or --anywhere/],
    [['start', '--uri', 'mongodb://h:1'], /^tidewheel: tasks: expected a folder/],
    [['start', '--uri', 'mongodb://h:1', '--tasks', 'nothing'], /^tidewheel: tasks folder nothing: expected a folder/],
    [['dev', '--nodes', 'many'], /^tidewheel: nodes: expected a whole number/],
  ])('%j is wrong input: exit 2, one sentence and what to do next', async (args, message) => {
    const { code, stdout, stderr } = await runHere(args, { cwd: folder })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(sentence)
  })

  test('a tasks folder without a task is wrong input', async () => {
    await writeFile(join(folder, 'empty.mjs'), 'export const nothing = 1\n')
    const { code, stderr } = await runHere(['start', '--uri', 'mongodb://h:1', '--tasks', folder])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/found no exported function/)])
  })

  test('a misspelt key of the configuration file is wrong input', async () => {
    await writeFile(join(folder, 'tidewheel.config.json'), '{"timezon": "UTC"}')
    const { code, stderr } = await runHere(['next', '@daily'], { cwd: folder })
    expect([code, stderr]).toEqual([2, expect.stringMatching(/timezon: .*did you mean timezone\?/)])
  })

  test.each([
    ['tidewheel.config.json', '{"timezone": "Asia/Tokyo"}'],
    ['tidewheel.config.mjs', "export default { timezone: 'Asia/Tokyo' }"],
    ['tidewheel.config.ts', "const zone: string = 'Asia/Tokyo'\nexport default { timezone: zone }"],
  ])('%s in the working folder counts', async (name, text) => {
    await writeFile(join(folder, name), text)
    const { stdout } = await runHere(['next', '0 9 * * *', '-n', '1', '--after', '2026-01-31'], { cwd: folder })
    expect(stdout).toMatch(/Sat 2026-01-31 09:00:00 \+09:00/)
  })
})

describe('a server that is not there', () => {
  test('nobody listens: exit 69', async () => {
    const { code, stderr } = await runHere([
      'jobs',
      'list',
      '--uri',
      'mongodb://127.0.0.1:9',
      '--connect-timeout',
      '300',
    ])
    expect(code).toBe(69)
    expect(stderr).toMatch(/^tidewheel: cannot reach MongoDB at mongodb:\/\/127\.0\.0\.1:9: .+\nStart that server/)
  })

  test('a silent server is given up after 5 s, and the password is not shown', async () => {
    const server = await silentServer()
    const ended = runHere(['init', '--uri', `mongodb://ann:geheim@127.0.0.1:${server.port}`])
    // How long the program takes to load is another matter.
    await Promise.race([server.visited, ended])
    const began = performance.now()
    const { code, stderr } = await ended
    const took = performance.now() - began
    await server.close()
    expect(code).toBe(69)
    expect(stderr).toContain('ann:***@')
    expect(stderr).not.toContain('geheim')
    expect(took).toBeGreaterThan(3_000)
    expect(took).toBeLessThan(8_000)
  })

  test('dev with a dead MONGODB_URI does not start another one: exit 69', async () => {
    const env = { MONGODB_URI: 'mongodb://127.0.0.1:9', TIDEWHEEL_CONNECT_TIMEOUT: '300' }
    const { code, stderr } = await runHere(['dev'], { env, cwd: folder })
    expect([code, stderr]).toEqual([69, expect.stringMatching(/cannot reach MongoDB/)])
  })
})

describe('next', () => {
  const next = (...args: string[]) => runHere(['next', ...args])

  test('says crontab text in words, and its times with their offsets', async () => {
    const args = ['30 2 * * *', '-n', '2', '--after', '2026-03-28 12:00', '--timezone', 'Europe/Berlin']
    const { code, stdout } = await next(...args)
    expect(code).toBe(0)
    expect(stdout).toBe('At 02:30\nSun 2026-03-29 03:30:00 +02:00\nMon 2026-03-30 02:30:00 +02:00\n')
  })

  test('with --json it is an array of instants and nothing else', async () => {
    const { stdout, stderr } = await next(
      '{"type":"interval","minutes":5}',
      '--after',
      '2026-01-31',
      '--json',
      '-n',
      '2',
    )
    expect(JSON.parse(stdout)).toEqual(['2026-01-31T00:05:00.000Z', '2026-01-31T00:10:00.000Z'])
    expect(stderr).toBe('')
  })

  test("takes APScheduler's flat fields", async () => {
    const { stdout } = await next('{"trigger":"cron","hour":8}', '--after', '2026-01-31', '--json', '-n', '1')
    expect(JSON.parse(stdout)).toEqual(['2026-01-31T08:00:00.000Z'])
  })

  test('a schedule that is over has no times, which is no failure', async () => {
    const trigger = '{"type":"cron","hour":8,"end_date":"2020-01-01"}'
    const { code, stdout } = await next(trigger, '--json')
    expect([code, stdout]).toEqual([0, '[]\n'])
  })

  test.each([
    ['61 * * * *', /minute "61"/],
    ['{"type":"interval"}', /trigger/],
    ['{"type":', /trigger: not JSON/],
    ['{"trigger":"sometimes"}', /sometimes/],
  ])('%s is invalid: exit 2', async (trigger, message) => {
    const { code, stdout, stderr } = await next(trigger)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
  })

  test.each([
    [['-n', '0'], /--count: expected a whole number/],
    [['--after', 'soon'], /--after: expected a time/],
    [['--timezone', 'Mars/Base'], /timezone: expected a time zone/],
  ])('%j is invalid: exit 2', async (args, message) => {
    const { code, stderr } = await next('@daily', ...args)
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)])
  })

  test('a reader that leaves ends it without a word', async () => {
    const { startCli } = await import('../support/cli.ts')
    const cli = startCli(['next', '* * * * *', '-n', '10000'])
    cli.child.stdout?.destroy()
    expect(await cli.ended).toMatchObject({ code: 0, stderr: '' })
  })
})
