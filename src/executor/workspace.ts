/** Workspace: the folder of scripts, and no way out of it.
 *  In: the `func` of a job, a path below the folder. Out: the real path of an executable file, or the sentence that says
 *  why there is none. Holds: what comes out lies in the folder after every symbolic link on the way was followed.
 *  Looking is cheap and synchronous; what was found is believed for a second, so that loading many jobs is quick. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { monotonicNow, systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'

/** What the node itself keeps in the folder; nothing in it is ever run. */
export const OWN_FOLDER = '.tidewheel'

type Found = { readonly file: string } | { readonly problem: string }

const BELIEVED_MS = 1_000
const REMEMBERED = 1_000

export class Workspace {
  /** The folder's real path. */
  readonly root: string
  readonly #found = new Map<string, { readonly at: number; readonly found: Found }>()

  /** Throws `invalid_option` when there is no such folder. */
  constructor(folder: string) {
    this.root = rootOf(folder)
  }

  /** Why `func` is no script here; undefined: it is one. */
  problem(func: string): string | undefined {
    const now = monotonicNow(systemClock)
    const known = this.#found.get(func)
    const found = known !== undefined && now - known.at < BELIEVED_MS ? known.found : this.#look(func)
    if (found !== known?.found) {
      if (this.#found.size >= REMEMBERED) this.#found.clear()
      this.#found.set(func, { at: now, found })
    }
    return 'problem' in found ? found.problem : undefined
  }

  /** The file to run, looked for anew. Throws when there is none. */
  file(func: string): string {
    const found = this.#look(func)
    if ('problem' in found) throw new Error(found.problem)
    return found.file
  }

  #look(func: string): Found {
    const parts = func.split('/')
    if (path.isAbsolute(func) || func.includes('\0') || parts.includes('..')) {
      return { problem: `func: expected a path below the workspace folder, such as reports/daily.sh, found "${func}"` }
    }
    let file: string
    try {
      file = realpathSync(path.join(this.root, func))
    } catch {
      return { problem: `func: there is no file "${func}" in the workspace folder of this node` }
    }
    const inside = path.relative(this.root, file)
    if (inside.startsWith('..') || path.isAbsolute(inside)) {
      return { problem: `func: "${func}" leads out of the workspace folder by a symbolic link` }
    }
    if (inside.split(path.sep)[0] === OWN_FOLDER) {
      return { problem: `func: "${func}" lies in ${OWN_FOLDER}, where the node keeps its own files` }
    }
    return executable(file) ?? { problem: `func: "${func}" is no executable file; chmod +x makes it one` }
  }
}

function executable(file: string): Found | undefined {
  try {
    if (!statSync(file).isFile()) return undefined
    accessSync(file, constants.X_OK)
    return { file }
  } catch {
    return undefined
  }
}

function rootOf(folder: string): string {
  try {
    const root = realpathSync(folder)
    if (statSync(root).isDirectory()) return root
  } catch {
    // Said below.
  }
  const message = `workspace: expected a folder, found none at ${folder}`
  throw new TidewheelError('invalid_option', message, { path: 'workspace', folder })
}
