/** A configuration in a module: its type has the settings of the command line, no more and no less. */
import { expect, expectTypeOf, test } from 'vitest'
import type { SettingName } from '../../src/cli/settings.ts'
import { type Config, defineConfig } from '../../src/index.ts'

test('it is given back as it is', () => {
  const config = { lease: 10_000, jobs: [{ id: 'a', func: 'mail:digest', trigger: 'interval', minutes: 5 }] } as const
  expect(defineConfig(config)).toBe(config)
})

test('it has the settings of the file; the compiler refuses others', () => {
  expectTypeOf<keyof Config>().toEqualTypeOf<Exclude<SettingName, 'config'>>()
  // @ts-expect-error lease
  defineConfig({ leese: 10_000 })
})
