/** Workspace: the folder of scripts, and no way out of it.
 *  In: the `func` of a job, a path below the folder. Out: the real path of a file and what runs it: the file itself where it is
 *  executable, else the interpreter of its ending; or the sentence that says why there is none. And a list of what may be run.
 *  Holds: what comes out lies in the folder after every symbolic link on the way was followed.
 *  Looking is cheap and synchronous; what was found is believed for a second, so that loading many jobs is quick. */
import { accessSync, constants, realpathSync, type Stats, statSync } from 'node:fs'
import path from 'node:path'
import { breathe, monotonicNow, systemClock } from '../clock.ts'
import { TidewheelError } from '../errors.ts'
import { filesBelow } from './files-below.ts'
import { Interpreters } from './interpreters.ts'

/** What the node itself keeps in the folder; nothing in it is ever run. */
export const OWN_FOLDER = '.tidewheel'

/** A file that may be run. */
export interface Script {
  /** Its real path. */
  readonly file: string
  /** What is started: the file alone, or an interpreter's command and the file. */
  readonly command: readonly [string, ...string[]]
  /** `itself`, or the interpreter's name. */
  readonly by: string
  readonly stats: Stats
}

/** What may be run in a workspace, as people see it. */
export interface WorkspaceFile {
  /** Below the workspace folder, with `/`: what a job says as its `func`. */
  readonly path: string
  /** What runs it: `itself`, or an interpreter such as `python3`. */
  readonly by: string
  /** Bytes. */
  readonly size: number
  /** When it was changed last. */
  readonly mtime: Date
}

type Found = Script | { readonly problem: string }

/** A list is not longer. */
const MOST_FILES = 10_000
const BELIEVED_MS = 1_000
const REMEMBERED = 1_000

export class Workspace {
  /** The folder's real path. */
  readonly root: string
  readonly #interpreters: Interpreters
  readonly #found = new Map<string, { readonly at: number; readonly found: Found }>()

  /** Throws `invalid_option` when there is no such folder. */
  constructor(folder: string, interpreters = new Interpreters()) {
    this.root = rootOf(folder)
    this.#interpreters = interpreters
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

  /** What to run, looked for anew. Throws when there is none. */
  script(func: string): Script {
    const found = this.#look(func)
    if ('problem' in found) throw new Error(found.problem)
    return found
  }

  /** What may be run here, by path; 10,000 files at most, the first ones. Hidden files and folders (`.git`), `node_modules`, links to
   *  folders and what lies more than 16 folders deep are left out, though a job that names such a file runs it. */
  async files(): Promise<readonly WorkspaceFile[]> {
    const files: WorkspaceFile[] = []
    for await (const file of filesBelow(this.root)) {
      const found = this.#look(file)
      await breathe()
      if ('problem' in found) continue
      const { by, stats } = found
      files.push({ path: file, by, size: stats.size, mtime: stats.mtime })
      if (files.length === MOST_FILES) break
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1))
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
    return this.#runnable(func, file)
  }

  #runnable(func: string, file: string): Found {
    const stats = statSync(file, { throwIfNoEntry: false })
    if (stats?.isFile() !== true) return { problem: `func: "${func}" is no file` }
    if (may(file, constants.X_OK)) return { file, command: [file], by: 'itself', stats }
    const interpreter = this.#interpreters.of(file)
    if (typeof interpreter === 'string') return { problem: `func: "${func}" is no executable file, and ${interpreter}` }
    if (interpreter === undefined) return { problem: this.#unexecutable(func, file, stats) }
    if (!may(file, constants.R_OK)) return { problem: `func: "${func}" may not be read by the user of this node` }
    return { file, command: [...interpreter.command, file], by: interpreter.name, stats }
  }

  #unexecutable(func: string, file: string, { mode }: Stats): string {
    const ending = path.extname(file)
    const known = `${this.#interpreters.endings} run without being executable${ending === '' ? '' : `, ${ending} does not`}`
    if ((mode & EXECUTE_BITS) === 0) return `func: "${func}" is no executable file; chmod +x makes it one (${known})`
    return `func: "${func}" has an execute bit, but may not be executed here: the bit is not that of this node's user, or the file system is mounted noexec (${known})`
  }
}

const EXECUTE_BITS = 0o111

function may(file: string, mode: number): boolean {
  try {
    accessSync(file, mode)
    return true
  } catch {
    return false
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
