/** The README says of every error code what to do, and its links lead somewhere. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { type ErrorCode, TidewheelError } from '../../src/errors.ts'
import { refusalOf } from '../../src/http/refusal.ts'

const text = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const readme = text('../../README.md')

/** The members of a union of string literals. */
const membersOf = (source: string, union: string) =>
  [...(source.split(`export type ${union} =`)[1]?.split('\n\n')[0] ?? '').matchAll(/'(\w+)'/g)].map(
    ([, member]) => member as string,
  )

const codes = membersOf(text('../../src/errors.ts'), 'ErrorCode') as ErrorCode[]
const httpCodes = membersOf(text('../../src/http/refusal.ts'), 'HttpCode')

test.each(codes)('%s stands there with its status and its exit code', code => {
  const error = new TidewheelError(code, 'no')
  expect(readme).toMatch(
    new RegExp(`^\\| \`${code}\` +\\| ${refusalOf(error).status} +\\| ${exitCodeOf(error)} +\\| \\S`, 'm'),
  )
})

test.each(httpCodes)('%s stands there with a status', code => {
  expect(readme).toMatch(new RegExp(`^\\| \`${code}\` +\\| [45]\\d\\d +\\| \\S`, 'm'))
})

test('codes are found', () => expect([codes.length, httpCodes.length]).toEqual([10, 10]))

test('every link within it leads to a heading, every picture is there', () => {
  const headings = [...readme.replace(/```[\s\S]*?```/g, '').matchAll(/^##+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
  for (const [, anchor] of readme.matchAll(/\]\(#([\w-]+)\)/g)) expect(headings).toContain(anchor)
  for (const [, path = ''] of readme.matchAll(/src(?:set)?="([^"]+)"/g))
    expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).toBe(true)
})
