/** The README's tables of options are the table of options: where each can be said, what stands for it, and what it does. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { flagOf, NAMES, placeholderOf, SETTINGS, variablesOf } from '../../src/cli/settings.ts'
import { EXECUTORS } from '../../src/options/executors.ts'
import type { Option, Table } from '../../src/options/option.ts'
import { OPTIONS, type TableOption } from '../../src/options/table.ts'

// An editor may pad the cells.
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  .replace(/ +\|/g, ' |')
  .replace(/-{3,}/g, '---')

const code = (text: string) => `\`${text}\``
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replace(/ +\|/g, ' |')
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map(row).join('\n')

const standard = ({ default: value, absent = '' }: Option) => (value === undefined ? absent : code(String(value)))
const meaning = ({ help, unit }: Option) => (unit === undefined ? help : `${help} (${unit})`)

test('options: in code, in the file, by flag and by variable', () => {
  const rows = Object.entries<TableOption>(OPTIONS).map(([name, option]) => {
    const own = NAMES.find(setting => SETTINGS[setting] === option)
    const value = own && placeholderOf(SETTINGS[own])
    return [
      option.of.length > 0 ? code(name) : '',
      own && option.cli?.notInFile !== true ? code(own) : '',
      own && option.cli?.flag !== 'none' ? code(`${flagOf(own)}${value ? ` <${value}>` : ''}`) : '',
      own ? variablesOf(own).map(code).join(', ') : '',
      standard(option),
      meaning(option),
    ]
  })
  expect(readme).toContain(table(['In code', 'In the file', 'Flag', 'Variable', 'Default', 'Meaning'], rows))
})

test('what connect takes', () => {
  const names = Object.entries<TableOption>(OPTIONS).flatMap(([name, { of }]) =>
    of.includes('client') ? [code(name)] : [],
  )
  expect(readme).toContain(`\`connect\` takes ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`)
})

test('options of executors', () => {
  const rows = Object.entries<Table>(EXECUTORS).flatMap(([type, options]) =>
    Object.entries(options).map(([name, option]) => [code(type), code(name), standard(option), meaning(option)]),
  )
  expect(readme).toContain(table(['Type', 'Option', 'Default', 'Meaning'], rows))
})
