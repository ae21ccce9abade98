/** A real Chromium, for tests of the page: one for a test file, without a window.
 *  It is that of CHROME_BIN, one on the path, or one that npm installs once into our cache (66 MB), since it is too large for a
 *  development dependency. Where none can be had the tests are left out and say so; with CI set they fail instead. */
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { installedOnce } from './installed.ts'

const CHROMIUM_VERSION = '147.0.0'
const PACKAGE = '@sparticuz/chromium'
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** What the package exports, as far as it is used: its own arguments are for one process, which ends with the first tab. */
interface Packed {
  executablePath(): Promise<string>
}

/** A browser; undefined: none can be had on this machine, and nobody insists on one. */
export async function openChromium(): Promise<Browser | undefined> {
  try {
    const executablePath = process.env.CHROME_BIN || onPath() || (await installed())
    return await chromium.launch({ executablePath, args: ['--no-sandbox'], headless: true })
  } catch (error) {
    if (process.env.CI) throw error
    console.warn(`Tests of the page are left out, there is no Chromium (CHROME_BIN names one): ${messageOf(error)}`)
    return undefined
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? (error.message.split('\n')[0] ?? '') : '')

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  return NAMES.flatMap(name => folders.map(folder => join(folder, name))).find(mayRun)
}

function mayRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function installed(): Promise<string> {
  const folder = await installedOnce(`chromium-${CHROMIUM_VERSION}`, [`${PACKAGE}@${CHROMIUM_VERSION}`])
  const loaded = createRequire(join(folder, 'package.json'))(PACKAGE) as Packed & { readonly default?: Packed }
  return (loaded.default ?? loaded).executablePath()
}
