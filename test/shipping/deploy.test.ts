/** The files of scripts/deploy say what the command line takes: every command, flag and variable in them is one, with a value that it
 *  accepts; and whoever ends a node gives it longer than it asks for. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { program } from '../../src/cli/program.ts'
import { NAMES, resolveSettings, variablesOf } from '../../src/cli/settings.ts'
import { argvsOf, DEPLOY, documentsOf, textOf, variablesIn } from '../support/deploy.ts'

const VARIABLES = new Set(NAMES.flatMap(variablesOf))

const whole = await program()

/** What is wrong with a call of `tidewheel`. */
function wrongIn(argv: readonly string[]): string[] {
  let command: Command = whole
  for (const word of argv) {
    const next = command.commands.find(one => one.name() === word)
    if (next === undefined) break
    command = next
  }
  if (command.parent === null) return [`${argv.join(' ')}: no such command`]
  // What all commands have is the program's.
  const known = new Set([...command.options, ...whole.options].map(({ long }) => long))
  return argv
    .filter(word => word.startsWith('--') && !known.has(word))
    .map(flag => `${argv.join(' ')}: no flag ${flag}`)
}

test('a flag or command that is none is noticed', () => {
  expect(wrongIn(['start', '--ip', 'a', '--nowhere'])).toEqual(['start --ip a --nowhere: no flag --nowhere'])
  expect(wrongIn(['nodes', 'drain', 'a', '--undo'])).toEqual([])
  expect(wrongIn(['begin'])).toEqual(['begin: no such command'])
})

test.each(DEPLOY)('%s: each command and flag is one of the program', file => {
  const argvs = argvsOf(file)
  expect(argvs.length).toBeGreaterThan(0)
  expect(argvs.flatMap(wrongIn)).toEqual([])
})

test.each(DEPLOY)('%s: each variable is one of the table of options, with a value that it takes', file => {
  const found = variablesIn(file)
  expect(Object.keys(found).filter(name => !VARIABLES.has(name.replace(/_FILE$/, '')))).toEqual([])
  const env = Object.fromEntries(Object.entries(found).filter(([name]) => !name.endsWith('_FILE')))
  expect(() => resolveSettings({ flags: {}, env, readSecret: readFileSync as never })).not.toThrow()
})

test('whoever ends a node waits longer than its runs may', () => {
  const seconds = (file: (typeof DEPLOY)[number], pattern: RegExp) => Number(pattern.exec(textOf(file))?.[1])
  const stop = (file: (typeof DEPLOY)[number]) => seconds(file, /(?:--stop-timeout\W+|STOP_TIMEOUT: ")(\d+)/) / 1_000
  expect(stop('tidewheel.service')).toBeGreaterThan(0)
  expect(seconds('tidewheel.service', /^TimeoutStopSec=(\d+)/m)).toBeGreaterThan(stop('tidewheel.service'))
  expect(seconds('compose.yaml', /stop_grace_period: (\d+)s/)).toBeGreaterThan(stop('compose.yaml'))
  const drain = seconds('kubernetes.yaml', /; sleep\s(\d+)/)
  const grace = seconds('kubernetes.yaml', /terminationGracePeriodSeconds: (\d+)/)
  expect(grace).toBeGreaterThan(stop('kubernetes.yaml') + drain)
})

test('each pod is a node of its own name, and is asked whether it lives and whether it is ready', () => {
  const set = documentsOf('kubernetes.yaml').find(({ kind }) => kind === 'StatefulSet')
  const [node] = set?.spec.template.spec.containers ?? []
  expect(node.args.join(' ')).toContain('--ip $(POD_NAME)')
  expect(node.env[0].valueFrom.fieldRef.fieldPath).toBe('metadata.name')
  expect([node.livenessProbe.httpGet.path, node.readinessProbe.httpGet.path]).toEqual(['/livez', '/readyz'])
})

test('each metric that README tells to watch is one that a node has', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const metrics = readFileSync(new URL('../../src/health/metrics.ts', import.meta.url), 'utf8')
  const named = new Set([...readme.matchAll(/\btidewheel_[a-z_]+/g)].map(([name]) => name.replace(/_bucket$/, '')))
  named.delete('tidewheel_dev')
  expect(named.size).toBeGreaterThan(5)
  expect([...named].filter(name => !metrics.includes(`'${name}'`))).toEqual([])
})
