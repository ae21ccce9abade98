/** The help of each command ends with an example, and the example is one that its parser takes. */
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { devCommand } from '../../src/cli/dev.ts'
import { eventsCommand } from '../../src/cli/events.ts'
import { initCommand } from '../../src/cli/init.ts'
import { jobsCommand } from '../../src/cli/jobs.ts'
import { nextCommand } from '../../src/cli/next.ts'
import { nodesCommand } from '../../src/cli/nodes.ts'
import { startCommand } from '../../src/cli/start.ts'

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

const leaves = (name: string, command: Command): (readonly [string, Command])[] =>
  command.commands.length === 0
    ? [[name, command]]
    : command.commands.flatMap(below => leaves(`${name} ${below.name()}`, below))

const commands = [
  ...leaves('jobs', jobsCommand()),
  ...leaves('nodes', nodesCommand()),
  ...leaves('events', eventsCommand()),
  ...leaves('next', nextCommand()),
  ...leaves('dev', devCommand()),
  ...leaves('start', startCommand()),
  ...leaves('init', initCommand()),
]

test.each(commands)('%s', (name, command) => {
  const [, examples = ''] = helpOf(command).split('\nFor example:\n')
  const lines = examples.trim().split('\n')
  for (const line of lines) expect(line).toContain(`tidewheel ${name}`)
  const known = command.options.flatMap(({ long, short }) => [long, short])
  for (const [flag] of examples.matchAll(/(?<= )--?[a-z][\w-]*/g)) expect([...known, '--json', '--uri']).toContain(flag)
})

test('events says in its help what it does not hear', () => {
  expect(helpOf(eventsCommand())).toMatch(
    /What is not stored only the node itself tells of.*job\.stranded, run\.claimed/,
  )
})
