/** Crontabs as jobs and scripts: lines as cron reads them, times against cron-parser, scripts run by a real shell. */
import { spawnSync } from 'node:child_process'
import { CronExpressionParser } from 'cron-parser'
import { describe, expect, test } from 'vitest'
import { cronScript } from '../../src/moving/cron-script.ts'
import { fromCrontab } from '../../src/moving/crontab.ts'
import { crontabLines } from '../../src/moving/crontab-line.ts'
import { type CrontabTrigger, fireTimes } from '../../src/trigger/trigger.ts'
import { CRONTAB } from './crontabs.ts'

const one = (text: string, system = false) => crontabLines(text, { system }).at(-1)
const whys = (text: string, options = {}) => fromCrontab(text, options).skipped.map(({ line, why }) => [line, why])

describe('fifty lines from the world', () => {
  const { jobs, skipped, scripts } = fromCrontab(CRONTAB)

  test('all become jobs, each with an id, a name and a script of its own', () => {
    expect([jobs.length, skipped]).toEqual([50, []])
    expect(new Set(jobs.map(({ _id }) => _id)).size).toBe(50)
    expect(scripts.map(({ path }) => path)).toEqual(jobs.map(({ func }) => func))
    expect(jobs.slice(0, 4).map(({ _id }) => _id)).toEqual([
      'cron-run-parts-report-cron-hourly',
      'cron-test-x-anacron-cd-run-parts-report-cron-daily',
      'cron-test-x-anacron-cd-run-parts-report-cron-weekly',
      'cron-test-x-anacron-cd-run-parts-report-cron-monthly',
    ])
    expect(jobs.find(({ name }) => name?.includes('artisan'))).toEqual({
      _id: 'cron-app-php-artisan-schedule-run',
      name: 'cd /var/www/app && php artisan schedule:run >> /dev/null 2>&1',
      func: 'crontab/app-php-artisan-schedule-run.sh',
      executor: 'script',
      trigger: { type: 'cron', expression: '* * * * *' },
    })
  })

  /** Cron wants both where one of the two begins with a star; cron-parser is content with either. */
  const BOTH = ['0 0 */2 * sun']

  test.each(jobs.map(({ trigger }) => [(trigger as CrontabTrigger).expression]))('%s', expression => {
    const after = new Date('2026-11-26T07:31:00Z')
    const ours = fireTimes({ type: 'cron', expression }, { after, count: 10 }).map(time => time.toISOString())
    const options = { currentDate: after.getTime() - 1, tz: 'UTC' }
    const theirs = CronExpressionParser.parse(expression, options)
      .take(10)
      .map(time => time.toISOString())
    if (!BOTH.includes(expression)) return expect(ours).toEqual(theirs)
    expect(ours).not.toEqual(theirs)
    for (const time of ours.map(text => new Date(text)))
      expect([time.getUTCDay(), time.getUTCDate() % 2]).toEqual([0, 1])
  })
})

describe('lines', () => {
  test.each([
    ['FOO=bar baz ', 'FOO', 'bar baz'],
    [' FOO = " a b " ', 'FOO', ' a b '],
    ["FOO='it is'", 'FOO', 'it is'],
    ['"A B"=c', 'A B', 'c'],
    ['FOO=a"b', 'FOO', 'a"b'],
    ['FOO=$HOME/x # y', 'FOO', '$HOME/x # y'],
    ['MAILTO=""', 'MAILTO', ''],
  ])('%s is a variable', (text, name, value) => {
    expect(one(text)).toMatchObject({ kind: 'variable', name, value })
  })

  test.each(['FOO="bar" baz', 'FOO="bar', 'A B=c', '* * * *', '* * * * *', '@daily'])('%s is not understood', text => {
    expect(one(text)).toMatchObject({ kind: 'strange', line: 1, text })
  })

  test.each([
    ['0 5 * * * echo 100\\% done', 'echo 100% done', undefined],
    ['0 5 * * * cat%a%b', 'cat', 'a\nb\n'],
    ['0 5 * * * cat%a\\%b%', 'cat', 'a%b\n'],
    ['0 5 * * * cat%', 'cat', ''],
    ['0 5 * * * printf "a\\n" \\\\%x', 'printf "a\\n" \\\\', 'x\n'],
  ])('%s', (text, command, stdin) => {
    expect(one(text)).toMatchObject({ kind: 'command', command, ...(stdin !== undefined && { stdin }) })
    expect(one(text)).toHaveProperty(...((stdin === undefined ? ['command'] : ['stdin']) as [string]))
  })

  test('a variable counts for the lines below it, a later value from there on', () => {
    const read = crontabLines('0 1 * * * a\nX=1\n# X=3\n\n0 2 * * * b\r\nX=2\n0 3 * * * X=9 c', { system: false })
    const seen = read.flatMap(line => (line.kind === 'command' ? [[line.command, line.variables.get('X')]] : []))
    expect(seen).toEqual([
      ['a', undefined],
      ['b', '1'],
      ['X=9 c', '2'],
    ])
    expect(read.map(({ line }) => line)).toEqual([1, 2, 5, 6, 7])
  })

  test('a system crontab has the user before the command', () => {
    expect(one('-*/15 * * * *  root\ttest -x /x', true)).toMatchObject({
      schedule: '*/15 * * * *',
      user: 'root',
      command: 'test -x /x',
    })
    expect(one('@daily root backup', true)).toMatchObject({ schedule: '@daily', user: 'root', command: 'backup' })
    expect(one('0 0 * * * backup', true)).toMatchObject({ kind: 'strange' })
  })
})

describe('what does not come along', () => {
  test.each([
    ['@reboot /opt/start', /starts with a machine/],
    ['MAILTO=ops@example.org', /nothing is mailed/],
    ['LOGNAME=joe', /user of its node/],
    ['A-B=1', /no shell takes this/],
    ['*/60 * * * * x', /step 60 is beyond the range/],
    ['22-2 * * * * x', /minute "22-2"/],
    ['0~30 * * * * x', /minute 0~30: a random time/],
    ['5/15 * * * * x', /minute 5\/15 is not understood/],
    ['0 0 L * * x', /day L is not understood/],
    ['0 0 * * monday x', /weekday monday is not understood/],
    ['0 0 30 2 * x', /no time satisfies/],
    ['@every_minute x', /is not one of cron's names/],
    ['CRON_TZ=Mars/Olympus\n@daily x', /Mars\/Olympus/],
    ['0 5 * * * root /usr/sbin/x', /give --system/],
    ['RANDOM_DELAY=some\n@daily x', /expected minutes, found some/],
    ['hello', /neither a variable nor a schedule/],
  ])('%j is told with its line', (text, why) => {
    const found = fromCrontab(`0 1 * * * before\n${text}`)
    const line = 1 + text.split('\n').length
    expect(found.skipped).toEqual([{ line, text: text.split('\n').at(-1), why: expect.stringMatching(why) }])
    expect(found.jobs.map(({ _id }) => _id)).toEqual(['cron-before'])
  })

  test('lines of other users of a system crontab', () => {
    const text = '0 1 * * * root a\n0 2 * * * www-data b'
    expect(whys(text, { system: true, user: 'root' })).toEqual([
      [2, 'runs as www-data, a job as the user of its node; to take the lines of that user give --user www-data'],
    ])
  })

  test('an empty MAILTO asks for nothing', () => {
    expect(whys('MAILTO=""\n@daily x')).toEqual([])
  })
})

describe('jobs', () => {
  test('CRON_TZ counts below it, --timezone above it; RANDOM_DELAY is a jitter', () => {
    const text = '0 1 * * * a\nCRON_TZ=Asia/Tokyo\n0 2 * * * b\nRANDOM_DELAY=10\nCRON_TZ=\n0 3 * * * c'
    expect(
      fromCrontab(text, { timezone: 'Europe/Berlin', ip: 'n' }).jobs.map(({ trigger, ip }) => [trigger, ip]),
    ).toEqual([
      [{ type: 'cron', expression: '0 1 * * *', timezone: 'Europe/Berlin' }, 'n'],
      [{ type: 'cron', expression: '0 2 * * *', timezone: 'Asia/Tokyo' }, 'n'],
      [{ type: 'cron', expression: '0 3 * * *', timezone: 'Europe/Berlin', jitter: 600 }, 'n'],
    ])
  })

  test('ids are readable, each there once, and the same for the same crontab', () => {
    const text = [
      '0 1 * * * /opt/a/backup.sh',
      '0 2 * * * /opt/a/backup.sh',
      '0 3 * * * /opt/b/backup.sh --full >/dev/null 2>&1',
      '0 4 * * * FOO=1 "/opt/my tools/Führung.py" && :',
      '0 5 * * * [ 1 ]',
      '0 6 * * * :',
      `0 7 * * * ${'x'.repeat(300)}`,
    ].join('\n')
    const ids = fromCrontab(text).jobs.map(({ _id }) => _id)
    expect(ids).toEqual([
      'cron-backup',
      'cron-backup-2',
      'cron-backup-full',
      'cron-my-fuhrung',
      'cron-1',
      'cron-command',
      `cron-${'x'.repeat(48)}`,
    ])
    expect(fromCrontab(text)).toEqual(fromCrontab(text))
  })

  test('another prefix gives other ids and another folder', () => {
    const [job] = fromCrontab('@daily backup', { prefix: 'web1' }).jobs
    expect([job?._id, job?.func]).toEqual(['web1-backup', 'crontab/web1/backup.sh'])
  })
})

describe('scripts, run by a shell', () => {
  function ran(text: string, env: Readonly<Record<string, string>> = {}) {
    const read = one(text)
    if (read?.kind !== 'command') throw new Error('no command')
    const script = `#!/bin/sh\n${cronScript(read)}`
    return spawnSync('/bin/sh', ['-c', script], {
      env: { PATH: process.env.PATH, HOME: '/tmp', ...env },
      encoding: 'utf8',
    })
  }

  test.each([
    [
      'quotes and dollars',
      String.raw`X=it's "$HOME" \ ${'`'}id${'`'}` + '\n0 5 * * * printf "%s" "$X"'.replace('%', '\\%'),
      String.raw`it's "$HOME" \ ${'`'}id${'`'}`,
    ],
    ['the home folder is where it runs', '0 5 * * * pwd', '/tmp\n'],
    ['HOME may be set', 'HOME=/\n0 5 * * * pwd', '/\n'],
    ['stdin, line by line, as it stands', "0 5 * * * cat%a $HOME%END%it's \\%%", "a $HOME\nEND\nit's %\n"],
    ['an empty stdin', '0 5 * * * cat%', ''],
    ['the shell is the one that is named', 'SHELL=/bin/bash\n0 5 * * * echo $SHELL $0', '/bin/bash /bin/bash\n'],
    ['without a name it is sh', '0 5 * * * echo $SHELL', '/bin/sh\n'],
    ['variables for cron are not for the command', 'CRON_TZ=UTC\nA-B=1\n0 5 * * * echo $CRON_TZ', '\n'],
  ])('%s', (_, text, expected) => {
    expect(ran(text)).toMatchObject({ status: 0, stdout: expected, stderr: '' })
  })

  test('the exit code is that of the command; without the home folder it does not run', () => {
    expect(ran('0 5 * * * exit 7').status).toBe(7)
    expect(ran('HOME=/nowhere\n0 5 * * * echo x')).toMatchObject({ stdout: '' })
    expect(ran('HOME=/nowhere\n0 5 * * * echo x').status).not.toBe(0)
  })
})
