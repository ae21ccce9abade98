/** The mutants are made of text of the sources: what they look for stands there, once. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MUTANTS } from './mutants.ts'

test.each(MUTANTS.map(mutant => [mutant.name, mutant] as const))('%s', (_, { patches }) => {
  expect(patches).not.toHaveLength(0)
  for (const { file, find } of patches) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
    expect(source.split(find).length - 1, `${file}: ${find}`).toBe(1)
  }
})
