/** The help of each command ends with an example, and the example is one that its parser takes. */
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { program } from '../../src/cli/program.ts'

function helpOf(command: Command): string {
  let said = ''
  command.configureOutput({
    writeOut: text => {
      said += text
    },
  })
  command.outputHelp()
  return said
}

/** Those that do something themselves. */
const leaves = (name: string, command: Command): (readonly [string, Command])[] => [
  ...(command.commands.length === 0 || command.registeredArguments.length > 0 ? [[name, command] as const] : []),
  ...command.commands.flatMap(below => leaves(`${name} ${below.name()}`, below)),
]

const commands = (await program()).commands
  .filter(command => !/^(help$|__)/.test(command.name()))
  .flatMap(command => leaves(command.name(), command))

test.each(commands)('%s', (name, command) => {
  const [, examples = ''] = helpOf(command).split('\nFor example:\n')
  const lines = examples.trim().split('\n')
  for (const line of lines) expect(line).toContain(`tidewheel ${name}`)
  const known = command.options.flatMap(({ long, short }) => [long, short])
  for (const [flag] of examples.replace(/^.*\| /gm, '').matchAll(/(?<= )--?[a-z][\w-]*/g))
    expect([...known, '--json', '--uri']).toContain(flag)
})

test('events says in its help what it does not hear', () => {
  const [, events] = commands.find(([name]) => name === 'events') ?? []
  expect(helpOf(events as Command)).toMatch(
    /What is not stored only the node itself tells of.*job\.stranded, run\.claimed/,
  )
})
