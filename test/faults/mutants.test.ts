/** The mutants are made of code of the sources: what they look for stands there, once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { MUTANTS } from './mutants.ts'
import { placeOf } from './product.ts'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))

test.each(MUTANTS.map(mutant => [mutant.name, mutant] as const))('%s', (_, { patches }) => {
  expect(patches).not.toHaveLength(0)
  for (const { find } of patches) expect(() => placeOf(find, SRC)).not.toThrow()
})

test('code is found in whatever file and layout it stands, and only where it stands once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewheel-sources-'))
  try {
    const source = 'const a = call(\n  one,\n  two,\n)\nconst b = 1\n'
    writeFileSync(join(folder, 'one.ts'), source)
    writeFileSync(join(folder, 'two.ts'), 'const b = 1\n')
    const { file, from, to } = placeOf('call( one, two, )', folder)
    expect(file).toBe(join(folder, 'one.ts'))
    expect(source.slice(from, to)).toBe('call(\n  one,\n  two,\n)')
    expect(() => placeOf('const b = 1', folder)).toThrow('hold 2 times, not once: const b = 1')
    expect(() => placeOf('const c = 1', folder)).toThrow('hold 0 times, not once: const c = 1')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
