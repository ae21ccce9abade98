/** Configuration file: found in the working folder or named by `--config`, and read.
 *  In: a path, or none. Out: what the file holds, unchecked; settings.ts checks it.
 *  JSON is parsed; modules (.mjs, .js, .ts) are imported and their default export counts. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TidewheelError } from '../errors.ts'

const CONFIG_FILES = ['tidewheel.config.json', 'tidewheel.config.mjs', 'tidewheel.config.ts'] as const

export interface ConfigFile {
  readonly path: string
  readonly values: unknown
}

/** Undefined: none is named and none is there. Throws `invalid_option`. */
export async function readConfigFile(named: string | undefined, folder: string): Promise<ConfigFile | undefined> {
  if (named !== undefined) {
    const path = resolve(folder, named)
    if (!existsSync(path)) throw invalid(named, 'there is no such file')
    return { path: named, values: await valuesOf(path, named) }
  }
  const there = CONFIG_FILES.filter(name => existsSync(resolve(folder, name)))
  const [name] = there
  if (name === undefined) return undefined
  if (there.length > 1) throw invalid(there.join(' and '), 'only one of them may be there; or name one with --config')
  return { path: name, values: await valuesOf(resolve(folder, name), name) }
}

async function valuesOf(path: string, shown: string): Promise<unknown> {
  try {
    if (path.endsWith('.json')) return JSON.parse(readFileSync(path, 'utf8'))
    return defaultOf(await imported(path))
  } catch (error) {
    throw invalid(shown, error instanceof Error ? error.message : String(error), error)
  }
}

async function imported(path: string): Promise<unknown> {
  if (!/\.[mc]?ts$/.test(path)) return await import(pathToFileURL(path).href)
  const { createJiti } = await import('jiti')
  return await createJiti(import.meta.url).import(path)
}

function defaultOf(module: unknown): unknown {
  if (typeof module === 'object' && module !== null && 'default' in module) return module.default
  throw new Error('expected "export default { ... }"')
}

const invalid = (file: string, reason: string, cause?: unknown) =>
  new TidewheelError('invalid_option', `configuration file ${basename(file)}: ${reason}`, { path: 'config' }, { cause })
