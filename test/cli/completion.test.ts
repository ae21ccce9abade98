/** Completion: what can stand at a place of the line, by the tree of commands; needs no database. */
import { expect, test } from 'vitest'
import { candidatesOf, wantedOf } from '../../src/cli/completion.ts'
import { program } from '../../src/cli/program.ts'
import { called } from '../support/called.ts'

const whole = await program()

async function complete(line: string): Promise<readonly string[]> {
  const words = line.split(' ')
  const { wanted, flags } = wantedOf(whole, words)
  return (await candidatesOf(wanted, words.at(-1) ?? '', flags)).map(({ value }) => value)
}

test.each([
  ['jo', ['jobs']],
  ['jobs re', ['resume', 'remove']],
  ['jobs list --st', ['--status']],
  ['jobs list --status in', ['invalid']],
  ['jobs list --ip a --status in', ['invalid']],
  ['--quiet jobs list --j', ['--json']],
  ['--db x jobs list --timezone Europe/Berli', ['Europe/Berlin']],
  ['events --type run.ex', ['run.executed']],
  ['events --type run.cl', []],
  ['explain trigger.min', ['trigger.minutes', 'trigger.minute']],
  ['completion ', ['bash', 'zsh', 'fish']],
  ['apply x.yaml --with n', ['next_run_time']],
  ['import cr', ['crontab']],
  ['import crontab --w', ['--workspace']],
  ['import agenda --ti', ['--timezone']],
  ['nonsense x', []],
  ['jobs get a b', []],
  ['history ge', ['get']],
  ['history --fa', ['--failed']],
  ['history get r x', []],
])('%s', async (line, expected) => {
  expect([...(await complete(line))].sort()).toEqual([...expected].sort())
})

test('all commands are told with what they do, the hidden one is not', async () => {
  const { wanted } = wantedOf(whole, [''])
  const found = await candidatesOf(wanted, '', {})
  expect(found).toContainEqual({ value: 'diff', help: 'what apply would change; exit 1 if anything' })
  expect(found.map(({ value }) => value)).not.toContain('__complete')
})

test('ids are wanted where an id stands, files where a file stands; flags before count', () => {
  expect(wantedOf(whole, ['--uri', 'mongodb://h', 'jobs', 'get', ''])).toEqual({
    wanted: { ids: 'jobs' },
    flags: { uri: 'mongodb://h' },
  })
  expect(wantedOf(whole, ['jobs', 'remove', 'a', 'b', '']).wanted).toEqual({ ids: 'jobs' })
  expect(wantedOf(whole, ['jobs', 'move', 'a', '']).wanted).toEqual({ ids: 'nodes' })
  expect(wantedOf(whole, ['events', '--job', '']).wanted).toEqual({ ids: 'jobs' })
  expect(wantedOf(whole, ['history', '']).wanted).toMatchObject({ ids: 'jobs' })
  expect(wantedOf(whole, ['history', 'get', '']).wanted).toEqual({ ids: 'runs' })
  expect(wantedOf(whole, ['history', 'digest', '']).wanted).toEqual({ words: [] })
  expect(wantedOf(whole, ['apply', '']).wanted).toEqual({ words: [] })
  expect(wantedOf(whole, ['jobs', 'add', '--file', '']).wanted).toEqual({ words: [] })
})

test('where no database answers there are no ids, and no error', async () => {
  const line = ['--uri', 'mongodb://127.0.0.1:9', '--connect-timeout', '100', 'jobs', 'get', '']
  expect(await called(['__complete', '--', ...line])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await called(['__complete', '--', '--uri', 'nonsense', 'jobs', 'get', ''])).toMatchObject({ stdout: '' })
})

test('a shell that is none: exit 2, and the nearest one', async () => {
  const { code, stdout, stderr } = await called(['completion', 'bsh'])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/expected bash, zsh, fish, found "bsh"; did you mean bash\?/)
})
