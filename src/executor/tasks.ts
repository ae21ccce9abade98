/** Tasks: `func` → a callable, by the name embedding code registered it under or as `module:export` of the tasks folder.
 *  In: registrations and a folder, read once. Out: functions, or the sentence that says why there is none.
 *  Always holds: nothing outside the folder is ever loaded, also not by a symbolic link. */
import { realpathSync, statSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { nearest, TidewheelError } from '../errors.ts'
import { show } from '../job/parse.ts'
import type { Task } from './executor.ts'

const MODULE = /\.(?:mjs|cjs|js|mts|cts|ts)$/
const DECLARATION = /\.d\.[mc]?ts$/

export class Tasks {
  readonly #byName = new Map<string, Task>()

  get size(): number {
    return this.#byName.size
  }

  names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  get(func: string): Task | undefined {
    return this.#byName.get(func)
  }

  /** Throws `conflict` when the name is taken by another function, `invalid_option` for what is no name or no function. */
  add(name: string, task: Task): void {
    if (typeof name !== 'string' || name === '') {
      const message = `task: name: expected text, such as mail:digest; found ${show(name)}`
      throw new TidewheelError('invalid_option', message, { path: 'name' })
    }
    const known = this.#byName.get(name)
    if (known !== undefined && known !== task) {
      throw new TidewheelError('conflict', `task ${name}: a task of this name is registered already`, { name })
    }
    if (typeof task !== 'function') {
      throw new TidewheelError('invalid_option', `task ${name}: expected a function, found ${show(task)}`, { name })
    }
    this.#byName.set(name, task)
  }

  remove(name: string): void {
    this.#byName.delete(name)
  }

  /** Why `func` is no task here; undefined: it is one. */
  problem(func: string): string | undefined {
    if (this.#byName.has(func)) return undefined
    const near = nearest(func, this.#byName.keys())
    const known = near !== undefined ? `did you mean ${near}?` : `known here: ${list(this.names())}`
    return `func: this node has no task "${func}"; ${known}`
  }

  /** Loads every exported function of every module below the folder, CommonJS among them.
   *  Throws `invalid_option` when there is no such folder or no task in it. */
  async load(folder: string): Promise<void> {
    const root = await rootOf(folder)
    let found = 0
    for (const file of await modulesBelow(root)) {
      const relative = path.relative(root, file)
      const module = relative.replace(MODULE, '').split(path.sep).join('/')
      const exports = await importModule(file, relative)
      for (const [name, value] of Object.entries(namesOf(exports))) {
        if (typeof value !== 'function') continue
        this.add(`${module}:${name}`, value as Task)
        found++
      }
    }
    if (found === 0) {
      throw new TidewheelError(
        'invalid_option',
        `tasks folder ${folder}: found no exported function; expected a module such as mail.js with "export async function digest(run) {…}", which is then the task mail:digest`,
        { folder },
      )
    }
  }
}

const list = (names: readonly string[]) =>
  names.length === 0
    ? 'none'
    : names.length <= 8
      ? names.join(', ')
      : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`

async function rootOf(folder: string): Promise<string> {
  try {
    const root = await realpath(folder)
    if (statSync(root).isDirectory()) return root
  } catch {
    // Said below.
  }
  throw new TidewheelError('invalid_option', `tasks folder ${folder}: expected a folder, found none`, { folder })
}

async function modulesBelow(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => MODULE.test(entry.name) && !DECLARATION.test(entry.name))
    .map(entry => path.join(entry.parentPath, entry.name))
    .filter(
      file =>
        !file
          .slice(root.length)
          .split(path.sep)
          .some(part => part === 'node_modules' || part.startsWith('.')),
    )
    .filter(file => staysInside(root, file))
    .sort()
}

const staysInside = (root: string, file: string) => {
  const real = realpathSync(file)
  return real.startsWith(root + path.sep) && statSync(real).isFile()
}

/** What a module exports by name. Node does not see all names of a CommonJS module (`module.exports = {digest: async () => {}}`), but
 *  has all of it as `default`. */
function namesOf(exports: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { default: whole } = exports
  return typeof whole === 'object' && whole !== null ? { ...whole, ...exports } : exports
}

async function importModule(file: string, relative: string): Promise<Record<string, unknown>> {
  try {
    if (/\.[mc]?ts$/.test(file)) {
      const { createJiti } = await import('jiti')
      return (await createJiti(import.meta.url).import(file)) as Record<string, unknown>
    }
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new TidewheelError(
      'invalid_option',
      `tasks folder: ${relative} could not be loaded: ${message}`,
      { file: relative },
      { cause: error },
    )
  }
}
