/** The size of the page as it is built: what a browser has to fetch before it shows anything. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { builtPackage } from '../support/built-package.ts'

const MOST_BYTES = 150_000

test('all files of the page together are at most 150 kB by gzip, and nothing in it comes from elsewhere', async () => {
  const { page } = await builtPackage()
  const assets = readdirSync(join(page, 'assets')).filter(name => !/\.(br|gz)$/.test(name))
  const files = ['index.html', ...assets.map(name => join('assets', name))].map(name => readFileSync(join(page, name)))
  expect(assets.some(name => name.endsWith('.js'))).toBe(true)
  const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0)
  expect(bytes).toBeLessThan(MOST_BYTES)
  expect(readFileSync(join(page, 'index.html'), 'utf8')).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
})
